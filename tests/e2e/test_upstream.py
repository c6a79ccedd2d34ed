"""What is sent upstream: kept while the cable is pulled, in order, bounded, once it is plugged there at once. The upstream
and the local broker are two mosquittos."""

import json
import re
import signal
import sqlite3
import time
import urllib.request

import http_client
import pytest
from broker import Broker, Cable, Listener, OldBroker, program
from conftest import run
from hubs import UNSIGNED, service

METRICS = "metrics: 127.0.0.1:0\n"


@pytest.fixture
def make_broker(tmp_path):
    """make_broker(NAME, LINE...) -> Broker"""
    brokers = []

    def make(name, *lines):
        brokers.append(Broker(tmp_path / name, *lines))
        return brokers[-1]

    yield make
    for each in brokers:
        each.stop()


@pytest.fixture
def center(make_broker):
    """The upstream."""
    return make_broker("center")


@pytest.fixture
def cable(center):
    """Between a hub and the upstream; not plugged yet."""
    c = Cable(center, plugged=False)
    yield c
    c.pull()


@pytest.fixture
def nowhere():
    """An address where nobody is."""
    c = Cable(None, plugged=False)
    yield c.uri
    c.pull()


@pytest.fixture
def listen():
    """listen(BROKER, TOPIC) -> Listener; each line is TOPIC|PAYLOAD|USER PROPERTIES"""
    started = []

    def make(broker, topic="hubs/#", *args):
        started.append(Listener(broker, topic, "-V", "5", "-F", "%t|%p|%P", *args))
        return started[-1]

    yield make
    for each in started:
        each.stop()


@pytest.fixture
def text(tmp_path, build):
    """text(UPSTREAM or None, more of its keys, lines at the top) -> a hub.yaml"""
    def make(to, more="", head=""):
        upstream = f"upstream: {{to: \"{to}\", client: kitchen, topic: \"hubs/kitchen/\"{more}}}\n" if to else ""
        return (f"mayfly: 1\nstate: {tmp_path}/state\nadmin: {tmp_path}/admin\nhttp: [{{listen: 127.0.0.1:0}}]\n"
                f"{upstream}{head}services:\n{service(build / 'guest/sender.mfy')}{UNSIGNED}")

    return make


def send(hub, count, words, priority=0):
    with http_client.Client(hub.http()) as client:
        answer = client.ask("POST", "/send", f"{count} {priority} {words}".encode())
        assert answer.status == 200, answer


def parts(lines):
    """(topic behind the prefix, payload, {user property: value}) of each."""
    split = [line.split("|") for line in lines]
    return [(topic.removeprefix("hubs/kitchen/"), payload, dict(re.findall(r"(\w+):(\S+)", told)))
            for topic, payload, told in split]


def metric(hub, name):
    port = hub.events("ready")[0]["metrics"]["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", answer.read().decode(), re.M)
    return sum(float(value) for value in found)


# ------------------------------------------------------------------- the cable

def test_the_reflex_needs_no_upstream_and_the_backlog_arrives(make_hub, make_broker, text, center, cable, listen):
    local = make_broker("local")
    sent, got = Listener(local, "out/#"), listen(center)
    hub = make_hub(text(cable.uri, head=f"mqtt: {{broker: \"{local.uri}\"}}\n"))
    try:
        hub.until(lambda: "upstream: can't reach" in hub.said())
        hub.until(lambda: "Sending SUBACK" in local.said() and "mqtt: connected" in hub.said())
        began = time.time()
        send(hub, 4, "meter/boiler low")
        send(hub, 3, "alarm/door high", priority=3)
        sent_at = time.time()
        local.publish("in/x", "1 0 meter/attic last")
        assert sent.until(1) == ["meter/attic"]  # here all goes on
        time.sleep(max(0, sent_at + 2.2 - time.time()))
        assert got.all == []
        cable.plug()
        lines = parts(got.until(8))
    finally:
        sent.stop()
    assert [line[:2] for line in lines] == [
        *[("alarm/door", f"high {i}") for i in (1, 2, 3)], *[("meter/boiler", f"low {i}") for i in (1, 2, 3, 4)],
        ("meter/attic", "last 1")]
    told = [line[2] for line in lines]
    assert len({each["id"] for each in told}) == 8
    assert [each["priority"] for each in told] == ["3"] * 3 + ["0"] * 5
    assert all(2 <= int(each["late"]) <= 60 for each in told[:7])
    for each in told:
        stamp = time.strptime(each["time"].split(".")[0] + "UTC", "%Y-%m-%dT%H:%M:%S%Z")
        assert began - 2 <= time.mktime(stamp) - time.timezone <= time.time() + 2
        assert "clock" not in each
    send(hub, 1, "meter/boiler now")
    last = parts(got.until(9))[8]
    assert last[1] == "now 1" and "late" not in last[2]


def test_what_waits_outlives_the_hub(make_hub, text, center, cable, listen):
    """And is late however soon it goes: nobody knows how long the hub was dead."""
    hub = make_hub(text(cable.uri))
    send(hub, 5, "meter/boiler before")
    hub.process.kill()
    hub.process.wait()
    got = listen(center)
    cable.plug()
    hub = make_hub(text(cable.uri))
    send(hub, 1, "meter/boiler after")
    lines = parts(got.until(6))
    assert [line[1] for line in lines] == [f"before {i}" for i in range(1, 6)] + ["after 1"]
    assert all("late" in line[2] for line in lines[:5]) and "late" not in lines[5][2]


def test_an_upstream_that_is_killed_gets_what_it_had_not_acknowledged(make_hub, text, center, listen):
    """Each of them, some of them twice, with the same id."""
    result = center.client("mosquitto_sub", "-V", "5", "-c", "-x", "600", "-i", "keeper", "-t", "hubs/#", "-q", "1", "-E")
    assert result.returncode == 0, result.stderr
    hub = make_hub(text(center.uri))
    hub.until(lambda: "upstream: connected" in hub.said())
    time.sleep(1.2)  # the broker writes down who subscribed
    center.stop(signal.SIGKILL)
    for n in range(10):
        send(hub, 20, f"meter/boiler {n}")
    center.start()
    got = listen(center, "hubs/#", "-c", "-x", "600", "-i", "keeper")
    lines = parts(got.until(200))
    once = {line[2]["id"]: line[1] for line in lines}
    assert sorted(once.values()) == sorted(f"{n} {i}" for n in range(10) for i in range(1, 21))


def test_an_upstream_whose_rights_are_wrong_costs_few(make_hub, make_broker, text, listen, tmp_path):
    """Two messages and one each time that it is connected to; not all that wait."""
    rights = tmp_path / "rights"
    rights.write_text("topic readwrite other/#\n")
    rights.chmod(0o700)
    center = make_broker("strict", "allow_anonymous true", f"acl_file {rights}")
    hub = make_hub(text(center.uri, head=METRICS))
    for n in range(10):
        send(hub, 50, f"meter/boiler {n}")
    hub.until(lambda: "one message after another" in hub.said())
    rights.write_text("topic readwrite #\n")
    center.stop()
    center.start()
    got = listen(center)
    lines = [tuple(int(word) for word in payload.split()) for _, payload, _ in parts(got.until(480, seconds=60))]
    assert lines == sorted(lines)
    hub.until(lambda: outbox(hub)[0] == 0)
    assert metric(hub, "mayfly_listener_unsent_total") <= 20


# ---------------------------------------------------------------------- bounds

def test_where_there_is_no_room_the_oldest_of_the_lowest_priority_goes(make_hub, text, center, cable, listen):
    hub = make_hub(text(cable.uri, ", bytes: 64KiB", METRICS))
    send(hub, 10, "alarm/door urgent", priority=9)
    for n in range(30):
        send(hub, 50, f"meter/boiler {n:02}")
    hub.until(lambda: outbox(hub)[1] <= 65536)
    got = listen(center)
    cable.plug()
    first = json.loads(parts(got.until(1))[0][1])
    assert first["for"] == "upstream" and first["full"] > 500 and first["old"] == 0
    left = 1500 - first["full"]
    assert metric(hub, "mayfly_outbox_dropped_total") == first["full"]
    lines = parts(got.until(11 + left))
    assert [line[0] for line in lines[:11]] == ["mayfly/dropped"] + ["alarm/door"] * 10
    assert [line[1] for line in lines[11:]] == [
        f"{n:02} {i}" for n in range(30) for i in range(1, 51)][1500 - left:]


def outbox(hub):
    """How many messages wait for the upstream, and what they take, as the database has it."""
    path = re.search(r"state: (\S+)", hub.config.read_text()).group(1) + "/mayfly.db"
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return database.execute("select upstream_count, upstream_bytes from now").fetchone()
    finally:
        database.close()


def test_what_is_too_old_goes_and_is_told(make_hub, text, center, cable, listen):
    hub = make_hub(text(cable.uri, ", age: 3s"))
    send(hub, 7, "meter/boiler old")
    hub.until(lambda: outbox(hub)[0] == 1)  # what says so
    got = listen(center)
    cable.plug()
    hub.until(lambda: "upstream: connected" in hub.said())
    send(hub, 1, "meter/boiler new")
    lines = parts(got.until(2))
    assert lines[0][0] == "mayfly/dropped"
    assert json.loads(lines[0][1]) == {"for": "upstream", "full": 0, "old": 7}
    assert lines[1][1] == "new 1"


def test_what_the_local_broker_lost_is_told_too(make_hub, build, center, listen, tmp_path, nowhere):
    """A broker that is away for longer than `mqtt.age`: the upstream hears how many messages that cost."""
    got = listen(center, "mayfly/#")
    hub = make_hub(f"mayfly: 1\nstate: {tmp_path}/state\nhttp: [{{listen: 127.0.0.1:0}}]\n"
                   f"mqtt: {{broker: \"{nowhere}\", age: 1s}}\n"
                   f"upstream: {{to: \"{center.uri}\", client: kitchen}}\nservices:\n"
                   f"{service(build / 'guest/post.mfy')}{UNSIGNED}")
    hub.until(lambda: "upstream: connected" in hub.said())
    with http_client.Client(hub.http()) as client:
        for _ in range(3):
            assert client.ask("POST", "/post", b"x").status == 200
    told = [line.split("|") for line in got.until(1)]
    while sum(json.loads(body)["old"] for _, body, _ in told) < 3:
        told = [line.split("|") for line in got.until(len(told) + 1)]
    assert {(topic, json.loads(body)["for"]) for topic, body, _ in told} == {("mayfly/kitchen/mayfly/dropped", "broker")}
    assert sum(json.loads(body)["old"] for _, body, _ in told) == 3


# --------------------------------------------------------------- configuration

def test_another_address(make_hub, text, center, cable, listen, nowhere):
    hub = make_hub(text(nowhere))
    send(hub, 3, "meter/boiler x")
    got = listen(center)
    assert hub.reload(text(center.uri))["event"] == "reloaded"
    assert [line[1] for line in parts(got.until(3))] == ["x 1", "x 2", "x 3"]
    assert hub.reload(text(center.uri))["event"] == "reloaded"  # the same: the connection stays
    send(hub, 1, "meter/boiler y")
    got.until(4)
    assert hub.said().count("upstream: connected") == 1
    cable.plug()
    assert hub.reload(text(cable.uri))["event"] == "reloaded"
    send(hub, 1, "meter/boiler z")
    hub.until(lambda: any(line.startswith("hubs/kitchen/meter/boiler|z 1|") for line in got.all))
    wrong = hub.reload(text("center"))
    assert wrong["event"] == "not_reloaded" and "'center' is not an address" in wrong["why"]
    send(hub, 1, "meter/boiler still")
    hub.until(lambda: "still 1" in got.all[-1])
    # what wasn't acknowledged when the address changed came twice, with the same id
    once = {line[2]["id"]: line[1] for line in parts(got.all)}
    assert list(once.values()) == ["x 1", "x 2", "x 3", "y 1", "z 1", "still 1"]


def test_a_wrong_password_is_said_and_the_right_one_taken(make_hub, make_broker, text, listen, tmp_path):
    users, word = tmp_path / "users", tmp_path / "word"
    assert run(program("mosquitto_passwd"), "-c", "-b", users, "hub", "right").returncode == 0
    users.chmod(0o644)
    center = make_broker("center", "allow_anonymous false", f"password_file {users}")
    center.options = ["-u", "hub", "-P", "right"]
    word.write_text("wrong\n")
    word.chmod(0o600)
    login = f", username: hub, password: {word}"
    hub = make_hub(text(center.uri, login))
    send(hub, 1, "meter/boiler x")
    hub.until(lambda: "refuses us" in hub.said())
    line = next(line for line in hub.said().splitlines() if "refuses us" in line)
    assert f"upstream: {center.uri} refuses us: " in line and "'username' and what stands in 'password'" in line
    got = listen(center)
    word.write_text("right\n")
    assert hub.reload(text(center.uri, login))["event"] == "reloaded"
    got.until(1)
    assert hub.said().count("refuses us") == 1
    word.chmod(0o644)
    wrong = hub.reload(text(center.uri, login))
    assert wrong["event"] == "not_reloaded" and "upstream: password" in wrong["why"] and "chmod 600" in wrong["why"]


def test_mqtt_3_1_1_says_less(make_hub, text, center, listen):
    got, old = listen(center), OldBroker(center)
    try:
        hub = make_hub(text(old.uri))
        send(hub, 2, "meter/boiler x")
        assert got.until(2) == ["hubs/kitchen/meter/boiler|x 1|", "hubs/kitchen/meter/boiler|x 2|"]
    finally:
        old.stop()


def test_without_an_upstream_the_life_stands(make_hub, text, tmp_path, mayfly):
    hub = make_hub(text(None, head=METRICS))
    assert "sender may send upstream, but this hub has no upstream" in hub.said()
    said = hub.said().count("upstream")
    for _ in range(2):
        send(hub, 2, "meter/boiler x")
    assert hub.count(2, "life", result="ok") == 2
    assert metric(hub, "mayfly_upstream_unsent_total") == 4
    assert hub.said().count("upstream") == said  # not again with each message
    admin = ("--hub", tmp_path / "admin")
    assert mayfly("state", "get", "sender", "events", *admin).stdout == "2"
    event = hub.events("life")[0]["id"]
    assert "why      what it sent upstream was dropped: this hub has no upstream" in mayfly("trace", event, *admin).stdout
    assert outbox(hub)[0] == 0


def test_mayfly_up_with_an_upstream(up, build, center, listen, tmp_path):
    got = listen(center, "mayfly/#")
    u = up(build / "guest/sender.mfy", "--upstream", center.uri.replace("127.0.0.1", "localhost"), "--http", "127.0.0.1:0",
           env={"XDG_STATE_HOME": str(tmp_path / "home")})
    u.wait_for("upstream: connected")
    port = re.search(r"127\.0\.0\.1:(\d+)/send", u.text()).group(1)
    with http_client.Client(int(port)) as client:
        assert client.ask("POST", "/send", b"1 0 meter/boiler x").status == 200
    assert re.fullmatch(r"mayfly/[0-9a-f]{16}/meter/boiler", got.until(1)[0].split("|")[0])
    assert u.stop() == 0
