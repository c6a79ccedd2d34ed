"""mayflyd with real clients: datagrams and connections, good peers and bad ones, workers that are
killed, services that fail, and what its operator hears of it."""

import os
import random
import re
import signal
import socket
import subprocess
import time

import pytest
from conftest import MEMORY, read_exactly, read_message, tcp_ask, udp_ask
from hubs import Hub, alive, as_user_of, hub_yaml, service

UDP, TCP = "udp: [127.0.0.1:0]", "tcp: [127.0.0.1:0]"


def guest(build, name):
    return build / f"guest/{name}.mfy"


def message(payload):
    return len(payload).to_bytes(2, "big") + payload


def connect(port, seconds=5):
    return socket.create_connection(("127.0.0.1", port), seconds)


def silent(port, payload=b"x", seconds=0.7):
    with pytest.raises(TimeoutError):
        udp_ask(port, payload, seconds)


# ------------------------------------------------------------------ it serves


def test_udp_and_tcp(start, echo, backend):
    hub = start(service(echo, UDP, TCP, f"backend: {backend}"))
    assert hub.port("echo", "udp") == hub.port("echo", "tcp")  # one number for both
    for payload in (b"hello", b"", b"\0" * 1000):
        assert udp_ask(hub.port("echo"), payload) == payload
        assert tcp_ask(hub.port("echo", "tcp"), payload) == payload
    assert hub.stop() == 0
    lives = hub.events("life")
    assert len(lives) == 6 and {e["result"] for e in lives} == {"ok"}
    assert lives[0]["cold"] and not lives[-1]["cold"]
    assert len({e["id"] for e in lives}) == 6
    assert [e["source"] for e in lives] == ["udp", "tcp"] * 3
    assert all(e["total_us"] >= e["birth_us"] + e["run_us"] - 1 for e in lives)
    assert hub.events("worker_started")[0]["backend"] == backend
    assert hub.events("stopped")[0]["lives"] == 6


def test_every_datagram_gets_its_own_answer(start, echo):
    hub = start(service(echo, UDP))
    port, wanted = hub.port("echo"), {}
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    for i, s in enumerate(sockets):
        s.settimeout(5)
        wanted[s] = {f"{i}/{n}".encode() for n in range(20)}
        for payload in wanted[s]:
            s.sendto(payload, ("127.0.0.1", port))
    for s in sockets:
        assert {s.recv(100) for _ in wanted[s]} == wanted[s]
        s.close()
    assert len(hub.workers()) == 1


def test_a_reply_comes_from_the_address_that_was_asked(start, echo):
    hub = start(service(echo, "udp: [0.0.0.0:0]"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect(("127.0.0.3", hub.port("echo")))  # takes datagrams from there only
        s.send(b"hi")
        assert s.recv(10) == b"hi"


@pytest.mark.parametrize("address", ["[::1]:0", "*:0"])
def test_ipv6(start, echo, address):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    hub = start(service(echo, f'udp: ["{address}"]', f'tcp: ["{address}"]'))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.sendto(b"six", ("::1", hub.port("echo")))
        assert s.recv(10) == b"six"
    if address[0] == "*":
        assert udp_ask(hub.port("echo"), b"four") == b"four"
        assert tcp_ask(hub.port("echo", "tcp"), b"four") == b"four"


def test_dig_asks_a_service_that_has_no_worker_yet(start, dns, root):
    zone = root / "services/dns/example.test.zone"
    hub = start(service(dns, UDP, TCP, f"data: {{example.test.zone: {zone}}}"))
    for more in ([], ["+tcp"]):
        asked = subprocess.run(
            ["dig", "@127.0.0.1", "-p", str(hub.port("dns")), "www.example.test", "+short", *more],
            capture_output=True, text=True, timeout=30, check=True)
        assert asked.stdout.split()[-1] == "192.0.2.80"
    assert len(hub.events("worker_started")) == 1


def test_a_worker_ends_when_nothing_comes(start, echo):
    hub = start(service(echo, UDP, "limits: {idle: 200ms}"))
    for round_ in range(1, 4):
        assert udp_ask(hub.port("echo"), b"x") == b"x"
        assert hub.count(round_, "worker_started") == round_
        hub.until(lambda: not hub.workers())
        assert hub.count(round_, "worker_ended") == round_
    assert "started in" in hub.said() and "ended, no event came for a while" in hub.said()


def test_a_datagram_that_is_too_long_is_no_harm(start, echo):
    hub = start(service(echo, UDP))
    silent(hub.port("echo"), b"x" * 40000)
    assert udp_ask(hub.port("echo"), b"x" * 8000) == b"x" * 8000


# ------------------------------------------------------------- connections


def test_messages_on_one_connection(start, echo):
    hub = start(service(echo, TCP))
    wanted = {f"message {i}".encode() for i in range(500)}
    with connect(hub.port("echo", "tcp")) as s:
        s.sendall(b"".join(message(m) for m in wanted))  # all at once
        assert {read_message(s) for _ in wanted} == wanted
        for byte in message(b"slowly"):
            s.sendall(bytes([byte]))
            time.sleep(0.01)
        assert read_message(s) == b"slowly"
        s.sendall(message(b"last"))
        s.shutdown(socket.SHUT_WR)  # still wants its answer
        assert read_message(s) == b"last"
        assert s.recv(1) == b""


def test_a_client_that_vanishes(start, echo):
    hub = start(service(echo, TCP))
    before = None
    for _ in range(100):
        with connect(hub.port("echo", "tcp")) as s:
            s.sendall(message(b"x") * 10 + b"\0\x10half")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
        if before is None:
            assert tcp_ask(hub.port("echo", "tcp"), b"here") == b"here"
            before = hub.descriptors()
    assert tcp_ask(hub.port("echo", "tcp"), b"here") == b"here"
    hub.until(lambda: hub.descriptors() <= before)


def test_a_client_that_does_not_read(start, echo):
    """It gets no more of the hub than a bounded buffer, and the others are served. (Whose message is late,
    as one may be on a slow machine, is cut off: echo has no words for that.)"""
    hub = start(service(echo, TCP, "limits: {deadline: 60s}"))
    port, big = hub.port("echo", "tcp"), message(b"x" * 8000)
    tcp_ask(port, b"warm")
    before = hub.resident_kib()
    greedy = [connect(port) for _ in range(8)]
    unsent = {}
    for s in greedy:
        s.setblocking(False)
        unsent[s] = b""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        for s in greedy:
            unsent[s] = unsent[s] or big * 10
            try:
                unsent[s] = unsent[s][s.send(unsent[s]):]
            except BlockingIOError:
                time.sleep(0.001)
    assert tcp_ask(port, b"me") == b"me"
    assert hub.resident_kib() - before < 16 * MEMORY << 10
    for s in greedy:
        s.close()


def test_a_message_that_never_ends_is_given_up(start, echo):
    hub = start(service(echo, TCP))
    with connect(hub.port("echo", "tcp"), 20) as s:
        s.sendall(b"\xff\xff")
        began = time.monotonic()
        try:
            while time.monotonic() - began < 20:
                s.sendall(b"x")  # a byte now and then is no progress
                s.settimeout(0.5)
                try:
                    assert s.recv(1) == b""
                    break
                except TimeoutError:
                    pass
        except ConnectionError:
            pass
        assert 8 < time.monotonic() - began < 15
    assert tcp_ask(hub.port("echo", "tcp"), b"x") == b"x"


def test_more_connections_than_allowed(start, echo):
    """The one that has been idle for longest makes room."""
    hub = start(service(echo, TCP), head="limits: {connections: 5}\n")
    many = [connect(hub.port("echo", "tcp")) for _ in range(20)]
    with connect(hub.port("echo", "tcp")) as s:
        s.sendall(message(b"new"))
        assert read_message(s) == b"new"
        assert many[0].recv(1) == b""  # the oldest was closed
    for s in many:
        s.close()


def test_thousands_of_idle_connections(start, echo):
    hub = start(service(echo, TCP), head="limits: {connections: 4000}\n")
    before = hub.resident_kib()
    many = []
    try:
        for _ in range(900):
            many.append(connect(hub.port("echo", "tcp")))
    except OSError as e:
        pytest.skip(f"this machine allows no more: {e}")
    assert tcp_ask(hub.port("echo", "tcp"), b"x") == b"x"
    assert hub.resident_kib() - before < 2000 * MEMORY
    for s in many:
        s.close()


def test_no_descriptor_is_left(tmp_path, echo):
    """Connections beyond what the process may open wait or go; nothing spins, nothing dies."""
    hub = Hub(tmp_path / "hub", hub_yaml(service(echo, TCP, UDP)))
    try:
        assert tcp_ask(hub.port("echo", "tcp"), b"x") == b"x"
        subprocess.run([*as_user_of(hub.pid), "prlimit", f"--pid={hub.pid}", f"--nofile={hub.descriptors() + 5}"],
                       check=True)
        many = [connect(hub.port("echo", "tcp")) for _ in range(30)]
        assert udp_ask(hub.port("echo"), b"still") == b"still"
        assert tcp_ask(hub.port("echo", "tcp"), b"me too", 10) == b"me too"
        for s in many:
            s.close()
        assert tcp_ask(hub.port("echo", "tcp"), b"x") == b"x"
    finally:
        assert hub.stop() == 0


def test_noise(start, echo, dns, root):
    """Whatever comes, whole, cut or random: the next one is served."""
    zone = root / "services/dns/example.test.zone"
    hub = start(service(echo, UDP, TCP),
                service(dns, UDP, TCP, f"data: {{example.test.zone: {zone}}}"), trace=False)
    rng = random.Random(5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(2000):
            port = hub.port(rng.choice(("echo", "dns")))
            s.sendto(rng.randbytes(rng.choice((0, 1, 11, 12, 40, 500))), ("127.0.0.1", port))
    for _ in range(200):
        with connect(hub.port(rng.choice(("echo", "dns")), "tcp")) as s:
            s.setblocking(False)
            try:
                for _ in range(rng.randrange(5)):
                    s.send(rng.randbytes(rng.choice((1, 2, 3, 100, 3000))))
            except OSError:
                pass
    assert tcp_ask(hub.port("echo", "tcp"), b"still here", 10) == b"still here"
    assert udp_ask(hub.port("echo"), b"still here", 10) == b"still here"
    assert tcp_ask(hub.port("dns", "tcp"), (root / "services/dns/event.bin").read_bytes(), 10)


# ------------------------------------------------------------- things go wrong


def test_a_worker_is_killed_under_load(start, echo, backend):
    """Every datagram is answered all the same: its life runs again on the next worker."""
    hub = start(service(echo, UDP, f"backend: {backend}", "limits: {deadline: 5s}"))
    port, killed, answered = hub.port("echo"), 0, 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.connect(("127.0.0.1", port))
        for round_ in range(15):
            wanted = {f"{round_}/{i}".encode() for i in range(40)}
            if round_ % 2:  # frozen, so that some are under way for certain
                assert udp_ask(port, b"x") == b"x"
                for pid in hub.workers():
                    os.kill(pid, signal.SIGSTOP)
            for payload in wanted:
                s.send(payload)
            time.sleep(0.12 if round_ == 0 else 0.003)
            for pid in hub.workers():
                os.kill(pid, signal.SIGKILL)
                killed += 1
            got = set()
            while got < wanted:
                got.add(s.recv(100))
                answered += 1
            time.sleep(0.12)
    assert killed >= 10
    assert f"was killed by signal {signal.SIGKILL.value}" in hub.said()
    hub.until(lambda: hub.events("life", attempt=1))


def test_a_worker_that_hangs_is_replaced(start, echo):
    hub = start(service(echo, UDP, "limits: {deadline: 300ms}"))
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    pid = hub.workers()[0]
    os.kill(pid, signal.SIGSTOP)
    silent(hub.port("echo"))
    hub.until(lambda: not alive(pid))
    assert "hangs" in hub.said()
    assert udp_ask(hub.port("echo"), b"y") == b"y"


def test_the_hub_is_killed(start, echo):
    """Its workers don't stay behind."""
    hub = start(service(echo, UDP))
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    pid = hub.workers()[0]
    hub.stop(signal.SIGKILL)
    for _ in range(200):
        if not alive(pid):
            break
        time.sleep(0.01)
    assert not alive(pid)


def test_mf_init_fails(start, build, echo):
    hub = start(service(guest(build, "init-fail"), UDP, "limits: {deadline: 20s}"), service(echo, UDP))
    silent(hub.port("init-fail"))
    hub.until(lambda: 'init-fail: can\'t start: ' in hub.said())
    assert 'zone.txt:7: no such thing as "AAAAA"' in hub.said()
    assert udp_ask(hub.port("echo"), b"x") == b"x"  # others are served
    assert hub.until(lambda: hub.events("life", service="init-fail"))[0]["result"] == "down"
    assert not hub.events("worker_started", service="init-fail")


def test_dns_refuses_in_its_own_words(start, dns, tmp_path):
    (tmp_path / "bad.zone").write_text("$TTL 1h\n@ SOA ns1 admin 1 2 3 4 5\n@ A not-an-address\n")
    hub = start(service(dns, UDP, TCP, f"data: {{bad.zone: {tmp_path}/bad.zone}}"))
    for more in ([], ["+tcp"]):
        asked = subprocess.run(
            ["dig", "@127.0.0.1", "-p", str(hub.port("dns")), "www.example.test", *more],
            capture_output=True, text=True, timeout=30, check=True)
        assert "status: SERVFAIL" in asked.stdout
        assert "www.example.test." in asked.stdout  # with the question
    assert "not-an-address" in hub.said()


def test_a_life_crashes(start, build):
    """The operator hears where and why, a few times a second at most; the next is served."""
    hub = start(service(guest(build, "trap"), UDP, "limits: {failures: 0, queue: 256, deadline: 20s}"))
    port = hub.port("trap")
    silent(port, b"hlt")
    assert udp_ask(port, b"no such word") == b"unknown"
    assert hub.count(1, "life", result="crashed") == 1
    crashed = hub.events("life", result="crashed")
    assert re.search(rf"trap: \[{crashed[0]['id']}\] its life crashed: .* at \S+\+0x",
                     hub.said())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(100):
            s.sendto(b"hlt", ("127.0.0.1", port))
    hub.until(lambda: len(hub.events("life", result="crashed")) == 101)
    assert hub.said().count("crashed:") < 30
    assert len(hub.events("worker_started")) == 1


def test_a_life_that_never_ends(start, build):
    hub = start(service(guest(build, "loop"), UDP, "limits: {deadline: 10s, cpu: 100ms}"))
    silent(hub.port("loop"))
    life = hub.until(lambda: hub.events("life"))[0]
    assert life["result"] == "deadline"
    assert "longer than limits.cpu or limits.deadline" in hub.said()


def test_a_queue_that_is_full(start, build, echo):
    """What doesn't fit is refused at once, and others are served meanwhile."""
    hub = start(service(guest(build, "loop"), UDP,
                        "limits: {deadline: 500ms, cpu: 400ms, queue: 4}"),
                service(echo, UDP))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(200):
            s.sendto(b"x", ("127.0.0.1", hub.port("loop")))
        began = time.monotonic()
        assert udp_ask(hub.port("echo"), b"x") == b"x"
        assert time.monotonic() - began < 2
    hub.until(lambda: hub.events("life", service="loop"))
    time.sleep(1)
    assert len(hub.events("life", service="loop")) < 100


def test_logs_reach_the_operator(start, build):
    hub = start(service(guest(build, "log"), UDP))
    assert udp_ask(hub.port("log"), b"x") == b"logged"
    assert "info: source 2" in hub.said()
    assert "warning: log: " in hub.said()
    assert "\x1b" not in hub.said()  # and can't draw on a terminal


def test_mf_fail_reaches_the_operator(start, build):
    hub = start(service(guest(build, "fail"), UDP))
    silent(hub.port("fail"))
    assert hub.until(lambda: hub.events("life"))[0]["result"] == "failed"


def test_nothing_leaks(start, echo):
    hub = start(service(echo, UDP, TCP, "limits: {idle: 30ms}"), trace=False)
    port = hub.port("echo")

    def rounds(n):
        for _ in range(n):
            assert udp_ask(port, b"x") == b"x"
            assert tcp_ask(port, b"y" * 3000) == b"y" * 3000
            hub.until(lambda: not hub.workers())
        time.sleep(0.2)  # the hub lets go of a worker's descriptors a moment after its end

    rounds(10)
    descriptors, memory = hub.descriptors(), hub.resident_kib()
    rounds(40)
    hub.until(lambda: hub.descriptors() <= descriptors)
    assert hub.resident_kib() - memory < 1500 * MEMORY


def test_the_image_changes_on_disk(start, echo, tmp_path):
    image = tmp_path / "echo.mfy"
    image.write_bytes(echo.read_bytes())
    hub = start(service(image, UDP, "limits: {idle: 50ms}"))
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    hub.until(lambda: not hub.workers())
    with open(image, "r+b") as f:  # in place: not how it should be done
        f.seek(-1, os.SEEK_END)
        f.write(b"\xcc")
    silent(hub.port("echo"))
    hub.until(lambda: "changed on disk" in hub.said() or "can't start" in hub.said())


# ------------------------------------------------------------------------ the end


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_good_order(start, echo, how):
    """What was accepted is answered; nothing stays."""
    hub = start(service(echo, UDP, TCP))
    port = hub.port("echo")
    assert udp_ask(port, b"x") == b"x"
    pid = hub.workers()[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, connect(port) as t:
        s.settimeout(5)
        t.sendall(message(b"y") * 30)
        assert read_message(t) == b"y"  # by now all of them were read
        began = time.monotonic()
        hub.process.send_signal(how)
        assert read_exactly(t, 29 * 3) == message(b"y") * 29
        assert t.recv(1) == b""
        assert hub.process.wait(5) == 0
        assert time.monotonic() - began < 1.5
    assert not alive(pid)
    assert hub.events("stopped")[0]["lives"] == 31


def test_a_second_signal_does_not_wait(start, build):
    hub = start(service(guest(build, "loop"), UDP, "limits: {deadline: 20s, cpu: 20s}"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("127.0.0.1", hub.port("loop")))
        hub.until(lambda: hub.events("worker_started"))
        hub.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert hub.process.poll() is None  # it would wait for the life
        hub.process.send_signal(signal.SIGINT)
        assert hub.process.wait(3) == 0
