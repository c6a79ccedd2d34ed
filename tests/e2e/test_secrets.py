"""What is secret stays so: a hub works, fails and is asked about itself, and nothing that it said holds a secret."""

import hashlib
import hmac
import threading
import uuid

import pytest
from authority import Authority
from http_client import Client
from hubs import hub_yaml, service
from test_access import tokens  # noqa: F401

SECRET = "5ecret-of-the-webhook-that-nobody-may-see"


def pieces(text):
    """What to look for: the lines of a file, but for those that say what it is."""
    return [line for line in text.splitlines() if len(line) > 20 and not line.startswith("-----")]


@pytest.fixture
def files(tmp_path, tokens):  # noqa: F811
    ca = Authority(tmp_path / "ca")
    certificate, key = ca.server()
    file, ann, bob = tokens("ann", "bob")
    (tmp_path / "secret").write_text(SECRET + "\n")
    return {"ca": ca, "certificate": certificate, "key": key, "client": ca.make("client"), "tokens": file,
            "ann": ann, "bob": bob, "secret": tmp_path / "secret"}


def text_of(build, files, tokens=None):
    tls = f"tls: {{certificate: {files['certificate']}, key: {files['key']}, clients: {files['ca'].file}, require: false}}"
    return hub_yaml(
        service(build / "services/hook.mfy", f"data: {{secret: {files['secret']}}}"),
        service(build / "guest/who.mfy", f"http: [{{path: '/who/#', tokens: {tokens or files['tokens']}}}, "
                                         "{path: '/open/#'}]"),
        service(build / "guest/web.mfy", "http: [{path: '/web/#'}, {path: /crash}, {path: /fail}]"),
        head=f"log: json\nmetrics: 127.0.0.1:0\nadmin_listen: {{listen: '127.0.0.1:0', {tls}, "
             f"tokens: {files['tokens']}, change: [ann]}}\n"
             f"http:\n  - {{listen: '127.0.0.1:0'}}\n  - {{listen: '127.0.0.1:0', {tls}}}\n")


def load(hub, files, sent, answers):
    """Requests of all kinds, with secrets wherever a client may put one."""
    body = b"delivery"
    for i in range(20):
        with Client(hub.http()) as client:
            key, wrong = f"idempotency-{uuid.uuid4()}", f"wrong-{uuid.uuid4().hex}"
            cookie, query = f"session-{uuid.uuid4()}", f"access_token={uuid.uuid4()}"
            sent += [key, wrong, cookie, query]
            right = {"Authorization": f"Bearer {files['ann']}", "Idempotency-Key": key, "Cookie": f"a={cookie}"}
            signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            for method, path, headers in (
                    ("POST", f"/who/a?{query}", right), ("POST", f"/who/a?{query}", right),
                    ("POST", f"/who/{i}", {**right, "Authorization": f"Bearer {wrong}"}),
                    ("POST", "/who/a", {**right, "Authorization": f"Basic {wrong}"}),
                    ("POST", f"/open/x?{query}", {"Authorization": f"Bearer {wrong}"}),
                    ("POST", f"/crash?{query}", right), ("POST", "/fail", right), ("POST", "/nowhere", right),
                    ("POST", "/hook", {"X-Hub-Signature-256": f"sha256={signed}"}),
                    ("POST", "/hook", {"X-Hub-Signature-256": "sha256=" + "0" * 64})):
                answer = client.ask(method, path, body, headers)
                if not path.startswith(("/open", "/who/a")):  # where the guest says what it got
                    answers.append(answer.body.decode("latin-1"))
            client.send(f"GET /who/a HTTP/1.1\r\nAuthorization: Bearer {files['bob']}\r\n folded\r\n\r\n".encode())
            answers.append(client.answer().body.decode("latin-1"))


def ask_about_it(hub, mayfly, files, tmp_path):
    """All that the hub tells of itself, to whoever may ask."""
    (tmp_path / "ann.token").write_text(files["ann"])
    (tmp_path / "ann.token").chmod(0o600)
    ready = hub.events("ready")[0]
    at = ["--hub", f"https://127.0.0.1:{ready['admin_listen']['port']}", "--cacert", files["ca"].file,
          "--token-file", tmp_path / "ann.token"]
    said = []
    for where in (["--hub", ready["admin"]], at):
        for command in (["ps"], ["ps", "-o", "json"], ["stats"], ["stats", "-o", "json"], ["logs"],
                        ["logs", "-o", "json"], ["reload"]):
            done = mayfly(*command, *where)
            assert done.returncode == 0, done.stderr
            said += [done.stdout, done.stderr]
    with Client(ready["metrics"]["port"]) as client:
        said.append(client.ask("GET", "/metrics").body.decode())
    assert 'reason="bad_token"' in said[-1]
    return said


def test_nothing_secret_is_said(make_hub, build, mayfly, files, tmp_path):
    hub = make_hub(text_of(build, files))
    sent, answers = [], []
    threads = [threading.Thread(target=load, args=(hub, files, sent, answers)) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(answers) == 2 * 20 * 7
    bad = tmp_path / "bad"  # somebody mistakes it for a file of tokens, or of keys
    for content in (f"ann {files['ann']}\n", files["ann"], files["key"].read_text(), SECRET):
        bad.write_text(content)
        bad.chmod(0o600)
        assert hub.reload(text_of(build, files, bad))["event"] == "not_reloaded"
        done = mayfly("config", "check", hub.config)
        assert done.returncode != 0
        answers += [done.stdout, done.stderr]
    for name in ("key", "certificate"):
        assert hub.reload(text_of(build, {**files, name: bad}))["event"] == "not_reloaded"
    hub.reload(text_of(build, files))
    done = mayfly("config", "check", hub.config)
    answers += [done.stdout, done.stderr, *ask_about_it(hub, mayfly, files, tmp_path)]
    for what in ("cmdline", "environ"):
        with open(f"/proc/{hub.pid}/{what}", encoding="latin-1") as f:
            answers.append(f.read())
    hub.stop()
    everything = "\n".join([hub.out.read_text(), hub.said(), *answers])
    assert '"life"' in everything and "bad_token" in everything and "crashed" in everything
    secrets = [SECRET, files["ann"], files["bob"], *sent, *pieces(files["key"].read_text()),
               *pieces(files["client"][1].read_text())]
    assert len(secrets) > 160
    for secret in secrets:
        assert secret not in everything, secret


def test_what_looks_for_secrets_finds_them(make_hub, build, files):
    """The same look at an answer in which a service tells one."""
    hub = make_hub(text_of(build, files))
    with Client(hub.http()) as client:
        said = client.ask("GET", "/open/x", headers={"Authorization": f"Bearer {files['bob']}"}).body.decode()
    assert files["bob"] in said  # an open way passes it on: the manifest names it
