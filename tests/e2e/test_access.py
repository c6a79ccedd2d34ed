"""Who may ask: bearer tokens and client certificates by route, with curl, openssl and sockets."""

import json
import os
import re
import time

import pytest
from conftest import BUILD, run
from http_client import Client
from hubs import hub_yaml, service


@pytest.fixture
def who(build):
    return build / "guest/who.mfy"


@pytest.fixture
def tokens(mayfly, tmp_path):
    """tokens(NAME, ..., file=FILE) -> the file and a token for each name"""

    def make(*names, file="tokens"):
        path = tmp_path / file
        made = [mayfly("token", "new", name, "--tokens", path, check=True).stdout.strip()
                for name in names]
        return path, *made

    return make


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def ask(hub, path="/", headers=None, method="GET", body=b""):
    with Client(hub.http()) as client:
        return client.ask(method, path, body, headers)


def said(answer):
    """What the guest `who` says."""
    assert answer.status == 200, answer
    return dict(line.split("=", 1) for line in answer.body.decode().splitlines())


def refused(answer, status, words, error=None, scheme=True):
    """It is problem JSON with the event's id, and says what to do about it."""
    found = json.loads(answer.body)
    assert (answer.status, found["status"]) == (status, status), answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert found["id"] == answer.headers["mayfly-event"] and words in found["detail"]
    expected = 'Bearer realm="mayfly"' + (f', error="{error}"' if error else "")
    assert answer.headers.get("www-authenticate") == (expected if scheme else None)
    return found


def lives(hub):
    return len(hub.events("life"))


def denied(hub):
    """Of the first HTTP listener, by reason, as metrics count them."""
    path = hub.events("ready")[0]["admin"]
    text = run("curl", "-sS", "--unix-socket", path, "http://hub/metrics", check=True).stdout
    found = re.findall(r'mayfly_listener_denied_total{transport="https?",address="127[^"]*",'
                       r'reason="(\w+)"} (\d+)', text)
    return {reason: int(n) for reason, n in found}


HTTP = "http: [{listen: 127.0.0.1:0}]\n"

# -------------------------------------------------------------------------- tokens


def test_a_token_opens_a_route(start, who, tokens):
    file, hall, kitchen = tokens("hall", "kitchen")
    hub = start(service(who, f"http: [{{path: /a, tokens: {file}}}, {{path: /b}}]"), head=HTTP)
    guarded, free = (e["try"] for e in hub.events("route"))  # what it says to type
    assert run("/bin/sh", "-c", guarded, env={**os.environ, "TOKEN": hall}).stdout.startswith(
        "mayfly-client=token:hall\n")
    assert "Authorization" not in free
    for name, token in (("hall", hall), ("kitchen", kitchen)):
        assert said(ask(hub, "/a", bearer(token)))["mayfly-client"] == f"token:{name}"
    assert said(ask(hub, "/a", {"authorization": f"bEARER   {hall}"}))["mayfly-client"] == "token:hall"
    assert said(ask(hub, "/b"))["mayfly-client"] == "(absent)"
    before = hub.count(5, "life")  # the first of them was curl's
    refused(ask(hub, "/a"), 401, "a token is needed")
    refused(ask(hub, "/a", {"Authorization": "Basic aGFsbDpoYWxs"}), 401, "a token is needed")
    refused(ask(hub, "/a", bearer(hall[:-1])), 401, "not known", "invalid_token")
    refused(ask(hub, "/a", bearer(hall + "x")), 401, "not known", "invalid_token")
    refused(ask(hub, "/a", bearer(hall.upper())), 401, "not known", "invalid_token")
    refused(ask(hub, "/a", bearer("")), 400, "has no token", "invalid_request")
    refused(ask(hub, "/a", bearer("short")), 400, "has no token", "invalid_request")
    refused(ask(hub, "/a", bearer(f"{hall} {kitchen}")), 400, "has no token", "invalid_request")
    refused(ask(hub, f"/a?access_token={hall}"), 401, "a token is needed")
    with Client(hub.http()) as client:
        client.send(f"GET /a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hall}\r\n"
                    f"Authorization: Bearer {hall}\r\n\r\n".encode())
        refused(client.answer(), 400, "stands there twice", "invalid_request")
        assert client.ask("GET", "/a", headers=bearer(hall)).status == 200  # the same connection
    assert hub.count(before + 1, "life") == before + 1
    assert denied(hub) == {"no_token": 3, "bad_token": 3, "malformed": 4}


def test_a_route_is_not_gone_round(start, build, tokens, tmp_path):
    """By another way of writing its path, to a service that decodes it."""
    site = tmp_path / "site"
    (site / "private").mkdir(parents=True)
    (site / "private/plan.txt").write_text("secret")
    (site / "free.txt").write_text("open")
    file, hall = tokens("hall")
    hub = start(service(build / "services/page.mfy", f"data: {{.: {site}}}",
                        f"http: [{{path: '/#'}}, {{path: '/private/#', tokens: {file}}}]"), head=HTTP)
    assert ask(hub, "/free.txt").body == ask(hub, "/%66ree%2Etxt").body == b"open"
    for path in ("/private/plan.txt", "/%70rivate/plan.txt", "/%70%72ivat%65/plan.txt",
                 "http://localhost/privat%65/plan.txt"):
        refused(ask(hub, path), 401, "a token is needed")
        assert ask(hub, path, bearer(hall)).body == b"secret"
    # "%2f" is no slash, neither for routes nor for that service
    for path in ("/private%2fplan.txt", "/private%2Fplan.txt", "//private/plan.txt", "/Private/plan.txt",
                 "/%2570rivate/plan.txt", "/private;/plan.txt", "/free.txt%2f..%2fprivate/plan.txt"):
        assert ask(hub, path).status in (400, 404), path


def test_nothing_of_a_body_is_waited_for(start, who, tokens):
    file, token = tokens("hall")
    hub = start(service(who, f"http: [{{tokens: {file}}}]"), head=HTTP)
    with Client(hub.http()) as client:
        client.send(b"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9000\r\n\r\n")
        answer = client.answer()  # and no 100 Continue
        refused(answer, 401, "a token is needed")
        assert answer.headers["connection"] == "close" and client.ended()
    with Client(hub.http()) as client:
        client.send(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        refused(client.answer(), 401, "a token is needed")
    with Client(hub.http()) as client:  # an unguarded client would be told 413
        client.send(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        refused(client.answer(), 401, "a token is needed")
    body = b"x" * 20000  # in pieces
    assert said(ask(hub, "/a", bearer(token), "POST", body))["mayfly-client"] == "token:hall"
    assert hub.count(1, "life") == 1


def test_what_a_client_says_of_itself(start, who, tokens):
    """Mayfly-Client is the hub's; Authorization is between client and hub where tokens are asked for."""
    file, token = tokens("hall")
    hub = start(service(who, f"http: [{{path: /a, tokens: {file}}}, {{path: /b}}]"), head=HTTP)
    forged = {"Mayfly-Client": "token:root", "mayfly-client": "cn:root", "X-Said": "yes"}
    got = said(ask(hub, "/a", {**bearer(token), **forged}))
    assert (got["mayfly-client"], got["authorization"], got["x-said"]) == ("token:hall", "(absent)", "yes")
    got = said(ask(hub, "/b", {"Authorization": "Basic aGFsbDpoYWxs", **forged}))
    assert (got["mayfly-client"], got["authorization"], got["x-said"]) == (
        "(absent)", "Basic aGFsbDpoYWxs", "yes")


def test_who_of_those_who_are_known(start, who, tokens):
    file, hall, lamp, root = tokens("hall", "lamp.hall", "root")
    hub = start(
        service(who, "name: one", "http: [{path: /one, clients: [hall, '*.hall']}]"),
        service(who, "name: two", "http: [{path: /two, clients: ['token:root']}, {path: /open, tokens: none}]"),
        service(who, "name: all", "http: [{path: /all}]"),
        head=f"http: [{{listen: 127.0.0.1:0, tokens: {file}}}]\n")
    may = {"/one": (hall, lamp), "/two": (root,), "/all": (hall, lamp, root)}
    for path, those in may.items():
        refused(ask(hub, path), 401, "a token is needed")
        for token in (hall, lamp, root):
            answer = ask(hub, path, bearer(token))
            if token in those:
                assert answer.status == 200
            else:
                refused(answer, 403, "may not ask for this", "insufficient_scope")
    assert said(ask(hub, "/open"))["mayfly-client"] == "(absent)"
    assert denied(hub) == {"no_token": 3, "not_named": 3}


def test_another_file_after_a_reload(start, who, tokens, tmp_path, mayfly):
    """The worker stays; connections that are open are asked anew."""
    file, old = tokens("hall")
    hub = start(service(who, f"http: [{{tokens: {file}}}]"), head=HTTP)
    with Client(hub.http()) as client:
        assert client.ask("GET", "/", headers=bearer(old)).status == 200
        workers = hub.workers()
        new = mayfly("token", "new", "hall", "--tokens", file).stdout.strip()
        assert client.ask("GET", "/", headers=bearer(new)).status == 401
        assert hub.reload()["kept"] == 1
        for token in (old, new):  # both, while it is changed
            assert said(client.ask("GET", "/", headers=bearer(token)))["mayfly-client"] == "token:hall"
        file.write_text(file.read_text().splitlines()[1] + "\n")
        assert hub.reload()["kept"] == 1
        assert client.ask("GET", "/", headers=bearer(old)).status == 401
        assert client.ask("GET", "/", headers=bearer(new)).status == 200
        file.chmod(0o644)  # all goes on as it was
        why = hub.reload()
        assert why["event"] == "not_reloaded" and f"type chmod 600 {file}" in why["why"]
        assert client.ask("GET", "/", headers=bearer(new)).status == 200
        file.chmod(0o600)
        assert hub.reload(hub_yaml(service(who), head=HTTP))["kept"] == 1
        assert client.ask("GET", "/").status == 200
        assert hub.workers() == workers


def test_a_body_that_comes_while_its_token_ends(start, who, tokens):
    file, old = tokens("hall")
    other, new = tokens("hall", file="other")
    hub = start(service(who, f"http: [{{tokens: {file}}}]"), head=HTTP)
    with Client(hub.http()) as client:
        client.send(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nAuthorization: Bearer {old}\r\n\r\na".encode())
        time.sleep(0.05)
        hub.reload(hub_yaml(service(who, f"http: [{{tokens: {other}}}]"), head=HTTP))
        client.send(b"b")
        refused(client.answer(), 401, "not known", "invalid_token")
    assert lives(hub) == 0


def test_an_idempotency_key_is_one_clients(start, who, tokens):
    file, hall, kitchen = tokens("hall", "kitchen")
    hub = start(service(who, f"http: [{{tokens: {file}}}]"), head=HTTP)
    key = {"Idempotency-Key": '"the same"'}

    def press(token, body=b"x"):
        return ask(hub, "/a", {**bearer(token), **key}, "POST", body)

    first, again, others = press(hall), press(hall), press(kitchen)
    assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in others.headers
    assert said(again)["mayfly-client"] == "token:hall" and said(others)["mayfly-client"] == "token:kitchen"
    assert press(kitchen, b"y").status == 409 and press(hall).headers["idempotency-replayed"] == "true"
    refused(ask(hub, "/a", key, "POST", b"x"), 401, "a token is needed")
    assert hub.count(2, "life") == 2


def test_failed_tries_in_the_log_are_few(start, who, tokens):
    """A line a second, which says how many there were; it has nothing of what the client said."""
    file, _ = tokens("hall")
    hub = start(service(who, f"http: [{{path: '/a/+', tokens: {file}}}]"), head=HTTP)
    begin = time.monotonic()
    with Client(hub.http()) as client:
        for i in range(300):
            client.ask("GET", f"/a/secret-path?secret-query{i}", headers=bearer("secret-token-of-somebody"))
    seconds = time.monotonic() - begin
    lines = [line for line in hub.said().splitlines() if "was refused" in line]
    assert 1 <= len(lines) <= seconds + 2
    assert "was refused at /a/+: bad_token" in lines[0] and "secret" not in hub.said()
    assert denied(hub) == {"bad_token": 300} and lives(hub) == 0


# -------------------------------------------------------------------------- hub.yaml


@pytest.fixture
def wrong(who, tmp_path):
    """wrong(entry, head) -> what mayflyd says of it"""

    def check(status, words, entry="", head=HTTP):
        file = tmp_path / "wrong.yaml"
        file.write_text(hub_yaml(service(who, *([f"http: [{entry}]"] if entry else [])), head=head))
        done = run(BUILD / "mayfly", "config", "check", file)
        assert (done.returncode, done.stdout) == (status, ""), done.stderr
        assert words in done.stderr and f"{file}:" in done.stderr and len(done.stderr.splitlines()) == 1

    return check


def test_what_cannot_be(wrong, tokens, tmp_path):
    file, token = tokens("hall")
    wrong(2, "clients: nobody can be known by name on 127.0.0.1:0", "{path: /a, clients: [hall]}")
    wrong(2, "clients: an empty list lets nobody in", f"{{tokens: {file}, clients: []}}")
    wrong(2, "clients: '*.*' has more than one '*'", f"{{tokens: {file}, clients: ['*.*']}}")
    wrong(2, "clients: nobody can be known here by name",
          head="http: [{listen: 127.0.0.1:0, clients: [hall]}]\n")
    wrong(2, "tls: 'require' says nothing without 'clients'",
          head="http: [{listen: 127.0.0.1:0, tls: {certificate: a, key: b, require: true}}]\n")
    wrong(3, "nonesuch\": No such file or directory", "{tokens: nonesuch}")
    for text, words in ((f"hall {token}\n", "line 1: behind the name there is no 'sha256:'"),
                        ("# only this\n", "there is none in it: mayfly token new NAME"),
                        (file.read_text() * 2, "line 2: this token stands there already"),
                        ("a b c\n", "line 1: "), ("\0", "line 1: "), ("x" * 300000, "longer than any")):
        bad = tmp_path / "bad"
        bad.write_text(text)
        bad.chmod(0o600)
        wrong(1, words, "{tokens: bad}")
    assert token not in run(BUILD / "mayfly", "config", "check", tmp_path / "wrong.yaml").stderr
    for mode in (0o644, 0o660, 0o602):
        file.chmod(mode)
        wrong(4, f"others may read or change it, its mode is {mode:04o}: type chmod 600 {file}",
              f"{{tokens: {file}}}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user(wrong, tokens):
    file, _ = tokens("hall")
    os.chown(file, 12345, 12345)
    wrong(4, f"it belongs to user 12345, who may change it: type chown 0 {file}", f"{{tokens: {file}}}")


def test_tokens_without_tls(start, who, tokens):
    file, _ = tokens("hall")
    hub = start(service(who, f"http: [{{tokens: {file}}}]"), head="http: [{listen: '*:0'}]\n")
    assert "tokens are asked for on [::]:" in hub.said() and "without tls" in hub.said()
    hub = start(service(who, f"http: [{{tokens: {file}}}]"), head=HTTP)
    assert "without tls" not in hub.said()
