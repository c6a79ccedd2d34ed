"""`socket: worker`: a service's UDP socket in the hands of its worker. Real clients, and what
happens to their datagrams when workers are killed, replaced, idle or stopped under load."""

import contextlib
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import pytest
from conftest import ROOT, tcp_ask, udp_ask
from hubs import hub_yaml, service

UDP, TCP, OWN = "udp: [127.0.0.1:0]", "tcp: [127.0.0.1:0]", "socket: worker"
ZONE = "data: {example.test.zone: " + str(ROOT / "services/dns/example.test.zone") + "}"
PATIENT = "limits: {idle: 60s, deadline: 10s}"


@pytest.fixture
def start(make_hub):
    """start(service(...), ...) -> Hub with an address for metrics"""
    def make(*services, head="metrics: 127.0.0.1:0\n", **options):
        return make_hub(hub_yaml(*services, head=head), **options)

    return make


def counted(hub, name):
    port = hub.events("ready")[0]["metrics"]["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return sum(float(v) for v in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))


class Client(threading.Thread):
    """Sends numbered datagrams, a few at a time, until it is told to stop; knows the answered."""

    def __init__(self, port, window=20):
        super().__init__()
        self.port, self.window = port, window
        self.sent, self.answered, self.over = 0, set(), threading.Event()

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", self.port))
            quiet = 0
            while not self.over.is_set() or (len(self.answered) < self.sent and quiet < 30):
                # refused: the socket is gone, a datagram found; answers may wait behind that
                if not self.over.is_set() and self.sent - len(self.answered) < self.window:
                    with contextlib.suppress(ConnectionRefusedError):
                        s.send(b"%d" % self.sent)
                    self.sent += 1
                    continue
                if select.select([s], [], [], 0.1)[0]:
                    with contextlib.suppress(ConnectionRefusedError):
                        self.answered.add(int(s.recv(100)))
                    quiet = 0
                else:
                    quiet += 1
                    if not self.over.is_set():  # lost ones are no reason to stand still
                        self.window += 20

    def finish(self):
        self.over.set()
        self.join()
        return self.sent - len(self.answered)


# ----------------------------------------------------------------- it serves

def test_dig(start, dns, backend):
    """The hub isn't on the way: its process is stopped, and names are still answered."""
    hub = start(service(dns, UDP, TCP, OWN, ZONE, PATIENT, f"backend: {backend}"))
    port = hub.port("dns")
    dig = ["dig", "+short", "+tries=1", "+time=10", "@127.0.0.1", "-p", str(port)]
    first = subprocess.run([*dig, "host.example.test"], capture_output=True, text=True, check=True)
    assert first.stdout.strip() == "192.0.2.80"
    os.kill(hub.pid, signal.SIGSTOP)
    try:
        for _ in range(20):
            again = subprocess.run([*dig, "host.example.test"], capture_output=True, text=True,
                                   check=True)
            assert again.stdout == first.stdout
    finally:
        os.kill(hub.pid, signal.SIGCONT)
    # TCP goes through the hub to the same worker
    tcp = subprocess.run([*dig, "+tcp", "-p", str(hub.port("dns", "tcp")), "host.example.test"],
                         capture_output=True, text=True, check=True)
    assert tcp.stdout == first.stdout
    assert len(hub.workers()) == 1
    assert counted(hub, "mayfly_events_accepted_total") == 22
    assert counted(hub, "mayfly_events_replied_total") == 22
    assert counted(hub, "mayfly_event_duration_seconds_count") == 22


def test_dnsperf(start, dns, backend, tmp_path):
    if not shutil.which("dnsperf"):
        pytest.skip("dnsperf is not here")
    hub = start(service(dns, UDP, OWN, ZONE, PATIENT, f"backend: {backend}"))
    (tmp_path / "queries").write_text("www.example.test A\nhost.example.test A\nno.example.test A\n")
    run = subprocess.run(
        ["dnsperf", "-s", "127.0.0.1", "-p", str(hub.port("dns")), "-d", str(tmp_path / "queries"),
         "-c", "8", "-q", "64", "-l", "2", "-t", "10"], capture_output=True, text=True, check=True)
    sent, done = (int(re.search(rf"Queries {what}: +(\d+)", run.stdout)[1])
                  for what in ("sent", "completed"))
    assert counted(hub, "mayfly_events_replied_total") == sent
    # dnsperf (2.10) takes a query for late at once whose sender loses its core before it has noted the time
    assert sent - 2 <= done <= sent and done > 100, run.stdout
    assert counted(hub, "mayfly_listener_events_total") == sent


def test_threads(start, echo):
    """Several threads of one worker take from the same socket."""
    hub = start(service(echo, UDP, OWN, "limits: {idle: 60s, deadline: 10s, threads: 4}"))
    clients = [Client(hub.port("echo")) for _ in range(4)]
    for client in clients:
        client.start()
    time.sleep(1)
    assert [client.finish() for client in clients] == [0] * 4
    assert counted(hub, "mayfly_events_replied_total") == sum(c.sent for c in clients)


def test_kept(start, dns, backend, tmp_path):
    """mf_init runs for the first worker; the next one starts from what it left, unless the
    attached data is another."""
    def starts():
        return hub.events("worker_started")

    (tmp_path / "a.zone").write_text((ROOT / "services/dns/example.test.zone").read_text())
    text = hub_yaml(service(dns, UDP, f"data: {{example.test.zone: {tmp_path}/a.zone}}",
                            "limits: {idle: 100ms}", f"backend: {backend}"),
                    head="metrics: 127.0.0.1:0\n")
    hub = start(service(dns, UDP, f"data: {{example.test.zone: {tmp_path}/a.zone}}",
                        "limits: {idle: 100ms}", f"backend: {backend}"))
    dig = ["dig", "+short", "+tries=1", "+time=10", "@127.0.0.1", "-p", str(hub.port("dns")),
           "host.example.test"]
    for n in range(1, 4):
        answer = subprocess.run(dig, capture_output=True, text=True, check=True).stdout
        assert answer == "192.0.2.80\n"
        hub.until(lambda n=n: len(hub.events("worker_ended")) == n)
        hub.until(lambda: not hub.workers())
    assert [s["init_ms"] > 0 for s in starts()] == [True, False, False]
    assert 0 < counted(hub, "mayfly_kept_bytes") < 1 << 20
    zone = (tmp_path / "a.zone").read_text()
    (tmp_path / "a.zone").write_text(zone.replace("192.0.2.80", "192.0.2.81"))
    assert hub.reload(text)["event"] == "reloaded"
    answer = subprocess.run(dig, capture_output=True, text=True, check=True).stdout
    assert answer == "192.0.2.81\n"
    assert starts()[3]["init_ms"] > 0


def test_idle(start, echo):
    """Nothing idle costs: the worker ends, and the next datagram starts another."""
    hub = start(service(echo, UDP, OWN, "limits: {idle: 200ms}"))
    for times in range(1, 4):
        assert udp_ask(hub.port("echo"), b"hello") == b"hello"
        hub.until(lambda n=times: len(hub.events("worker_ended")) == n)
        hub.until(lambda: hub.workers() == [])
    assert "lost" not in hub.said()


# -------------------------------------------------------------- what may go wrong

def test_killed_under_load(start, echo):
    """What a killed worker had in its hands is gone, as any network may lose it; nothing else."""
    hub = start(service(echo, UDP, OWN, PATIENT))
    client = Client(hub.port("echo"))
    client.start()
    for kills in range(1, 4):
        before = len(client.answered)
        hub.until(lambda: len(client.answered) > before + 100)
        os.kill(hub.workers()[0], signal.SIGKILL)
        hub.until(lambda n=kills: len(hub.events("worker_started")) > n)
    lost = client.finish()
    assert lost <= 3 * 16, f"{lost} of {client.sent}"  # a batch each
    assert udp_ask(hub.port("echo"), b"still there") == b"still there"
    taken, replied, refused = (counted(hub, f"mayfly_{what}_total")
                               for what in ("events_accepted", "events_replied", "refusals"))
    assert (taken, replied) == (replied + refused, len(client.answered) + 1)
    assert refused <= lost  # what it had read and not yet counted, nobody knows of


def test_reload_under_load(start, echo):
    """Another configuration, another worker: not one datagram is lost on the way."""
    def text(deadline):
        return hub_yaml(service(echo, f"udp: [127.0.0.1:{port}]", OWN,
                                f"limits: {{idle: 60s, deadline: {deadline}s}}"))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    hub = start(service(echo, f"udp: [127.0.0.1:{port}]", OWN, PATIENT))
    client = Client(port)
    client.start()
    for i in range(4):
        hub.until(lambda n=i: len(client.answered) > 100 * (n + 1))
        assert hub.reload(text(5 + i))["event"] == "reloaded"
    # and back to the hub, and away again
    assert hub.reload(text(9).replace(OWN, "socket: hub"))["event"] == "reloaded"
    n = len(client.answered)
    hub.until(lambda: len(client.answered) > n + 100)
    assert hub.reload(text(9))["event"] == "reloaded"
    n = len(client.answered)
    hub.until(lambda: len(client.answered) > n + 100)
    assert client.finish() == 0
    hub.until(lambda: len(hub.workers()) == 1)


def test_stop_under_load(start, echo):
    """All that the worker took out of the socket is answered before the hub ends."""
    hub = start(service(echo, UDP, OWN, PATIENT))
    client = Client(hub.port("echo"), window=100)  # its socket's buffer holds some 190
    client.start()
    hub.until(lambda: len(client.answered) > 500)
    assert hub.stop() == 0
    client.over.set()
    client.join()
    assert hub.events("stopped")[0]["lives"] == len(client.answered)


def test_failing_lives(start, build):
    """Lives that fail are refused in the protocol's words, then the circuit opens and the hub
    reads again."""
    hub = start(service(build / "guest/recurse.mfy", UDP, OWN, "limits: {failures: 5, idle: 60s}"))
    for _ in range(5):
        with pytest.raises(TimeoutError):
            udp_ask(hub.port("recurse"), b"x", 0.3)
    hub.until(lambda: hub.events("circuit") or "circuit open" in hub.said())
    assert "crashed" in hub.said()
    assert counted(hub, "mayfly_lives_total") >= 5


def test_tcp_beside(start, echo):
    """Both ways at once."""
    hub = start(service(echo, UDP, TCP, OWN, PATIENT))
    client = Client(hub.port("echo"))
    client.start()
    for i in range(50):
        assert tcp_ask(hub.port("echo", "tcp"), b"%d" % i) == b"%d" % i
    assert client.finish() == 0


@pytest.mark.parametrize("lines, words", [
    (["udp: [127.0.0.1:0, 127.0.0.1:0]"], "needs exactly one address under udp, 2 are there"),
    ([TCP], "needs exactly one address under udp, 0 are there"),
])
def test_refused_addresses(start, echo, lines, words):
    hub = start(service(echo, OWN, *lines), wait=False)
    assert hub.process.wait(10) == 2
    assert words in hub.said()


def test_refused_grants(start, build):
    hub = start(service(build / "guest/state.mfy", OWN, UDP), wait=False)
    assert hub.process.wait(10) == 2
    assert "is for services that can only reply; state may do more" in hub.said()
