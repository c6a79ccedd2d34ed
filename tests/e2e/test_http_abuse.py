"""What clients do to an HTTP server that they shouldn't. Each test shows what such a client sees,
and that another one is served meanwhile."""

import contextlib
import json
import resource
import socket
import subprocess
import struct

import pytest
from conftest import SANITIZED, run
from http_client import Client, listener, served
from hubs import as_user_of, hub_yaml, service

HOST = b"Host: a\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def start(make_hub):
    """start(TEXT) -> Hub"""
    return make_hub


@pytest.fixture
def web(build):
    return build / "guest/web.mfy"


@pytest.fixture
def hub(start, web):
    return start(hub_yaml(service(web), head=listener()))


def refused(client, status):
    """The client sees one answer, a problem with this status, and the end of the connection."""
    answer = client.answer()
    assert answer.status == status, answer
    assert answer.headers["connection"] == "close"
    found = json.loads(answer.body)
    assert (found["status"], found["id"]) == (status, answer.headers["mayfly-event"])
    assert client.ended(), "nothing that came behind it was taken for a request"
    return found["detail"]


SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.mark.parametrize("status, request_", [
    (400, POST + b"Content-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    (400, POST + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n"),
    (400, POST + b"Content-Length: 44\r\nContent-Length: 44\r\n\r\n"),
    (400, POST + b"Content-Length: 0, 44\r\n\r\n"),
    (400, POST + b"Content-Length: +0\r\n\r\n"),
    (400, POST + b"Content-Length: 0x0\r\n\r\n"),
    (400, POST + b"Content-Length: 18446744073709551617\r\n\r\n"),
    (501, POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    (501, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    (501, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
    (400, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"Content-Length : 5\r\n\r\n"),
    (400, POST + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n"),
    (400, POST + b"X: a\r\n\tb\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    (400, POST + b"X: a\nContent-Length: 44\r\n\r\n"),
    (400, POST + b"X: a\rContent-Length: 44\r\n\r\n"),
    (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    (400, POST + b": x\r\n\r\n"),
    (400, POST + b"X: a\0b\r\n\r\n"),
    (400, b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"Host: b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    (400, b"GET /a/../b HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET /a/%2e%2e/b HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET /%zz HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET / / HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET /\r\n" + HOST + b"\r\n"),
    (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"),
    (501, b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n"),
    (501, b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n"),
    (505, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (417, b"GET / HTTP/1.1\r\n" + HOST + b"Expect: miracles\r\n\r\n"),
    (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    (431, b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 17000 + b"\r\n\r\n"),
    (431, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 101 + b"\r\n"),
    (413, POST + b"Content-Length: 10000000\r\n\r\n"),
    (413, POST + b"Content-Length: 10000000\r\nExpect: 100-continue\r\n\r\n"),
    (413, CHUNKED + b"4000\r\n" + (b"x" * 0x4000 + b"\r\n4000\r\n") * 3),
    (400, CHUNKED + b"3\nabc\r\n0\r\n\r\n"),
    (400, CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n"),
    (400, CHUNKED + b"-1\r\n\r\n"),
    (400, CHUNKED + b"fffffffffffffffff\r\n"),
    (400, CHUNKED + b"1;" + b"a" * 1000 + b"\r\nx\r\n0\r\n\r\n"),
    (400, CHUNKED + b"0" * 1000 + b"\r\n\r\n"),
    (400, CHUNKED + b"0\r\nX: a\r\n b\r\n\r\n"),
    (400, CHUNKED + b"0\r\nX: a\n\r\n"),
    (400, CHUNKED + b"0\r\nX: " + b"a" * 5000 + b"\r\n\r\n"),
])
def test_bad_framing(hub, status, request_):
    """One answer, then the end; what stands behind is no request, whatever it looks like."""
    with served(hub.http()), Client(hub.http()) as client:
        client.send(request_ + SMUGGLED)
        refused(client, status)
    assert "smuggled" not in hub.said()


def test_bad_framing_byte_by_byte(hub):
    with served(hub.http()), Client(hub.http()) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for byte in POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n":
                client.send(bytes([byte]))
        refused(client, 400)


def test_a_bad_request_behind_good_ones(hub):
    """The good ones are answered first."""
    good = b"GET /%d HTTP/1.1\r\n" + HOST + b"\r\n"
    with served(hub.http()), Client(hub.http()) as client:
        client.send(b"".join(good % i for i in range(10)) + b"GARBAGE\r\n\r\n" + SMUGGLED)
        for i in range(10):
            assert f"path=/{i}\n" in client.answer().body.decode()
        refused(client, 400)


def test_a_body_that_is_far_too_large(hub, tmp_path):
    """The client is still sending when it is answered: it sees the answer, not a reset."""
    body = tmp_path / "body"
    body.write_bytes(b"x" * (8 << 20))
    with served(hub.http()):
        for more in [], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]:
            got = run("curl", "-sS", "-w", "%{http_code}", "-T", body, *more,
                      f"http://127.0.0.1:{hub.http()}/upload")
            assert got.stdout.endswith("413") and "larger than the service takes" in got.stdout, got


# ---------------------------------------------------------------------- slow ones


QUICK = "limits: {request: 2s, keepalive: 2s}\n"


def test_slow_heads_and_bodies(start, web):
    """A byte now and then is no progress: a request has its time as a whole."""
    hub = start(hub_yaml(service(web), head=QUICK + listener()))
    port = hub.http()
    for beginning in b"GET / HTTP/1.1\r\n", POST + b"Content-Length: 100\r\n\r\n", CHUNKED + b"64\r\n":
        with served(port, short=True), Client(port) as client:
            client.send(beginning)
            client.socket.settimeout(0.1)
            while True:
                try:
                    client.fill()
                    break
                except TimeoutError:
                    client.send(b"X")
            client.socket.settimeout(20)
            assert "took too long" in refused(client, 408)


def test_idle_connections_end(start, web):
    hub = start(hub_yaml(service(web), head=QUICK + listener()))
    port = hub.http()
    with Client(port) as silent, Client(port) as client:
        with served(port, short=True):
            assert client.ask("GET", "/").status == 200
            assert client.ended() and silent.ended()


def test_a_reader_that_does_not_read(start, web):
    """It has so much time for each 10 KiB; what waits for it is bounded; others go on."""
    hub = start(hub_yaml(service(web), head=listener()))
    port = hub.http()
    before = hub.resident_kib()
    with served(port), contextlib.ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(Client(port))
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(2000):
                    client.socket.send(b"GET /size/150000 HTTP/1.1\r\n" + HOST + b"\r\n")
        hub.until(lambda: hub.events("life"))
    assert hub.resident_kib() - before < 24 << 10


# ---------------------------------------------------------------------- many


def test_ten_thousand_idle_connections(start, web):
    """They cost little, and whoever asks is answered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    many = min(10000, hard - 500)
    hub = start(hub_yaml(service(web), head=f"limits: {{connections: {many + 100}}}\n" + listener()))
    port = hub.http()
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with served(port):
            pass
        before = hub.resident_kib()
        for _ in range(many):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 20))
        with served(port):
            pass
        each = (hub.resident_kib() - before) * 1024 / many
        print(f"{each:.0f} bytes each")
        assert each < 600 or SANITIZED
        assert hub.descriptors() > many


def test_the_idlest_makes_room(start, web):
    """More connections than there may be: the one that is idle for longest is closed."""
    hub = start(hub_yaml(service(web), head="limits: {connections: 20}\n" + listener()))
    port = hub.http()
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(Client(port)) for _ in range(20)]
        for client in idle:
            assert client.ask("GET", "/").status == 200
        with served(port):
            assert idle[0].ended()
        assert idle[-1].ask("GET", "/").status == 200


def test_clients_that_begin_and_wait_make_room_too(start, web):
    """A crowd of connections with half a head keeps nobody out."""
    hub = start(hub_yaml(service(web), head="limits: {connections: 20}\n" + listener()))
    port = hub.http()
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            client = stack.enter_context(Client(port))
            client.send(b"GET / HTTP/1.1\r\n")
        with served(port):
            pass


def test_clients_that_vanish(start, web):
    """In the middle of a head, of a body, of their life, of an answer."""
    hub = start(hub_yaml(service(web, "limits: {cpu: 50ms, failures: 0}"), head=listener()))
    port = hub.http()
    with served(port):
        pass
    before = hub.descriptors()  # the worker's among them
    with served(port):
        for sent in (b"GET / HTT", POST + b"Content-Length: 9\r\n\r\nab", CHUNKED + b"9\r\nab",
                     b"GET /loop HTTP/1.1\r\n" + HOST + b"\r\n",
                     b"GET /size/150000 HTTP/1.1\r\n" + HOST + b"\r\n"):
            for _ in range(5):
                client = Client(port)
                client.send(sent)
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.socket.close()  # a reset
    hub.until(lambda: hub.descriptors() <= before + 2)


def test_no_descriptor_is_left(start, web):
    """Accepting pauses or the idlest makes room; those that are there are served."""
    hub = start(hub_yaml(service(web), head=listener()))
    port = hub.http()
    with Client(port) as client:
        assert client.ask("GET", "/").status == 200
        used = hub.descriptors()
        subprocess.run([*as_user_of(hub.pid), "prlimit", f"--pid={hub.pid}", f"--nofile={used + 5}"],
                       check=True)
        with contextlib.ExitStack() as stack:
            for _ in range(50):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), 20))
            with served(port):
                pass


def test_the_memory_for_all_clients_is_bounded(start, web):
    """Many half bodies: those for which there is no room are told so."""
    hub = start(hub_yaml(service(web), head="limits: {memory: 1MiB}\n" + listener()))
    port = hub.http()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(port)) for _ in range(100)]
        for client in clients:
            client.send(POST + b"Content-Length: 20000\r\n\r\n" + b"x" * 19999)
        assert "holds as much" in refused(clients[-1], 503)
        clients[0].send(b"x")
        assert clients[0].answer().status == 200
        with served(port):
            pass


def test_handshakes_that_never_end(start, web, tmp_path):
    """TLS: a client that says nothing, one that says half of a hello."""
    certificate, key = tmp_path / "c", tmp_path / "k"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost", check=True)
    hub = start(hub_yaml(service(web), head=QUICK + listener(tls=(certificate, key)) +
                         "  - listen: 127.0.0.1:0\n"))
    with served(hub.http(), short=True), Client(hub.http("https")) as silent, Client(hub.http("https")) as half:
        half.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert silent.ended() and half.ended()
