"""Faults, end to end: kill -9 of whatever runs, a broker that is gone, a clock that jumps, a service that crashes at
every event, workers that hang. What was accepted has its effects once. docs/faults.md says which test shows what."""

import os
import re
import shutil
import signal
import sqlite3
import struct
import threading
import time

import pytest
from broker import Broker
from conftest import MEMORY, ROOT, SANITIZED, run
from counts import Kept
from http_client import Client, listener
from hubs import UNSIGNED, service
from kills import Kills, table
from load import Destination



@pytest.fixture
def broker(tmp_path):
    b = Broker(tmp_path / "broker", "allow_anonymous true", "max_queued_messages 0", "autosave_on_changes false",
               "autosave_interval 0")  # it writes when it is stopped
    yield b
    b.stop()


@pytest.fixture
def destination(broker):
    d = Destination(broker.port)
    yield d
    d.stop()


@pytest.fixture
def text(tmp_path, broker):
    """text(service(...), ...) -> hub.yaml, each time with the same state"""
    return lambda *services: (f"mayfly: 1\nstate: {tmp_path}/state\nmqtt: {{broker: \"{broker.uri}\"}}\n"
                              f"{listener()}services:\n" + "".join(services) + UNSIGNED)


@pytest.fixture
def ledger(make_hub, text, build, broker):
    """ledger(line, ...) -> a hub with that service, connected"""
    def make(*lines, connected=True, **options):
        before = broker.said().count("Sending SUBACK to mayfly")
        hub = make_hub(text(service(build / "guest/ledger.mfy", *lines)), **options)
        if connected:
            hub.until(lambda: broker.said().count("Sending SUBACK to mayfly") > before)
        return hub

    return make


def post(hub, name, text="now", key=None):
    with Client(hub.http()) as client:
        return client.ask("POST", f"/in/{name}", text.encode(), {"Idempotency-Key": f'"{key}"'} if key else {})


def values(tmp_path):
    return Kept(tmp_path / "state").state


def rows(tmp_path, table_):
    with sqlite3.connect(f"file:{tmp_path}/state/mayfly.db?mode=ro", uri=True) as db:
        return db.execute(f"SELECT count(*) FROM {table_}").fetchone()[0]


# --------------------------------------------------------------------- kill -9

def test_kills(tmp_path, backend):
    """tests/faults/run, shortened."""
    kills = Kills(tmp_path / "place", backend, seed=1, rate=60)
    try:
        for kind in ("worker", "hub", "broker", "worker", "hub", "nursery"):
            time.sleep(kills.random.uniform(0.05, 0.5))
            kills.kill(kind)
        kills.settle()
        lines, wrong = kills.count()
    finally:
        kills.close()
    print(table(kills, lines))
    assert not wrong
    assert lines[0].figures[1] > 0 and lines[-1].figures[2] > 0


def test_a_worker_that_hangs(ledger, broker, destination, tmp_path):
    """It is stopped with an event in its hands, by MQTT and from the schedule: the hub gives the lives up, ends the worker, and
    tries both again."""
    hub = ledger("limits: {deadline: 1s}")
    broker.publish("in/first", "later 700")
    hub.until(lambda: "first" in destination.ids)
    stopped = hub.workers()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    broker.publish("in/second", "now")
    hub.until(lambda: {"second", "rang-first"} <= set(destination.ids), seconds=30)
    assert not set(stopped) & set(hub.workers())
    assert hub.stop() == 0
    assert values(tmp_path) == {"seen/first": 1, "seen/second": 1, "rang/first": 1, "all": 2}
    assert rows(tmp_path, "retry") == rows(tmp_path, "dead") == rows(tmp_path, "later") == 0


@pytest.fixture
def errand(make_hub, text, build, broker):
    """A hub with a service that calls another."""
    slow = "limits: {deadline: 60s}"
    hub = make_hub(text(service(build / "guest/errand.mfy", slow), service(build / "guest/ledger.mfy", slow)))
    hub.until(lambda: broker.said().count("Sending SUBACK") >= 2)
    return hub


def test_an_event_that_loses_two_workers(errand, broker, tmp_path):
    """They are killed while its lives stand still. Nobody waits for it who would ask again: it is tried later."""
    assert post(errand, "first").status == 200
    ledger_worker = errand.workers()
    for pid in ledger_worker:
        os.kill(pid, signal.SIGSTOP)
    broker.publish("errand", "x", "-V", "5", "-D", "PUBLISH", "user-property", "id", "one")
    last = set(ledger_worker)
    for _ in range(2):
        errand.until(lambda: set(errand.workers()) - last)
        for pid in set(errand.workers()) - last:
            last.add(pid)
            os.kill(pid, signal.SIGKILL)
    errand.until(lambda: errand.events("life", service="errand", result="failed"))
    for pid in ledger_worker:
        os.kill(pid, signal.SIGCONT)
    errand.until(lambda: errand.events("life", service="errand", result="ok"), seconds=30)
    assert errand.stop() == 0
    assert values(tmp_path) == {"seen/first": 1, "seen/errand": 1, "all": 2}


def test_what_an_event_that_fails_called_is_done_once(errand, broker, tmp_path):
    """Each of its lives asks another service: all but the first are told what that was."""
    broker.publish("errand", "fail", "-V", "5", "-D", "PUBLISH", "user-property", "id", "one")
    errand.until(lambda: "is dead letter" in errand.said())
    assert errand.said().count("the ledger said 200") == 4
    assert errand.stop() == 0
    assert values(tmp_path) == {"seen/errand": 1, "all": 1}


# --------------------------------------------------------------------- a clean stop

def test_what_waits_at_the_end_stays_with_the_broker(ledger, broker, tmp_path):
    """Events that are late before their turn while the hub stops aren't dealt with: the next one has them."""
    hub = ledger("limits: {deadline: 500ms}")
    assert post(hub, "first").status == 200
    for pid in hub.workers():
        os.kill(pid, signal.SIGSTOP)
    broker.publish_lines("in/x", [f"now {i}" for i in range(30)])
    hub.until(lambda: broker.said().count("Sending PUBLISH to mayfly") >= 30)
    assert hub.stop(signal.SIGTERM) == 0
    hub = ledger(connected=False)
    hub.until(lambda: values(tmp_path).get("all", 0) >= 31)
    assert hub.stop() == 0
    assert values(tmp_path) == {"seen/first": 1, "seen/x": 30, "all": 31}


# --------------------------------------------------------------------- the broker is gone

def test_a_broker_that_is_gone_for_long(ledger, broker, destination, tmp_path):
    """Thousands of messages wait on the disk and not in memory; they arrive when it is back, all of them."""
    hub = ledger()
    events, each = 200, 40
    post(hub, "before")
    broker.stop()
    before = hub.resident_kib()
    with Client(hub.http()) as client:
        for i in range(events):
            assert client.ask("POST", f"/in/b{i}", f"many {each}".encode()).status == 200
    assert rows(tmp_path, "outbox") >= events * each
    assert hub.resident_kib() - before < 4096 * MEMORY
    broker.start()
    hub.until(lambda: destination.different() > events * each, seconds=60)
    assert len(destination.ids) == events + 1
    assert all(len(ids) == each for name, ids in destination.ids.items() if name != "before")
    hub.until(lambda: rows(tmp_path, "outbox") == 0)
    assert hub.resident_kib() - before < 4096 * MEMORY


# --------------------------------------------------------------------- the power

def preloaded(directory, name, **env):
    """What makes a hub load tests/faults/NAME.c."""
    library = directory / f"{name}.so"
    made = run("cc", "-shared", "-fPIC", "-o", library, ROOT / f"tests/faults/{name}.c", "-ldl")
    assert made.returncode == 0, made.stderr
    if SANITIZED:
        env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return {"LD_PRELOAD": str(library), **env}


@pytest.mark.parametrize("durability", ("batch", "sync"))
def test_the_power_fails(ledger, destination, tmp_path, durability):
    """What was not flushed is gone. `sync`: all that was answered, or left the hub, is there. `batch`: of each client's
    events a beginning."""
    state, flushed = tmp_path / "state", tmp_path / "flushed"
    line = f"durability: {durability}"
    ledger(line).stop()
    flushed.mkdir()
    shutil.copy(state / "mayfly.db", flushed)
    for path in (flushed, flushed / "mayfly.db"):
        path.chmod(0o777)
    hub = ledger(line, env=preloaded(tmp_path, "power", MAYFLY_POWER=str(flushed)))
    answered = [[], [], []]

    def client(i):
        try:
            with Client(hub.http()) as c:
                while c.ask("POST", f"/in/p{i}-{len(answered[i])}", b"now").status == 200:
                    answered[i].append(f"p{i}-{len(answered[i])}")
        except (OSError, EOFError):
            pass

    clients = [threading.Thread(target=client, args=(i,)) for i in range(len(answered))]
    for each in clients:
        each.start()
    began = time.monotonic()
    hub.until(lambda: min(map(len, answered)) >= 30 and time.monotonic() - began > 0.3)
    hub.process.kill()
    hub.process.wait()
    for each in clients:
        each.join()
    (state / "mayfly.db-shm").unlink(missing_ok=True)
    for name in ("mayfly.db", "mayfly.db-wal"):
        (state / name).write_bytes((flushed / name).read_bytes())
    ledger(line, connected=False).stop()
    state = values(tmp_path)
    seen = {key[5:] for key in state if key.startswith("seen/")}
    assert state["all"] == len(seen) and all(n == 1 for key, n in state.items() if key != "all")
    for i, names in enumerate(answered):
        there = sorted(int(name.partition("-")[2]) for name in seen if name.startswith(f"p{i}-"))
        assert there == list(range(len(there)))
        if durability == "sync":
            assert len(there) >= len(names)
    if durability == "sync":
        assert set(destination.ids) <= seen
    else:
        assert seen


# --------------------------------------------------------------------- the clock

class Clock:
    """A hub's wall clock, which can be set."""

    def __init__(self, directory):
        self.file = directory / "skew"
        self.file.write_bytes(bytes(8))
        os.mkfifo(f"{self.file}.set")
        for path in (self.file, f"{self.file}.set"):
            os.chmod(path, 0o666)
        self.env = preloaded(directory, "skew", MAYFLY_SKEW=str(self.file))

    def set(self, seconds):
        """It is off by so many."""
        with open(self.file, "r+b") as f:  # it is mapped
            f.write(struct.pack("q", int(seconds * 1e9)))
        fd = os.open(f"{self.file}.set", os.O_WRONLY | os.O_NONBLOCK)
        os.write(fd, bytes(8))
        os.close(fd)


def ticks(hub):
    return re.findall(r"timer\.tick fast of source 7 due (\S+?)T", hub.said())


def test_a_clock_that_jumps(make_hub, build, tmp_path, text):
    """To 1970 and back, and days ahead: ticks, what was scheduled, and ids go by the hub's own time."""
    clock = Clock(tmp_path)
    days = {time.strftime("%Y-%m-%d", time.gmtime(time.time() + n)) for n in (-3600, 0, 3600)}
    config = text(service(build / "guest/ledger.mfy"), service(build / "guest/tick.mfy"))
    hub = make_hub(config, env=clock.env)
    hub.until(lambda: len(ticks(hub)) >= 2)
    began = time.monotonic()
    assert post(hub, "a", "later 800", "key").status == 200
    clock.set(-time.time())
    hub.until(lambda: "the clock says 1970" in hub.said())
    go_on(hub, days)
    assert post(hub, "a", "later 800", "key").headers["idempotency-replayed"] == "true"
    hub.until(lambda: hub.events("life", source="schedule"))
    assert time.monotonic() - began > 0.8
    hub.process.kill()  # and up again, still in 1970
    hub.process.wait()
    hub = make_hub(config, env=clock.env)
    hub.until(lambda: "the clock says 1970" in hub.said())
    go_on(hub, days)
    assert post(hub, "a", "later 800", "key").headers["idempotency-replayed"] == "true"
    began = time.monotonic()
    assert post(hub, "b", "later 1500").status == 200
    clock.set(0)
    hub.until(lambda: "the clock is set" in hub.said())
    go_on(hub, days)
    clock.set(10 * 86400)
    hub.until(lambda: "the clock was put forward by" in hub.said())
    hub.until(lambda: "timer.tick night" in hub.said())  # one of ten at three o'clock comes: missed: once
    assert hub.said().count("timer.tick night") <= 2
    assert post(hub, "a", "later 800", "key").headers["idempotency-replayed"] == "true"
    hub.until(lambda: hub.events("life", source="schedule"))
    assert time.monotonic() - began > 1.5
    assert hub.stop() == 0
    assert values(tmp_path) == {"seen/a": 1, "seen/b": 1, "rang/a": 1, "rang/b": 1, "all": 2}


def go_on(hub, days):
    """Ticks come, as many as they should be, of these days."""
    before, began = len(ticks(hub)), time.monotonic()
    hub.until(lambda: len(ticks(hub)) >= before + 4)
    assert len(ticks(hub)) - before <= 5 + (time.monotonic() - began) / 0.05
    assert set(ticks(hub)) <= days


# --------------------------------------------------------------------- a service that always crashes

def test_a_service_that_crashes_at_each_message(make_hub, text, build, broker, destination, tmp_path):
    """Its circuit opens; one with state goes on beside it. When it is mended, what came meanwhile is done, once."""
    work = service(build / "guest/letter.mfy", "name: work", "mqtt: [{topic: work/+}]", "limits: {failures: 3}")
    other = service(build / "guest/ledger.mfy")
    hub = make_hub(text(work, other))
    hub.until(lambda: broker.said().count("Sending SUBACK to mayfly") >= 2)
    for i in range(12):
        broker.publish(f"work/w{i}", "crash")
    hub.until(lambda: hub.events("circuit", service="work", state="open"))
    for i in range(10):
        broker.publish(f"in/o{i}", "now")
        assert post(hub, f"p{i}").status == 200
    hub.until(lambda: len(destination.ids) == 20)
    crashed = len(hub.events("life", service="work", result="crashed"))
    assert crashed >= 3
    assert hub.reload(text(service(build / "guest/ledger.mfy", "name: work", "mqtt: [{topic: work/+}]",
                                   "http: [{path: /crash/+}]"), other)
                      )["event"] == "reloaded"
    hub.until(lambda: len(destination.ids) + rows(tmp_path, "dead") == 32, seconds=60)
    assert hub.stop() == 0
    assert {n for key, n in values(tmp_path).items() if key.startswith("seen/")} == {1}


# --------------------------------------------------------------------- the database is damaged

def test_a_damaged_database_is_not_emptied(ledger, text, build, refused, tmp_path, broker):
    hub = ledger()
    for i in range(40):
        assert post(hub, f"a{i}").status == 200
    assert hub.stop() == 0
    file = tmp_path / "state/mayfly.db"
    whole = file.read_bytes()
    for damaged, what in ((whole[:-5000], "its end is cut off"),
                          (whole[:8192] + bytes(4096) + whole[12288:], "damaged"),
                          (b"", "")):
        file.write_bytes(damaged)
        line = refused(text(service(build / "guest/ledger.mfy")), 1, str(file), what)
        assert "nothing was changed; put a backup in its place" in line
        assert file.read_bytes() == damaged
    file.write_bytes(whole)
    hub = ledger(connected=False)
    assert post(hub, "a0").status == 200
    assert hub.stop() == 0
    assert values(tmp_path)["all"] == 41
