"""A worker that somebody has taken over (tests/taken): it does what it is told inside its jail, with all
that it has. It gets at nothing, and the hub goes on serving the others whatever it writes."""

import os
import re
import signal
import socket
import struct
import time
import urllib.request

import pytest
from conftest import BUILD, SANITIZED, tcp_ask, udp_ask
from hubs import alive, children, command, service

UDP, TCP = "udp: [127.0.0.1:0]", "tcp: [127.0.0.1:0]"
# the taken-over one has no sanitizer, which would leave it without a jail; the hub has
TAKEN = BUILD.parent / "build/tests/mayfly-worker-taken" if not SANITIZED \
    else BUILD.parent / "tests/mayfly-worker-taken"


@pytest.fixture
def hub(start, echo, monkeypatch):
    """hub(LINE...) -> a hub with the service "taken", and an honest one beside it."""
    monkeypatch.setenv("MAYFLY_WORKER", str(TAKEN))

    def make(*lines, image=echo, backend="process", limits="deadline: 20s, cpu: 20s, failures: 0"):
        return start(service(image, "name: taken", f"backend: {backend}", UDP, TCP,
                             f"limits: {{{limits}}}", *lines),
                     service(echo, "name: honest", "backend: process", UDP, "limits: {deadline: 20s}"),
                     head="metrics: 127.0.0.1:0\n")
    return make


def order(hub, text, seconds=20):
    """Gives the order by TCP, which is answered once it is done; b"" if the connection ended."""
    try:
        return tcp_ask(hub.port("taken", "tcp"), b"!" + text.encode(), seconds).decode()
    except (EOFError, ConnectionResetError):
        return None


def serves(hub):
    """The service beside it is served, and so is its own, by another worker if need be, which is of
    enough use then for its end not to be held against it."""
    assert udp_ask(hub.port("honest"), b"x", 20) == b"x"
    for _ in range(200):
        if order(hub, "ping") == "pong":
            break
        time.sleep(0.05)
    else:
        raise AssertionError(hub.said())
    for _ in range(8):
        order(hub, "ping")


walls = pytest.mark.skipif(SANITIZED, reason="it is the same worker as in the plain build")


# ----------------------------------------------------------------- the walls


@walls
def test_no_system_call_beyond_the_list(hub, backend):
    """Each number that isn't on the list of monitor/jail.c, with likely arguments, and those of x32."""
    h = hub(backend=backend)
    serves(h)
    worker = h.events("worker_started", service="taken")
    assert order(h, "sweep 0 1024") == ""
    assert order(h, f"sweep {0x40000000} {0x40000000 + 600}") == ""
    assert order(h, "ping") == "pong"
    assert h.events("worker_started", service="taken") == worker


def apart(hub):
    """Is each worker alone in a namespace of processes? Only where the hub could make one."""
    own = {os.readlink(f"/proc/{pid}/ns/pid") for pid in hub.workers()}
    return own and os.readlink(f"/proc/{hub.pid}/ns/pid") not in own


@walls
def test_nothing_to_get_at(hub, backend, dns, root):
    """Files, sockets, programs, other processes, the kernel's odd corners, code that it writes."""
    zone = root / "services/dns/example.test.zone"
    h = hub(f"data: {{example.test.zone: {zone}}}", image=dns, backend=backend)
    serves(h)
    got = re.sub(r" \d+: \d+", "", order(h, f"attack {h.pid}")).split(", ")
    can = {""}
    if backend == "process" and not apart(h):  # it names its gated one, to keep it where it runs itself
        can.add("the hub's processors")
    assert set(got) <= can
    serves(h)


@walls
def test_calls_of_32_bits_end_it(hub, backend):
    h = hub(backend=backend)
    serves(h)
    assert order(h, "int80") != "it came back"
    h.until(lambda: "Bad system call" in h.said())
    serves(h)


@walls
def test_its_processes_are_few_and_end_with_it(hub, backend):
    """It can't fork. On the process backend its maker does, so often as it could have threads and gated
    processes, and nothing of that outlives it."""
    h = hub(backend=backend)
    serves(h)
    if backend == "process" and not apart(h):
        pytest.skip("workers have no namespace of their own here")
    made = int(order(h, "breed 500").split(":")[0])
    assert made == 0 if backend == "kvm" else made > 0
    if user(h.workers()[0]) != user(h.pid):  # else the limit would be that of all of the user's
        assert made < 100
    bred = [child for worker in h.workers() for child in below(worker)]
    assert len(bred) >= made
    for pid in h.workers():
        os.kill(pid, signal.SIGKILL)
    h.until(lambda: not [pid for pid in bred if alive(pid)])
    serves(h)


@walls
def test_a_maker_that_is_told_nonsense(hub):
    """It makes nothing of it, and goes on; without one the worker ends, and there is another."""
    h = hub()
    serves(h)
    worker = h.events("worker_started", service="taken")
    for seed in range(3):
        assert order(h, f"plan {seed}") == "its maker is there"
    assert order(h, "ping") == "pong"
    assert h.events("worker_started", service="taken") == worker
    order(h, "garbage")
    serves(h)


def test_a_worker_without_its_maker(start, echo):
    """Somebody killed it: the next life that needs it is lived by another worker."""
    h = start(service(echo, "name: echo", "backend: process", "birth: fresh", UDP))
    assert udp_ask(h.port("echo"), b"x", 20) == b"x"
    (worker,) = h.workers()
    (maker,) = [child for child in children(worker) if command(child) == "mayfly-maker"]
    os.kill(maker, signal.SIGKILL)
    assert udp_ask(h.port("echo"), b"y", 20) == b"y"
    assert h.workers() != [worker]
    assert "the process that makes gated ones: No such process" in h.said()


def user(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(line.split()[1] for line in status if line.startswith("Uid"))


def below(pid):
    """All processes that came of it."""
    found = children(pid)
    return found + [each for child in found for each in below(child)]


# ------------------------------------------------------------------- its effects

EMIT, PUT, DELETE, SCHEDULE, METER, UPSTREAM, LOG, CALL = range(2, 10)


def test_no_effect_beyond_the_grants(hub):
    """Whatever kind it writes: the hub does nothing of that life, not even its reply."""
    h = hub()
    serves(h)
    for kind in (EMIT, PUT, DELETE, SCHEDULE, METER, UPSTREAM, CALL):
        assert order(h, f"forge {kind} home/door") is None
    assert h.count(7, "life", service="taken", result="denied") == 7
    assert order(h, f"forge {LOG} name") is None  # no log has one
    assert order(h, f"forge {LOG}") == "done"
    assert len(h.events("worker_started", service="taken")) == 1
    serves(h)


# ----------------------------------------------------------------- what it tells

LIES = ["twice", "tail", "back", "kind", "birth", "suspended", "finished", "told", "result", "bytes",
        "stranger", "no slot"]


def test_lies_end_the_relation(hub):
    """Each lie in the ring costs it its life, and nobody else anything."""
    h = hub()
    serves(h)
    for lie in LIES:
        started = len(h.events("worker_started", service="taken"))
        order(h, f"lie {lie}")
        serves(h)
        assert len(h.events("worker_started", service="taken")) > started, lie
    assert "wrote nonsense into its ring" in h.said()


def test_odd_numbers_are_only_odd(hub):
    """An exception of no name at an address beyond all memory, after 500 years; a status of nonsense."""
    h = hub()
    assert order(h, "lie numbers") is None
    h.until(lambda: "crashed: an exception of no name" in h.said())
    assert order(h, "lie status") == "lied"
    assert order(h, "ping") == "pong"
    metrics = h.events("ready")[0]["metrics"]["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=20) as page:
        assert "mayfly_lives_total" in page.read().decode()
    serves(h)


@pytest.mark.parametrize("what", ["words", "wake"])
def test_floods(hub, what):
    """As many lines on standard error, or wakings, as it can in a second: others are served meanwhile,
    and what the hub says of it is bounded."""
    h = hub()
    serves(h)
    said = len(h.said())
    with socket.create_connection(("127.0.0.1", h.port("taken", "tcp")), 20) as s:
        text = f"!flood 700 {what}".encode()
        s.sendall(struct.pack(">H", len(text)) + text)
        for _ in range(30):
            assert udp_ask(h.port("honest"), b"x", 20) == b"x"
            time.sleep(0.02)
    assert len(h.said()) - said < 100_000
    assert "\033" not in h.said()
    serves(h)


def test_cores_of_nonsense(start, echo, mayfly, monkeypatch, tmp_path):
    """`cores: N`: it says that lives crashed, a hundred a second, and leaves remains of any size and any
    content, which change while they are written down. What is on the disk is bounded by the hub's own
    reckoning, under the hub's own names, with the hub's own head of the event."""
    monkeypatch.setenv("MAYFLY_WORKER", str(TAKEN))
    state = tmp_path / "state"
    h = start(service(echo, "name: taken", "backend: process", UDP, TCP, "limits: {failures: 0}"),
              service(echo, "name: honest", "backend: process", UDP, "limits: {deadline: 20s}"),
              head=f"state: {state}\ncores: 3\n")
    serves(h)
    order(h, f"scribble {EFFECTS}", 5)
    for size in (-1, 1, 4095, 4096, 4097, *range(8192, 90000, 8191), *[-1] * 80):
        order(h, f"crash {size}")
    assert udp_ask(h.port("honest"), b"x", 20) == b"x"
    for pid in h.workers():  # it scribbles still
        os.kill(pid, signal.SIGKILL)
    serves(h)
    kept = sorted(path.name for path in (state / "cores").iterdir())
    crashed = [e["id"] for e in h.events("life", service="taken", result="crashed")]
    assert len(crashed) > 50 and 1 <= len(kept) <= 3
    assert len(re.findall(r"its core is ", h.said())) < len(crashed) / 5
    for name in kept:
        core = state / "cores" / name
        assert re.fullmatch(r"taken-([0-9a-f]{32})\.core", name).group(1) in crashed
        assert core.stat().st_mode & 0o7777 == 0o600 and core.stat().st_size < 256 << 10
        again = mayfly("run", echo, "--event-of", core, "--backend", "process")
        assert again.returncode == 0 and re.fullmatch(r"!crash -?\d+", again.stdout), again.stderr
    assert "\033" not in h.said()


EFFECTS, EVENTS, MESSAGES, INDICES, STATUS, SOCKET = 1, 2, 4, 8, 16, 32


@pytest.mark.parametrize("parts", [EFFECTS | EVENTS, MESSAGES | STATUS, 63], ids=str)
def test_memory_that_changes_while_it_is_read(hub, parts):
    """A thread of it writes anything anywhere into what it shares with the hub, all the time, while
    events come and go: its own clients get what it likes, and nothing else happens."""
    h = hub()
    serves(h)
    for _ in range(12):
        if order(h, f"scribble {parts}", 5) == "scribbling":
            break
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", h.port("taken")))
        s.setblocking(False)
        end = time.monotonic() + 0.6
        while time.monotonic() < end:
            for n in range(20):
                s.send(b"%d" % n + b"x" * 200)
            assert udp_ask(h.port("honest"), b"x", 20) == b"x"
            try:
                while True:
                    s.recv(65536)
            except (BlockingIOError, ConnectionRefusedError):
                pass
    for pid in h.workers():  # it may be the one that scribbles, still
        os.kill(pid, signal.SIGKILL)
    serves(h)
    assert not re.search(r"AddressSanitizer|runtime error", h.said())


def test_all_the_memory_that_it_gets(hub):
    """It touches what its limit leaves it, and dies of a lie, twice: others are served meanwhile, and
    nothing of it stays."""
    h = hub()
    for _ in range(2):
        serves(h)
        got = int(order(h, "hog 768", 60))
        assert 16 <= got and (SANITIZED or got < 768)  # a hub with sanitizers sets no such limit
        order(h, "lie twice")
        assert udp_ask(h.port("honest"), b"x", 20) == b"x"
    serves(h)
    h.until(lambda: len(h.workers()) == 2)
    h.until(lambda: all(alive(pid) for pid in h.workers()))


def test_it_closes_its_ends(hub):
    """The channel is gone: it is missed by its silence, and replaced."""
    h = hub(limits="deadline: 300ms, failures: 0")
    serves(h)
    order(h, "close")
    serves(h)
