"""SIGHUP: another configuration in the place of the one that runs. What was accepted is answered,
what is the same stays as it is, a bad file changes nothing."""

import http.client
import contextlib
import os
import shutil
import signal
import socket
import ssl
import struct
import threading
import time

import pytest
from conftest import free_port, read_message, run, tcp_ask, udp_ask
from hubs import alive, hub_yaml, service

UDP, TCP = "udp: [127.0.0.1:0]", "tcp: [127.0.0.1:0]"
HTTP = "http: [{listen: 127.0.0.1:0}]\n"


@pytest.fixture
def start(make_hub):
    """start(TEXT) -> Hub"""
    return make_hub


@pytest.fixture
def beside(tmp_path):
    """beside(FILE): a copy beside hub.yaml, where every hub may read at a reload."""
    def copy(path):
        (tmp_path / "hub0").mkdir(exist_ok=True)
        return shutil.copy(path, tmp_path / "hub0")

    return copy


@pytest.fixture
def greeter(build, beside):
    """greeter(WORD, lines...): a service that answers WORD."""
    image = beside(build / "guest/config.mfy")
    return lambda word, *lines: service(image, "name: greeter",
                                        f"config: {{greeting: {word}}}", *(lines or (UDP, TCP)))


def refused(port):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5).close()


# ------------------------------------------------------------------- services


def test_what_is_the_same_stays(start, echo, greeter):
    """Its port, its worker, and its connections."""
    text = hub_yaml(service(echo, UDP, TCP), greeter("one"))
    hub = start(text)
    port = hub.port("echo")
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(b"\0\1a")
        assert read_message(s) == b"a"
        workers = hub.workers()
        assert hub.reload() == {"event": "reloaded", "kept": 2, "changed": 0, "added": 0,
                                "removed": 0}
        s.sendall(b"\0\1b")
        assert read_message(s) == b"b"
    assert udp_ask(port, b"c") == b"c"
    assert hub.workers() == workers and len(workers) == 1
    assert len(hub.events("listening")) == 4


def test_another_order_is_the_same(start, echo, greeter):
    hub = start(hub_yaml(service(echo, UDP), greeter("one")))
    assert hub.reload(hub_yaml(greeter("one"), service(echo, UDP)))["kept"] == 2
    assert udp_ask(hub.port("echo"), b"c") == b"c"
    assert udp_ask(hub.port("greeter"), b"") == b"one"


@pytest.mark.parametrize("line", ["limits: {queue: 7}", "limits: {deadline: 2s}",
                                  "limits: {threads: 2}", "limits: {idle: 1m}",
                                  "limits: {failures: 3}", "birth: fresh", "core: any"])
def test_what_is_not_the_same(start, echo, line):
    hub = start(hub_yaml(service(echo, UDP)))
    assert udp_ask(hub.port("echo"), b"c") == b"c"
    worker = hub.workers()
    assert hub.reload(hub_yaml(service(echo, UDP, line)))["changed"] == 1
    hub.until(lambda: not alive(worker[0]))
    assert udp_ask(hub.port("echo"), b"c") == b"c"
    assert hub.events("worker_ended")[0]["why"] == "its service was replaced"


def test_a_changed_service_takes_over(start, greeter):
    hub = start(hub_yaml(greeter("one")))
    port = hub.port("greeter")
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(b"\0\0")
        assert read_message(s) == b"one"
        assert udp_ask(port, b"") == b"one"
        assert hub.reload(hub_yaml(greeter("two")))["changed"] == 1
        assert udp_ask(port, b"") == b"two"
        s.sendall(b"\0\0")
        assert read_message(s) == b"two"
    hub.until(lambda: len(hub.workers()) == 1)  # the old one ends when its last life did
    assert len(hub.events("listening")) == 2


def test_services_come_and_go(start, echo, greeter):
    hub = start(hub_yaml(service(echo, UDP, TCP)))
    port = hub.port("echo", "tcp")
    assert tcp_ask(port, b"x") == b"x"
    worker = hub.workers()[0]
    assert hub.reload(hub_yaml(greeter("one"))) == {
        "event": "reloaded", "kept": 0, "changed": 0, "added": 1, "removed": 1}
    assert tcp_ask(hub.port("greeter", "tcp"), b"") == b"one"
    refused(port)
    hub.until(lambda: not alive(worker))
    assert hub.events("worker_ended")[0]["why"] == "its service was removed"
    assert hub.reload(hub_yaml(greeter("one"), service(echo, TCP)))["added"] == 1
    assert tcp_ask(hub.events("listening", service="echo")[-1]["port"], b"y") == b"y"


def test_another_service_on_the_same_port(start, echo, greeter, port):
    at = (f"udp: [127.0.0.1:{port}]", f"tcp: [127.0.0.1:{port}]")
    hub = start(hub_yaml(service(echo, *at)))
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(b"\0\1a")
        assert read_message(s) == b"a"
        hub.reload(hub_yaml(greeter("one", *at)))
        s.sendall(b"\0\1a")
        assert read_message(s) == b"one"
    assert udp_ask(port, b"a") == b"one"


def test_a_listener_moves(start, echo):
    old, new = free_port(), free_port()
    hub = start(hub_yaml(service(echo, f"udp: [127.0.0.1:{old}]", f"tcp: [127.0.0.1:{old}]")))
    assert tcp_ask(old, b"x") == b"x"
    worker = hub.workers()
    assert hub.reload(hub_yaml(service(echo, f"udp: [127.0.0.1:{new}]",
                                       f"tcp: [127.0.0.1:{new}]")))["kept"] == 1
    assert udp_ask(new, b"y") == b"y"
    assert tcp_ask(new, b"y") == b"y"
    refused(old)
    assert hub.workers() == worker
    assert hub.events("listening")[-1]["port"] == new


def test_another_image_under_the_same_name(start, build, echo, tmp_path):
    """As `mayfly build` does it: another file takes the place of the old one."""
    image = tmp_path / "service.mfy"
    shutil.copy(echo, image)
    hub = start(hub_yaml(service(image, "name: service", UDP, "limits: {idle: 50ms}")))
    port = hub.port("service")
    assert udp_ask(port, b"x") == b"x"
    shutil.copy(build / "guest/config.mfy", tmp_path / "new.mfy")
    os.replace(tmp_path / "new.mfy", image)
    assert udp_ask(port, b"x") == b"x"  # until it is told
    assert hub.reload()["changed"] == 1
    assert udp_ask(port, b"x") == b"hello"


def test_an_image_overwritten_in_its_place(start, build, echo, tmp_path):
    image = tmp_path / "service.mfy"
    shutil.copy(echo, image)
    hub = start(hub_yaml(service(image, "name: service", UDP, "limits: {idle: 50ms}")))
    port = hub.port("service")
    assert udp_ask(port, b"x") == b"x"
    hub.until(lambda: not hub.workers())
    image.write_bytes((build / "guest/config.mfy").read_bytes())
    with pytest.raises(TimeoutError):
        udp_ask(port, b"x", 1)
    hub.until(lambda: "its image changed on disk: reload the hub to use it" in hub.said())
    assert hub.reload()["changed"] == 1
    assert udp_ask(port, b"x") == b"hello"


def test_changed_data(start, build, tmp_path):
    zone = tmp_path / "a.zone"
    text = "$ORIGIN a.test.\n@ 60 IN SOA ns.a.test. me.a.test. 1 60 60 60 60\n@ 60 IN NS ns\n"
    zone.write_text(text + "x 60 IN A 192.0.2.1\n")
    hub = start(hub_yaml(service(build / "services/dns.mfy", UDP, f"data: {{a.zone: {zone}}}")))
    query = bytes.fromhex("123401000001000000000000") + b"\1x\1a\4test\0\0\1\0\1"
    assert udp_ask(hub.port("dns"), query).endswith(bytes([192, 0, 2, 1]))
    zone.write_text(text + "x 60 IN A 192.0.2.2\n")
    assert hub.reload()["changed"] == 1
    assert udp_ask(hub.port("dns"), query).endswith(bytes([192, 0, 2, 2]))


def test_events_of_one_key_keep_their_order(start, build):
    """Those of the new service wait until the old one has done those that came before."""
    def text(queue):
        return hub_yaml(service(build / "guest/ordered.mfy", UDP, f"limits: {{queue: {queue}}}"))

    hub = start(text(100))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", hub.port("ordered")))
        s.settimeout(10)
        sent = []
        for n in range(5):
            more = [b"slow", *(f"{n}.{i}".encode() for i in range(10))]
            for payload in more:
                s.send(payload)
            sent += more
            assert hub.reload(text(101 + n))["changed"] == 1
        assert [s.recv(100) for _ in sent] == sent


def test_order_is_kept_past_a_service_that_had_no_event(start, build):
    """Two reloads at once: what comes after the second waits for what came before the first."""
    def text(queue):
        return hub_yaml(service(build / "guest/ordered.mfy", UDP, f"limits: {{queue: {queue}}}"))

    hub = start(text(100))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", hub.port("ordered")))
        s.settimeout(10)
        sent = [b"0", *(f"slow{i}".encode() for i in range(20))]
        for payload in sent:
            s.send(payload)
        assert s.recv(100) == b"0"
        for n in range(2):
            assert hub.reload(text(101 + n))["changed"] == 1
        s.send(b"last")
        assert [s.recv(100) for _ in sent] == [*sent[1:], b"last"]


# ----------------------------------------------------------------------- HTTP


def get(connection, path="/greeting"):
    """(status, body) on a connection that stays open."""
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def browser(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=60)


def test_routes_change_under_a_connection(start, greeter, build):
    web = service(build / "guest/web.mfy", "http: [{path: /echo}]")
    hub = start(hub_yaml(greeter("one", UDP), web, head=HTTP))
    port = hub.port(None, "http")
    client = browser(port)
    assert get(client) == (200, b"one")
    first = client.sock
    assert hub.reload(hub_yaml(greeter("two", UDP), web, head=HTTP))["kept"] == 1
    assert get(client) == (200, b"two")
    assert hub.reload(hub_yaml(greeter("two", UDP, "http: [{path: /b}]"), web, head=HTTP)) == {
        "event": "reloaded", "kept": 2, "changed": 0, "added": 0, "removed": 0}
    assert get(client)[0] == 404
    assert get(client, "/b") == (200, b"two")
    assert hub.reload(hub_yaml(web, head=HTTP))["removed"] == 1
    assert get(client, "/b")[0] == 404
    assert get(client, "/echo")[0] == 200
    assert client.sock is first
    assert len(hub.events("listening", transport="http")) == 1


def test_a_route_that_is_taken_changes_nothing(start, greeter, build):
    hub = start(hub_yaml(greeter("one", UDP), head=HTTP))
    why = hub.reload(hub_yaml(greeter("two", UDP), service("config.mfy"),
                              head=HTTP))["why"]
    assert "any method /greeting on 127.0.0.1:0: greeter at " in why
    assert get(browser(hub.port(None, "http"))) == (200, b"one")


def test_an_http_listener_moves(start, greeter, build):
    old, new = free_port(), free_port()
    text = "http: [{{listen: 127.0.0.1:{}}}]\n"
    slow = service(build / "guest/web.mfy", "limits: {cpu: 800ms, deadline: 1m}")
    hub = start(hub_yaml(greeter("one", UDP), slow, head=text.format(old)))
    idle, busy, gone = browser(old), browser(old), browser(old)
    assert get(idle) == (200, b"one")
    busy.request("GET", "/loop")
    gone.request("GET", "/loop")
    hub.until(lambda: hub.events("worker_started", service="web"))
    assert get(browser(old)) == (200, b"one")  # it came later: so both were taken
    gone.sock.close()
    assert hub.reload(hub_yaml(greeter("one", UDP), slow, head=text.format(new)))["kept"] == 2
    assert get(browser(new)) == (200, b"one")
    refused(old)
    assert idle.sock.recv(1) == b""  # it was doing nothing
    assert busy.getresponse().status == 504  # it is told what became of its request
    hub.until(lambda: len(hub.events("life", service="web")) == 2, 60)
    assert get(browser(new), "/echo")[0] == 200


def test_clients_that_wait_at_a_listener_that_goes(start, greeter):
    """Who connected and asked already, but wasn't accepted yet, gets an answer and no reset."""
    old, new = free_port(), free_port()
    text = "http: [{{listen: 127.0.0.1:{}}}]\n"
    hub = start(hub_yaml(greeter("one", UDP), head=text.format(old)))
    os.kill(hub.pid, signal.SIGSTOP)
    clients = [browser(old) for _ in range(50)]
    for client in clients:
        client.request("GET", "/")
    hub.config.write_text(hub_yaml(greeter("one", UDP), head=text.format(new)))
    os.kill(hub.pid, signal.SIGHUP)
    os.kill(hub.pid, signal.SIGCONT)
    statuses = {client.getresponse().status for client in clients}
    assert 503 in statuses and statuses <= {200, 503}
    refused(old)
    assert get(browser(new)) == (200, b"one")


def test_less_patience_with_idle_connections(start, greeter):
    """Those that are idle already have the new time, not the rest of the old one."""
    hub = start(hub_yaml(greeter("one", UDP), head="limits: {keepalive: 10m}\n" + HTTP))
    with socket.create_connection(("127.0.0.1", hub.port(None, "http")), 10) as idle:
        hub.reload(hub_yaml(greeter("one", UDP), head="limits: {keepalive: 100ms}\n" + HTTP))
        assert idle.recv(1) == b""


@pytest.fixture
def certificate(tmp_path):
    """certificate(NAME): files of a key and of a certificate for it."""

    def make(name):
        key, pem = tmp_path / "hub0" / f"{name}.key", tmp_path / "hub0" / f"{name}.pem"
        pem.parent.mkdir(exist_ok=True)
        done = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                   "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", pem)
        assert done.returncode == 0, done.stderr
        return pem, key

    return make


def secure(port, pem, name):
    context = ssl.create_default_context(cafile=str(pem))
    raw = socket.create_connection(("127.0.0.1", port), 10)
    client = browser(port)
    client.sock = context.wrap_socket(raw, server_hostname=name)
    return client


def test_a_certificate_changes(start, greeter, certificate):
    pem, key = certificate("first.test")
    head = f"http: [{{listen: 127.0.0.1:0, tls: {{certificate: {pem}, key: {key}}}}}]\n"
    text = hub_yaml(greeter("one", UDP), head=head)
    hub = start(text)
    port = hub.port(None, "https")
    old = secure(port, pem, "first.test")
    assert get(old) == (200, b"one")
    new_pem, new_key = certificate("second.test")
    shutil.copy(new_pem, pem)
    said = hub.reload(text)  # a certificate and the key of another one
    assert said["event"] == "not_reloaded" and "hub.yaml:2:8: http: tls: " in said["why"]
    shutil.copy(new_key, key)
    assert hub.reload(text)["kept"] == 1
    assert get(secure(port, new_pem, "second.test")) == (200, b"one")
    assert get(old) == (200, b"one")
    pem.unlink()
    assert "No such file" in hub.reload(text)["why"]
    assert get(secure(port, new_pem, "second.test")) == (200, b"one")


def test_tls_comes_and_goes(start, greeter, certificate):
    pem, key = certificate("a.test")
    plain = hub_yaml(greeter("one", UDP), head=HTTP)
    tls = hub_yaml(greeter("one", UDP), head="http: [{listen: 127.0.0.1:0, "
                   f"tls: {{certificate: {pem}, key: {key}}}}}]\n")
    hub = start(plain)
    port = hub.port(None, "http")
    client = browser(port)
    assert get(client) == (200, b"one")
    hub.reload(tls)
    assert get(secure(port, pem, "a.test")) == (200, b"one")
    assert get(client) == (200, b"one")
    hub.reload(plain)
    assert get(browser(port)) == (200, b"one")


# ------------------------------------------------------------------ bad files


def test_a_bad_file_changes_nothing(start, echo, greeter, tmp_path):
    both = service(echo, UDP, TCP) + greeter("one")
    hub = start(hub_yaml(both))
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    workers, descriptors = hub.workers(), hub.descriptors()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        taken = s.getsockname()[1]
        for bad, words in [
                ("mayfly: [", "hub.yaml:2:1: "),
                (hub_yaml(both + "    udq: []\n"), "unknown key 'udq'; did you mean 'udp'?"),
                (hub_yaml(both, service("nonesuch.mfy")), "hub.yaml:11:5: image: "),
                (hub_yaml(both, service(echo)), "'echo' is taken"),
                (hub_yaml(both, service(echo, "name: b", "data: {a: b}")), "takes no data"),
                (hub_yaml(service(echo, UDP), greeter("two"),
                          service(echo, "name: b", TCP, f"udp: [127.0.0.1:{taken}]")),
                 f"can't listen on 127.0.0.1:{taken}: Address already in use"),
        ]:
            said = hub.reload(bad)
            assert said["event"] == "not_reloaded" and words in said["why"], said
            assert f"not reloaded, all goes on as it was: {said['why']}" in hub.said()
            assert udp_ask(hub.port("echo"), b"x") == b"x"
            assert tcp_ask(hub.port("echo"), b"x") == b"x"
            assert hub.workers() == workers
    hub.until(lambda: hub.descriptors() == descriptors)  # a client may just have gone
    assert udp_ask(hub.port("greeter"), b"") == b"one"
    hub.config.unlink()
    hub.process.send_signal(signal.SIGHUP)
    hub.until(lambda: "can't read it: No such file" in hub.said())
    assert hub.reload(hub_yaml(both))["kept"] == 2


def test_files_that_would_keep_it_waiting(start, echo, build, certificate, tmp_path):
    """In the place of an image, of data, of a key, of a certificate somebody puts a pipe that nobody writes
    to: the hub says so and goes on."""
    assert run(build / "mayfly", "keygen", "key", "-W", "-o", tmp_path).returncode == 0
    cert, secret = certificate("localhost")
    shutil.copy(echo, tmp_path / "own.mfy")
    (tmp_path / "data").write_text("$ORIGIN example.test.\n@ 60 IN SOA a a 1 1 1 1 1\n@ 60 IN NS a\n")
    text = hub_yaml(service(tmp_path / "own.mfy", "name: own"), service(echo, UDP),
                    service(build / "services/dns.mfy", f"data: {{example.test.zone: {tmp_path}/data}}"),
                    head=f"http: [{{listen: 127.0.0.1:0, tls: {{certificate: {cert}, key: {secret}, "
                         f"clients: {tmp_path}/clients.pem}}}}]\n",
                    trust=f"trust: {{allow_unsigned: true, keys: [{{key: {tmp_path}/key.pub}}]}}\n")
    shutil.copy(cert, tmp_path / "clients.pem")
    hub = start(text)
    assert hub.reload()["event"] == "reloaded"
    for each in ("own.mfy", "data", "key.pub", "clients.pem", cert):
        file = tmp_path / each
        whole = file.read_bytes()
        file.unlink()
        os.mkfifo(file)
        said = hub.reload()
        assert said["event"] == "not_reloaded" and f'"{file}": it is not a regular file' in said["why"]
        assert udp_ask(hub.port("echo"), b"x") == b"x"
        file.unlink()
        file.write_bytes(whole)
    assert hub.reload()["event"] == "reloaded"


def test_a_port_that_this_hub_has_in_another_way(start, echo):
    port = free_port()
    hub = start(hub_yaml(service(echo, f"tcp: [127.0.0.1:{port}]")))
    why = hub.reload(hub_yaml(service(echo, f"tcp: ['*:{port}']")))["why"]
    assert "this hub has it until it is started again" in why
    assert tcp_ask(port, b"x") == b"x"


# ------------------------------------------------------- clients that don't wait


def vanish(s):
    """The connection is reset, not closed."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


@contextlib.contextmanager
def frozen(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_its_client_vanishes_and_its_listener_too(start, build, echo, kind):
    """An event outlives both its connection and the listener that it came by."""
    port = free_port()
    kept = service(echo, "name: kept", UDP)
    if kind == "tcp":
        hub = start(hub_yaml(kept, service(echo, f"tcp: [127.0.0.1:{port}]")))
        question = b"\0\1x"
    else:
        hub = start(hub_yaml(kept, service(build / "guest/web.mfy"),
                             head=f"http: [{{listen: 127.0.0.1:{port}}}]\n"))
        question = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(question)
        assert s.recv(10)
    worker, lives = hub.workers()[0], hub.count(1, "life")
    with frozen(worker):
        s = socket.create_connection(("127.0.0.1", port), 5)
        s.sendall(question)
        descriptors = hub.descriptors()
        time.sleep(0.2)  # it is at work
        vanish(s)
        assert hub.reload(hub_yaml(kept))["removed"] == 1
        refused(port)
        hub.until(lambda: hub.descriptors() < descriptors)
        assert udp_ask(hub.port("kept"), b"x") == b"x"
    hub.until(lambda: len(hub.events("life")) > lives + 1)
    hub.until(lambda: not alive(worker))
    assert udp_ask(hub.port("kept"), b"y") == b"y"


def test_a_port_that_was_taken_away_and_has_work(start, echo):
    port = free_port()
    kept, at = service(echo, "name: kept", UDP), service(echo, f"udp: [127.0.0.1:{port}]")
    hub = start(hub_yaml(kept, at))
    assert udp_ask(port, b"x") == b"x"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, frozen(hub.workers()[0]):
        s.sendto(b"y", ("127.0.0.1", port))
        time.sleep(0.2)  # it is at work
        assert hub.reload(hub_yaml(kept))["removed"] == 1
        assert "reload it again in a moment" in hub.reload(hub_yaml(kept, at))["why"]
    hub.until(lambda: hub.reload(hub_yaml(kept, at))["event"] == "reloaded")
    assert udp_ask(port, b"z") == b"z"


# ----------------------------------------------------------------------- load


class Client(threading.Thread):
    """Asks one question after another until told to stop; keeps what went wrong."""

    def __init__(self, ask):
        super().__init__(daemon=True)
        self.ask, self.done, self.answers, self.wrong = ask, False, 0, []

    def run(self):
        try:
            while not self.done:
                answer = self.ask()
                self.answers += 1
                if answer not in (b"one", b"two"):
                    self.wrong.append(answer)
        except Exception as e:  # pylint: disable=broad-except
            self.wrong.append(repr(e))


def on_one_connection(port):
    """A function that asks on a connection which stays."""
    s = socket.create_connection(("127.0.0.1", port), 10)

    def ask():
        s.sendall(b"\0\0")
        return read_message(s)

    return ask


def with_browser(port):
    client = browser(port)

    def ask():
        status, body = get(client)
        return body if status == 200 else status

    return ask


def once(port):
    """Asks on a connection of its own."""
    client = browser(port)
    try:
        status, body = get(client)
        return body if status == 200 else status
    finally:
        client.close()


def hammer(hub, texts, asks, seconds=4):
    """All clients at once while the configuration changes ten times a second."""
    clients = [Client(ask) for ask in asks]
    for client in clients:
        client.start()
    end, reloads = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        assert hub.reload(texts[reloads % len(texts)])["event"] == "reloaded"
        reloads += 1
        time.sleep(0.1)
    for client in clients:
        client.done = True
    for client in clients:
        client.join(30)
    assert not any(client.wrong for client in clients), [c.wrong for c in clients]
    assert all(client.answers > 0 for client in clients)
    return reloads


def test_under_load(start, echo, greeter):
    """Nothing that was accepted is lost, whatever changes around it."""
    texts = [
        hub_yaml(greeter("two"), service(echo, UDP), head=HTTP),
        hub_yaml(service(echo, UDP), greeter("two"), head=HTTP),
        hub_yaml(greeter("one", UDP, TCP, "limits: {threads: 2}"), head=HTTP),
        hub_yaml(greeter("one"), service(echo, UDP), head=HTTP + "metrics: 127.0.0.1:0\n"),
    ]
    hub = start(texts[3])
    port, web = hub.port("greeter"), hub.port(None, "http")
    udp_ask(port, b"")
    descriptors = hub.descriptors()
    reloads = hammer(hub, texts, [lambda: udp_ask(port, b"", 10), lambda: udp_ask(port, b"", 10),
                                  on_one_connection(port), lambda: tcp_ask(port, b"", 10),
                                  with_browser(web), lambda: once(web)])
    assert hub.reload(texts[3])["event"] == "reloaded"
    assert udp_ask(port, b"") == b"one"
    hub.until(lambda: len(hub.workers()) == 1)
    assert hub.descriptors() <= descriptors + 1  # one that a client just closed
    lives = hub.events("life", service="greeter")
    assert all(life["result"] == "ok" for life in lives)
    assert reloads >= 5


def test_the_end_while_services_leave(start, build, greeter):
    """A service that was taken away and still has work is waited for, within its deadline."""
    hub = start(hub_yaml(service(build / "guest/loop.mfy", UDP,
                                 "limits: {deadline: 1s, cpu: 1s}")))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("127.0.0.1", hub.port("loop")))
        hub.until(lambda: hub.events("worker_started"))
        assert hub.reload(hub_yaml(greeter("one")))["removed"] == 1
        assert udp_ask(hub.port("greeter"), b"") == b"one"
        assert hub.stop() == 0
    assert hub.events("life", service="loop")[0]["result"] in ("deadline", "late")
    assert not hub.workers()
