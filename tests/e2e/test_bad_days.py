"""Bad days at the hub's core: services that fail all the time, workers that are killed or find no
memory, a hub without descriptors or processes, queues that are full. What the user sees, what
the operator reads, and that others are served meanwhile."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import SANITIZED, read_message, tcp_ask, udp_ask
from http_client import Client, listener
from hubs import as_user_of, hub_yaml, nursery_of, service

UDP, TCP = "udp: [127.0.0.1:0]", "tcp: [127.0.0.1:0]"


def guest(build, name):
    return build / f"guest/{name}.mfy"


def throw(port, payload, times=1):
    """Datagrams whose answers nobody waits for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(times):
            s.sendto(payload, ("127.0.0.1", port))


def question(number, name=b"\3www\7example\4test\0"):
    """A DNS query for an address."""
    return number.to_bytes(2, "big") + b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1"


def rcode(answer):
    return answer[3] & 15


SERVFAIL = 2


def limit(hub, pid=None, **limits):
    """Soft limits of a running process, the hub or another of its own, as prlimit(1) names them. By the
    hub's user, to whom all of it belongs."""
    subprocess.run([*as_user_of(hub.pid), "prlimit", f"--pid={pid or hub.pid}",
                    *[f"--{name}={value}:" for name, value in limits.items()]], check=True)


def status(pid, name):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE).group(1))


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 10)


def message(payload):
    return len(payload).to_bytes(2, "big") + payload


# ------------------------------------------------------------ it fails at every event


def test_a_service_that_crashes_at_each_event(start, build, echo):
    """Its circuit opens, the operator hears it once, and others don't notice."""
    hub = start(service(guest(build, "trap"), UDP), service(echo, UDP))
    port = hub.port("trap")
    for n in range(1, 11):
        throw(port, b"hlt")
        hub.until(lambda n=n: len(hub.events("life", service="trap")) == n)
        assert udp_ask(hub.port("echo"), b"x") == b"x"
    opened = hub.events("circuit")
    assert [(e["service"], e["state"], e["last"]) for e in opened] == [("trap", "open", "crashed")]
    throw(port, b"hlt", 50)  # refused at once
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    assert len(hub.events("life", service="trap")) == 10
    for _ in range(1000):  # one of these is the trial
        if len(hub.events("circuit")) == 2:
            break
        throw(port, b"no such word")
        time.sleep(0.01)
        assert udp_ask(hub.port("echo"), b"x") == b"x"
    assert hub.events("circuit")[1]["state"] == "closed"
    assert udp_ask(port, b"no such word") == b"unknown"
    said = hub.said()
    assert re.search(r"trap: circuit open: 10 lives in a row failed; refusing for 1 s; "
                     r"last: crashed", said)
    assert said.count("circuit open") == said.count("circuit closed") == 1


def test_a_circuit_that_may_not_open(start, build):
    hub = start(service(guest(build, "trap"), UDP, "limits: {failures: 0, deadline: 5s}"))
    throw(hub.port("trap"), b"hlt", 40)
    hub.until(lambda: len(hub.events("life")) == 40)
    assert {e["result"] for e in hub.events("life")} <= {"crashed", "deadline"}
    assert udp_ask(hub.port("trap"), b"no such word") == b"unknown"
    assert not hub.events("circuit")


# ------------------------------------------------------------ one thing after another


def test_events_of_one_key_keep_their_order(start, build, backend):
    """Three threads: a peer's events wait for each other, another peer's don't wait for them."""
    hub = start(service(guest(build, "ordered"), UDP, f"backend: {backend}"))
    port = hub.port("ordered")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
        for s, address in ((one, "127.0.0.2"), (two, "127.0.0.3")):
            s.bind((address, 0))
            s.connect(("127.0.0.1", port))
            s.settimeout(10)
        sent = [b"slow" if n % 7 == 0 else f"{n}".encode() for n in range(40)]
        for payload in sent:
            one.send(payload)
        two.send(b"another")
        assert two.recv(100) == b"another"
        assert [one.recv(100) for _ in sent] == sent
    hub.until(lambda: len(hub.events("life", result="ok")) == len(sent) + 1)


# ------------------------------------------------------------------ killed workers


def keep_killing(hub, ended, answered=None):
    """Kills whatever worker there is, again and again; how often. `answered` grows with each answer:
    with it, the next kill waits for 100 more, since an event whose worker dies twice is refused."""
    killed, last = 0, 0
    while not ended.wait(0.15):
        if answered is not None and len(answered) < last + 100:
            continue
        last = len(answered or ())
        for pid in hub.workers():
            try:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
    return killed


def test_workers_are_killed_under_load_by_tcp(start, echo, backend):
    """Eight connections, each with messages under way all the time: every one is answered."""
    hub = start(service(echo, TCP, f"backend: {backend}", "limits: {deadline: 5s}"), trace=False)
    port, ended, wrong, answered = hub.port("echo", "tcp"), threading.Event(), [], []

    def client(number):
        with connect(port) as s:
            for round_ in range(150):
                wanted = {f"{number}/{round_}/{n}".encode() for n in range(8)}
                s.sendall(b"".join(message(m) for m in wanted))
                got = {read_message(s) for _ in wanted}
                if got != wanted:
                    wrong.append((wanted, got))
                answered.extend(got)
                time.sleep(0.005)

    clients = [threading.Thread(target=client, args=(n,)) for n in range(8)]
    for c in clients:
        c.start()
    killed = []
    killer = threading.Thread(target=lambda: killed.append(keep_killing(hub, ended, answered)))
    killer.start()
    for c in clients:
        c.join()
    ended.set()
    killer.join()
    assert not wrong
    assert killed[0] >= 3
    assert "was killed by signal" in hub.said()


# ------------------------------------------------------- no memory, no descriptors, no processes


@pytest.mark.skipif(SANITIZED, reason="sanitizers reserve more memory than a limit would leave")
def test_a_worker_finds_no_memory(start, build, echo, backend):
    """A clear error, others are served, and it starts once there is memory again."""
    hub = start(service(guest(build, "large"), UDP, f"backend: {backend}"),
                service(echo, UDP, f"backend: {backend}"))
    limit(hub, hub.nursery(), **{"as": (status(hub.pid, "VmSize") << 10) + (2 << 20)})
    throw(hub.port("large"), b"0")
    hub.until(lambda: "large: can't start: memory for" in hub.said())
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    limit(hub, hub.nursery(), **{"as": "unlimited"})
    for _ in range(100):
        try:
            assert udp_ask(hub.port("large"), b"0", 0.2) == b"1 0"
            break
        except TimeoutError:
            pass
    else:
        raise AssertionError(hub.said())
    assert hub.events("circuit", service="large", state="closed")


def test_no_descriptor_for_connections(start, dns, echo, root):
    """Datagrams and open connections go on, workers start; accepting resumes."""
    zone = root / "services/dns/example.test.zone"
    hub = start(service(dns, UDP, TCP, f"data: {{example.test.zone: {zone}}}"), service(echo, UDP))
    port = hub.port("dns", "tcp")
    assert rcode(udp_ask(hub.port("dns"), question(1))) == 0
    with connect(port) as early:
        early.sendall(message(question(2)))
        assert rcode(read_message(early)) == 0
        limit(hub, nofile=hub.descriptors() + 30)
        many = []
        for _ in range(60):
            many.append(connect(port))
            many[-1].sendall(b"\0")  # busy with half a message
            early.sendall(message(question(3)))
            assert rcode(read_message(early)) == 0
        assert rcode(udp_ask(hub.port("dns"), question(4))) == 0
        assert udp_ask(hub.port("echo"), b"x") == b"x"  # started just now
        assert "raise LimitNOFILE" in hub.said()
    for s in many:
        s.close()
    hub.until(lambda: hub.descriptors() < 60)
    assert rcode(tcp_ask(port, question(5))) == 0


def test_no_descriptor_for_a_worker(start, dns, root):
    zone = root / "services/dns/example.test.zone"
    hub = start(service(dns, UDP, f"data: {{example.test.zone: {zone}}}"))
    limit(hub, nofile=hub.descriptors())
    assert rcode(udp_ask(hub.port("dns"), question(1))) == SERVFAIL
    assert re.search(r"dns: can't start: .*Too many open files: raise LimitNOFILE", hub.said())
    limit(hub, nofile=1000)
    hub.until(lambda: rcode(udp_ask(hub.port("dns"), question(2))) == 0)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody without processes")
def test_no_process_for_a_worker(build, root):
    """The user that the workers run as may have no more processes."""
    somebody = ["setpriv", "--reuid=64321", "--regid=64321", "--clear-groups"]
    place = Path(tempfile.mkdtemp(prefix="mayfly-"))
    place.chmod(0o755)
    for name in ("mayflyd", "mayfly-worker", "services/dns.mfy"):
        shutil.copy(build / name, place)
    shutil.copy(root / "services/dns/example.test.zone", place)
    config, said = place / "hub.yaml", place / "said"
    config.write_text(hub_yaml(service("dns.mfy", "data: {example.test.zone: example.test.zone}",
                                       "udp: [127.0.0.1:0]", "backend: process"),
                               head="admin: none\n"))
    with open(said, "wb") as err:
        hub = subprocess.Popen(
            ["prlimit", "--nproc=100:100", *somebody, place / "mayflyd", "-c", config], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=err)
    try:
        for _ in range(1000):
            if "ready" in said.read_text():
                break
            time.sleep(0.01)
        port = int(re.search(r"udp 127.0.0.1:(\d+)", said.read_text()).group(1))
        nursery = f"--pid={nursery_of(hub.pid)}"
        subprocess.run([*somebody, "prlimit", nursery, "--nproc=1:"], check=True)
        assert rcode(udp_ask(port, question(1))) == SERVFAIL
        assert re.search(r"dns: can't start: .*: Resource temporarily unavailable: raise TasksMax",
                         said.read_text())
        subprocess.run([*somebody, "prlimit", nursery, "--nproc=100:"], check=True)
        for _ in range(100):
            if rcode(udp_ask(port, question(2))) == 0:
                break
            time.sleep(0.05)
        assert rcode(udp_ask(port, question(3))) == 0
    finally:
        hub.terminate()
        assert hub.wait(15) == 0
        shutil.rmtree(place)


# ------------------------------------------------------------------ too much to do


def counters(hub, name_of_service=""):
    """name -> value, of one service; the name is enough where there is one."""
    port = hub.events("ready")[0]["metrics"]["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    found = {}
    for line in lines:
        name, _, value = line.rpartition(" ")
        if line.startswith("mayfly_") and f'service="{name_of_service}' in line:
            name, _, labels = name.partition("{")
            reason = re.search(r'reason="([^"]*)"', labels)
            found[name + ("/" + reason.group(1) if reason else "")] = float(value)
    return found


def add_up(c):
    """Everything that came ended in exactly one way, or is still here."""
    came = c["mayfly_events_accepted_total"] + c["mayfly_events_turned_away_total"]
    refused = sum(v for k, v in c.items() if k.startswith("mayfly_refusals_total"))
    return came == (c["mayfly_events_replied_total"] + c["mayfly_events_silent_total"] + refused
                    + c["mayfly_events_queued"] + c["mayfly_events_running"])


def test_a_queue_that_is_full_and_figures_that_add_up(start, dns, root):
    zone = root / "services/dns/example.test.zone"
    hub = start(service(dns, UDP, f"data: {{example.test.zone: {zone}}}",
                        "limits: {queue: 2, deadline: 300ms}"), head="metrics: 127.0.0.1:0\n")
    port, sent = hub.port("dns"), 200
    assert rcode(udp_ask(port, question(0))) == 0
    os.kill(hub.workers()[0], signal.SIGSTOP)
    answers = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect(("127.0.0.1", port))
        for number in range(1, sent + 1):
            s.send(question(number))
        assert add_up(counters(hub))
        while len(answers) < sent:  # at once, or when the deadline is over
            answer = s.recv(1000)
            answers[int.from_bytes(answer[:2], "big")] = rcode(answer)
    assert set(answers.values()) == {SERVFAIL}
    c = counters(hub)
    assert add_up(c)
    assert c["mayfly_refusals_total/busy"] == c["mayfly_events_turned_away_total"] > 50
    assert c["mayfly_refusals_total/late"] > 0
    hub.until(lambda: rcode(udp_ask(port, question(1))) == 0)  # the worker was replaced
    assert add_up(counters(hub))


def test_figures_add_up_after_a_bad_day(start, build):
    """Lives that reply, say nothing, crash, run too long; workers that are killed."""
    hub = start(service(guest(build, "trap"), UDP, "limits: {queue: 8, failures: 4}"),
                head="metrics: 127.0.0.1:0\n", trace=False)
    port, ended, killed = hub.port("trap"), threading.Event(), []
    killer = threading.Thread(target=lambda: killed.append(keep_killing(hub, ended)))
    killer.start()
    for n in range(60):
        throw(port, b"hlt" if n % 3 == 0 else b"word", 20)
        time.sleep(0.02)
        assert add_up(counters(hub))
    ended.set()
    killer.join()
    assert killed[0] > 0
    hub.until(lambda: counters(hub)["mayfly_events_queued"] == 0
              and counters(hub)["mayfly_events_running"] == 0)
    c = counters(hub)
    assert add_up(c)
    assert c["mayfly_events_accepted_total"] + c["mayfly_events_turned_away_total"] == 1200


# ------------------------------------------------------------------------- over HTTP


@pytest.fixture
def web(build):
    return build / "guest/web.mfy"


def problem(answer, status):
    """Its detail."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    found = json.loads(answer.body)
    assert found["status"] == status and found["id"] == answer.headers["mayfly-event"]
    return found["detail"]


def test_workers_are_killed_under_load_by_http(start, web, backend):
    """Eight clients that ask one after another: each request is answered, by its own life."""
    hub = start(service(web, f"backend: {backend}", "limits: {deadline: 5s}"), head=listener(),
                trace=False)
    port, ended, wrong, killed, answered = hub.http(), threading.Event(), [], [], []

    def client(number):
        with Client(port) as c:
            for n in range(200):
                body = f"{number}/{n}".encode()
                answer = c.ask("POST", "/echo", body)
                if answer.status != 200 or b"body=" + body not in answer.body:
                    wrong.append((body, answer))
                answered.append(body)
                time.sleep(0.004)

    clients = [threading.Thread(target=client, args=(n,)) for n in range(8)]
    killer = threading.Thread(target=lambda: killed.append(keep_killing(hub, ended, answered)))
    for thread in (*clients, killer):
        thread.start()
    for c in clients:
        c.join()
    ended.set()
    killer.join()
    assert not wrong
    assert killed[0] >= 3


def test_a_full_queue_over_http(start, web, echo):
    """503 at once, with when to come back; others are served meanwhile."""
    hub = start(service(web, "limits: {queue: 2, deadline: 1s}"), service(echo, UDP),
                head=listener() + "metrics: 127.0.0.1:0\n")
    clients = [Client(hub.http()) for _ in range(100)]
    assert clients[0].ask("POST", "/echo").status == 200
    os.kill(hub.workers()[0], signal.SIGSTOP)
    for c in clients:
        c.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    answers = [c.answer() for c in clients]
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    busy = [a for a in answers if a.status == 503]
    late = [a for a in answers if a.status == 504]
    assert len(busy) > 10 and late and len(busy) + len(late) == len(answers)
    for a in busy:
        assert "more to do than it may queue" in problem(a, 503)
        assert 1 <= int(a.headers["retry-after"]) <= 60
    hub.until(lambda: clients[0].ask("POST", "/echo").status == 200)  # on the next worker
    assert add_up(counters(hub, "web"))
    for c in clients:
        c.socket.close()


def test_an_open_circuit_over_http(start, web):
    """Retry-After is the pause; who keeps to it is let in."""
    hub = start(service(web, "limits: {failures: 3}"), head=listener())
    with Client(hub.http()) as c:
        for _ in range(3):
            assert "failed at this request" in problem(c.ask("POST", "/crash"), 502)
        refused = c.ask("GET", "/echo")
        assert "isn't tried for a while" in problem(refused, 503)
        assert refused.headers["retry-after"] == "1"
        time.sleep(1)
        assert problem(c.ask("POST", "/fail"), 502)  # the trial
        refused = c.ask("GET", "/echo")
        assert problem(refused, 503) and int(refused.headers["retry-after"]) in (1, 2)
        time.sleep(2)
        assert c.ask("GET", "/echo").status == 200
        assert c.ask("GET", "/echo").status == 200
    assert [e["state"] for e in hub.events("circuit")] == ["open", "closed"]


def test_many_busy_connections_of_one_service(start, web, echo):
    """Requests that come without end on fifty connections leave time for another service."""
    hub = start(service(web), service(echo, UDP), head=listener(), trace=False)
    port, ended = hub.http(), threading.Event()
    request = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"

    def flood():
        sockets = [connect(port) for _ in range(50)]
        for s in sockets:
            s.setblocking(False)
        while not ended.is_set():
            for s in sockets:
                try:
                    s.send(request * 50)
                    s.recv(1 << 20)
                except BlockingIOError:
                    pass
        for s in sockets:
            s.close()

    flooder = threading.Thread(target=flood)
    flooder.start()
    try:
        for _ in range(200):
            assert udp_ask(hub.port("echo"), b"x") == b"x"
    finally:
        ended.set()
        flooder.join()
