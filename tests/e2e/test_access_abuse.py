"""What clients do to a hub that asks who they are, and that others are served meanwhile."""

import contextlib
import gzip
import os
import resource
import ssl
import threading

import http_client
import pytest
from authority import Authority
from conftest import SANITIZED
from http_client import Client
from hubs import service
from test_access import bearer, denied, lives, refused, said, tokens, who  # noqa: F401

# ./test looks at some hundreds; docs/security.md says what 10000 take
MANY = int(os.environ.get("MAYFLY_MANY", "400"))


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path / "ca")


def served(port, token, tls=None):
    """Somebody with a token asks all the time, and is answered each time."""
    return http_client.served(port, tls=tls, headers=bearer(token))


def secure(ca, file, connections=1024, **more):
    certificate, key = ca.server()
    tls = {"certificate": certificate, "key": key, **more}
    text = ", ".join(f"{k}: {v}" for k, v in tls.items())
    return (f"limits: {{connections: {connections}}}\n"
            f"http: [{{listen: 127.0.0.1:0, tokens: {file}, tls: {{{text}}}}}]\n")


def test_idle_connections_over_tls(start, who, tokens, ca):
    """They cost little, and whoever has a token is answered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    many = min(MANY, hard - 500)
    file, token = tokens("hall")
    hub = start(service(who), head=secure(ca, file, many + 20))
    trust, port = ssl.create_default_context(cafile=str(ca.file)), hub.http("https")
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with served(port, token, trust):
            pass
        before = hub.resident_kib()
        with served(port, token, trust):
            for _ in range(many):
                stack.enter_context(Client(port, tls=trust))
        each = (hub.resident_kib() - before) * 1024 / many
        print(f"{many} connections, {each:.0f} bytes each")
        assert each < 40000 or SANITIZED
        with served(port, token, trust):
            pass
        assert hub.descriptors() > many


def test_more_over_tls_than_there_may_be(start, who, tokens, ca):
    """Those without a token who do nothing make room for whoever comes."""
    file, token = tokens("hall")
    hub = start(service(who), head=secure(ca, file, 20))
    trust, port = ssl.create_default_context(cafile=str(ca.file)), hub.http("https")
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(Client(port, tls=trust))
        with served(port, token, trust):
            pass
        assert hub.descriptors() < 80


def test_a_flood_of_wrong_tokens(start, who, tokens):
    file, token = tokens("hall")
    hub = start(service(who, f"http: [{{tokens: {file}}}]"), head="http: [{listen: 127.0.0.1:0}]\n")
    one = b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"w" * 64 + b"\r\n\r\n"

    def flood():
        with Client(hub.http()) as client:
            for _ in range(20):
                client.send(one * 50)  # pipelined
                for _ in range(50):
                    assert client.answer().status == 401

    with served(hub.http(), token):
        threads = [threading.Thread(target=flood) for _ in range(3)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert denied(hub) == {"bad_token": 3000}
    assert len([line for line in hub.said().splitlines() if "bad_token" in line]) < 100


def test_a_header_flood_before_a_token(start, who, tokens):
    """The bounds of a head are those of all: nobody needs a token to meet them."""
    file, token = tokens("hall")
    hub = start(service(who, f"http: [{{tokens: {file}}}]"), head="http: [{listen: 127.0.0.1:0}]\n")
    with served(hub.http(), token):
        for lines in (b"X: y\r\n" * 101, b"Authorization: Bearer " + b"x" * 20000 + b"\r\n"):
            with Client(hub.http()) as client:
                client.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
                assert client.answer().status == 431
        with Client(hub.http()) as client:  # as long as a head may be, and no token
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"x" * 15000 + b"\r\n\r\n")
            refused(client.answer(), 400, "has no token", "invalid_request")


def test_a_compression_bomb_is_bytes(start, who):
    """A body is passed on as it came: nothing in the hub makes 16 MB of 16 KB."""
    hub = start(service(who), head="http: [{listen: 127.0.0.1:0}]\n")
    bomb = gzip.compress(b"\0" * (16 << 20), 9)
    before = hub.resident_kib()
    with Client(hub.http()) as client:
        got = said(client.ask("POST", "/", bomb, {"Content-Encoding": "gzip"}))
        assert got["bytes"] == str(len(bomb)) and got["content-encoding"] == "gzip"
        assert len(bomb) < 20000
    assert hub.resident_kib() - before < 4096 or SANITIZED


def test_certificates_that_are_too_large(start, who, ca, tokens):
    """More than 32 KiB of them end the handshake; of many names 16 are looked at."""
    file, token = tokens("hall")
    hub = start(service(who), head=secure(ca, file, clients=ca.file, require="false"))
    port = hub.http("https")

    def ask(pair):
        trust = ssl.create_default_context(cafile=str(ca.file))
        trust.load_cert_chain(*pair)
        with Client(port, tls=trust) as client:
            return client.ask("GET", "/", headers=bearer(token))

    with served(port, token, ssl.create_default_context(cafile=str(ca.file))):
        huge = ca.make("huge", *(f"DNS:name-{i}-of-a-host-with-a-long-name.home.test" for i in range(1000)))
        assert huge[0].stat().st_size > 50000
        with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
            ask(huge)
        assert ask(ca.make("many", *(f"DNS:name-{i}.home.test" for i in range(100)))).status == 200
    hub.until(lambda: lives(hub) > 1)
