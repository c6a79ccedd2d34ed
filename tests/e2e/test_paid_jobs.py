"""Jobs of a center: held before they are planned, charged once at their end, whatever is killed; free when they fail."""

import hashlib
import hmac
import base64
import json
import os
import random
import string
import time

import pytest
from conftest import BUILD, free_port
from hubs import Hub, hub_yaml, service
from http_client import Client
from market import Center, bearer, millionths, receipt
from postgres import server  # noqa: F401: a fixture
from receiver import Receiver

MIB = 1 << 20


@pytest.fixture(scope="module")
def text():
    """More than one life takes."""
    return "".join(random.Random(77).choices(string.ascii_lowercase, k=5 * MIB // 4 + 7)).encode()


@pytest.fixture
def center(start, tmp_path):
    c = Center(start, tmp_path, service(BUILD / "guest/planner.mfy"))
    yield c
    if c.hub.process.poll() is None:
        assert c.hub.stop() == 0, c.hub.said()
    c.verify()


def post(center, path, body, key=None, **headers):
    with Client(center.hub.http(), seconds=60) as client:
        return client.ask("POST", path, body, bearer(key or center.key, **headers))


def begin(center, path, body, **headers):
    accepted = post(center, path, body, Prefer="respond-async", **headers)
    assert accepted.status == 202, (accepted.status, accepted.body)
    return accepted.headers["location"]


def get(center, path):
    with Client(center.hub.http(), seconds=60) as client:
        return client.ask("GET", path)


def look(center, job):
    return json.loads(get(center, job).body)


def ended(center, job):
    center.hub.until(lambda: look(center, job)["ended_ns"] is not None, 60)
    return look(center, job)


def held(center):
    return millionths(center.account()["held"])


def test_who_waits(center, text):
    """The answer has the receipt; what was charged is what the slices metered."""
    with Client(center.hub.http()) as client:
        assert client.ask("POST", "/shout", text).status == 401
    quote = post(center, f"/shout?quote={len(text)}bytes", b"")
    got = post(center, "/shout?slice=262144&meter=1", text)
    assert (got.status, got.body) == (200, text.upper())
    line, said = receipt(got)
    assert (said["account"], said["service"], said["unit"]) == ("anna", "planner", "byte")
    assert int(said["quantity"]) == len(text) == int(said["price"]) == json.loads(quote.body)["units"]
    assert said["output"] == got.headers["mayfly-blob"] == hashlib.sha256(text.upper()).hexdigest()
    assert said["input"] == hashlib.sha256(text).hexdigest() and int(said["cpu_ns"]) > 0
    assert center.balance() == 10_000_000 - len(text) and held(center) == 0
    assert center.verify()["charges"] == 1


def test_who_does_not_wait(center, text):
    """Held while it works, charged at its end; the webhook has the receipt, too."""
    job = begin(center, "/shout?slice=131072&meter=1&burn=20", text)
    at = look(center, job)
    assert (at["quoted"], at["charged"], at["receipt"]) == (f"{len(text) / 1e6:.6f}", "0.000000", None)
    assert held(center) == len(text)
    at = ended(center, job)
    assert at["state"] == "done" and millionths(at["charged"]) == len(text)
    got = get(center, f"{job}/result")
    line, said = receipt(got)
    assert line == at["receipt"] and said["event"] == at["id"] and got.body == text.upper()
    assert held(center) == 0 and center.balance() == 10_000_000 - len(text)


def test_one_task(center):
    """A request that fits is a job as well, where the client wants one."""
    job = begin(center, "/shout?meter=1", b"quiet")
    at = ended(center, job)
    assert (at["state"], at["tasks"], at["charged"]) == ("done", 1, "0.000005")
    assert receipt(get(center, f"{job}/result"))[1]["output"] == hashlib.sha256(b"QUIET").hexdigest()


def test_never_more_than_was_quoted(center):
    at = ended(center, begin(center, "/shout?meter=1000", b"quiet"))
    assert at["charged"] == "0.000005"
    assert "what is above isn't charged" in center.hub.said()


def test_not_paid_not_begun(center, text):
    center.ok("account", "pay", "--state", center.state, "--", "anna", "-9.999")
    got = post(center, "/shout?meter=1", text, Prefer="respond-async")
    assert got.status == 402 and json.loads(got.body)["quoted"] == f"{len(text) / 1e6:.6f}"
    assert post(center, "/shout?meter=1", text).status == 402
    assert post(center, "/shout?meter=1", b"quiet", Prefer="respond-async", Mayfly_Budget="0.000004 EUR").status == 402
    assert post(center, "/shout?meter=1", b"q", key="mfy_live_x", Prefer="respond-async").status == 401
    assert not center.hub.events("life") and held(center) == 0 and not center.charges()


@pytest.mark.parametrize("how, state", [("fail=1", "failed"), ("plan=none", "failed"), ("", "cancelled")])
def test_what_comes_to_nothing_is_free(center, text, how, state):
    job = begin(center, f"/shout?slice=131072&meter=1&burn=20&{how}", text)
    if state == "cancelled":
        center.hub.until(lambda: look(center, job)["done"] > 0)
        with Client(center.hub.http()) as client:
            assert client.ask("DELETE", job).status == 204
    assert ended(center, job)["state"] == state
    center.hub.until(lambda: held(center) == 0)
    assert not center.charges() and center.balance() == 10_000_000


def test_asked_again(center, text):
    """The same job and receipt; what isn't kept any more is done once more, for nothing; another's key is another's."""
    path, key = "/shout?slice=262144&meter=1", {"Idempotency_Key": "once"}
    job = begin(center, path, text, **key)
    assert begin(center, path, text, **key) == job
    first = ended(center, job)["receipt"]
    assert begin(center, path, text, **key) == job
    assert post(center, path, text[1:], Prefer="respond-async", **key).status == 409
    with Client(center.hub.http()) as client:
        assert client.ask("DELETE", job).status == 204
    again = begin(center, path, text, **key)
    at = ended(center, again)
    assert again != job and at["state"] == "done" and at["receipt"] == first
    got = post(center, path, text, **key)
    assert got.body == text.upper() and receipt(got)[0] == first
    other = center.add_key()
    assert len(center.charges()) == 1
    assert post(center, path, text, key=other, Prefer="respond-async", **key).status == 202
    center.hub.until(lambda: held(center) == 0)
    assert len(center.charges()) == 1  # another key of the same account


def test_the_hub_is_killed(center, text):
    """Again and again: the next one finds what is held, counts what was metered before, and charges once."""
    job, rng = begin(center, "/shout?slice=65536&meter=1&burn=15", text), random.Random(os.getpid())
    for want in (0, 3, 9):
        center.hub.until(lambda: look(center, job)["done"] >= want or look(center, job)["ended_ns"])
        center.hub.process.kill()
        center.hub.process.wait()
        center.hub = center.open()
        center.hub.until(lambda: look(center, job)["tasks"] > 0)
        assert held(center) in (0, len(text)), rng
    at = ended(center, job)
    assert at["state"] == "done" and millionths(at["charged"]) == len(text)
    assert get(center, f"{job}/result").body == text.upper()
    assert held(center) == 0 and center.balance() == 10_000_000 - len(text) and len(center.charges()) == 1
    center.hub.stop()
    center.hub = center.open()
    assert look(center, job)["receipt"] == at["receipt"]
    assert receipt(get(center, f"{job}/result"))[0] == at["receipt"]


def test_killed_at_any_moment(center):
    """Short jobs, of which some end while others of them are killed, before, while and after they are charged."""
    rng, jobs = random.Random(5), []
    for i in range(6):
        jobs.append(begin(center, f"/shout?slice=1000&meter=1&plan=1&burn={rng.randrange(3)}", b"a" * 3000, Idempotency_Key=f"job-{i}"))
        time.sleep(rng.random() / 8)
        center.hub.process.kill()
        center.hub.process.wait()
        center.hub = center.open()
    for i, job in enumerate(jobs):
        at = ended(center, job)
        assert (at["state"], at["charged"]) == ("done", "0.003000"), at
        line, said = receipt(get(center, f"{job}/result"))
        assert line == at["receipt"] and said["event"] == at["id"]
        assert begin(center, at["path"] + "?" + at["query"], b"a" * 3000, Idempotency_Key=f"job-{i}") == job
    assert held(center) == 0 and center.balance() == 10_000_000 - 6 * 3000 and len(center.charges()) == 6


def test_stopped_in_good_order(center, text):
    """What is held stays held for the hub that goes on."""
    job = begin(center, "/shout?slice=65536&meter=1&burn=15", text)
    center.hub.until(lambda: look(center, job)["done"] > 0)
    assert center.hub.stop() == 0
    assert held(center) == len(text)
    center.ok("account", "pay", "--state", center.state, "--", "anna", "-8")  # what is held can't be taken away from it
    center.hub = center.open()
    assert ended(center, job)["state"] == "done" and len(center.charges()) == 1
    assert held(center) == 0


def test_who_is_called(start, tmp_path):
    secret = base64.b64encode(b"s" * 32).decode()
    with Receiver() as page:
        (tmp_path / "callbacks").write_text(f"{page.url()} whsec_{secret}\n")
        os.chmod(tmp_path / "callbacks", 0o600)
        center = Center(start, tmp_path, service(BUILD / "guest/planner.mfy"),
                        head=f"emit: {{callbacks: {tmp_path}/callbacks}}\n")
        job = begin(center, "/shout?meter=1", b"quiet", Mayfly_Callback=page.url())
        call, = page.take(1)
        content = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
        mac = hmac.new(b"s" * 32, content, hashlib.sha256).digest()
        assert call.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
        data = json.loads(call.body)["data"]
        assert data["receipt"] == look(center, job)["receipt"] and data["charged"] == "0.000005"


class CenterOfTwo(Center):
    """Its hub offers tasks by the queue."""
    database = None

    def open(self):
        port = free_port()
        head = (f"state: {self.state}\nadmin: {self.admin}\nmarket: {{key: {self.secret}}}\nhttp:\n  - listen: 127.0.0.1:{port}\n"
                f"queue: {{database: '{self.database}', name: center, url: http://127.0.0.1:{port}}}\n")
        return self.start(*self.services, head=head)


def test_tasks_of_another_hub(start, tmp_path, server, text):  # noqa: F811
    """What they metered there is charged here, once."""
    port, planner = free_port(), service(BUILD / "guest/planner.mfy", "limits: {threads: 1}")
    CenterOfTwo.database = server.url
    center = CenterOfTwo(start, tmp_path, planner, paid="100")
    other = Hub(tmp_path / "other", hub_yaml(planner, head=(
        f"state: {tmp_path}/other-state\nhttp:\n  - listen: 127.0.0.1:{port}\n"
        f"queue: {{database: '{server.url}', name: other, url: http://127.0.0.1:{port}}}\n")))
    with other.stopping():
        job = None
        for _ in range(20):  # until they have seen each other
            job = begin(center, "/shout?slice=65536&meter=1&burn=20", text)
            at = ended(center, job)
            assert at["state"] == "done" and millionths(at["charged"]) == len(text)
            if set(at.get("hubs") or {}) == {"center", "other"}:
                break
        assert set(at["hubs"]) == {"center", "other"}, at
        assert receipt(get(center, f"{job}/result"))[1]["quantity"] == str(len(text))
    assert held(center) == 0
    assert center.hub.stop() == 0
    center.verify()
