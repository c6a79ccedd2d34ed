"""Messages that change state and make others: committed, acknowledged, published, each in its turn."""

import re
import signal
import sqlite3
import subprocess
import time

import http_client
import pytest
from broker import Broker, FullBroker, Listener, program
from hubs import UNSIGNED, service
from test_mqtt_abuse import Hostile, packet, read_packet


@pytest.fixture
def broker(tmp_path):
    b = Broker(tmp_path / "broker")
    yield b
    b.stop()


@pytest.fixture
def listen():
    """listen(BROKER, TOPIC, ...) -> Listener, stopped with the test."""
    started = []

    def make(*args):
        started.append(Listener(*args))
        return started[-1]

    yield make
    for each in started:
        each.stop()


@pytest.fixture
def start(make_hub, tmp_path, build):
    def make(broker, *lines, connected=True):
        before = broker.said().count("Sending SUBACK")
        hub = make_hub(f"mayfly: 1\nstate: {tmp_path}/state\nmqtt: {{broker: \"{broker.uri}\"}}\n"
                       "http: [{listen: 127.0.0.1:0}]\nservices:\n" +
                       service(build / "guest/post.mfy", *lines) + UNSIGNED)
        if connected:
            hub.until(lambda: broker.said().count("Sending SUBACK") >= before + 1)
        return hub

    return make


@pytest.fixture
def keep(broker, listen):
    """What is published from now on comes to a Listener that is made later, by the call of this."""
    result = broker.client("mosquitto_sub", "-c", "-i", "keeper", "-t", "out/#", "-q", "1", "-E")
    assert result.returncode == 0, result.stderr
    time.sleep(1.2)  # the broker writes that down
    return lambda: listen(broker, "out/#", "-c", "-i", "keeper")


def press(hub, path="/post", text="x"):
    with http_client.Client(hub.http()) as client:
        return client.ask("POST", path, text.encode())


# --------------------------------------------------------------------- the order

def trace(pid, directory):
    """strace, on the hub and all its threads, and what it wrote."""
    out = directory / "strace"
    process = subprocess.Popen(
        [program("strace"), "-f", "-y", "-s", "8", "-e", "trace=write,pwrite64,fdatasync,fsync", "-o", str(out),
         "-p", str(pid)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = process.stderr.readline()
    if "attached" not in said:
        process.wait()
        pytest.skip(f"strace can't look at the hub here: {said.strip()}")
    return process, out


def calls(process, out):
    process.send_signal(signal.SIGINT)
    process.wait(10)
    return out.read_text().splitlines()


PUBACK = re.compile(r'write\(\d+<(?:TCP|socket)[^>]*>+, "@\\2')


@pytest.mark.parametrize("durability,before", [
    ("batch", r"pwrite64\(\d+<[^>]*/mayfly\.db-wal>"),
    ("sync", r"fdatasync\(\d+<[^>]*/mayfly\.db-wal>"),
])
def test_acknowledged_when_it_is_committed(start, broker, tmp_path, durability, before):
    hub = start(broker, f"durability: {durability}")
    broker.publish("in/first", "x")  # what is done once is done
    hub.count(1, "life")
    time.sleep(0.5)
    process, out = trace(hub.pid, tmp_path)
    broker.publish("in/x", "x")
    hub.count(2, "life")
    time.sleep(0.5)
    lines = calls(process, out)
    puback = [i for i, line in enumerate(lines) if PUBACK.search(line)]
    ended = [i for i, line in enumerate(lines) if re.search(before, line) and "= " in line] + [
        i for i, line in enumerate(lines) if "resumed>" in line and before[:9] in line]
    assert len(puback) == 1, lines
    assert ended and min(ended) < puback[0], lines


# --------------------------------------------------------------------- messages out

def test_what_a_life_emits_is_published(start, broker, listen):
    listener = listen(broker, "out/#", "-V", "5", "-F", "%t %p %P")
    hub = start(broker)
    for _ in range(3):
        broker.publish("in/x", "x")
    lines = listener.until(3)
    assert [line.split()[:2] for line in lines] == [["out/count", str(n)] for n in (1, 2, 3)]
    ids = {re.search(r"id:?(\S+)", line).group(1) for line in lines}
    assert len(ids) == 3
    assert hub.count(3, "life", result="ok") == 3


def test_messages_wait_for_a_broker_that_is_gone(start, broker, keep):
    hub = start(broker)
    broker.stop(signal.SIGKILL)
    for _ in range(20):
        assert press(hub).status == 200
    broker.start()
    assert keep().until(20, seconds=30) == [str(n) for n in range(1, 21)]


def test_messages_wait_for_the_next_start(start, broker, keep):
    hub = start(broker)
    broker.stop()
    for _ in range(5):
        assert press(hub).status == 200
    hub.process.kill()
    hub.process.wait()
    broker.start()
    start(broker, connected=False)
    assert keep().until(5, seconds=30) == ["1", "2", "3", "4", "5"]


def test_a_message_that_the_broker_refuses_holds_up_no_other(tmp_path, start, listen):
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite in/#\ntopic readwrite out/count\ntopic read out/#\n")
    acl.chmod(0o700)
    broker = Broker(tmp_path / "broker", "allow_anonymous true", f"acl_file {acl}")
    listener = listen(broker, "out/#")
    hub = start(broker)
    broker.publish("in/x", "to secret")
    broker.publish("in/x", "x")
    assert listener.until(1) == ["2"]
    hub.until(lambda: "Not authorized" in hub.said())
    broker.stop()


def test_no_message_is_taken_for_a_broker_that_a_reload_took_away(start, broker, tmp_path, build):
    hub = start(broker)
    assert press(hub).status == 200
    head = f"mayfly: 1\nstate: {tmp_path}/state\n"
    rest = "http: [{listen: 127.0.0.1:0}]\nservices:\n" + service(build / "guest/post.mfy") + UNSIGNED
    hub.reload(head + rest)
    assert press(hub).status == 403
    assert "but this hub has no way there" in hub.said()
    hub.reload(f"{head}mqtt: {{broker: \"{broker.uri}\"}}\n{rest}")
    assert press(hub).status == 200


def test_a_message_that_the_broker_has_no_room_for_now_goes_again(make_hub, tmp_path, build, broker, listen):
    listener, full = listen(broker, "out/#"), FullBroker(broker)
    hub = make_hub(f"mayfly: 1\nstate: {tmp_path}/state\nmqtt: {{broker: \"{full.uri}\"}}\n"
                   "http: [{listen: 127.0.0.1:0}]\nservices:\n" +
                   service(build / "guest/post.mfy") + UNSIGNED)
    hub.until(lambda: broker.said().count("Sending SUBACK") >= 2)
    broker.publish("in/x", "x")
    assert listener.until(2) == ["1", "1"]
    assert "quota exceeded" in hub.said() and "is dropped" not in hub.said()
    full.pull()


# --------------------------------------------------------------------- once

def with_id(broker, text):
    broker.publish("in/x", "x", "-V", "5", "-D", "PUBLISH", "user-property", "id", text)


def test_the_same_id_is_the_same_event(start, broker, listen):
    listener = listen(broker, "out/#")
    hub = start(broker)
    for text in ("a", "a", "b", "a", "b"):
        with_id(broker, text)
    with_id(broker, "c")
    assert listener.until(3) == ["1", "2", "3"]
    assert hub.stop() == 0
    hub = start(broker)
    with_id(broker, "a")
    with_id(broker, "d")
    hub.until(lambda: "4" in listener.all)
    assert listener.all == ["1", "2", "3", "4"]


class Late(Hostile):
    """It acknowledges what it gets when the hub's other connection is gone, or never."""

    def __init__(self, ever):
        self.ever, self.got = ever, []
        super().__init__()

    def serve(self, client):
        heard = False
        try:
            while (got := read_packet(client))[0]:
                kind, body = got
                if kind == 0x10:
                    client.sendall(b"\x20\x02\x00\x00")
                elif kind == 0x82:
                    heard = True
                    client.sendall(packet(0x90, body[:2] + b"\x01"))
                elif kind == 0x32:
                    size = int.from_bytes(body[:2], "big")
                    self.got.append((client, body[2 + size:4 + size]))
        except (OSError, IndexError):
            pass
        if heard and self.ever:
            for publisher, mid in self.got:
                publisher.sendall(packet(0x40, mid))


@pytest.mark.parametrize("ever", [True, False])
def test_a_clean_stop_waits_for_the_broker(make_hub, tmp_path, build, ever):
    """What it has acknowledged is not sent again by the next hub. But it isn't waited for without end."""
    broker = Late(ever)
    hub = make_hub(f"mayfly: 1\nstate: {tmp_path}/state\nmqtt: {{broker: \"{broker.uri}\", version: '3.1.1'}}\n"
                   "http: [{listen: 127.0.0.1:0}]\nservices:\n" + service(build / "guest/post.mfy") + UNSIGNED)
    hub.until(lambda: len(broker.open) == 2)
    for _ in range(5):
        assert press(hub).status == 200
    hub.until(lambda: len(broker.got) == 5)
    assert hub.stop(signal.SIGTERM) == 0
    broker.stop()
    with sqlite3.connect(f"file:{tmp_path}/state/mayfly.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM outbox").fetchone()[0] == (0 if ever else 5)


def test_a_hub_that_is_killed_counts_each_message_once(start, broker, listen):
    """Messages with ids, while the hub dies three times."""
    count = 150
    hub = start(broker)  # whose session the broker keeps from now on
    feeder = subprocess.Popen(
        ["bash", "-c", f"for i in $(seq {count}); do {program('mosquitto_pub')} -p {broker.port} -V 5 -q 1 "
         "-t in/x -m x -D PUBLISH user-property id number-$i || exit 1; done"])
    for _ in range(3):
        time.sleep(0.4)
        hub.process.kill()
        hub.process.wait()
        hub = start(broker, connected=False)
    assert feeder.wait(60) == 0
    listener = listen(broker, "out/#")
    with_id(broker, "the-last")
    hub.until(lambda: str(count + 1) in listener.all, seconds=30)
    time.sleep(0.3)
    assert max(int(n) for n in listener.all) == count + 1


def test_mayfly_up_with_a_broker(broker, up, build, tmp_path, listen):
    listener = listen(broker, "out/#")
    u = up(build / "guest/post.mfy", "--mqtt", broker.uri, env={"XDG_STATE_HOME": str(tmp_path / "home")})
    u.wait_for("mqtt: connected")
    end = time.monotonic() + 10
    while broker.said().count("Sending SUBACK") < 2 and time.monotonic() < end:
        time.sleep(0.02)
    broker.publish("in/x", "x")
    assert listener.until(1) == ["1"]
    assert u.stop() == 0
    assert (tmp_path / "home/mayfly/post/mqtt-sessions").exists()
