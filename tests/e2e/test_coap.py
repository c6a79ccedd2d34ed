"""CoAP: what comes as bytes, and what real clients make of it."""

import contextlib
import socket
import subprocess
import time

import pytest

import coap_client as coap
from coap_client import ACK, CON, DELETE, GET, IPATCH, NON, POST, PUT, RST, Client
from conftest import PATIENCE, free_port, run
from hubs import Hub, hub_yaml, service

LISTEN = "coap: [{listen: 127.0.0.1:0}]\n"


@pytest.fixture(name="hub")
def one_hub(tmp_path, build):
    hub = Hub(tmp_path / "hub", hub_yaml(service(build / "guest/thing.mfy"), head=LISTEN))
    with hub.stopping():
        yield hub


@pytest.fixture(name="port")
def its_port(hub):
    return hub.http("coap")


@pytest.fixture(name="client")
def one_client(port):
    with Client(port) as client:
        yield client


def real(*args, program="coap-client-notls"):
    return run(program, "-B", "20", *args)


def lines(payload):
    return dict(line.split("=", 1) for line in payload.decode().split("\n") if line)


# ------------------------------------------------------------------ requests


def test_a_real_client(port):
    base = f"coap://127.0.0.1:{port}"
    got = lines(real("-m", "put", "-e", "21.5", "-t", "50", f"{base}/echo/a%2fb/c?x=1&y=2")
                .stdout.encode())
    assert got.pop("peer").startswith("127.0.0.1:")
    assert got == {"method": "PUT", "path": "/echo/a%2Fb/c", "query": "x=1&y=2",
                   "type": "application/json", "client": "", "body": "21.5"}
    assert "4.04" in real(f"{base}/as/404").stderr


@pytest.mark.parametrize("method, name, said", [
    (GET, "GET", "2.05"), (POST, "POST", "2.04"), (PUT, "PUT", "2.04"), (DELETE, "DELETE", "2.02"),
    (coap.FETCH, "FETCH", "2.05"), (coap.PATCH, "PATCH", "2.04"), (IPATCH, "iPATCH", "2.04")])
def test_methods(client, method, name, said):
    got = client.ask(method, "/echo", b"x")
    assert (got.type, got.said, got.token) == (ACK, said, b"t")
    assert lines(got.payload)["method"] == name.upper()
    assert got.option(coap.FORMAT) == 0


def test_not_confirmable(client):
    got = client.ask(GET, "/echo", kind=NON)
    assert (got.type, got.said, got.token) == (NON, "2.05", b"t")


def test_no_path_and_no_token(client):
    got = client.ask(GET, "/", token=b"")
    assert (got.said, got.token, lines(got.payload)["path"]) == ("2.05", b"", "/")


@pytest.mark.parametrize("status, said", [
    (200, "2.05"), (201, "2.01"), (204, "2.05"), (304, "2.03"), (400, "4.00"), (403, "4.03"),
    (409, "4.09"), (415, "4.15"), (418, "4.00"), (429, "4.29"), (503, "5.03"), (507, "5.00")])
def test_statuses(client, status, said):
    assert client.ask(GET, f"/as/{status}").said == said


@pytest.mark.parametrize("media, number", [
    (b"text/plain", 0), (b"Application/JSON", 50), (b"application/json;charset=utf-8", 50),
    (b"application/cbor", 60), (b"application/senml+json", 110), (b"coap-format/1234", 1234),
    (b"video/mp4", None)])
def test_content_formats(client, media, number):
    got = client.ask(PUT, "/type", media)
    assert (got.said, got.option(coap.FORMAT)) == ("2.04", number)


def test_a_format_that_has_no_name(client):
    got = client.ask(PUT, "/echo", b"x", [(coap.FORMAT, coap.number(65000))])
    assert lines(got.payload)["type"] == "coap-format/65000"


def test_only_in_a_format(client):
    assert client.ask(GET, "/echo", options=[(coap.ACCEPT, b"")]).said == "2.05"
    got = client.ask(GET, "/echo", options=[(coap.ACCEPT, b"\x32")])
    assert (got.said, got.option(coap.FORMAT)) == ("4.06", None)


def test_how_long_an_answer_may_be_kept(client):
    assert client.ask(GET, "/age/7").option(coap.MAX_AGE) == 7
    assert client.ask(GET, "/echo").option(coap.MAX_AGE) is None


def test_an_answer_that_the_client_has(client):
    got = client.ask(GET, "/size/10")
    tag = dict(got.options)[coap.ETAG]
    again = client.ask(GET, "/size/10", options=[(coap.ETAG, tag)])
    assert (again.said, again.payload, dict(again.options)[coap.ETAG]) == ("2.03", b"", tag)
    assert client.ask(GET, "/size/11", options=[(coap.ETAG, tag)]).said == "2.05"


def test_who_wants_no_answer(client):
    """RFC 7967: 2 means no 2.xx."""
    quiet = [(coap.NO_RESPONSE, b"\x02")]
    got = client.ask(PUT, "/as/200", options=quiet)
    assert (got.type, got.said, got.token) == (ACK, "0.00", b"")
    assert client.ask(PUT, "/as/404", options=quiet).said == "4.04"
    client.send(client.request(PUT, "/as/200", options=quiet, kind=NON))
    assert client.ask(PUT, "/as/200", kind=NON, token=b"2").token == b"2"


def test_a_life_that_takes_long(client):
    """First the acknowledgement, then the answer in a message of its own, which is sent again
    until it is acknowledged."""
    first = client.ask(GET, "/spin/3000")
    if first.code != 0:
        pytest.skip("this machine turns 3 thousand million times in a second")
    assert (first.type, first.token) == (ACK, b"")
    answer = client.take()
    assert (answer.type, answer.said, answer.token) == (CON, "2.05", b"t")
    assert answer.payload == b"spun\n"
    again = client.take()  # 2 to 3 s later
    assert again == answer
    client.acknowledge(answer)
    assert client.silent()


# ---------------------------------------------------------------- duplicates


def test_the_same_request_again(hub, client):
    """Its answer was lost: it comes once more, and no second life."""
    request = client.request(GET, "/now/x")
    client.send(request)
    first = client.take()
    client.send(request)
    assert client.take() == first
    other = client.ask(GET, "/now/x")
    assert other.payload != first.payload
    assert hub.count(2, "life") == 2


def test_the_same_request_while_it_runs(hub, client):
    request = client.request(GET, "/spin/300", token=b"slow")
    client.send(request)
    client.send(request)
    got = [client.take(), client.take()]
    # the acknowledgement, which may have come too late for the second, and one answer
    kinds = sorted((m.type, m.said) for m in got)
    assert kinds in ([(CON, "2.05"), (ACK, "0.00")], [(ACK, "2.05"), (ACK, "2.05")]), kinds
    for m in got:
        if m.type == CON:
            client.acknowledge(m)
    assert client.silent()
    assert hub.count(2, "life") == 2


def test_not_confirmable_again(hub, client):
    request = client.request(PUT, "/echo", kind=NON)
    client.send(request)
    assert client.take().type == NON
    client.send(request)
    assert client.silent()
    assert hub.count(2, "life") == 2


def test_another_request_with_the_same_id(hub, client):
    """A device that was switched off and on counts from where it likes."""
    assert lines(client.ask(PUT, "/echo", b"a", mid=7).payload)["body"] == "a"
    assert lines(client.ask(PUT, "/echo", b"b", mid=7).payload)["body"] == "b"
    assert lines(client.ask(PUT, "/echo", b"b", mid=7, token=b"u").payload)["body"] == "b"
    assert hub.count(3, "life") == 3


def test_the_same_id_from_two_endpoints(hub, port):
    with Client(port) as one, Client(port) as two:
        assert one.ask(GET, "/echo", mid=7).payload != two.ask(GET, "/echo", mid=7).payload
    assert hub.count(2, "life") == 2


# -------------------------------------------------------------------- blocks


def test_large_bodies_with_a_real_client(port, tmp_path):
    body = bytes(i * 7 % 251 for i in range(20000))
    file = tmp_path / "body"
    file.write_bytes(body)
    base = f"coap://127.0.0.1:{port}"
    assert real("-m", "put", "-f", file, f"{base}/length").stdout.strip() == f"20000 {sum(body)}"
    assert real("-m", "put", "-b", "64", "-f", file, f"{base}/length").stdout.strip() == \
        f"20000 {sum(body)}"
    for size in ("1024", "16"):
        got = run("coap-client-notls", "-b", size, "-o", tmp_path / "got", f"{base}/size/3000")
        assert got.returncode == 0
        assert (tmp_path / "got").read_bytes() == \
            bytes(i >> 4 & 255 ^ i >> 12 for i in range(3000))


def put_blocks(client, body, size, path="/length", **named):
    answers = []
    for num in range(-(-len(body) // size)):
        part = body[num * size:(num + 1) * size]
        more = (num + 1) * size < len(body)
        answers.append(client.ask(PUT, path, part, [(coap.BLOCK1, coap.block(num, more, size))],
                                  **named))
    return answers


def test_a_request_block_by_block(hub, client):
    answers = put_blocks(client, b"x" * 100, 32)
    assert [a.said for a in answers] == ["2.31", "2.31", "2.31", "2.04"]
    assert [a.option(coap.BLOCK1) >> 4 for a in answers] == [0, 1, 2, 3]
    assert answers[-1].payload == b"100 12000"
    assert hub.count(1, "life") == 1


def test_a_last_block_again(hub, client):
    request = client.request(PUT, "/length", b"y", [(coap.BLOCK1, coap.block(1, False, 16))])
    client.ask(PUT, "/length", b"x" * 16, [(coap.BLOCK1, coap.block(0, True, 16))])
    client.send(request)
    first = client.take()
    client.send(request)
    assert client.take() == first and first.payload == b"17 2041"
    assert hub.count(1, "life") == 1


def test_a_block_without_those_before(client):
    got = client.ask(PUT, "/length", b"x" * 16, [(coap.BLOCK1, coap.block(2, True, 16))])
    assert got.said == "4.08"


def test_a_body_that_begins_again(client):
    client.ask(PUT, "/length", b"x" * 16, [(coap.BLOCK1, coap.block(0, True, 16))])
    assert put_blocks(client, b"y" * 20, 16)[-1].payload == b"20 2420"


def test_too_large(client):
    got = client.ask(PUT, "/length", b"x" * 16,
                     [(coap.BLOCK1, coap.block(0, True, 16)), (coap.SIZE1, coap.number(1 << 31))])
    assert (got.said, got.option(coap.SIZE1)) == ("4.13", 32768)
    answers = put_blocks(client, b"x" * 40000, 1024)[:40]
    assert answers[31].said == "4.13" and {a.said for a in answers[:31]} == {"2.31"}


def test_an_answer_block_by_block(hub, client):
    def part(num, size, **named):
        return client.ask(GET, "/size/2100", options=[(coap.BLOCK2, coap.block(num, False, size))],
                          **named)

    first = client.ask(GET, "/size/2100")
    assert (len(first.payload), first.option(coap.SIZE2)) == (1024, 2100)
    assert first.option(coap.BLOCK2) == 0 << 4 | 8 | 6
    second, third = part(1, 1024), part(2, 1024)
    assert (second.option(coap.BLOCK2), third.option(coap.BLOCK2)) == (1 << 4 | 8 | 6, 2 << 4 | 6)
    assert len(first.payload + second.payload + third.payload) == 2100
    assert len({dict(m.options)[coap.ETAG] for m in (first, second, third)}) == 1
    assert part(3, 1024).said == "4.00"
    assert part(4, 512).payload == third.payload[:52]
    assert hub.count(1, "life") == 1
    with Client(client.socket.getpeername()[1]) as other:  # has it made anew
        got = other.ask(GET, "/size/2100", options=[(coap.BLOCK2, coap.block(2, False, 1024))])
        assert got.payload == third.payload
        got = other.ask(PUT, "/size/2100", options=[(coap.BLOCK2, coap.block(2, False, 1024))])
        assert got.said == "4.08"


# ----------------------------------------------------------------- observers


def test_a_real_observer(port):
    base = f"coap://127.0.0.1:{port}/now/lamp"
    with Client(port) as other, open("/dev/null", "rb") as nothing:
        watch = subprocess.Popen(["coap-client-notls", "-w", "-s", "20", base], stdin=nothing,
                                 stdout=subprocess.PIPE, text=True)
        try:
            seen = [watch.stdout.readline()]
            for _ in range(2):
                assert other.ask(PUT, "/now/lamp").said == "2.04"
                seen.append(watch.stdout.readline())
            assert len(set(seen)) == 3 and sorted(map(int, seen)) == list(map(int, seen))
        finally:
            watch.kill()
            watch.communicate()


def observe(client, path="/now/lamp", token=b"o"):
    return client.ask(GET, path, options=[(coap.OBSERVE, b"")], token=token)


def test_an_observer(hub, client, port):
    first = observe(client)
    assert (first.type, first.said) == (ACK, "2.05")
    with Client(port) as other:
        assert other.ask(GET, "/now/lamp").said == "2.05"  # changes nothing
        assert other.ask(PUT, "/now/other").said == "2.04"  # something else
        assert client.silent()
        assert other.ask(POST, "/now/lamp").said == "2.04"
    told = client.take()
    assert (told.type, told.said, told.token) == (CON, "2.05", b"o")
    assert told.option(coap.OBSERVE) > first.option(coap.OBSERVE)
    assert int(told.payload) > int(first.payload)
    client.acknowledge(told)
    got = client.ask(GET, "/now/lamp", options=[(coap.OBSERVE, b"\x01")], token=b"o")
    assert got.said == "2.05" and got.option(coap.OBSERVE) is None
    client.ask(PUT, "/now/lamp", token=b"p")
    assert client.silent()


def test_an_observer_that_is_gone(client):
    """A reset says so."""
    observe(client)
    assert client.ask(PUT, "/now/lamp", token=b"p").token == b"p"
    client.acknowledge(client.take(), RST)
    assert client.ask(PUT, "/now/lamp", token=b"p").token == b"p"
    assert client.silent()


def test_many_changes_are_told_together_and_few_at_once(client):
    """What isn't acknowledged doesn't pile up."""
    observe(client)
    kinds = []
    for _ in range(8):
        got = [client.ask(PUT, "/now/lamp", token=b"p"), client.take()]
        told = next(m for m in got if m.token == b"o")
        kinds.append(told.type)
        if told.type == CON:
            client.acknowledge(told)
    assert kinds == [CON] * 4 + [NON] * 4


def test_no_observer_of_what_is_not_there(client):
    got = observe(client, "/as/404")
    assert got.said == "4.04" and got.option(coap.OBSERVE) is None
    client.ask(PUT, "/as/404", token=b"p")
    assert client.silent()


# ------------------------------------------------------------------ refusals


def routed(tmp_path, build, *routes):
    text = hub_yaml(service(build / "guest/thing.mfy", "coap:", *[f"  - {r}" for r in routes]),
                    head=LISTEN)
    return Hub(tmp_path / "hub", text)


def test_what_is_not_there(tmp_path, build):
    with routed(tmp_path, build, "{path: /echo/lamp, method: PUT}",
                "{path: /echo/lamp, method: GET}",
                "{path: /echo/+/level}").stopping() as hub, Client(hub.http("coap")) as client:
        assert client.ask(GET, "/echo").said == "4.04"
        assert client.ask(POST, "/echo/lamp").said == "4.05"
        assert client.ask(PUT, "/echo/lamp").said == "2.04"
        assert client.ask(POST, "/echo/a/level").said == "2.04"
        core = client.ask(GET, "/.well-known/core")
        assert (core.said, core.option(coap.FORMAT)) == ("2.05", 40)
        assert core.payload == b'</echo/lamp>;rt="thing";obs'
        assert client.ask(GET, "/.well-known/core?rt=other").payload == b""
        assert client.ask(GET, "/.well-known/core?href=/echo*").payload == core.payload
        assert client.ask(PUT, "/.well-known/core").said == "4.05"


def test_a_life_that_fails(hub, client):
    got = client.ask(GET, "/crash")
    assert (got.said, got.payload) == ("5.00", b"the service failed at this request")
    request = client.request(GET, "/fail")
    for _ in range(2):  # what was in vain may be tried again
        client.send(request)
        assert client.take().said == "5.00"
    assert hub.count(3, "life") == 3


def test_what_it_cannot_understand(client):
    assert client.ask(GET, "/echo", options=[(1, b"x")]).said == "4.02"  # If-Match
    assert client.ask(GET, "/echo", options=[(9, b"x")]).said == "4.02"  # a critical one
    assert client.ask(GET, "/echo", options=[(2, b"x")]).said == "2.05"  # one that is not
    assert client.ask(GET, "/echo", options=[(35, b"coap://x/")]).said == "5.05"  # no proxy
    for path in ("/echo/..", "/./echo", "/echo/\0"):  # as over HTTP
        assert client.ask(GET, path).said == "4.00"
    assert client.ask(GET, "/" + "/".join(["x" * 200] * 3)).said == "2.05"


def test_malformed_messages(hub, client):
    whole = client.request(PUT, "/echo", b"hello").bytes()
    for i in range(len(whole)):
        client.send(whole[:i])
    for i in range(256):
        client.send(bytes([i]) + whole[1:])
        client.send(whole[:10] + bytes([i]) + whole[11:])
    client.send(b"")
    client.socket.settimeout(0.5)
    try:
        while True:
            client.socket.recv(2048)
    except socket.timeout:
        pass
    client.socket.settimeout(15)
    assert client.ask(GET, "/echo", token=b"last").token == b"last"


def test_a_flood(hub, port):
    """Each is answered, or refused as the protocol says."""
    clients = [Client(port) for _ in range(50)]
    said = {}
    for n in range(40):
        for client in clients:
            client.send(client.request(GET, "/now/x", token=bytes([n])))
        for client in clients:
            got = client.take()
            said[got.said] = said.get(got.said, 0) + 1
    for client in clients:
        client.socket.close()
    assert sum(said.values()) == 2000 and set(said) <= {"2.05", "5.03"}, said


def test_busy(tmp_path, build):
    text = hub_yaml(service(build / "guest/thing.mfy", "limits: {queue: 1}"), head=LISTEN)
    with Hub(tmp_path / "hub", text).stopping() as hub, Client(hub.http("coap")) as client:
        assert client.ask(GET, "/spin/30").said == "2.05"  # now the hub knows how long one takes
        tokens = [bytes([i]) for i in range(64)]
        for token in tokens:
            client.send(client.request(GET, "/spin/30", token=token))
        got, refused = {}, 0
        while len(got) < len(tokens):
            m = client.take()
            if m.type == CON:
                client.acknowledge(m)
            if m.code == 0:
                continue
            got[m.token] = m
            if m.said == "5.03":
                refused += 1
                assert m.option(coap.MAX_AGE) >= 1 and b"queue" in m.payload
        assert refused > 0


# ---------------------------------------------------------------------- DTLS


@pytest.fixture(name="keys")
def key_file(tmp_path):
    file = tmp_path / "keys"
    file.write_text("# who may ask\nlamp secret-of-lamp\nlock hex:000102030405060708090a\n")
    file.chmod(0o600)
    return file


def dtls_yaml(build, keys):
    return hub_yaml(service(build / "guest/thing.mfy"),
                    head=f"coap: [{{listen: 127.0.0.1:0, dtls: {{psk: {keys}}}}}]\n")


def secret(port, user, key, path="/echo", *more):
    return real("-u", user, "-k", key, *more, f"coaps://127.0.0.1:{port}{path}",
                program="coap-client-openssl")


def metric(hub, name):
    got = run("curl", "-sS", "--unix-socket", hub.events("ready")[0]["admin"],
              "http://localhost/metrics").stdout
    return next(int(line.split()[-1]) for line in got.splitlines()
                if line.startswith(name + "{transport=\"coap"))


def test_dtls(tmp_path, build, keys):
    with Hub(tmp_path / "hub", dtls_yaml(build, keys)).stopping() as hub:
        port = hub.http("coaps")
        assert lines(secret(port, "lamp", "secret-of-lamp").stdout.encode())["client"] == "psk:lamp"
        big = secret(port, "lamp", "secret-of-lamp", "/size/3000", "-o", tmp_path / "got")
        assert big.returncode == 0 and (tmp_path / "got").stat().st_size == 3000
        assert metric(hub, "mayfly_coap_handshakes_total") == 2
        for user, key in (("lamp", "secret-of-lock"), ("other", "secret-of-lamp"), ("lamp", "x")):
            got = run("coap-client-openssl", "-B", "2", "-u", user, "-k", key,
                      f"coaps://127.0.0.1:{port}/echo")
            assert "method" not in got.stdout
        assert metric(hub, "mayfly_coap_handshakes_total") == 5
        assert metric(hub, "mayfly_coap_strangers_total") == 1
        assert metric(hub, "mayfly_listener_connections_total") == 2
        with Client(port) as plain:  # without DTLS there is nobody
            plain.send(plain.request(GET, "/echo"))
        assert hub.count(2, "life") == 2


def test_keys_that_change(tmp_path, build, keys):
    with Hub(tmp_path / "hub", dtls_yaml(build, keys)).stopping() as hub:
        port = hub.http("coaps")
        assert "psk:lamp" in secret(port, "lamp", "secret-of-lamp").stdout
        keys.write_text("new secret-of-new\n")
        assert hub.reload()["event"] == "reloaded"
        assert "psk:new" in secret(port, "new", "secret-of-new").stdout
        keys.chmod(0o644)
        assert hub.reload()["event"] == "not_reloaded" and "psk" in hub.said()
        assert "psk:new" in secret(port, "new", "secret-of-new").stdout


@pytest.mark.parametrize("text, words", [
    ("lamp\n", "line 1: a key is missing"),
    ("\nlamp short\n", "line 2: the key has less than 8 bytes"),
    ("lamp hex:zz\n", "hexadecimal"),
    ("a 12345678\na 12345678\n", "line 2: this identity stands there already"),
    ("# none\n", "there is no key in it"),
    ("lamp " + "x" * 65 + "\n", "more than 64 bytes")])
def test_bad_keys(tmp_path, build, keys, text, words):
    keys.write_text(text)
    hub = Hub(tmp_path / "hub", dtls_yaml(build, keys), wait=False)
    assert hub.process.wait(15) == 1
    assert words in hub.said()


# -------------------------------------------------------------- configuration


@pytest.mark.parametrize("head, lines_of_service, words", [
    ("coap: [{listen: here}]\n", [], "coap: 'here' is not an address and a port"),
    ("coap: [{listen: 127.0.0.1:5}, {listen: 127.0.0.1:5}]\n", [], "stands there already"),
    ("coap: [{listen: 127.0.0.1:0, tls: x}]\n", [], "tls"),
    (LISTEN, ["coap: [{path: x}]"], "path: 'x'"),
    (LISTEN, ["coap: [{listen: 127.0.0.1:9}]"],
     "no entry of 'coap' at the top of the file has the address 127.0.0.1:9"),
    (LISTEN, ["coap: [{tokens: x}]"], "tokens"),
    (LISTEN, ["coap: [{path: /a}, {path: /a}]"], "coap: any method /a on 127.0.0.1:0"),
    ("coap: [{listen: 127.0.0.1:0, dtls: {psk: /nowhere}}]\n", [], "coap: dtls: psk \"/nowhere\"")])
def test_what_is_wrong_with_it(tmp_path, build, head, lines_of_service, words):
    text = hub_yaml(service(build / "guest/thing.mfy", *lines_of_service), head=head)
    hub = Hub(tmp_path / "hub", text, wait=False)
    assert hub.process.wait(15) != 0
    assert words in hub.said()


def test_a_service_without_the_trigger(tmp_path, build):
    text = hub_yaml(service(build / "guest/web.mfy", "coap: [{path: /x}]"), head=LISTEN)
    hub = Hub(tmp_path / "hub", text, wait=False)
    assert hub.process.wait(15) == 2
    assert "coap: web has no trigger of that type" in hub.said()


def test_an_address_that_is_taken(tmp_path, build):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        text = hub_yaml(service(build / "guest/thing.mfy"),
                        head=f"coap: [{{listen: 127.0.0.1:{port}}}]\n")
        hub = Hub(tmp_path / "hub", text, wait=False)
        assert hub.process.wait(15) == 1
        assert f"coap: can't listen on 127.0.0.1:{port}" in hub.said()


def test_reload(hub, client, build):
    """Observers stay with a service that is replaced, and hear when it is gone."""
    assert observe(client, "/now/a").said == "2.05"
    service_lines = service(build / "guest/thing.mfy", "limits: {queue: 7}")
    assert hub.reload(hub_yaml(service_lines, head=LISTEN))["event"] == "reloaded"
    told = client.take()
    assert (told.said, told.token) == ("2.05", b"o")
    client.acknowledge(told)
    other = service(build / "guest/thing.mfy", "name: other", "coap: [{path: /echo/#}]")
    assert hub.reload(hub_yaml(other, head=LISTEN))["event"] == "reloaded"
    gone = client.take()
    assert (gone.said, gone.option(coap.OBSERVE)) == ("4.04", None)
    client.acknowledge(gone)
    assert client.ask(GET, "/now/a").said == "4.04"
    assert client.ask(GET, "/echo").said == "2.05"
    assert hub.reload(hub_yaml(other.replace("coap: [{path: /echo/#}]", "")))["event"] == "reloaded"
    hub.until(lambda: closed(client))


def closed(client):
    """Nobody is at that port any more."""
    try:
        client.send(client.request(GET, "/echo"))
        client.socket.settimeout(0.2)
        client.take()
    except ConnectionRefusedError:
        return True
    except (socket.timeout, AssertionError):
        pass
    return False


def test_stopping(hub, client):
    """What was accepted is answered."""
    client.send(client.request(GET, "/spin/500", token=b"slow"))
    hub.until(hub.workers)
    time.sleep(0.1)
    assert hub.stop() == 0
    got = client.take()
    while got.code == 0:
        got = client.take()
    assert (got.token, got.said) == (b"slow", "2.05")


# --------------------------------------------------------------------- state


def stateful(tmp_path, build, port):
    return hub_yaml(service(build / "guest/presses.mfy"),
                    head=f"state: {tmp_path}/state\ncoap: [{{listen: 127.0.0.1:{port}}}]\n"
                         "http: [{listen: 127.0.0.1:0}]\n")


def test_a_change_over_http_is_told(tmp_path, build):
    with Hub(tmp_path / "hub", stateful(tmp_path, build, 0)).stopping() as hub, \
            Client(hub.http("coap")) as client:
        assert observe(client, "/presses/hall").payload == b"0"
        url = f"http://127.0.0.1:{hub.http()}/presses/hall"
        assert run("curl", "-sS", "-X", "POST", url).stdout == "1"
        told = client.take()
        assert (told.token, told.payload) == (b"o", b"1")
        client.acknowledge(told)


def test_the_same_request_after_the_hub_was_killed(tmp_path, build):
    """Its effects were committed, its answer was lost: no second effect."""
    hub = Hub(tmp_path / "hub", stateful(tmp_path, build, 0))
    port = hub.http("coap")
    with Client(port) as client:
        press = client.request(POST, "/presses/hall", b"now")
        client.send(press)
        first = client.take()
        assert (first.said, first.payload) == ("2.04", b"1")
        hub.process.kill()
        hub.process.wait()
        hub = Hub(tmp_path / "hub", stateful(tmp_path, build, port))
        with hub.stopping():
            client.send(press)
            assert client.take().payload == b"1"
            assert client.ask(GET, "/presses/hall").payload == b"1"
            assert client.ask(POST, "/presses/hall", b"now").payload == b"2"


# ------------------------------------------------------------------- devices


class Device:
    """It answers as a test says: one message at a time."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(15)
        self.port = self.socket.getsockname()[1]
        self.peer = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def take(self):
        data, self.peer = self.socket.recvfrom(2048)
        return coap.parse(data)

    def answer(self, request, said="2.04"):
        self.socket.sendto(coap.Message(ACK, coap.code(said), request.id, request.token).bytes(),
                           self.peer)


@pytest.fixture(name="relay")
def relaying_hub(tmp_path, build):
    text = hub_yaml(service(build / "guest/relay.mfy"),
                    service(build / "guest/thing.mfy", "coap: [{path: /now/+}]"),
                    head=f"state: {tmp_path}/state\n{LISTEN}")
    hub = Hub(tmp_path / "hub", text)
    with hub.stopping(), Client(hub.http("coap")) as client:
        yield client


def relay_to(client, address, body=b"on"):
    return client.ask(POST, "/relay", address.encode() + b"\n" + body)


def text_of(request, which):
    return [value for number, value in request.options if number == which]


def test_a_message_to_a_device(relay):
    with Device() as device:
        assert relay_to(relay, f"coap://127.0.0.1:{device.port}/lamp/a%20b?now&x=1").said == "2.04"
        got = device.take()
        assert (got.type, got.code, got.payload) == (CON, PUT, b"on")
        assert text_of(got, coap.URI_PATH) == [b"lamp", b"a b"]
        assert text_of(got, coap.URI_QUERY) == [b"now", b"x=1"]
        device.answer(got)
        relay_to(relay, f"coap-post://127.0.0.1:{device.port}/", b"off")
        got = device.take()
        assert (got.code, got.payload, text_of(got, coap.URI_PATH)) == (POST, b"off", [])
        device.answer(got, "4.04")  # it arrived
        relay_to(relay, f"coap://127.0.0.1:{device.port}/x", b"last")
        assert device.take().payload == b"last"


def test_a_device_that_can_not_now(relay):
    """Its messages come in order, and hold up nobody else's."""
    with Device() as slow, Device() as other:
        for body in (b"1", b"2"):
            relay_to(relay, f"coap://127.0.0.1:{slow.port}/x", body)
        first = slow.take()
        slow.answer(first, "5.03")
        relay_to(relay, f"coap://127.0.0.1:{other.port}/x", b"3")
        got = other.take()
        assert got.payload == b"3"
        other.answer(got)
        again = slow.take()
        assert (again.payload, again.token) == (b"1", first.token) and again.id != first.id
        slow.answer(again)
        assert slow.take().payload == b"2"


@pytest.mark.parametrize("address", [
    "coap://name/x", "coap://0.0.0.0/x", "coap://127.0.0.1:99999/x", "coap://[::1/x"])
def test_no_address(relay, address):
    assert relay_to(relay, address).said == "4.03"


def test_what_is_emitted_to_observers(relay):
    assert observe(relay, "/now/lamp").said == "2.05"
    assert relay_to(relay, "coap:///now/other").said == "2.04"
    got = [relay_to(relay, "coap:///now/lamp", b"bright"), relay.take()]
    told = next(m for m in got if m.token == b"o")
    assert (told.said, told.payload) == ("2.05", b"bright")
    relay.acknowledge(told)


# ---------------------------------------------------------- devices over DTLS


@contextlib.contextmanager
def real_device(key):
    """libcoap's server, which keeps what is put; the port of its DTLS."""
    port = free_port()
    with subprocess.Popen(["coap-server-openssl", "-A", "127.0.0.1", "-p", str(port), "-k", key, "-d", "9"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:
        try:
            yield port
        finally:
            server.kill()


def kept_there(port, want):
    end = time.monotonic() + 20 * PATIENCE
    while (got := run("coap-client-notls", "-B", "2", f"coap://127.0.0.1:{port}/lamp").stdout.strip()) != want:
        assert time.monotonic() < end, got
        time.sleep(0.05)


def test_a_device_with_a_key(tmp_path, build):
    """Over DTLS; one that has another key gets nothing, and its message waits."""
    keys = tmp_path / "emit-keys"
    with real_device("secret-of-lamp") as lamp, real_device("secret-of-other") as other:
        keys.write_text(f"coaps://+ hub secret-of-lamp\ncoaps://127.0.0.1:{other + 1} hub no-secret\n")
        keys.chmod(0o600)
        text = hub_yaml(service(build / "guest/relay.mfy"),
                        head=f"state: {tmp_path}/state\nemit: {{keys: {keys}}}\n{LISTEN}")
        with Hub(tmp_path / "hub", text).stopping() as hub, Client(hub.http("coap")) as client:
            for port in (other, lamp):
                relay_to(client, f"coaps://127.0.0.1:{port + 1}/lamp", b"bright")
            kept_there(lamp, "bright")
            kept_there(other, "")
            keys.write_text("coaps://+ hub secret-of-other\n")
            assert hub.reload()["event"] == "reloaded"
            kept_there(other, "bright")
