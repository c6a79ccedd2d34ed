"""State, committed with the life that put it: a service that counts (tests/guest/till), asked over HTTP."""

import sqlite3
import threading

import pytest
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
    hub.until(lambda: f'[{event}] its life is refused whole: it may emit to "shout", but this hub has' in hub.said())
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
