"""State, committed with the life that put it: a service that counts (tests/guest/till), asked over HTTP."""

import json
import os
import signal
import sqlite3
import threading
import time

import pytest
from conftest import udp_ask
from http_client import Client, listener
from hubs import hub_yaml, service
from test_bad_days import add_up, counters

CLIENTS = 32


@pytest.fixture
def till(build):
    return build / "guest/till.mfy"


@pytest.fixture
def open_till(start, tmp_path, till):
    """open_till(line, ...) -> Hub, each time with the same state."""
    def make(*lines, head="", **options):
        return start(service(till, *lines), **options,
                     head=f"state: {tmp_path}/state\nmetrics: 127.0.0.1:0\n{head}" + listener())

    return make


def ask(hub, path, key=None):
    """(status, number, id) of a POST."""
    with Client(hub.http()) as client:
        answer = client.ask("POST", path, headers={"Idempotency-Key": f'"{key}"'} if key else {})
        return answer.status, answer.body.decode().strip(), answer.headers["mayfly-event"]


def number(hub, name):
    return int(ask(hub, f"/get/{name}")[1])


def each(n, work):
    """work(i) in n threads; what each returned."""
    results = [None] * n

    def run(i):
        results[i] = work(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_what_a_life_put_the_next_one_sees(open_till, backend):
    hub = open_till(f"backend: {backend}")
    assert [ask(hub, "/add/a")[:2] for _ in range(3)] == [(200, "1"), (200, "2"), (200, "3")]
    assert ask(hub, "/add/b")[1] == "1"
    assert number(hub, "a") == 3
    ask(hub, "/drop/a")
    assert number(hub, "a") == 0
    assert ask(hub, "/add/a")[1] == "1"
    assert hub.stop() == 0
    hub = open_till(f"backend: {backend}")
    assert (number(hub, "a"), number(hub, "b")) == (1, 1)


def test_all_or_nothing(open_till):
    hub = open_till()
    assert ask(hub, "/add/a")[0] == 200
    assert ask(hub, "/trap/a")[0] == 502
    status, _, event = ask(hub, "/shout/a")
    assert status == 403
    hub.until(lambda: f'[{event}] its life is refused whole: it may send to "shout", but this hub has '
              'no way there: this line in hub.yaml would make one: mqtt: {broker:' in hub.said())
    assert number(hub, "a") == 1
    assert ask(hub, "/once/b")[:2] == (200, "1")
    status, _, event = ask(hub, "/once/b")  # only if it isn't there
    assert status == 502
    hub.until(lambda: f'[{event}] its life is refused whole: "n/b" has version' in hub.said())
    assert number(hub, "b") == 1


@pytest.mark.parametrize("threads", (1, 4))
def test_many_at_once(open_till, backend, threads):
    """None is lost and none happens twice: not of one key, nor where all keys share a value."""
    hub = open_till(f"backend: {backend}", f"limits: {{threads: {threads}}}")

    def client(i):
        with Client(hub.http()) as c:
            return [c.ask("POST", path).status for _ in range(8) for path in ("/add/one", f"/both/{i}")]

    for statuses in each(CLIENTS, client):
        assert statuses == [200] * 16
    assert number(hub, "one") == 8 * CLIENTS
    assert [number(hub, str(i)) for i in range(CLIENTS)] == [8] * CLIENTS
    hub.until(lambda: counters(hub, "till")["mayfly_events_running"] == 0)
    c = counters(hub, "till")
    assert add_up(c)
    assert c["mayfly_events_replied_total"] == 17 * CLIENTS + 1
    hub.stop()
    with sqlite3.connect(f"file:{hub.config.parent.parent}/state/mayfly.db?mode=ro", uri=True) as db:
        row = db.execute("SELECT value FROM state WHERE key=?", (b"all",)).fetchone()
        assert int(row[0]) == 8 * CLIENTS


def test_without_a_directory_it_does_not_start(refused, till):
    refused(hub_yaml(service(till)), 2, "state: what till may put, emit, schedule or meter is kept in a database",
            "add 'state: DIRECTORY'")


def test_units_are_summed_up(start, build, tmp_path):
    hub = start(service(build / "guest/meter.mfy", "udp: [127.0.0.1:0]"), head=f"state: {tmp_path}/state\n")
    for _ in range(3):
        assert udp_ask(hub.port("meter"), b"x") is not None
    assert hub.stop() == 0
    with sqlite3.connect(f"file:{tmp_path}/state/mayfly.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT sum FROM meter").fetchall() == [(3,)]


@pytest.mark.parametrize("durability", ("none", "batch", "sync"))
def test_a_request_that_comes_again(open_till, durability):
    """The hub was killed in between: it knows what it did, and what it answered."""
    hub = open_till(f"durability: {durability}")
    first = ask(hub, "/add/a", "k1")
    assert first[:2] == (200, "1")
    assert ask(hub, "/add/a", "k1") == first
    assert ask(hub, "/add/a", "k2")[:2] == (200, "2")
    if durability == "none":  # which promises nothing
        hub.until(lambda: committed(hub) == 2)
    hub.process.kill()
    hub.process.wait()
    hub = open_till(f"durability: {durability}")
    assert ask(hub, "/add/a", "k1") == first
    assert ask(hub, "/add/b", "k1")[0] == 409  # another request
    assert ask(hub, "/add/a", "k3")[:2] == (200, "3")
    assert number(hub, "a") == 3


def committed(hub):
    with sqlite3.connect(f"file:{hub.config.parent.parent}/state/mayfly.db?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM id").fetchone()[0]


def test_killed_again_and_again(open_till, backend):
    """Hub and workers are killed while clients count; who got no answer asks again, with the same key. What was
    asked for happened once."""
    clients, requests, kills = 8, 12, 4
    place = [open_till(f"backend: {backend}")]
    over = threading.Event()

    def client(i):
        for n in range(requests):
            for path in ("/add/one", f"/both/{i}"):
                until_answered(place, path, f"{i}-{n}-{path}")

    def kill():
        for n in range(kills):
            hub, done = place[0], answered(place[0])
            while not over.is_set() and answered(hub) < done + clients:
                time.sleep(0.01)
            if n % 2:
                for pid in hub.workers():
                    os.kill(pid, signal.SIGKILL)
            else:
                hub.process.kill()
                hub.process.wait()
                place[0] = open_till(f"backend: {backend}")

    killer = threading.Thread(target=kill)
    killer.start()
    each(clients, client)
    over.set()
    killer.join()
    hub = place[0]
    assert number(hub, "one") == clients * requests
    assert [number(hub, str(i)) for i in range(clients)] == [requests] * clients


def answered(hub):
    return len(hub.events("life", result="ok"))


def until_answered(place, path, key, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            status = ask(place[0], path, key)[0]
        except (OSError, EOFError, IndexError):
            status = 0
        if status == 200:
            return
        assert status in (0, 409, 502, 503), status  # 409: its first is at work
        time.sleep(0.02)
    raise AssertionError(f"{path} got no answer")


def test_an_operator_looks_and_changes(open_till, mayfly, tmp_path):
    hub = open_till(head=f"admin: {tmp_path}/admin\n")
    state = lambda *words, **options: mayfly("state", *words, "--hub", tmp_path / "admin", **options)
    assert ask(hub, "/add/a")[1] == "1"
    listed = state("ls", "till").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["KEY", "n/a"]
    version = listed[1].split()[1]
    assert state("get", "till", "n/a").stdout == "1"
    assert state("put", "till", "n/a", "41", "--if-version", version).returncode == 0
    refused = state("put", "till", "n/a", "7", "--if-version", version)
    assert refused.returncode == 1 and "it has version " in refused.stderr
    assert ask(hub, "/add/a")[1] == "42"
    assert state("put", "till", "n/b", "-", input="8").returncode == 0
    assert state("put", "till", "n/\u00fc %&", "x").returncode == 0
    assert number(hub, "b") == 8
    got = json.loads(state("ls", "till", "n/", "-o", "json").stdout)
    assert [key["key"] for key in got["keys"]] == ["n/a", "n/b", "n/\u00fc %&"]
    assert state("rm", "till", "n/a").returncode == 0
    assert state("rm", "till", "n/a").returncode == 0
    assert number(hub, "a") == 0
    missing = state("get", "till", "n/a")
    assert missing.returncode == 3 and 'till has no "n/a"' in missing.stderr
    assert state("get", "other", "n/a").returncode == 3
    assert state("put", "till", "", "x").returncode == 2
    assert state("grep", "till").returncode == 2


def test_bytes_that_are_no_text(open_till, mayfly, tmp_path):
    open_till(head=f"admin: {tmp_path}/admin\n")
    state = lambda *words, **options: mayfly("state", *words, "--hub", tmp_path / "admin", text=False, **options)
    assert state("put", "till", "raw", "-", input=b"\x00\xff\x1b[31m").returncode == 0
    assert state("get", "till", "raw").stdout == b"\x00\xff\x1b[31m"
    assert json.loads(state("get", "till", "raw", "-o", "json").stdout)["value_hex"] == "00ff1b5b33316d"


def test_more_keys_than_a_page_holds(open_till, mayfly, tmp_path, till):
    hub = open_till(head=f"admin: {tmp_path}/admin\n")
    assert ask(hub, "/add/x")[0] == 200  # the service has its number
    assert hub.stop() == 0
    with sqlite3.connect(f"{tmp_path}/state/mayfly.db") as db:
        service_number, version = db.execute("SELECT service, version FROM state").fetchone()
        db.executemany("INSERT INTO state (service, key, value, version) VALUES (?, ?, ?, ?)",
                       [(service_number, b"k%04d" % i, b"v", version) for i in range(1203)])
    open_till(head=f"admin: {tmp_path}/admin\n")
    keys = json.loads(mayfly("state", "ls", "till", "k", "--hub", tmp_path / "admin", "-o", "json").stdout)["keys"]
    assert [key["key"] for key in keys] == [f"k{i:04}" for i in range(1203)]


def test_on_the_command_line(mayfly, till):
    done = mayfly("run", till, "--http", "POST /add/a", "--state", "n/a=41")
    assert (done.returncode, done.stdout) == (0, "42\n")
    assert "put n/a" in done.stderr
    done = mayfly("run", till, "--http", "POST /both/a", "--state", "all=7", "--state", "n/b=9", "-o", "json")
    effects = json.loads(done.stdout)["effects"]
    assert [(e["key"], e["body"]) for e in effects if e["kind"] == "put"] == [("n/a", "1"), ("all", "8")]
    done = mayfly("run", till, "--state", "n/a")
    assert done.returncode == 2 and "write it as KEY=VALUE" in done.stderr
