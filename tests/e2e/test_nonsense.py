"""Lives that fill memory, registers and effects with nonsense: the next one finds no trace of it, and
worker and hub are afterwards what they were. bench/nonsense does a million."""

import re
import socket
import struct

from conftest import BUILD, SANITIZED, run
from hubs import service

LIVES = 300 if SANITIZED else 2000


def nonsense(*args):
    return run(BUILD / "bench/nonsense", *args, timeout=300)


def test_nothing_is_left(backend):
    done = nonsense("--lives", LIVES, "--backend", backend, "--seed", 7)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{LIVES} lives of nonsense and {LIVES} audits on {backend}" in done.stdout
    assert done.stdout.endswith("0 audits that failed, 0 words of residue; the worker is as it was\n")
    ends = {m[1]: int(m[2]) for m in re.finditer(r"^  (\w+) +(\d+)$", done.stdout, re.M)}
    assert sum(ends.values()) == LIVES
    # enough of them came to each end for this to mean something
    assert ends["ok"] > LIVES / 2 and ends["crashed"] > LIVES / 100 and ends["effects"] > LIVES / 20
    kinds = re.search(r"malformed (\d+), not granted (\d+), nothing but replies and logs (\d+)", done.stdout)
    assert all(int(n) > LIVES / 50 for n in kinds.groups())


def test_what_is_left_would_be_found():
    """Audits that see what differs from life to life."""
    done = nonsense("--lives", 20, "--control")
    assert done.returncode == 1
    assert "0 audits that failed, 20 words of residue" in done.stdout


def test_by_way_of_the_hub(start, build, backend):
    """The same lives, one after another: replies of clean ones are the same to the last bit; the hub has
    no more descriptors and the same worker at the end."""
    hub = start(service(build / "guest/nonsense.mfy", "udp: [127.0.0.1:0]", f"backend: {backend}",
                        "limits: {failures: 0}"), trace=False)

    def request(action, seed):
        return struct.pack("<BBHHHQ", ord(action), 0, 0, 16, 0, seed) + bytes(64)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        s.connect(("127.0.0.1", hub.port("nonsense")))

        def audit():
            s.send(request("a", 0))
            while len(answer := bytearray(s.recv(65536))) != 4096 + 8:
                pass  # some nonsense is a reply
            answer[768 + 512] &= 0xfc  # two bits that are the host's, as bench/nonsense says
            return answer

        first = audit()
        workers, descriptors = hub.workers(), hub.descriptors()
        for seed in range(1, 200):
            s.send(request("n", seed))
            assert audit() == first, seed
    assert hub.workers() == workers and hub.descriptors() == descriptors
    assert "is refused whole" in hub.said()
