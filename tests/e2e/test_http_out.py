"""What services emit to http:// and https://: a POST, once its life's transaction is done, until it has arrived."""

import re
import ssl

import pytest

from authority import Authority
from conftest import free_port, run
from http_client import Client
from hubs import Hub, hub_yaml, service
from receiver import Receiver


@pytest.fixture(name="relay")
def relaying_hub(tmp_path, build):
    """relay(lines of hub.yaml) -> a hub that emits what it is asked to; all of them with one state."""
    hubs = []

    def make(head=""):
        text = hub_yaml(service(build / "guest/relay.mfy"),
                        head=f"state: {tmp_path}/state\nhttp: [{{listen: 127.0.0.1:0}}]\n{head}")
        hubs.append(Hub(tmp_path / f"hub{len(hubs)}", text))
        return hubs[-1]

    yield make
    for hub in hubs:
        assert hub.stop() == 0, hub.said()


def emit(hub, url, *bodies, status=200):
    with Client(hub.http()) as client:
        for body in bodies or ("on",):
            got = client.ask("POST", "/relay", url.encode() + b"\n" + body.encode("latin-1"))
            assert got.status == status, got


def metric(hub, name):
    got = run("curl", "-sS", "--unix-socket", hub.events("ready")[0]["admin"],
              "http://localhost/metrics").stdout
    return next(int(line.split()[1]) for line in got.splitlines() if line.startswith(name + " "))


def arrives(hub, count):
    hub.until(lambda: metric(hub, "mayfly_http_sent_total") >= count)


def test_what_is_emitted_is_posted(relay):
    hub = relay()
    with Receiver() as page:
        bodies = ['{"door": "open"}', "plain text\n", "\x00\xff", "", "[1, 2"]
        emit(hub, page.url("/hook?a=b%20c"), *bodies)
        posts = page.take(5)
        assert [p.body.decode("latin-1") for p in posts] == bodies  # in order
        assert {p.path for p in posts} == {"/hook?a=b%20c"}
        assert [p.headers["Content-Type"] for p in posts] == [
            "application/json", "text/plain; charset=utf-8", "application/octet-stream",
            "text/plain; charset=utf-8", "text/plain; charset=utf-8"]
        assert len({p.key for p in posts}) == 5
        assert all(re.fullmatch(r'"[0-9a-f]{32}/[0-9]+"', p.key) for p in posts), posts[0].key
        assert posts[0].headers["User-Agent"].startswith("mayfly/")
        assert posts[0].headers["Host"] == f"127.0.0.1:{page.port}"
        assert "Authorization" not in posts[0].headers
        arrives(hub, 5)


def test_a_host_that_has_a_name(relay):
    hub = relay()
    with Receiver() as page:
        emit(hub, page.url("/", host="localhost"))
        assert page.bodies(1) == ["on"]


def test_answers_that_would_be_the_same_again(relay):
    """They are given up, counted, said; what is secret in the address is not."""
    hub = relay()
    with Receiver(answers={"1": [(404,)], "2": [(301, ("Location", "/other"))], "3": [(400,)]}) as page:
        emit(hub, page.url("/hook?key=secret"), "1", "2", "3", "4")
        assert page.bodies(4) == ["1", "2", "3", "4"]
        arrives(hub, 1)
        assert metric(hub, "mayfly_http_given_up_total") == 3
        assert metric(hub, "mayfly_http_sent_again_total") == 0
        said = hub.said()
        assert f"{page.url('/hook')} is given up: it was answered with 404" in said
        assert "secret" not in said


@pytest.mark.parametrize("status", [408, 503])
def test_answers_that_may_pass(relay, status):
    """The same again, with the same key, after the time that the page asks for; in order."""
    hub = relay()
    answers = {"first": [(status, ("Retry-After", "1"))]}
    with Receiver(answers=answers) as page, Receiver() as other:
        emit(hub, page.url(), "first", "second")
        emit(hub, other.url(), "beside")
        assert other.bodies(1) == ["beside"]
        first, again, second = page.take(3)
        assert [p.body for p in (first, again, second)] == [b"first", b"first", b"second"]
        assert first.key == again.key != second.key
        arrives(hub, 3)
        assert metric(hub, "mayfly_http_sent_again_total") == 1
        assert f"it answers {status}: tried again" in hub.said()
        hub.until(lambda: "takes messages again" in hub.said())


def test_a_dead_address_holds_up_nobody(relay):
    """More for it than there are places in memory; when it is there all come, in order."""
    hub, port = relay(), free_port()
    bodies = [str(i) for i in range(200)]
    emit(hub, f"http://127.0.0.1:{port}/", *bodies)
    with Receiver() as page:
        emit(hub, page.url(), "beside")
        assert page.bodies(1) == ["beside"]
    with Receiver(port) as dead:
        assert dead.bodies(200) == bodies
        arrives(hub, 201)
    assert hub.said().count("can't send to") == 1


def test_a_hub_that_is_started_again(relay):
    hub, port = relay(), free_port()
    bodies = [str(i) for i in range(150)]
    emit(hub, f"http://127.0.0.1:{port}/", *bodies)
    assert hub.stop() == 0
    with Receiver(port) as page:
        hub = relay()
        assert page.bodies(150) == bodies
        arrives(hub, 150)


def server_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_certificates_and_tokens(relay, tmp_path):
    """One of an authority that isn't believed is no reason to lose the message."""
    authority = Authority(tmp_path / "authority")
    keys = tmp_path / "keys"
    with Receiver(tls=server_context(*authority.server())) as page:
        keys.write_text(f"{page.url('/api')} of-all\n{page.url('/api/door', host='localhost')} of-door\n")
        keys.chmod(0o600)
        hub = relay(f"emit: {{keys: {keys}}}\n")
        emit(hub, page.url("/api/door"), "first")
        hub.until(lambda: "certificate" in hub.said())
        assert not page.posts
        assert hub.reload(hub.config.read_text().replace(
            "emit: {", f"emit: {{authorities: {authority.file}, "))["event"] == "reloaded"
        emit(hub, page.url("/api/door", host="localhost"), "second")
        emit(hub, page.url("/apis"), "third")
        shown = {p.body: p.headers.get("Authorization") for p in page.take(3)}
        assert shown == {b"first": "Bearer of-all", b"second": "Bearer of-door", b"third": None}
        assert "of-all" not in hub.said()


@pytest.mark.parametrize("url, word", [
    ("http://user:secret@127.0.0.1/", "password"),
    ("http://127.0.0.1/a/../b?key=secret", "'..'"),
    ("coap://127.0.0.1/a/../b", "'..'"),
    ("http://127.0.0.1/a%2f..%2fb", "'..'"),
    ("http://127.0.0.1/%2E%2e/b", "'..'"),
    ("http://127.0.0.1:99999/", "no host"),
    ("http:///x", "no host"),
    ("http://127.0.0.1/a b", "%XX"),
    ("coaps://127.0.0.1/x", "emit: {keys: FILE}")])
def test_no_address(relay, url, word):
    hub = relay()
    emit(hub, url, status=403)
    hub.until(lambda: word in hub.said())
    assert "secret" not in hub.said()


@pytest.mark.parametrize("lines, words", [
    ("http://a.example/ token", "line 1: a token is shown to https:// only"),
    ("\n# x\ncoaps://lamp id 12345678", "line 3: the device is no number"),
    ("coaps://192.0.2.1 id short", "less than 8 bytes"),
    ("https://a.example/", "write it as https://HOST/PATH TOKEN")])
def test_bad_keys(refused, build, tmp_path, lines, words):
    keys = tmp_path / "keys"
    keys.write_text(lines + "\n")
    keys.chmod(0o600)
    refused(hub_yaml(service(build / "guest/relay.mfy"),
                     head=f"state: {tmp_path}/state\nemit: {{keys: {keys}}}\n"), 1, "emit: keys", words)
    keys.chmod(0o644)
    refused(hub_yaml(service(build / "guest/relay.mfy"),
                     head=f"state: {tmp_path}/state\nemit: {{keys: {keys}}}\n"), 4, "emit: keys")
