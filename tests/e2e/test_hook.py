"""services/hook over HTTP: deliveries signed here by Python's hmac, sent by curl."""

import base64
import hashlib
import hmac
import time

import pytest

from hubs import service
from web import Web

KEY = b"correct horse battery staple, twice"
OLD = b"the key that was in use before this one"
BODY = '{"ref":"refs/heads/main","text":"é \\u0000"}'.encode()


def mac(key, text):
    return hmac.new(key, text, hashlib.sha256)


@pytest.fixture(scope="module")
def web(tmp_path_factory, build_directory):
    directory = tmp_path_factory.mktemp("hook")
    (directory / "secret").write_bytes(OLD + b"\n" + KEY + b"\n")
    (directory / "whsec").write_bytes(b"whsec_" + base64.b64encode(KEY) + b"\n")

    def style(name, secret):
        return service(build_directory / "services/hook.mfy", f"name: {name}",
                       f"data: {{secret: {directory / secret}}}", f"config: {{style: {name}}}",
                       f"http: [{{path: /{name}}}]")

    web = Web(directory, style("github", "secret"), style("stripe", "secret"),
              style("standard", "whsec"))
    yield web
    said = web.hub.said() + web.hub.out.read_text()
    assert web.hub.stop() == 0
    for secret in KEY, OLD, base64.b64encode(KEY):
        assert secret.decode() not in said


def post(web, path, headers, body=BODY):
    (web.directory / "delivery").write_bytes(body)
    options = [each for pair in headers.items() for each in ("-H", ": ".join(pair))]
    status, _, answer = web.ask(path, *options, "--data-binary", f"@{web.directory / 'delivery'}")
    return status, answer


def github(key=KEY, body=BODY):
    return {"X-Hub-Signature-256": "sha256=" + mac(key, body).hexdigest(),
            "X-GitHub-Event": "push"}


def test_github(web):
    for number, key in enumerate((KEY, OLD)):
        name = f"delivery-{number}"
        assert post(web, "/github", {**github(key), "X-GitHub-Delivery": name}) == (
            202, b"accepted\n")
        line = f"github: delivery {name}, event push, {len(BODY)} bytes: taken"
        web.hub.until(lambda: line in web.hub.said())


def test_a_body_of_every_size(web):
    for size in (0, 1, 55, 56, 63, 64, 65, 4096, 100_000, 1 << 20):
        body = bytes(i * 7 & 255 for i in range(size))
        assert post(web, "/github", github(body=body), body)[0] == 202, size
        assert post(web, "/github", github(body=body), body + b"x")[0] in (401, 413), size


@pytest.mark.parametrize("headers, status, words", [
    ({}, 401, b"not signed"),
    (github(b"some other key"), 401, b"is wrong"),
    (github(body=BODY + b" "), 401, b"is wrong"),
    ({"X-Hub-Signature-256": "sha256=" + "0" * 64}, 401, b"is wrong"),
    ({"X-Hub-Signature-256": "sha256=" + "0" * 63}, 400, b"can't be read"),
    ({"X-Hub-Signature-256": "md5=1"}, 400, b"can't be read"),
])
def test_github_refuses(web, headers, status, words):
    got, answer = post(web, "/github", headers)
    assert got == status and words in answer


def stripe(then, key=KEY):
    then = int(then)
    return {"Stripe-Signature": f"t={then},v1=" + mac(key, b"%d." % then + BODY).hexdigest()}


def test_stripe(web):
    assert post(web, "/stripe", stripe(time.time()))[0] == 202
    assert post(web, "/stripe", stripe(time.time() - 200))[0] == 202
    got, answer = post(web, "/stripe", stripe(time.time() - 400))
    assert got == 401 and b"too far" in answer
    got, answer = post(web, "/stripe", stripe(time.time(), b"another"))
    assert got == 401 and b"is wrong" in answer
    assert post(web, "/stripe", {"Stripe-Signature": "t=,v1="})[0] == 400


def standard(name, then):
    text = f"{name}.{int(then)}.".encode() + BODY
    return {"Webhook-Id": name, "Webhook-Timestamp": str(int(then)),
            "Webhook-Signature": "v1," + base64.b64encode(mac(KEY, text).digest()).decode()}


def test_standard(web):
    good = standard("msg_17", time.time())
    assert post(web, "/standard", good)[0] == 202
    web.hub.until(lambda: "standard: delivery msg_17," in web.hub.said())
    assert post(web, "/standard", {**good, "Webhook-Id": "msg_18"})[0] == 401
    assert post(web, "/standard", standard("msg_19", time.time() + 400))[0] == 401
    assert post(web, "/standard", {**good, "Webhook-Timestamp": "today"})[0] == 400


def test_methods(web):
    status, headers, _ = web.ask("/github")
    assert (status, headers["allow"]) == (405, "POST, OPTIONS")


def test_a_secret_that_is_no_key(tmp_path, mayfly, build):
    (tmp_path / "secret").write_text("not base64, but a secret\n")
    done = mayfly("run", build / "services/hook.mfy", "--data", tmp_path / "secret",
                  "--config", "style=standard", "--http", "POST /hook")
    assert done.returncode == 1 and "secret: line 1: expected whsec_" in done.stderr
    assert "not base64" not in done.stderr
