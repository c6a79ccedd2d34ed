"""HTTP/1.1 as clients speak it: curl, Python's http.client and ssl, plain sockets."""

import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest
from conftest import run
from hubs import children, hub_yaml, service
from http_client import Client, listener

PROBLEM = "application/problem+json"


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


def curl(*args, **options):
    return run("curl", "-sS", "--max-time", "20", *args, **options)


def fields(text):
    return dict(line.split("=", 1) for line in text.splitlines())


def problem(answer, status):
    """The problem of an answer, which must have this status."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == PROBLEM
    found = json.loads(answer.body)
    assert found["status"] == status and found["type"] == "about:blank"
    assert found["title"] == answer.reason and found["detail"]
    assert found["id"] == answer.headers["mayfly-event"]
    return found


# --------------------------------------------------------------- what a guest sees


def test_a_guest_sees_the_request(hub):
    port = hub.http()
    got = curl(f"http://127.0.0.1:{port}/hall/%C3%A9?a=b&c=%20", "-H", "X-One: 1", "-H", "x-one: one",
               "-H", "X-Three: 3", "-H", "Cookie: a=b", "-H", "Content-Type: text/x; y=z",
               "-d", "the body")
    said = fields(got.stdout)
    assert said == {
        "method": "POST", "path": "/hall/%C3%A9", "query": "a=b&c=%20", "type": "text/x; y=z",
        "id": said["id"], "peer": said["peer"], "x-one": "1, one", "x-two": "(absent)",
        "cookie": "a=b", "body": "the body"}
    assert re.fullmatch("[0-9a-f]{32}", said["id"])
    assert re.fullmatch(r"127\.0\.0\.1:\d+", said["peer"])


def test_an_answer_names_its_event(hub):
    with Client(hub.http()) as client:
        answer = client.ask("GET", "/")
        assert answer.headers["mayfly-event"] == fields(answer.body.decode())["id"]
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.headers["date"])
    hub.until(lambda: hub.events("life", id=answer.headers["mayfly-event"], source="http"))


def test_a_guest_sets_status_headers_and_body(hub):
    with Client(hub.http()) as client:
        answer = client.ask("POST", "/as/418", b"short and stout")
        assert (answer.status, answer.body) == (418, b"short and stout")
        answer = client.ask("POST", "/line/X-Answer", b"forty two")
        assert (answer.status, answer.body) == (200, b"said\n")
        assert (answer.headers["x-first"], answer.headers["x-answer"]) == ("1", "forty two")
        answer = client.ask("GET", "/none")
        assert (answer.status, answer.body) == (204, b"")
        assert "content-length" not in answer.headers and "mayfly-event" in answer.headers
        for status in 204, 304:
            answer = client.ask("GET", f"/as/{status}")
            assert (answer.status, answer.body) == (status, b"")


@pytest.mark.parametrize("name, value, why", [
    ("Content-Length", b"5", 'header that the hub writes: "Content-Length: 5"'),
    ("transfer-encoding", b"chunked", 'header that the hub writes: "transfer-encoding: chunked"'),
    ("Connection", b"close", 'header that the hub writes: "Connection: close"'),
    ("Mayfly-Event", b"0", 'header that the hub writes: "Mayfly-Event: 0"'),
    ("X-A", b"b\r\nSet-Cookie", 'malformed header: "Set-Cookie"'),
    ("X-A", b"b\r\n\r\n<html>", 'malformed header: ""'),
    ("X-A", b"b\nc", 'malformed header: "X-A: b"'),
    ("X-A", b"b\x07", 'malformed header: "X-A: b\\x07"'),
    ("(X)", b"b", 'malformed header: "(X): b"'),
])
def test_a_bad_header_line_refuses_the_life(hub, name, value, why):
    with Client(hub.http()) as client:
        found = problem(client.ask("POST", f"/line/{name}", value), 502)
        assert client.ask("GET", "/").status == 200, "the connection goes on"
    hub.until(lambda: found["id"] in hub.said())
    line = next(line for line in hub.said().splitlines() if found["id"] in line)
    assert line.endswith(why) and "web" in line


def test_a_bad_status_refuses_the_life(start, web):
    hub = start(hub_yaml(service(web, "limits: {failures: 0}"), head=listener()))
    with Client(hub.http()) as client:
        for status in 0, 99, 101, 600, 999999:
            problem(client.ask("GET", f"/as/{status}"), 502)
        problem(client.ask("POST", "/as/204", b"a body"), 502)
        assert client.ask("GET", "/").status == 200


def test_lives_that_fail(start, web):
    hub = start(hub_yaml(service(web, "limits: {failures: 0}"), head=listener()))
    with Client(hub.http()) as client:
        for path, status in ("/fail", 502), ("/crash", 502), ("/size/99999999", 200):
            answer = client.ask("GET", path)
            assert answer.status == status, (path, answer)
        found = problem(client.ask("GET", "/loop"), 504)
        assert "time" in found["detail"]
        assert client.ask("GET", "/").status == 200


# ------------------------------------------------------------------ the protocol


def test_keep_alive_and_close(hub):
    port = hub.http()
    got = curl(f"http://127.0.0.1:{port}/a", f"http://127.0.0.1:{port}/b", "-w", "%{num_connects}\n")
    assert [line for line in got.stdout.splitlines() if line in "01"] == ["1", "0"]
    with Client(port) as client:
        answer = client.ask("GET", "/", headers={"Connection": "close"})
        assert answer.headers["connection"] == "close"
        assert client.ended()


def test_what_comes_after_the_last_request(hub):
    """A client that goes on sending isn't reset: it might lose the answer. It is let finish, for 2 s."""
    for _ in range(5):
        with Client(hub.http()) as client:
            answer = client.ask("GET", "/", headers={"Connection": "close"})
            since = time.monotonic()
            assert answer.status == 200 and client.socket.recv(1) == b""
            for _ in range(20):
                client.send(b"x" * 1000)
                time.sleep(0.01)
            if time.monotonic() - since < 1.5:
                return
    pytest.skip("this machine is too slow to tell")


def test_empty_lines_between_requests(start, web):
    """They are nothing, in pieces too: they begin no request, so it can't be late."""
    hub = start(hub_yaml(service(web), head="limits: {request: 1s}\n" + listener()))
    with Client(hub.http()) as client:
        for pieces in (b"\r\n",), (b"\r", b"\n"), (b"\r\n\r", b"\n"), (b"\r\n\r",):
            for piece in pieces:
                client.send(piece)
                time.sleep(0.05)
        time.sleep(1.3)
        client.send(b"\n")
        assert client.ask("GET", "/").status == 200


def test_http_1_0(hub):
    port = hub.http()
    got = curl("-0", "-i", f"http://127.0.0.1:{port}/a")
    assert got.stdout.startswith("HTTP/1.1 200 OK\n") and "Connection: close" in got.stdout
    with Client(port) as client:
        client.send(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert client.answer().headers["connection"] == "keep-alive"
        client.send(b"GET /b HTTP/1.0\r\n\r\n")
        assert "path=/b" in client.answer().body.decode()
        assert client.ended()


def test_head(hub):
    with Client(hub.http()) as client:
        size = len(client.ask("GET", "/size/1000").body)
        answer = client.ask("HEAD", "/size/1000")
        assert (answer.body, answer.headers["content-length"]) == (b"", str(size))
        assert client.ask("GET", "/").status == 200


def test_pipelined_requests_are_answered_in_order(hub):
    with Client(hub.http()) as client:
        client.send(b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n%02d" % (i, i)
                             for i in range(50)))
        for i in range(50):
            said = fields(client.answer().body.decode())
            assert (said["path"], said["body"]) == (f"/{i}", f"{i:02d}")


def test_chunked_bodies(hub):
    port = hub.http()
    got = curl(f"http://127.0.0.1:{port}/", "-H", "Transfer-Encoding: chunked", "-d", "x" * 10000)
    assert fields(got.stdout)["body"] == "x" * 10000
    with Client(port) as client:
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in b"3;ext=1\r\n", b"abc\r", b"\n", b"2\r\nde\r\n", b"0\r\nTrailer: x\r", b"\n\r\n":
            client.send(piece)
        assert fields(client.answer().body.decode())["body"] == "abcde"


def test_expect_100_continue(hub):
    port = hub.http()
    got = curl("-v", f"http://127.0.0.1:{port}/", "-H", "Expect: 100-continue", "-d", "y" * 9000)
    assert "HTTP/1.1 100 Continue" in got.stderr
    assert fields(got.stdout)["body"] == "y" * 9000
    with Client(port) as client:  # refused before the body is sent
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    b"Content-Length: 1000000\r\n\r\n")
        problem(client.answer(), 413)
        assert client.ended()


def test_absolute_targets_and_options(hub):
    with Client(hub.http()) as client:
        client.send(b"GET http://other.example/x?y HTTP/1.1\r\nHost: a\r\n\r\n")
        assert fields(client.answer().body.decode())["path"] == "/x"
        client.send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.answer()
        assert answer.status == 204 and "GET" in answer.headers["allow"]


def test_routes(start, web):
    """By host, path and method; what fits nothing is 404 or 405 with Allow."""
    hub = start(hub_yaml(service(web, "name: get", "http: [{method: GET, path: /a/+}]"),
                         service(web, "name: put", "http: [{method: PUT, path: /a/+}]"),
                         service(web, "name: named", "http: [{host: b.example, path: '/a/#'}]"),
                         head=listener()))
    with Client(hub.http()) as client:
        assert client.ask("GET", "/a/b").status == 200
        assert client.ask("PUT", "/a/b", b"x").status == 200
        assert client.ask("HEAD", "/a/b").status == 200
        answer = client.ask("POST", "/a/b", b"x")
        problem(answer, 405)
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PUT", "OPTIONS"}
        problem(client.ask("GET", "/a"), 404)
        assert client.ask("POST", "/a", headers={"Host": "B.example:80"}).status == 200
        answer = client.ask("OPTIONS", "/a/b")
        assert (answer.status, "PUT" in answer.headers["allow"]) == (204, True)
    hub.until(lambda: {e["service"] for e in hub.events("life")} == {"get", "put", "named"})


def test_content_encoding_nobody_reads(hub):
    with Client(hub.http()) as client:
        answer = client.ask("POST", "/", b"\x1f\x8b", {"Content-Encoding": "gzip"})
        problem(answer, 415)
        assert answer.headers["accept-encoding"] == "identity"
        assert client.ask("GET", "/").status == 200, "the body was there, so the connection goes on"


def test_large_answers_to_a_slow_reader(hub):
    with Client(hub.http()) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send(b"GET /size/150000 HTTP/1.1\r\nHost: a\r\n\r\n" * 10)
        for _ in range(10):
            answer = client.answer()
            assert answer.body == b"x" * len(answer.body) and len(answer.body) > 140000


# ------------------------------------------------------------- the same once more


def test_an_idempotency_key(hub):
    """The same key and request: the first answer, and no second life. RFC draft and DESIGN.md."""
    key = {"Idempotency-Key": '"8e03978e"'}
    with Client(hub.http()) as client, Client(hub.http()) as again:
        first = client.ask("POST", "/pay", b"5", key)
        second = again.ask("POST", "/pay", b"5", key)
        assert second.headers.pop("idempotency-replayed") == "true"
        assert second.headers["mayfly-event"] == first.headers["mayfly-event"]
        assert (second.status, second.body) == (first.status, first.body)
        problem(client.ask("POST", "/pay", b"6", key), 409)
        problem(client.ask("POST", "/pay", b"5", {"Idempotency-Key": '"'}), 400)
        other = client.ask("POST", "/pay", b"5", {"Idempotency-Key": "other"})
        assert other.headers["mayfly-event"] != first.headers["mayfly-event"]
        assert client.ask("GET", "/pay", headers=key).status == 200, "GET needs none"
        assert client.ask("POST", "/none", b"5", {"Idempotency-Key": "empty"}).status == 204
        empty = client.ask("POST", "/none", b"5", {"Idempotency-Key": "empty"})
        assert (empty.status, empty.headers["idempotency-replayed"]) == (204, "true")
    hub.until(lambda: len(hub.events("life")) == 4)


def test_an_idempotency_key_of_another_client(start, web):
    """Whoever shows another cookie, or asks another host, gets none of the first one's answer."""
    hub = start(hub_yaml(service(web, "http: [{host: a.test}, {host: b.test}, {host: c.test}]"),
                         head=listener()))
    with Client(hub.http()) as client:
        def ask(host, cookie):
            headers = {"Host": host, "Idempotency-Key": "1"}
            return client.ask("POST", "/pay", b"5", {**headers, **cookie})

        mine = ask("a.test", {"Cookie": "user=1"})
        for host, cookie in [("a.test", {"Cookie": "user=2"}), ("a.test", {}),
                             ("b.test", {"Cookie": "user=1"})]:
            assert "idempotency-replayed" not in ask(host, cookie).headers
        assert ask("a.test", {"Cookie": "user=1"}).body == mine.body
        assert "idempotency-replayed" in ask("b.test", {"Cookie": "user=1"}).headers
        # of several lines each counts
        two = {"Cookie": "lang=en", "cookie": "user=1"}
        assert "idempotency-replayed" not in ask("a.test", two).headers
        assert "idempotency-replayed" not in ask("a.test", {**two, "cookie": "user=2"}).headers
        assert "idempotency-replayed" in ask("a.test", two).headers
    hub.until(lambda: len(hub.events("life")) == 6)


def test_an_idempotency_key_at_work_or_failed(start, web):
    hub = start(hub_yaml(service(web, "limits: {cpu: 1s, deadline: 20s, failures: 0}"),
                         head=listener()))
    key = {"Idempotency-Key": "a"}
    with Client(hub.http()) as client, Client(hub.http()) as again:
        assert client.ask("GET", "/").status == 200
        worker = hub.workers()[0]
        before = cpu_ticks(worker)
        client.send(b"POST /loop HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: a\r\n\r\n")
        hub.until(lambda: cpu_ticks(worker) > before + 10)
        answer = again.ask("POST", "/loop", headers=key)
        problem(answer, 409)
        assert answer.headers["retry-after"] == "1"
        problem(client.answer(), 504)
        problem(again.ask("POST", "/loop", headers=key), 504)
    hub.until(lambda: len(hub.events("life", result="deadline")) == 2)


# ------------------------------------------------------------------------- TLS


@pytest.fixture
def pem(tmp_path):
    """pem(NAME) -> certificate and key of that host, in files."""

    def make(name, *more):
        certificate, key = tmp_path / f"{name}.crt", tmp_path / f"{name}.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=DNS:{name}", *more, check=True)
        return certificate, key

    return make


@pytest.fixture
def secure(start, web, pem):
    certificate, key = pem("localhost")
    hub = start(hub_yaml(service(web), head=listener(tls=(certificate, key))))
    context = ssl.create_default_context(cafile=str(certificate))
    return hub, certificate, context


def test_tls(secure):
    hub, certificate, context = secure
    port = hub.http("https")
    got = curl("--cacert", certificate, f"https://localhost:{port}/x", "-d", "z" * 20000,
               "-w", "%{http_version} %{ssl_verify_result}")
    assert "path=/x" in got.stdout and "z" * 20000 in got.stdout and got.stdout.endswith("1.1 0")
    with Client(port, tls=context) as client:
        assert client.socket.version() == "TLSv1.3"
        client.send(b"GET /size/150000 HTTP/1.1\r\nHost: a\r\n\r\n" * 5)
        for _ in range(5):
            assert len(client.answer().body) > 140000
        assert client.ask("POST", "/", b"q", {"Connection": "close"}).status == 200
        assert client.ended()


@pytest.mark.parametrize("version, works", [
    (ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_1, False)])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_versions(secure, version, works):
    hub, _, context = secure
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    if works:
        with Client(hub.http("https"), tls=context) as client:
            assert client.ask("GET", "/").status == 200
    else:
        with pytest.raises(ssl.SSLError):
            Client(hub.http("https"), tls=context)


def test_tls_protocol_negotiation(secure):
    hub, _, context = secure
    context.set_alpn_protocols(["h2", "http/1.1"])
    with Client(hub.http("https"), tls=context) as client:
        assert client.socket.selected_alpn_protocol() == "http/1.1"
        assert client.ask("GET", "/").status == 200
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError):
        Client(hub.http("https"), tls=context)


def test_tls_is_not_plain_http(secure):
    """Each is told, or closed, and others are served meanwhile."""
    hub, _, context = secure
    port = hub.http("https")
    with Client(port) as client:
        found = problem(client.ask("GET", "/"), 400)
        assert "https" in found["detail"]
    with Client(port) as client:
        client.send(b"\x16\x03\x01\xff\xff" + b"junk" * 100)
        with pytest.raises((EOFError, ConnectionResetError)):
            client.answer()
        assert client.left[:1] in (b"", b"\x15"), "nothing but an alert (RFC 8446, 6)"
    with Client(port, tls=context) as client:
        assert client.ask("GET", "/").status == 200


def test_certificates_that_cannot_be_used(start, web, pem, tmp_path):
    certificate, key = pem("one")
    other, other_key = pem("other")
    (tmp_path / "junk").write_text("junk\n")
    (tmp_path / "junk").chmod(0o600)
    (tmp_path / "shown").write_bytes(key.read_bytes())
    (tmp_path / "shown").chmod(0o644)
    locked = tmp_path / "locked"
    run("openssl", "ec", "-aes128", "-passout", "pass:x", "-in", key, "-out", locked, check=True)
    for files, words in (
            ((tmp_path / "none", key), f'certificate "{tmp_path}/none": No such file or directory'),
            ((certificate, tmp_path / "none"), f'key "{tmp_path}/none": No such file or directory'),
            ((tmp_path / "junk", key), f'certificate "{tmp_path}/junk": it holds no certificate'),
            ((certificate, tmp_path / "junk"), f'key "{tmp_path}/junk": it holds no key'),
            ((certificate, locked), f'key "{locked}": it holds no key that can be used: PEM without'),
            ((certificate, tmp_path / "shown"), f'key "{tmp_path}/shown": others may read or change it, '
                                                f'its mode is 0644: type chmod 600 {tmp_path}/shown'),
            ((certificate, other_key), f'key "{other_key}": it is not that of certificate '
                                       f'"{certificate}"')):
        hub = start(hub_yaml(service(web), head=listener(tls=files)), wait=False)
        assert hub.process.wait(20) != 0
        assert words in hub.said()
        assert "hub.yaml:" in hub.said()


def test_another_certificate_after_a_reload(start, web, pem):
    one, two = pem("one.example"), pem("two.example")
    hub = start(hub_yaml(service(web), head=listener(tls=one)))
    port = hub.http("https")

    def name():
        context = ssl.create_default_context(cafile=str(one[0]))
        context.load_verify_locations(str(two[0]))
        context.check_hostname = False
        with Client(port, tls=context) as client:
            return dict(x[0] for x in client.socket.getpeercert()["subject"])["commonName"]

    assert name() == "one.example"
    hub.reload(hub.config.read_text().replace("one.example", "two.example"))
    assert name() == "two.example"


# --------------------------------------------------------------------- the end


def cpu_ticks(pid):
    """Of processor time that it has used, and its children: lives without KVM run in those."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        words = f.read().rpartition(")")[2].split()
    return int(words[11]) + int(words[12]) + sum(cpu_ticks(child) for child in children(pid))


def test_a_graceful_stop_answers_what_was_accepted(start, web):
    """A life is under way, another connection is idle, a third sent half a request."""
    hub = start(hub_yaml(service(web, "limits: {cpu: 1s, deadline: 20s}"), head=listener()))
    port = hub.http()
    with Client(port) as busy, Client(port) as idle, Client(port) as half:
        assert idle.ask("GET", "/").status == 200
        half.send(b"GET / HTTP/1.1\r\n")
        worker = hub.workers()[0]
        before = cpu_ticks(worker)
        busy.send(b"GET /loop HTTP/1.1\r\nHost: a\r\n\r\n")
        hub.until(lambda: cpu_ticks(worker) > before + 10)
        hub.process.send_signal(signal.SIGTERM)
        problem(half.answer(), 503)
        answer = busy.answer()
        assert (answer.status, answer.headers["connection"]) == (504, "close")
        assert idle.ended() and busy.ended() and half.ended()
    assert hub.stop() == 0


def test_many_requests_with_curl_and_http_client(hub):
    port = hub.http()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for i in range(100):
        connection.request("POST", f"/{i}", body=b"b" * i)
        answer = connection.getresponse()
        assert fields(answer.read().decode())["body"] == "b" * i
    connection.close()
    children = [subprocess.Popen(["curl", "-sS", f"http://127.0.0.1:{port}/[1-20]"],
                                 stdout=subprocess.PIPE) for _ in range(5)]
    for child in children:
        out, _ = child.communicate(timeout=60)
        assert child.returncode == 0 and out.count(b"method=GET") == 20
