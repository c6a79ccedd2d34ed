"""Jobs: work larger than one life, planned by a life, done by many, that survives kill -9; over HTTP, with curl, and `mayfly job`.
The service, tests/guest/planner, makes capitals of what it gets, slice by slice."""

import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import sqlite3
import string
import subprocess
import time

import pytest
from conftest import PATIENCE
from http_client import Client, listener
from hubs import service

MIB = 1 << 20
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def text():
    """Two and a half times what one life takes, an odd number of bytes, no slice like another."""
    rng = random.Random(58)
    return "".join(rng.choices(string.ascii_lowercase + string.digits, k=5 * MIB // 2 + 13)).encode()


@pytest.fixture
def open_hub(start, build, backend, tmp_path):
    def begin(more="", head="", image="guest/planner.mfy"):
        return start(service(build / image, f"backend: {backend}", more),
                     head=f"state: {tmp_path}/state\nadmin: {tmp_path}/admin\n{head}" + listener())

    return begin


@pytest.fixture
def hub(open_hub):
    return open_hub()


@pytest.fixture
def jobs(ask):
    """How many there are."""
    return lambda: len(json.loads(ask("job", "ls", "-o", "json").stdout)["jobs"])


def post(hub, path, body, **headers):
    with Client(hub.http(), seconds=60) as client:
        return client.ask("POST", path, body, headers)


def get(hub, path, **headers):
    with Client(hub.http(), seconds=60) as client:
        return client.ask("GET", path, headers=headers)


def begin(hub, path, body):
    """The address of the job."""
    accepted = post(hub, path, body, **ASYNC)
    assert accepted.status == 202, accepted
    assert accepted.headers["preference-applied"] == "respond-async"
    assert json.loads(accepted.body)["id"] in accepted.headers["location"]
    return accepted.headers["location"]


def look(hub, job):
    answer = get(hub, job)
    assert answer.status == 200, answer
    return json.loads(answer.body)


def ended(hub, job):
    def over():
        at = look(hub, job)
        return at if at["ended_ns"] is not None else None

    return hub.until(over, 60)


def task_lives(hub, result="ok"):
    """Ids of tasks whose lives ended so."""
    return [e["id"] for e in hub.events("life", result=result)
            if "/" in e.get("id", "") and not e["id"].endswith("/plan")]


# ------------------------------------------------------------------------ well


def test_a_body_larger_than_one_life(hub, text):
    answer = post(hub, "/shout?slice=262144", text)
    assert answer.status == 200 and answer.headers["content-type"] == "text/plain"
    assert answer.body == text.upper()
    assert "mayfly-blob" in answer.headers
    slices = -(-len(text) // 262144)
    assert hub.until(lambda: len(set(task_lives(hub))) == slices + slices // 2)


def test_one_that_fits_is_an_event_as_ever(hub):
    assert post(hub, "/shout", b"quiet").body == b"QUIET"
    assert not task_lives(hub)


def test_respond_async(hub, text, ask):
    job = begin(hub, "/shout?slice=262144", text)
    at = ended(hub, job)
    assert at["state"] == "done" and at["service"] == "planner" and at["path"] == "/shout"
    assert at["tasks"] == at["done"] > 10 and at["progress"] == 1 and at["estimate_s"] == 0
    assert at["operand_bytes"] == at["result"]["bytes"] == len(text)
    whole = get(hub, f"{job}/result")
    assert whole.status == 200 and whole.body == text.upper()
    part = get(hub, f"{job}/result", Range="bytes=1048570-1048589")
    assert part.status == 206 and part.body == text.upper()[1048570:1048590]
    assert part.headers["content-range"] == f"bytes 1048570-1048589/{len(text)}"
    listed = json.loads(ask("job", "ls", "-o", "json").stdout)["jobs"]
    assert [j["id"] for j in listed] == [at["id"]]
    shown = ask("job", "show", at["id"]).stdout
    assert "done" in shown and "100%" in shown and at["result"]["blob"] in shown
    with Client(hub.http()) as client:
        assert client.ask("DELETE", job).status == 204
        assert client.ask("GET", job).status == 404


def test_one_life_is_enough_for_one_that_fits(hub):
    """No plan is asked for, and the answer is what the life said."""
    at = ended(hub, job := begin(hub, "/shout", b"quiet"))
    assert (at["state"], at["tasks"], at["lives"]) == ("done", 1, 1)
    answer = get(hub, f"{job}/result")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"QUIET", "text/plain")
    at = ended(hub, job := begin(hub, "/shout?task=1&fail=1", b"quiet"))
    assert at["state"] == "failed" and at["result"]["problem"]["detail"] == "this slice was to fail"
    assert get(hub, f"{job}/result").status == 422


def test_a_life_with_many_header_lines(hub):
    """As many as its effects take: more than a plan may say of a result."""
    at = ended(hub, job := begin(hub, "/shout?headers=60", b"quiet"))
    assert at["state"] == "done"
    for headers, status, body in (({}, 200, b"QUIET"), ({"Range": "bytes=1-2"}, 206, b"UI")):
        answer = get(hub, f"{job}/result", **headers)
        assert (answer.status, answer.body, answer.headers["mayfly-blob"]) == (status, body, at["result"]["blob"])
        assert all(len(answer.headers[f"x-{i}"]) == 90 for i in range(1, 61))
    assert hub.process.poll() is None


def test_a_life_that_must_see_more_first(hub):
    answer = post(hub, "/shout?slice=10&plan=read", b"abcdefghijklmnopqrstuvwxyz")
    assert (answer.body, answer.headers["last"]) == (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "xyz")


def test_events_for_curl(hub, text):
    job = begin(hub, "/shout?slice=262144&burn=20", text)
    said = subprocess.run(["curl", "-sN", "-H", "Accept: text/event-stream",
                           f"http://127.0.0.1:{hub.http()}{job}"], capture_output=True, text=True,
                          timeout=60 * PATIENCE, check=True).stdout
    events = [dict(line.split(": ", 1) for line in event.splitlines())
              for event in said.strip().split("\n\n")]
    kinds = [event["event"] for event in events]
    done = [json.loads(event["data"])["done"] for event in events]
    assert set(kinds[:-1]) == {"progress"} and kinds[-1] == "done"
    assert done == sorted(done) and json.loads(events[-1]["data"])["tasks"] == done[-1]


def test_watch(hub, text, ask):
    job = begin(hub, "/shout?slice=262144&burn=20", text)
    lines = ask("job", "watch", job.rsplit("/", 1)[1]).stdout.splitlines()
    assert lines[-1].split()[:2] == ["done", "100%"]


# ------------------------------------------------------------------- kill -9


def test_the_hub_is_killed(open_hub, text):
    """Again and again; what was done isn't done again, and the result is the same."""
    hub = open_hub()
    job, rng = begin(hub, "/shout?slice=131072&burn=15", text), random.Random(os.getpid())
    tasks, before = 0, 0
    for want in (1, 6, 13):
        hub.until(lambda: look(hub, job)["done"] >= want)
        time.sleep(rng.random() / 20)
        before = look(hub, job)["done"]
        hub.process.kill()
        hub.process.wait()
        hub = open_hub()
        hub.until(lambda: look(hub, job)["tasks"] > 0)
        at = look(hub, job)
        tasks = at["tasks"]
        assert at["done"] >= before
    assert ended(hub, job)["state"] == "done"
    assert get(hub, f"{job}/result").body == text.upper()
    assert len(set(task_lives(hub))) <= tasks - before
    hub.stop()
    hub = open_hub()  # and one that has ended is still known
    assert look(hub, job)["state"] == "done" and get(hub, f"{job}/result").body == text.upper()


def test_workers_are_killed(open_hub, text):
    hub = open_hub("limits: {failures: 0}")
    job, rng, killed = begin(hub, "/shout?slice=131072&burn=15", text), random.Random(os.getpid()), 0
    while killed < 3 and look(hub, job)["ended_ns"] is None:
        before = look(hub, job)["done"]
        hub.until(lambda: look(hub, job)["done"] > before or look(hub, job)["ended_ns"])
        time.sleep(rng.random() / 20)
        for pid in hub.workers():
            os.kill(pid, signal.SIGKILL)
        killed += 1
    assert killed > 0
    assert ended(hub, job)["state"] == "done"
    assert get(hub, f"{job}/result").body == text.upper()


def test_the_hub_is_stopped(open_hub, text, jobs):
    """In good order: one that is kept goes on later, one whose client waits is refused."""
    hub = open_hub()
    job = begin(hub, "/shout?slice=131072&burn=15", text)
    with Client(hub.http(), seconds=60) as client:
        hub.until(lambda: look(hub, job)["done"] > 0)
        client.send(f"POST /shout?slice=131072&burn=15 HTTP/1.1\r\nHost: a\r\nContent-Length: {len(text)}\r\n\r\n"
                    .encode() + text)
        hub.until(lambda: jobs() == 2)
        assert hub.stop() == 0
        assert client.answer().status == 503
    hub = open_hub()
    assert ended(hub, job)["state"] == "done"
    assert get(hub, f"{job}/result").body == text.upper()


# ------------------------------------------------------------------------- ends


def test_cancelled(hub, text, ask):
    job = begin(hub, "/shout?slice=65536&burn=30", text)
    hub.until(lambda: look(hub, job)["done"] > 0)
    number = job.rsplit("/", 1)[1]
    assert ask("job", "cancel", number).stdout == "cancelled\n"
    at = ended(hub, job)
    assert at["state"] == "cancelled" and at["done"] < at["tasks"]
    assert get(hub, f"{job}/result").status == 410
    hub.until(lambda: look(hub, job)["running"] == 0)
    lives = len(task_lives(hub))
    assert ask("job", "watch", number).returncode == 1
    assert len(task_lives(hub)) - lives <= 2  # what was at work may have ended, nothing was begun
    assert ask("job", "cancel", number).stdout == "forgotten\n"
    assert ask("job", "show", number).returncode == 3


def test_the_client_goes_away(hub, text, jobs):
    client = Client(hub.http())
    client.send(f"POST /shout?slice=65536&burn=30 HTTP/1.1\r\nHost: a\r\nContent-Length: {len(text)}\r\n\r\n"
                .encode() + text)
    hub.until(lambda: jobs() == 1 and task_lives(hub))
    client.socket.close()
    hub.until(lambda: jobs() == 0)
    assert len(set(task_lives(hub))) < len(text) // 65536


def test_nobody_wants_it_any_more(open_hub):
    """A life without end ends when its client goes, or its job is cancelled: or the next one would wait for hours."""
    hub = open_hub("limits: {threads: 1, cpu: 1h, deadline: 1h}")
    for how in (socket.SHUT_RDWR, socket.SHUT_WR):
        with Client(hub.http()) as client:
            assert client.ask("POST", "/shout", b"x").body == b"X"
            client.send(b"POST /shout?burn=1000000000 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
            time.sleep(0.3)
            client.socket.shutdown(how)
            assert post(hub, "/shout", b"y").body == b"Y"
    job = begin(hub, "/shout?burn=1000000000", b"x")
    hub.until(lambda: look(hub, job)["running"] == 1)
    time.sleep(0.3)
    with Client(hub.http()) as client:
        assert client.ask("DELETE", job).status == 204
    assert post(hub, "/shout", b"z").body == b"Z"
    assert hub.count(3, "life", result="stopping") == 3


@pytest.mark.parametrize("what, status, says, lives", [
    ("fail=3", 422, "this slice was to fail", {"ok": 1}),
    ("crash=3", 502, "task 3 (/shout)", {"crashed": 3}),  # retry.times is 2
    ("short=3", 502, "task 3 (/shout) replied with 262143 bytes: its plan said 262144", {"ok": 1}),
])
def test_a_task_that_fails(hub, text, what, status, says, lives):
    answer = post(hub, f"/shout?slice=262144&{what}", text)
    assert answer.status == status and says in json.loads(answer.body)["detail"]
    for result, n in lives.items():
        hub.until(lambda: sum(i.endswith("/3") for i in task_lives(hub, result)) == n)


@pytest.mark.parametrize("how, status, says", [
    ("none", 404, "nothing is planned here"),
    ("nonsense", 502, "it is no JSON"),
    ("cycle", 502, "task 0: piece 0: there is no such source before it"),
    ("endless", 502, "it asked too often"),
    ("huge", 507, "1099511627776 bytes at once: the disk cache has "),
])
def test_a_plan_that_is_none(hub, how, status, says):
    answer = post(hub, f"/shout?plan={how}", b"some bytes")
    assert answer.status == status and says in json.loads(answer.body)["detail"]
    at = ended(hub, begin(hub, f"/shout?plan={how}", b"some bytes"))
    assert at["state"] == "failed" and at["result"]["status"] == status


def test_the_disk_cache_is_too_small(open_hub, text, jobs):
    """For the body; for what the tasks come to; figures are said, and nothing stays."""
    small = open_hub(head="limits: {blobs: 2MiB}\n")
    assert post(small, "/shout", text).status == 413
    assert small.stop() == 0
    hub = open_hub(head="limits: {blobs: 6MiB}\n")
    answer = post(hub, "/shout?slice=262144", text)
    assert answer.status == 507 and "limits.blobs" in json.loads(answer.body)["detail"]
    assert jobs() == 0


def test_no_state_no_jobs(start, build, backend, text):
    hub = start(service(build / "guest/areas.mfy", f"backend: {backend}"), head=listener())
    assert post(hub, "/areas?echo", 8 * text).status == 413
    assert post(hub, "/areas?echo", b"quiet", **ASYNC).body == b"quiet"  # RFC 7240: a preference may be ignored


def test_what_is_asked_of_jobs(hub):
    assert get(hub, "/.well-known/mayfly/jobs/0123456789abcdef0123456789abcdef").status == 404
    assert post(hub, "/.well-known/mayfly/jobs/x", b"").status == 405
    job = begin(hub, "/shout?slice=2&burn=200", b"quiet!")
    assert get(hub, f"{job}/result").status == 409
    with Client(hub.http()) as client:
        assert client.ask("DELETE", f"{job}/result").status == 405


def test_results_that_are_gone_are_made_again(open_hub, text, tmp_path):
    """Somebody empties the disk cache of a hub that was killed: what is needed still, and gone, is done again."""
    hub = open_hub()
    job = begin(hub, "/shout?slice=131072&burn=15", text)
    hub.until(lambda: look(hub, job)["done"] >= 4)
    hub.process.kill()
    hub.process.wait()
    for blob in (tmp_path / "state/blobs").iterdir():
        if blob.suffix == ".part" or blob.stat().st_size in (131072, 262144):
            blob.unlink()  # the result, of which pairs are written already, and slices
    hub = open_hub()
    assert ended(hub, job)["state"] == "done"
    assert get(hub, f"{job}/result").body == text.upper()
    hub.process.kill()
    hub.process.wait()
    job = begin(hub := open_hub(), "/shout?slice=131072&burn=15", text)
    hub.until(lambda: look(hub, job)["done"] >= 1)
    hub.process.kill()
    hub.process.wait()
    for blob in (tmp_path / "state/blobs").iterdir():
        blob.unlink()  # the operand too
    hub = open_hub()
    at = ended(hub, job)
    assert at["state"] == "failed" and "operand" in at["result"]["problem"]["detail"]


def test_a_job_is_forgotten(open_hub, tmp_path):
    """After an hour; here its row says that it ended long ago."""
    hub = open_hub()
    job = begin(hub, "/shout", b"quiet")
    assert ended(hub, job)["state"] == "done"
    assert hub.stop() == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "state/mayfly.db")) as db:
        (row,) = db.execute("SELECT value FROM state WHERE length(key) = 32").fetchone()
        row = json.loads(row)
        row["ended"] -= 3600 * 10**9
        db.execute("UPDATE state SET value = ? WHERE length(key) = 32", (json.dumps(row).encode(),))
        db.commit()
    hub = open_hub()
    hub.until(lambda: get(hub, job).status == 404)


def test_rows_that_are_nonsense(open_hub, tmp_path):
    """One job's row doesn't keep the hub from starting, nor others from going on."""
    hub = open_hub()
    jobs = [begin(hub, "/shout", b"quiet") for _ in range(3)]
    for job in jobs:
        ended(hub, job)
    assert hub.stop() == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "state/mayfly.db")) as db:
        for job, value in zip(jobs, (b"{", b"{}")):
            db.execute("UPDATE state SET value = ? WHERE key = ?", (value, job.rsplit("/", 1)[1].encode()))
        db.commit()
    hub = open_hub()
    assert [get(hub, job).status for job in jobs] == [404, 404, 200]


def test_operands_by_their_hash(hub, text):
    name = hashlib.sha256(text).hexdigest()
    with Client(hub.http(), seconds=60) as client:
        assert client.ask("PUT", f"/.well-known/mayfly/blobs/{name}", text).status == 201
    answer = post(hub, "/shout?slice=262144", b"", **{"Mayfly-Operands": name})
    assert answer.status == 200 and answer.body == text.upper()
    accepted = post(hub, "/shout?plan=1", b"", **ASYNC, **{"Mayfly-Operands": name})
    at = ended(hub, accepted.headers["location"])
    assert at["state"] == "done" and at["operand_bytes"] == len(text)
    for operands, status in (("0" * 64, 404), ("-, -", 400), ("x", 400)):
        refused = post(hub, "/shout?plan=1", b"body", **{"Mayfly-Operands": operands})
        assert refused.status == status, (operands, refused)


# ------------------------------------------------------- asked again, and kept


def test_the_same_key_is_the_same_job(open_hub, text):
    """Whatever has become of it, and of the hub."""
    hub, key = open_hub(), {**ASYNC, "Idempotency-Key": '"key-1"'}
    first = post(hub, "/shout?slice=262144", text, **key)
    assert first.status == 202 and "idempotency-replayed" not in first.headers
    job = first.headers["location"]

    def again():
        answer = post(hub, "/shout?slice=262144", text, **key)
        return answer.status, answer.headers["location"], answer.headers["idempotency-replayed"]

    assert again() == (202, job, "true")
    assert ended(hub, job)["state"] == "done" and again() == (202, job, "true")
    hub.process.kill()
    hub.process.wait()
    hub = open_hub()
    assert again() == (202, job, "true")
    for path, body in (("/shout?slice=262143", text), ("/shout?slice=262144", text[1:])):
        refused = post(hub, path, body, **key)
        assert refused.status == 409 and b"used for another request" in refused.body
    assert post(hub, "/shout", b"x", **ASYNC, **{"Idempotency-Key": "two words"}).status == 400
    other = post(hub, "/shout?slice=262144", text, **ASYNC, **{"Idempotency-Key": "key-2"})
    assert other.status == 202 and other.headers["location"] != job
    assert get(hub, f"{job}/result").body == text.upper()
    for path in (job, other.headers["location"]):
        ended(hub, path)
        with Client(hub.http()) as client:
            assert client.ask("DELETE", path).status == 204
    assert post(hub, "/shout?slice=262144", text, **key).headers["location"] != job  # nobody knows it any more


def test_a_result_that_stays(hub, text, ask):
    """Longer than its job; and it needn't be sent."""
    def kept(name):
        return next(b["kept_until"] - time.time() for b in json.loads(ask("blob", "ls", "-o", "json").stdout)["blobs"] if b["blob"] == name)

    answer = post(hub, "/shout?slice=262144", text, **{"Mayfly-Keep": "2h", "Prefer": "return=minimal"})
    assert answer.status == 201 and answer.body == b"" and answer.headers["preference-applied"] == "return=minimal"
    name = answer.headers["mayfly-blob"]
    assert name == hashlib.sha256(text.upper()).hexdigest() and 7000 < kept(name) < 7500
    accepted = post(hub, "/shout", b"quiet", **ASYNC, **{"Mayfly-Keep": "3h"})
    at = ended(hub, accepted.headers["location"])
    assert kept(at["result"]["blob"]) > 10000
    refused = post(hub, "/shout?slice=262144", text, **{"Mayfly-Keep": "for ever"})
    assert refused.status == 400 and b"Mayfly-Keep: for ever: it is a time" in refused.body
    failed = post(hub, "/shout?slice=262144&fail=3", text, **{"Mayfly-Keep": "2h", "Prefer": "return=minimal"})
    assert failed.status == 422 and "mayfly-blob" not in failed.headers


def test_who_may_see_a_job(open_hub, tmp_path, mayfly):
    tokens = tmp_path / "tokens"
    token = mayfly("token", "new", "somebody", "--tokens", tokens, check=True).stdout.strip()
    hub = open_hub(f"http: [{{path: /shout, tokens: {tokens}}}]")
    me = {"Authorization": f"Bearer {token}"}
    job = post(hub, "/shout", b"quiet", **ASYNC, **me).headers["location"]
    for path in (job, f"{job}/result", "/.well-known/mayfly/jobs/x"):
        assert get(hub, path).status == 401
    with Client(hub.http()) as client:
        assert client.ask("DELETE", job).status == 401
    hub.until(lambda: get(hub, f"{job}/result", **me).body == b"QUIET")


@pytest.mark.parametrize("args, status, says", [
    ([], 2, "what? mayfly job ls|show|watch|cancel"),
    (["frob"], 2, "frob: what? mayfly job ls|show"),
    (["show"], 2, "write one job's id"),
    (["ls", "x"], 2, "it takes nothing more"),
    (["show", "x"], 3, "there is no such job"),
])
def test_words(hub, ask, args, status, says):
    said = ask("job", *args)
    assert said.returncode == status and says in said.stderr
