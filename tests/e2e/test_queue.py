"""One queue of many hubs, on a PostgreSQL of its own (docs/queue.md)."""

import array
import contextlib
import hashlib
import http.server
import json
import os
import random
import signal
import string
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from conftest import BUILD, free_port
from http_client import Client
from hubs import Hub, hub_yaml, service
from postgres import server  # noqa: F401: a fixture

ROOT = Path(__file__).resolve().parents[2]
ASYNC = {"Prefer": "respond-async"}


def test_the_unit_tests(server):
    for name in ("queue_test", "thread_test"):
        program = BUILD / "tests/unit/hub/queue" / name
        if not program.exists():
            pytest.skip("the unit tests aren't built: make tests")
        done = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False,
                              env={**os.environ, "MAYFLY_TEST_POSTGRES": server.url})
        assert done.returncode == 0, done.stdout + done.stderr


def test_killed(server):
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

    def __init__(self, server, directory, mayfly=None, image=BUILD / "guest/planner.mfy"):
        self.server, self.directory, self.image = server, directory, image
        self.listener, self.shown, self.headers = "", "", {}
        if mayfly:  # they show each other a token, as clients do
            token = mayfly("token", "new", "all", "--tokens", directory / "tokens", check=True).stdout.strip()
            (directory / "token").write_text(token + "\n")
            (directory / "token").chmod(0o600)
            self.listener, self.shown = f"    tokens: {directory}/tokens\n", f", token: {directory}/token"
            self.headers = {"Authorization": f"Bearer {token}"}
        self.hubs, self.ports, self.starts = [], [], 0

    def text(self, i, name=None):
        port, metrics = self.ports[i]
        head = (f"state: {self.directory}/state{i}\nadmin: {self.directory}/admin{i}\nmetrics: 127.0.0.1:{metrics}\n"
                f"http:\n  - listen: 127.0.0.1:{port}\n{self.listener}"
                f"queue: {{database: '{self.server.url}', name: {name or f'hub-{i}'}, url: http://127.0.0.1:{port}{self.shown}}}\n")
        return hub_yaml(service(self.image, "limits: {threads: 1, deadline: 60s}"), head=head)

    def start(self, i, name=None):
        self.starts += 1
        hub = Hub(self.directory / f"hub{i}-{self.starts}", self.text(i, name))
        hub.headers = self.headers
        return hub

    def add(self, name=None):
        self.ports.append((free_port(), free_port()))
        self.hubs.append(self.start(len(self.hubs), name))
        return self.hubs[-1]

    def all_see(self, count):
        for i, hub in enumerate(self.hubs):
            hub.until(lambda i=i: self.metric(i, "mayfly_queue_hubs") == count and self.metric(i, "mayfly_queue_up") == 1, 30)

    def metric(self, i, name):
        with Client(self.ports[i][1], seconds=30) as client:
            text = client.ask("GET", "/metrics").body.decode()
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))

    def rows(self, where="TRUE"):
        return self.server.sql(f"SELECT COUNT(*) FROM mayfly_queue.task WHERE {where}").strip()

    def kill(self, i):
        os.kill(self.hubs[i].pid, signal.SIGKILL)
        self.hubs[i].process.wait()

    def again(self, i):
        self.hubs[i] = self.start(i)


@pytest.fixture(scope="module")
def two(server, tmp_path_factory):
    """Two hubs that all tests here share."""
    def mayfly(*args, **options):
        return subprocess.run([BUILD / "mayfly", *args], capture_output=True, text=True, **options)

    server.sql("DROP SCHEMA IF EXISTS mayfly_queue CASCADE")
    many = Many(server, tmp_path_factory.mktemp("queue"), mayfly)
    many.directory.chmod(0o755)
    many.add()
    many.add()
    yield many
    with contextlib.ExitStack() as stack:
        for hub in many.hubs:
            stack.enter_context(hub.stopping())


@pytest.fixture
def many(two):
    two.all_see(2)
    yield two
    two.hubs[0].until(lambda: two.rows() == "0", 60)


def ask(hub, method, path, body=b"", **headers):
    with Client(hub.http(), seconds=60) as client:
        return client.ask(method, path, body, {**hub.headers, **headers})


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


def test_two_hubs_do_one_job(many, text, mayfly):
    first = many.hubs[0]
    job = begin(first, SLICES + "&burn=30", text)
    hubs = done_well(first, job, text)
    assert set(hubs) == {"hub-0", "hub-1"} and min(hubs.values()) >= 1
    shown = mayfly("job", "show", job.split("/")[-1], "--hub", f"{many.directory}/admin0")
    assert f"hub-1 {hubs['hub-1']}" in shown.stdout
    assert many.metric(0, "mayfly_queue_returned_total") == hubs["hub-1"] == many.metric(1, "mayfly_queue_told_total")
    assert many.metric(1, "mayfly_queue_fetched_bytes_total") >= len(text)
    # for who waits for the answer the same hubs are at work
    assert ask(first, "POST", SLICES + "&burn=10", text[:-1]).body == text[:-1].upper()
    assert many.metric(0, "mayfly_queue_lent") == 0


def test_a_request_that_is_one_task(many):
    """With one thread at each hub some of six go elsewhere."""
    first = many.hubs[0]
    jobs = [begin(first, "/shout?burn=30", f"number {i}".encode()) for i in range(6)]
    for i, job in enumerate(jobs):
        at = ended(first, job)
        assert at["state"] == "done" and at["result"]["type"] == "text/plain", at
        assert ask(first, "GET", job + "/result").body == f"NUMBER {i}".encode()


def test_a_task_that_fails(many, text):
    """Wherever it was, the job ends as it would with one hub."""
    first = many.hubs[0]
    for slice_number in (0, 3, 7):
        at = ended(first, begin(first, f"{SLICES}&burn=5&fail={slice_number}", text))
        assert at["state"] == "failed" and at["result"]["status"] == 422
        assert at["result"]["problem"]["detail"] == "this slice was to fail"
        at = ended(first, begin(first, f"{SLICES}&burn=5&crash={slice_number}", text))
        assert at["state"] == "failed" and at["result"]["status"] == 502


def test_cancelled(many, text):
    first, second = many.hubs
    job = begin(first, SLICES + "&burn=2000", text)
    first.until(lambda: many.metric(1, "mayfly_queue_borrowed") > 0, 30)
    assert ask(first, "DELETE", job).status in (200, 204)
    second.until(lambda: many.metric(1, "mayfly_queue_borrowed") == 0, 60)


def at_work_elsewhere(many, text):
    job = begin(many.hubs[0], SLICES + "&burn=40", text)
    many.hubs[0].until(lambda: many.rows("state = 1 AND hub = 'hub-1'") != "0", 30)
    return job


def test_the_other_hub_is_killed(many, text):
    job = at_work_elsewhere(many, text)
    many.kill(1)
    many.again(1)
    done_well(many.hubs[0], job, text)


def test_the_other_hub_is_stopped(many, text):
    """In good order: nobody waits for a lease to end."""
    job = at_work_elsewhere(many, text)
    assert many.hubs[1].stop() == 0
    assert many.rows("state = 1 AND hub = 'hub-1'") == "0"
    many.hubs[0].until(lambda: many.metric(0, "mayfly_queue_hubs") == 1, 30)
    many.again(1)
    done_well(many.hubs[0], job, text)


def test_the_owner_is_killed(many, text):
    job = at_work_elsewhere(many, text)
    many.kill(0)
    many.again(0)
    assert ended(many.hubs[0], job)["state"] == "done"
    assert ask(many.hubs[0], "GET", job + "/result").body == text.upper()


def test_the_database_is_killed(many, text):
    job = at_work_elsewhere(many, text)
    many.server.restart()
    done_well(many.hubs[0], job, text)


def test_nonsense_in_the_database(many, text):
    """What another hub says is looked at like anything from outside: it comes to nothing, and does no harm."""
    at_work_elsewhere(many, text)
    kind = many.server.sql("SELECT kind FROM mayfly_queue.task LIMIT 1").strip()
    many.hubs[0].until(lambda: many.rows() == "0", 60)
    here, size, nowhere = hashlib.sha256(text).hexdigest(), len(text), "0" * 64

    def about(**members):
        return json.dumps({"path": "/shout", "operands": [[here, size]], "plan": None, **members})
    abouts = ["", "null", "[]", "{}", "\u00e9", about(path=1), about(operands=[]), about(operands=[[here, size]] * 65), about(operands=[[here]]),
              about(operands=[[here, 0]]), about(operands=[[here, -1]]), about(operands=[["x" * 64, 5]]), about(operands=[[here, size - 1]]),
              about(operands=[[here, 1000]]), about(operands=[[nowhere, 1000]]), about(operands=[[nowhere, 1 << 60]]),
              about(plan=[here, size]), about(plan=[here, 1 << 50]), about(plan=[nowhere, 100]), about(plan=here), about(plan={})]
    many.server.sql("INSERT INTO mayfly_queue.hub VALUES('evil', 'http://127.0.0.1:1', 'x', now() + INTERVAL '1 hour')",
                    *(f"INSERT INTO mayfly_queue.job VALUES('{i:032x}', 'evil', '{about}')" for i, about in enumerate(abouts)),
                    *(f"INSERT INTO mayfly_queue.task(job, number, owner, kind, needs) VALUES('{i:032x}', {number}, 'evil', '{kind}', '{{}}')"
                      for i in range(len(abouts)) for number in (0, 4000000000)))
    try:
        many.hubs[0].until(lambda: many.rows("state < 3") == "0", 60)
        assert all(hub.process.poll() is None for hub in many.hubs)
    finally:
        many.server.sql("DELETE FROM mayfly_queue.task", "DELETE FROM mayfly_queue.hub WHERE name = 'evil'")


@pytest.mark.parametrize("said", [
    {}, {"hub": "x", "headers": "A: b\r\n\r\n<p>"}, {"hub": "x", "headers": "Content-Length: 1\r\n"},
    {"hub": "x", "type": "a/b\r\nC: d"}, {"hub": "x", "status": 204}])
def test_lies_about_a_result(many, said):
    """Whose blob it is can't be seen, but what it says of it becomes an answer only if a life could have said it."""
    first, lie = many.hubs[0], b"a lie"
    blob = hashlib.sha256(lie).hexdigest()
    assert ask(first, "PUT", f"/.well-known/mayfly/blobs/{blob}", lie, **{"Mayfly-Keep": "10m"}).status in (201, 204)
    jobs = [begin(first, "/shout?burn=120", f"truth {i}".encode()) for i in range(8)]
    text = json.dumps({"status": 200, "blob": [blob, len(lie)], **said})

    def tell():
        try:
            return int(many.server.sql(
                "WITH free AS MATERIALIZED (SELECT job, number FROM mayfly_queue.task WHERE owner = 'hub-0' AND state < 2"
                " FOR UPDATE SKIP LOCKED), said AS (UPDATE mayfly_queue.task t SET state = 2, ticket = -1, hub = NULL, result = "
                f"'{text}' FROM free WHERE t.job = free.job AND t.number = free.number RETURNING 1) SELECT COUNT(*) FROM said"))
        except subprocess.CalledProcessError as e:  # a hub stood in the way
            print(e.stderr)
            return 0
    lies = first.until(tell, 30)
    told = 0
    for i, job in enumerate(jobs):
        assert ended(first, job)["state"] == "done"
        answer = ask(first, "GET", job + "/result")
        assert answer.status == 200 and answer.body in (lie, f"TRUTH {i}".encode()), answer
        told += answer.body == lie
    assert told <= (0 if said else lies)


def test_another_image_comes_meanwhile(server, tmp_path):
    """What was taken for one image isn't done by the one that took its place before it began."""
    body, asked, gate, sent = b"an operand", threading.Event(), threading.Event(), []

    class Owner(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.set()
            gate.wait(60)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes 0-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self):
            sent.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    tmp_path.chmod(0o755)
    owner = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Owner)
    threading.Thread(target=owner.serve_forever, daemon=True).start()
    many = Many(server, tmp_path, image=f"{BUILD}/guest/planner.mfy\n    name: other")
    with many.add("taker").stopping() as hub:
        hub.until(lambda: many.metric(0, "mayfly_queue_up") == 1, 30)
        server.sql(f"INSERT INTO mayfly_queue.hub VALUES('slow', 'http://127.0.0.1:{owner.server_port}', 'x', now() + INTERVAL '1 hour')")
        hub.until(lambda: many.metric(0, "mayfly_queue_hubs") >= 2, 30)
        jobs = [begin(hub, "/shout?burn=200", b"x") for _ in range(6)]
        kind = hub.until(lambda: server.sql("SELECT kind FROM mayfly_queue.task WHERE owner = 'taker' LIMIT 1").strip(), 30)
        assert all(ended(hub, job)["state"] == "done" for job in jobs)
        about = json.dumps({"path": "/shout", "operands": [[hashlib.sha256(body).hexdigest(), len(body)]], "plan": None})
        server.sql(f"INSERT INTO mayfly_queue.job VALUES('{'f' * 32}', 'slow', '{about}')",
                   f"INSERT INTO mayfly_queue.task(job, number, owner, kind, needs) VALUES('{'f' * 32}', 0, 'slow', '{kind}', '{{}}')")
        assert asked.wait(60)
        many.image = f"{BUILD}/guest/web.mfy\n    name: other"
        assert (at := hub.reload(many.text(0, "taker")))["event"] == "reloaded", at
        gate.set()
        said = hub.until(lambda: server.sql("SELECT result FROM mayfly_queue.task WHERE owner = 'slow' AND state >= 2").strip(), 30)
        assert json.loads(said) == {"detail": "the service is gone"} and not sent
        server.sql(*(f"DELETE FROM mayfly_queue.{table} WHERE {column} = 'slow'"
                     for table, column in (("task", "owner"), ("job", "owner"), ("hub", "name"))))
    owner.shutdown()
    owner.server_close()


def test_linear_algebra(server, tmp_path):
    """A product, half of it at each hub: twice the unit matrix by another."""
    image = ROOT / "build/services/linalg.mfy"
    if not image.exists():
        pytest.skip("OpenBLAS's, LAPACK's or musl's sources are not to be had here, or no gfortran")
    n = 512
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }" % (n, n)
    head = b"\x93NUMPY\x01\0" + (118).to_bytes(2, "little") + head.ljust(117) + b"\n"
    b = array.array("d", (i * j % 997 for i in range(n) for j in range(n)))  # by rows as by columns
    a = array.array("d", bytes(8 * n * n))
    for i in range(n):
        a[i * n + i] = 2
    tmp_path.chmod(0o755)
    many = Many(server, tmp_path, image=image)
    with many.add("left").stopping(), many.add("right").stopping():
        many.hubs[0].until(lambda: many.metric(0, "mayfly_queue_hubs") >= 2 and many.metric(1, "mayfly_queue_hubs") >= 2, 30)
        job = begin(many.hubs[0], "/linalg/multiply?plan=1", head + a.tobytes() + head + b.tobytes())
        at = ended(many.hubs[0], job)
        assert at["state"] == "done" and set(at["hubs"]) == {"left", "right"}, at
        answer = ask(many.hubs[0], "GET", job + "/result").body
        product = array.array("d", answer[10 + int.from_bytes(answer[8:10], "little"):])
        assert product == array.array("d", (2 * x for x in b)), answer[:128]


def test_one_name_for_two_hubs(server, tmp_path):
    tmp_path.chmod(0o755)
    many = Many(server, tmp_path)
    first = many.add("same")
    first.until(lambda: "queue: connected as same" in first.said(), 30)
    with first.stopping(), many.add("same").stopping():
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
