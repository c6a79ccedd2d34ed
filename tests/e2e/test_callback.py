"""Who doesn't wait for a job is called when it has ended: signed, until it has arrived, and nobody but whom the operator named."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time

import pytest
from conftest import free_port
from http_client import Client, listener
from hubs import hub_yaml, service
from receiver import Receiver

SECRET = base64.b64encode(b"0123456789abcdefghijklmnopqrstuv").decode()


@pytest.fixture
def open_hub(start, build, tmp_path):
    """open_hub(lines of emit.callbacks...)"""
    def begin(*lines):
        text = "".join(f"{line} whsec_{SECRET}\n" for line in lines)
        head = ""
        if lines:
            (tmp_path / "callbacks").write_text(text)
            os.chmod(tmp_path / "callbacks", 0o600)
            head = f"emit: {{callbacks: {tmp_path}/callbacks}}\n"
        return start(service(build / "guest/planner.mfy"),
                     head=f"state: {tmp_path}/state\n{head}" + listener())

    return begin


def post(hub, callback, path="/shout", prefer="respond-async", **headers):
    with Client(hub.http(), seconds=60) as client:
        return client.ask("POST", path, b"quiet", {"Prefer": prefer, "Mayfly-Callback": callback, **headers})


def begin(hub, callback, path="/shout", **headers):
    accepted = post(hub, callback, path, **headers)
    assert accepted.status == 202, accepted
    return accepted.headers["location"]


def look(hub, job):
    with Client(hub.http()) as client:
        return json.loads(client.ask("GET", job).body)


def called(hub, job, state):
    hub.until(lambda: look(hub, job)["callback"]["state"] == state, 30)
    return look(hub, job)["callback"]


def is_signed(call):
    """As any library of Standard Webhooks looks at it."""
    content = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    mac = hmac.new(base64.b64decode(SECRET), content, hashlib.sha256).digest()
    assert call.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
    assert abs(time.time() - int(call.headers["webhook-timestamp"])) < 60
    return True


def test_who_is_called(open_hub):
    with Receiver() as page:
        hub = open_hub(page.url("/hooks/"))
        job = begin(hub, page.url("/hooks/7?a=b"))
        call, = page.take(1)
        assert call.path == "/hooks/7?a=b" and call.headers["Content-Type"] == "application/json"
        assert call.headers["webhook-id"] == job.rsplit("/", 1)[1] and is_signed(call)
        event = json.loads(call.body)
        assert event["type"] == "job.done" and event["timestamp"].endswith("Z")
        assert called(hub, job, "arrived") == {"to": page.url("/hooks/7"), "state": "arrived", "status": 204}
        at = look(hub, job)
        assert {k: event["data"][k] for k in ("id", "state", "result", "ended_ns")} == {
            k: at[k] for k in ("id", "state", "result", "ended_ns")}
        # one that fails is told too
        begin(hub, page.url("/hooks/8"), "/shout?task=1&fail=1")
        call = page.take(2)[1]
        assert json.loads(call.body)["type"] == "job.failed" and is_signed(call)
        # the same request again is the same job, and nobody is called twice
        key = {"Idempotency-Key": "once"}
        jobs = [begin(hub, page.url("/hooks/9"), **key) for _ in range(2)]
        assert jobs[0] == jobs[1]
        assert post(hub, page.url("/hooks/10"), **key).status == 409
        called(hub, jobs[0], "arrived")
        assert [call.path for call in page.take(3)] == ["/hooks/7?a=b", "/hooks/8", "/hooks/9"]


def test_openssl_says_so_too(open_hub, tmp_path):
    """As docs/jobs.md has it."""
    with Receiver() as page:
        begin(open_hub(page.url()), page.url())
        call, = page.take(1)
    (tmp_path / "body").write_bytes(call.body)
    done = subprocess.run(["bash", "-c", """
        { printf '%s.%s.' "$id" "$time"; cat body; } |
            openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf %s "${secret#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \\n') -binary |
            base64"""], cwd=tmp_path, capture_output=True, text=True, check=True, env={
        **os.environ, "id": call.headers["webhook-id"], "time": call.headers["webhook-timestamp"],
        "secret": f"whsec_{SECRET}"})
    assert "v1," + done.stdout.strip() == call.headers["webhook-signature"]


def test_again_until_it_arrives(open_hub):
    """Each try has its own time and signature, all of them one id."""
    with Receiver(answers={"/": [(503,), (429, ("Retry-After", "1"))]}) as page:
        hub = open_hub(page.url())
        job = begin(hub, page.url())
        calls = page.take(3)
        assert [call.status for call in calls] == [503, 429, 204]
        assert len({call.headers["webhook-id"] for call in calls}) == 1
        assert len({call.headers["webhook-timestamp"] for call in calls}) > 1
        assert all(is_signed(call) for call in calls)
        called(hub, job, "arrived")


def test_given_up(open_hub):
    with Receiver(answers={"/": [(410,)]}) as page:
        hub = open_hub(page.url())
        job = begin(hub, page.url())
        assert called(hub, job, "given up")["status"] == 410
        assert "given up" in hub.said()


def test_the_hub_is_killed_before_it_could_call(open_hub):
    """The job has ended, nobody was there to hear it; the next hub calls, and knows it when it's killed again."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    hub = open_hub(url)
    job = begin(hub, url)
    hub.until(lambda: look(hub, job)["state"] == "done")
    hub.until(lambda: "can't send to" in hub.said())
    assert look(hub, job)["callback"]["state"] == "waiting"
    hub.process.kill()
    hub.process.wait()
    hub = open_hub(url)
    with Receiver(port) as page:
        call, = page.take(1)
        assert call.headers["webhook-id"] == job.rsplit("/", 1)[1] and is_signed(call)
        called(hub, job, "arrived")
    hub.stop()
    assert look(open_hub(url), job)["callback"]["state"] == "arrived"


def test_no_longer_allowed(open_hub):
    """A line that goes takes what waits for it along."""
    url = f"http://127.0.0.1:{free_port()}/"
    hub = open_hub(url)
    job = begin(hub, url)
    hub.until(lambda: "can't send to" in hub.said())
    hub.stop()
    hub = open_hub("http://127.0.0.1:1/other")
    assert called(hub, job, "given up")["status"] is None
    assert "emit.callbacks" in hub.said()


def test_nobody_else(open_hub):
    with Receiver() as page:
        hub = open_hub(page.url("/hooks"))
        for url, status in [(page.url("/"), 403), (page.url("/hooksy"), 403), (page.url("/hooks/../x"), 400),
                            (page.url("/hooks").replace("127.0.0.1", "localhost"), 403), ("/hooks", 400), ("", 400)]:
            assert post(hub, url).status == status, url
        assert post(hub, page.url("/hooks"), prefer="wait=1", path="/shout?plan=1").status == 400
        hub.stop()
        assert post(open_hub(), page.url("/hooks")).status == 403
        assert page.posts == []


def test_not_within_our_networks(open_hub):
    """A domain's owner says where its hosts are: not here."""
    port = free_port()
    url = f"https://x.a.localhost:{port}/"
    hub = open_hub(f"https://*.a.localhost:{port}/")
    job = begin(hub, url)
    hub.until(lambda: "its address is within this machine's networks" in hub.said())
    assert look(hub, job)["callback"]["state"] == "waiting"


@pytest.mark.parametrize("line, says", [
    ("https://*.org/", "a whole top-level domain"),
    ("http://*.example.org/", "https:// only"),
    ("hooks.example.org", "begins neither with"),
])
def test_lines_that_are_none(tmp_path, refused, build, line, says):
    (tmp_path / "callbacks").write_text(f"{line} whsec_{SECRET}\n")
    os.chmod(tmp_path / "callbacks", 0o600)
    refused(hub_yaml(service(build / "guest/planner.mfy"), head=f"emit: {{callbacks: {tmp_path}/callbacks}}\n"), 1, "line 1", says)
