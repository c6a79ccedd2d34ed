"""Input and output areas: payloads and replies of megabytes, through `mayfly run` and through a hub."""

import contextlib
import json
import os
import signal
import socket
import ssl
import threading

import pytest
from conftest import BUILD, MEMORY, run
from http_client import Client, listener
from hubs import hub_yaml, service

AREAS = BUILD / "guest/areas.mfy"
INPUT, OUTPUT = 18 << 20, 9 << 20  # of its manifest
COUNT = 4                          # areas: its parallel is 2
UPLOADS = 3                        # that may be under way at once
LARGE = bytes(range(251)) * 30000  # 7.5 MB


def sum_of(payload):
    return f"{len(payload)} {sum(payload)}".encode()


def start_hub(make_hub, *lines, head="", backend="auto"):
    return make_hub(hub_yaml(service(AREAS, f"backend: {backend}", "limits: {deadline: 20s}", *lines),
                             head=listener() + head))


@pytest.fixture
def hub(make_hub):
    return start_hub(make_hub)


def ask(port, query, body=b"x", headers=None):
    with Client(port) as c:
        return c.ask("POST", "/areas?" + query, body, headers)


def head_of(query, length):
    return f"POST /areas?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


def in_chunks(client, query, body, piece=100001):
    client.send(f"POST /areas?{query} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    for at in range(0, len(body), piece):
        part = body[at:at + piece]
        client.send(b"%x\r\n%s\r\n" % (len(part), part))
    client.send(b"0\r\n\r\n")
    return client.answer()


def shared_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssShmem"))


# ----------------------------------------------------------------- mayfly run

def run_areas(tmp_path, backend, payload, *options):
    event = tmp_path / "event"
    event.write_bytes(payload)
    return run(BUILD / "mayfly", "run", AREAS, "--backend", backend, "--event", event, *options, text=False)


def test_a_life_on_the_command_line(tmp_path, backend):
    done = run_areas(tmp_path, backend, b"echo\n" + LARGE)
    assert done.returncode == 0 and done.stdout == LARGE, done.stderr
    done = run_areas(tmp_path, backend, b"sum\n" + LARGE)
    assert done.stdout == sum_of(LARGE)
    done = run_areas(tmp_path, backend, b"look")
    assert done.stdout == b"0 0"


@pytest.mark.parametrize("word", ["write-input", "behind-input", "behind-output", "crash"])
def test_lives_that_reach_too_far(tmp_path, backend, word):
    done = run_areas(tmp_path, backend, word.encode())
    assert done.returncode == 1 and b"crashed" in done.stderr, done.stderr


def test_what_does_not_fit_names_the_manifest(tmp_path, backend):
    done = run_areas(tmp_path, backend, bytes(INPUT + 1))
    assert done.returncode == 2 and b"memory.input" in done.stderr, done.stderr
    done = run_areas(tmp_path, backend, b"forge 9437185")
    assert done.returncode == 1 and b"memory.output" in done.stderr, done.stderr


def test_a_capsule_keeps_the_input(tmp_path, backend):
    file = tmp_path / "life.capsule"
    done = run_areas(tmp_path, backend, b"sum\n" + LARGE, "--capsule", file)
    assert done.returncode == 0 and file.stat().st_size > len(LARGE)
    done = run(BUILD / "mayfly", "replay", file, "--image", AREAS, "--backend", backend)
    assert done.returncode == 0 and "the same" in done.stdout, done.stdout + done.stderr


# ----------------------------------------------------------------------- a hub

def test_large_bodies_and_answers(make_hub, backend):
    hub = start_hub(make_hub, backend=backend)
    with Client(hub.http()) as c:
        for size in (len(LARGE), 1, 100000, 0):
            got = c.ask("POST", "/areas?echo", LARGE[:size])
            assert got.status == 200 and got.body == LARGE[:size]
        assert in_chunks(c, "echo", LARGE).body == LARGE
        assert in_chunks(c, "sum", b"abc").body == b"3 294"
        got = c.ask("HEAD", "/areas?fill=1000000")
        assert got.headers["content-length"] == "1000000" and not got.body
        assert c.ask("POST", "/areas?dirty=9437184", LARGE).body == b"dirty"
        assert c.ask("POST", "/areas?look", b"x").body == b"0 0"


def test_curl(hub, tmp_path):
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(LARGE)
    done = run("curl", "-sS", "--max-time", "20", "--data-binary", f"@{sent}", "-o", got,
               f"http://127.0.0.1:{hub.http()}/areas?echo")
    assert done.returncode == 0 and got.read_bytes() == LARGE, done.stderr


def test_two_requests_behind_each_other(hub):
    """The second one's first bytes come with the end of the first one's body."""
    with Client(hub.http()) as c:
        c.send(head_of("sum", 5) + b"hello" + head_of("sum", 3) + b"abc" + head_of("echo", len(LARGE)) + LARGE)
        assert [c.answer().body for _ in range(3)] == [sum_of(b"hello"), b"3 294", LARGE]


def test_too_large_is_refused_with_the_limit(hub):
    with Client(hub.http()) as c:
        c.send(head_of("sum", INPUT + 1))  # before a byte of the body
        got = c.answer()
        assert got.status == 413
        assert str(INPUT) in json.loads(got.body)["detail"] and "memory.input" in json.loads(got.body)["detail"]
    with Client(hub.http()) as c:
        with contextlib.suppress(ConnectionError):
            in_chunks(c, "sum", bytes(INPUT + 1), 1 << 20)
    got = ask(hub.http(), "forge=9437185")
    assert got.status == 403
    assert "memory.output" in hub.said()
    assert ask(hub.http(), "sum", b"abc").body == b"3 294"


def test_clients_that_leave_hold_nothing(hub):
    port = hub.http()
    for _ in range(2 * COUNT):  # a body cut off
        with Client(port) as c:
            c.send(head_of("sum", len(LARGE)) + LARGE[:300000])
    for _ in range(2 * COUNT):  # gone before the answer is taken
        with Client(port) as c:
            c.send(head_of("fill=9437184", 1) + b"x")
            c.socket.recv(100)
    for _ in range(2):
        assert ask(port, "echo", LARGE).body == LARGE
    hub.until(lambda: not hub.process.poll())
    assert "Sanitizer" not in hub.said()


def test_more_requests_than_areas(hub):
    wrong = []

    def some(number):
        body = LARGE[number * 1000:number * 1000 + 3000000]
        for query, want in (("echo", body), ("sum", sum_of(body)), ("look", b"0 0")):
            got = ask(hub.http(), query, body)
            if got.status != 200 or got.body != want:
                wrong.append((number, query, got.status, got.body[:200]))

    threads = [threading.Thread(target=some, args=(i,)) for i in range(3 * COUNT)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_request_waits_for_an_area_and_gets_it(hub):
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(Client(hub.http())) for _ in range(UPLOADS)]
        for c in slow:
            c.send(head_of("sum", 10) + b"01234")
        assert ask(hub.http(), "look", b"").body == b"0 0"  # who has no body needn't wait
        last = stack.enter_context(Client(hub.http()))
        last.send(head_of("echo", len(LARGE)))
        sender = threading.Thread(target=last.send, args=(LARGE,))
        sender.start()
        slow[2].send(b"56789")
        assert slow[2].answer().body == sum_of(b"0123456789")
        assert last.answer().body == LARGE
        sender.join()
        slow[0].send(b"56789")
        assert slow[0].answer().body == sum_of(b"0123456789")


def test_a_request_does_not_wait_for_ever(make_hub):
    hub = start_hub(make_hub, head="limits: {request: 2s}\n")
    with contextlib.ExitStack() as stack:
        holders = [stack.enter_context(Client(hub.http())) for _ in range(COUNT)]
        for c in holders:  # who take nothing of their answers hold the areas
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.send(head_of("fill=9437184", 1) + b"x")
            c.socket.recv(100)
        late, other = (stack.enter_context(Client(hub.http())) for _ in range(2))
        late.send(head_of("sum", 3) + b"abc")
        got = late.answer()
        assert got.status == 503 and "retry-after" in got.headers
        other.send(head_of("sum", 3) + b"abc")
        for c in holders[:2]:
            c.socket.close()
        assert other.answer().body == b"3 294"  # though the one before it hasn't gone yet
    assert ask(hub.http(), "sum", b"abc").body == b"3 294"


def test_a_killed_worker_costs_no_upload(hub):
    def life_again():
        answers.append(ask(hub.http(), "again", LARGE))

    answers = []
    ask(hub.http(), "sum")
    worker = hub.workers()[0]
    thread = threading.Thread(target=life_again)
    thread.start()
    hub.until(lambda: metric(hub, "running") == 1)
    os.kill(worker, signal.SIGKILL)
    thread.join()
    assert answers[0].status == 200 and answers[0].body == sum_of(LARGE)
    assert ask(hub.http(), "look").body == b"0 0"


def metric(hub, name):
    done = run(BUILD / "mayfly", "ps", "--hub", hub.events("ready")[0]["admin"], "-o", "json")
    return json.loads(done.stdout)["services"][0][name] if done.returncode == 0 else None


def test_other_sources_have_their_payload_there_too(make_hub):
    hub = make_hub(hub_yaml(service(AREAS, "udp: [127.0.0.1:0]")))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        for payload, want in ((b"sum\nabc", b"3 294"), (b"fill 100", bytes(range(100))), (b"look", b"0 0")):
            s.sendto(payload, ("127.0.0.1", hub.port("areas")))
            assert s.recv(65536) == want


def test_questions_to_and_of_services_with_areas(make_hub, backend):
    """The caller's areas stay as they are while it stands still; the answer comes from the other's output."""
    hub = make_hub(hub_yaml(service(AREAS, f"backend: {backend}"), service(AREAS, "name: twin", f"backend: {backend}",
                                                                          "http: [{path: /twin}]"),
                            head=listener()))
    for size, status in ((1000, 200), (100000, 507)):  # which doesn't fit memory.event
        got = ask(hub.http(), f"ask={size}", LARGE)
        assert got.body == b"%d %d %s" % (status, size if status == 200 else 0, sum_of(LARGE)), hub.said()


def test_tls(make_hub, tmp_path):
    certificate, key = tmp_path / "crt", tmp_path / "key"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
        "-out", certificate, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", check=True)
    hub = make_hub(hub_yaml(service(AREAS), head=listener(tls=(certificate, key))))
    with Client(hub.http("https"), tls=ssl.create_default_context(cafile=str(certificate))) as c:
        for size in (len(LARGE), 1, 20000):
            assert c.ask("POST", "/areas?echo", LARGE[:size]).body == LARGE[:size]
        assert in_chunks(c, "echo", LARGE).body == LARGE


def test_the_same_request_again(hub):
    key = {"Idempotency-Key": '"one"'}
    first = ask(hub.http(), "sum", LARGE, key)
    again = ask(hub.http(), "sum", LARGE, key)
    assert again.body == first.body == sum_of(LARGE)
    assert again.headers["mayfly-event"] == first.headers["mayfly-event"]
    assert again.headers["idempotency-replayed"] == "true"
    assert ask(hub.http(), "sum", LARGE[:-1] + b"x", key).status == 409


def test_a_reload_in_the_middle_of_an_upload(make_hub):
    hub = start_hub(make_hub)
    with Client(hub.http()) as c:
        c.send(head_of("echo", len(LARGE)) + LARGE[:1000000])
        text = hub.config.read_text().replace("limits: {deadline: 20s}", "limits: {deadline: 21s}")
        assert hub.reload(text)["event"] == "reloaded"
        c.send(LARGE[1000000:])
        assert c.answer().body == LARGE


def test_idle_costs_nothing(make_hub):
    hub = start_hub(make_hub)
    text = hub.config.read_text().replace("limits: {deadline: 20s}", "limits: {deadline: 20s, idle: 200ms}")
    hub.reload(text)
    before = shared_kib(hub.pid)
    for _ in range(3):
        assert ask(hub.http(), "sum", LARGE).status == 200
    hub.until(lambda: not hub.workers() and shared_kib(hub.pid) < before + 2000 * MEMORY)


def test_a_socket_of_the_workers_own_is_refused(tmp_path):
    config = tmp_path / "hub.yaml"
    config.write_text(hub_yaml(service(AREAS, "udp: [127.0.0.1:0]", "socket: worker")))
    done = run(BUILD / "mayflyd", "--check", "-c", config)
    assert done.returncode == 2 and "memory.input" in done.stderr, done.stderr


# ------------------------------------------------------------------- between two lives


def outputs_of(pid):
    """The memory file that holds them, read from outside."""
    for fd in os.scandir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            if "mayfly-output" in os.readlink(fd.path):
                return open(fd.path, "rb", buffering=0)
    raise AssertionError("the hub has no outputs")


def test_an_output_that_was_sent_is_wiped_before_anybody_asks_again(make_hub, backend):
    hub = start_hub(make_hub, backend=backend)
    got = ask(hub.http(), f"fill={OUTPUT}")
    assert got.status == 200 and len(got.body) == OUTPUT and got.body[OUTPUT // 2 + 1] == 1
    with outputs_of(hub.pid) as memory:
        hub.until(lambda: not any(os.pread(memory.fileno(), 2, at)[1] for at in (0, OUTPUT // 2)))
