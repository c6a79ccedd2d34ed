"""One queue of many hubs, on a PostgreSQL of its own (docs/queue.md)."""

import contextlib
import json
import os
import random
import signal
import string
import subprocess
import sys
from pathlib import Path

import pytest

import postgres
from conftest import BUILD, free_port
from http_client import Client
from hubs import Hub, hub_yaml, service

ROOT = Path(__file__).resolve().parents[2]
ASYNC = {"Prefer": "respond-async"}
pytestmark = pytest.mark.skipif(postgres.MISSING, reason="there is no PostgreSQL: apt-get install postgresql")


@pytest.fixture(scope="module")
def server():
    server = postgres.Postgres()
    yield server
    server.stop()


def test_the_unit_tests(server):
    for name in ("queue_test", "thread_test"):
        program = BUILD / "tests/unit/hub/queue" / name
        if not program.exists():
            pytest.skip("the unit tests aren't built: make tests")
        done = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False,
                              env={**os.environ, "MAYFLY_TEST_POSTGRES": server.url})
        assert done.returncode == 0, done.stdout + done.stderr


def test_killed():
    """Hubs, the owner of the tasks and the database, at random: no task is lost, none counted twice. bench/queue does more of it."""
    done = subprocess.run([sys.executable, ROOT / "bench/queue", "kills", "--kills", "20"], capture_output=True, text=True, timeout=300,
                          check=False, env={**os.environ, "MAYFLY_BUILD": str(BUILD)})
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["counted"] == said["tasks"] == 400
    assert said["left"] == {"ready": 0, "taken": 0, "ended": 0}


# ------------------------------------------------------------------------ real hubs


class Many:
    """Hubs of one queue, each with a state of its own; one that was killed comes again by the same name."""

    def __init__(self, server, directory, backend):
        self.server, self.directory, self.backend = server, directory, backend
        self.hubs, self.ports, self.starts = [], [], 0
        server.ask("DROP SCHEMA IF EXISTS mayfly_queue CASCADE")

    def text(self, i, more=""):
        at = f"127.0.0.1:{self.ports[i]}"
        head = (f"state: {self.directory}/state{i}\nadmin: {self.directory}/admin{i}\nmetrics: 127.0.0.1:{self.ports[i] + 1}\n"
                f"http:\n  - listen: {at}\n{more or ''}"
                f"queue: {{database: '{self.server.url}', name: hub-{i}, url: http://{at}}}\n")
        return hub_yaml(service(BUILD / "guest/planner.mfy", f"backend: {self.backend}", "limits: {threads: 1, deadline: 60s}"), head=head)

    def start(self, i):
        self.starts += 1
        return Hub(self.directory / f"hub{i}-{self.starts}", self.text(i))

    def add(self):
        self.ports.append(free_port())
        self.hubs.append(self.start(len(self.hubs)))
        return self.hubs[-1]

    def all_see(self, count):
        for i, hub in enumerate(self.hubs):
            hub.until(lambda i=i: self.metric(i, "mayfly_queue_hubs") == count and self.metric(i, "mayfly_queue_up") == 1, 30)

    def metric(self, i, name):
        with Client(self.ports[i] + 1, seconds=30) as client:
            text = client.ask("GET", "/metrics").body.decode()
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))

    def kill(self, i):
        os.kill(self.hubs[i].pid, signal.SIGKILL)
        self.hubs[i].process.wait()

    def again(self, i):
        self.hubs[i] = self.start(i)


@pytest.fixture
def many(server, tmp_path, backend):
    tmp_path.chmod(0o755)
    many = Many(server, tmp_path, backend)
    yield many
    with contextlib.ExitStack() as stack:
        for hub in many.hubs:
            stack.enter_context(hub.stopping())


def ask(hub, method, path, body=b"", **headers):
    with Client(hub.http(), seconds=60) as client:
        return client.ask(method, path, body, headers)


def begin(hub, path, body):
    accepted = ask(hub, "POST", path, body, **ASYNC)
    assert accepted.status == 202, accepted
    return accepted.headers["location"]


def look(hub, job):
    return json.loads(ask(hub, "GET", job).body)


def ended(hub, job):
    return hub.until(lambda: (at := look(hub, job))["ended_ns"] is not None and at, 60)


def done_well(hub, job, body):
    at = ended(hub, job)
    assert at["state"] == "done", at
    assert at["done"] == at["tasks"] == sum(at["hubs"].values())
    assert ask(hub, "GET", job + "/result").body == body.upper()
    return at["hubs"]


@pytest.fixture(scope="module")
def text():
    """Ten slices of 256 KiB and a bit: fifteen tasks, of which five need what two others came to."""
    return "".join(random.Random(69).choices(string.ascii_lowercase, k=10 * (1 << 18) + 13)).encode()


SLICES = "/shout?slice=262144"


def nothing_left(many):
    many.hubs[0].until(lambda: many.server.ask("SELECT COUNT(*) FROM mayfly_queue.task") == "0", 60)


def test_two_hubs_do_one_job(many, text, mayfly):
    first, _ = many.add(), many.add()
    many.all_see(2)
    job = begin(first, SLICES + "&burn=30", text)
    hubs = done_well(first, job, text)
    assert set(hubs) == {"hub-0", "hub-1"} and min(hubs.values()) >= 1
    shown = mayfly("job", "show", job.split("/")[-1], "--hub", f"{many.directory}/admin0")
    assert f"hub-1 {hubs['hub-1']}" in shown.stdout
    assert many.metric(0, "mayfly_queue_returned_total") == hubs["hub-1"] == many.metric(1, "mayfly_queue_told_total")
    assert many.metric(1, "mayfly_queue_fetched_bytes_total") >= len(text)
    nothing_left(many)
    # who waits for the answer has the same hubs at work
    assert ask(first, "POST", SLICES + "&burn=10", text[:-1]).body == text[:-1].upper()
    assert many.metric(0, "mayfly_queue_lent") == 0


def test_a_request_that_is_one_task(many):
    """With one thread at each hub the second of three goes elsewhere."""
    first, _ = many.add(), many.add()
    many.all_see(2)
    jobs = [begin(first, "/shout?burn=100", f"number {i}".encode()) for i in range(6)]
    for i, job in enumerate(jobs):
        at = ended(first, job)
        assert at["state"] == "done" and at["result"]["type"] == "text/plain", at
        assert ask(first, "GET", job + "/result").body == f"NUMBER {i}".encode()
    nothing_left(many)


def test_a_task_that_fails(many, text):
    """Wherever it was, the job ends as it would with one hub."""
    first, _ = many.add(), many.add()
    many.all_see(2)
    for slice_number in (0, 3, 7):
        at = ended(first, begin(first, f"{SLICES}&burn=5&fail={slice_number}", text))
        assert at["state"] == "failed" and at["result"]["status"] == 422
        assert at["result"]["problem"]["detail"] == "this slice was to fail"
        at = ended(first, begin(first, f"{SLICES}&burn=5&crash={slice_number}", text))
        assert at["state"] == "failed" and at["result"]["status"] == 502
    nothing_left(many)


def test_the_other_hub_is_killed(many, text):
    first, second = many.add(), many.add()
    many.all_see(2)
    job = begin(first, SLICES + "&burn=60", text)
    first.until(lambda: many.server.ask("SELECT COUNT(*) FROM mayfly_queue.task WHERE state = 1 AND hub = 'hub-1'") != "0", 30)
    many.kill(1)
    many.again(1)
    done_well(first, job, text)
    nothing_left(many)


def test_the_owner_is_killed(many, text):
    first, _ = many.add(), many.add()
    many.all_see(2)
    job = begin(first, SLICES + "&burn=60", text)
    first.until(lambda: many.server.ask("SELECT COUNT(*) FROM mayfly_queue.task WHERE state = 1 AND hub = 'hub-1'") != "0", 30)
    many.kill(0)
    many.again(0)
    at = ended(many.hubs[0], job)
    assert at["state"] == "done", at
    assert ask(many.hubs[0], "GET", job + "/result").body == text.upper()
    nothing_left(many)


def test_the_database_is_killed(many, text):
    first, _ = many.add(), many.add()
    many.all_see(2)
    job = begin(first, SLICES + "&burn=60", text)
    first.until(lambda: many.server.ask("SELECT COUNT(*) FROM mayfly_queue.task WHERE state = 1", check=False) not in ("0", ""), 30)
    many.server.kill()
    many.server.start()
    done_well(first, job, text)
    nothing_left(many)


def test_cancelled(many, text):
    first, second = many.add(), many.add()
    many.all_see(2)
    job = begin(first, SLICES + "&burn=2000", text)
    first.until(lambda: many.metric(1, "mayfly_queue_borrowed") > 0, 30)
    assert ask(first, "DELETE", job).status in (200, 204)
    second.until(lambda: many.metric(1, "mayfly_queue_borrowed") == 0, 60)
    nothing_left(many)


def test_one_name_for_two_hubs(many):
    first = many.add()
    many.all_see(1)
    many.ports.append(free_port())
    (many.directory / "other").mkdir()
    other = Hub(many.directory / "hub-other", many.text(1).replace("name: hub-1", "name: hub-0"))
    many.hubs.append(other)
    first.until(lambda: "another hub has come by this hub's name" in first.said(), 30)


def test_refused(mayfly, tmp_path):
    def check(queue, head="state: state\n"):
        (tmp_path / "hub.yaml").write_text(hub_yaml(service(BUILD / "guest/planner.mfy"), head=f"{head}queue: {queue}\n"))
        done = subprocess.run([BUILD / "mayflyd", "--check", "-c", tmp_path / "hub.yaml"], capture_output=True, text=True, check=False)
        assert done.returncode == 2, done
        return done.stderr

    good = "database: postgresql://x/y, name: a, url: http://127.0.0.1:1"
    assert "must begin with postgresql://" in check("{database: mysql://x, name: a, url: http://127.0.0.1:1}")
    assert "'Hub 1' is not 1 to 40 small letters" in check("{database: postgresql://x/y, name: Hub 1, url: http://127.0.0.1:1}")
    assert "there is more behind the port" in check("{database: postgresql://x/y, name: a, url: http://127.0.0.1:1/x}")
    assert "add 'state: DIRECTORY'" in check(f"{{{good}}}", head="")
    assert "url" in check("{database: postgresql://x/y, name: a}")
