"""Messages from a real broker become events; what is acknowledged, when, and what comes again."""

import re
import signal
import time

import pytest
from broker import Broker, Listener, OldBroker
from hubs import UNSIGNED, service


@pytest.fixture
def broker(tmp_path):
    b = Broker(tmp_path / "broker")
    yield b
    b.stop()


@pytest.fixture
def letter(build):
    return build / "guest/letter.mfy"


@pytest.fixture
def start(make_hub, tmp_path):
    """start(BROKER, service(...), ..., mqtt="keepalive: 5s") -> a hub that is connected; all of a test have
    the same state."""
    def make(broker, *services, mqtt="", head="", connected=True):
        hub = make_hub(text_of(tmp_path, broker, *services, mqtt=mqtt, head=head))
        if connected:
            hub.until(lambda: "mqtt: connected" in hub.said())
            subscribed(broker, services)
        return hub

    def subscribed(broker, services):
        broker = getattr(broker, "broker", broker)
        end = time.monotonic() + 10
        while broker.said().count("Sending SUBACK") < len(services):
            assert time.monotonic() < end, broker.said()
            time.sleep(0.02)

    return make


def text_of(tmp_path, broker, *services, mqtt="", head=""):
    mqtt = f", {mqtt}" if mqtt else ""
    return (f"mayfly: 1\nstate: {tmp_path}/state\nmqtt: {{broker: \"{broker.uri}\"{mqtt}}}\n{head}"
            "services:\n" + "".join(services) + UNSIGNED)


def lives(hub, n, **members):
    return hub.count(n, "life", source="mqtt", **members)


def payloads(hub):
    """What the lives of letter.mfy logged that they got."""
    return [line.partition("payload=")[2] for line in hub.said().splitlines() if "payload=" in line]


def settled(hub, n):
    """As many lives as that, and no more a moment later."""
    lives(hub, n)
    time.sleep(0.3)
    return lives(hub, n)


# ------------------------------------------------------------------ one message

def test_a_message_is_an_event(start, broker, letter):
    hub = start(broker, service(letter))
    broker.publish("in/kitchen/lamp", "on")
    assert lives(hub, 1, result="ok") == 1
    assert "topic=in/kitchen/lamp type= said=(absent) client=(absent) response=(absent) retained=0 payload=on" \
        in hub.said()


def test_request_and_response(start, broker, letter):
    hub = start(broker, service(letter))
    answer = broker.ask("in/ask", "what?", "-D", "PUBLISH", "user-property", "x-said", "please",
                        "-D", "PUBLISH", "content-type", "text/x-question")
    assert answer == ("topic=in/ask type=text/x-question said=please client=(absent) "
                      "response=answers/here retained=0 payload=what?")
    assert hub.said().count("[") >= 1


def test_the_hubs_own_attributes_cant_be_forged(start, broker, letter):
    start(broker, service(letter))
    answer = broker.ask("in/ask", "x", "-D", "PUBLISH", "user-property", "Mayfly-Client", "dns:admin",
                        "-D", "PUBLISH", "user-property", "mayfly-response-topic", "door/open")
    assert "client=(absent) response=answers/here" in answer


def test_replies_go_where_hub_yaml_lets_them(start, broker, letter):
    start(broker, service(letter), mqtt="replies: [\"answers/#\"]")
    assert "payload=yes" in broker.ask("in/ask", "yes", answer="answers/here")
    assert broker.ask("in/ask", "no", answer="door/open", seconds=2) == ""


def test_a_retained_message_comes_once_and_says_so(start, broker, letter):
    broker.publish("in/state", "old", "-r")
    hub = start(broker, service(letter))
    lives(hub, 1)
    assert "retained=1 payload=old" in hub.said()
    hub.stop()
    again = start(broker, service(letter), connected=False)  # same session: nothing is new
    again.until(lambda: "mqtt: connected" in again.said())
    broker.publish("in/state", "new")
    lives(again, 1)
    assert payloads(again) == ["new"]


def test_payloads_of_any_bytes_and_size(start, broker, letter, tmp_path):
    hub = start(broker, service(letter))
    (tmp_path / "zeros").write_bytes(bytes(3000))
    assert broker.client("mosquitto_pub", "-t", "in/z", "-f", tmp_path / "zeros", "-q", "1").returncode == 0
    assert broker.client("mosquitto_pub", "-t", "in/empty", "-n", "-q", "1").returncode == 0
    assert lives(hub, 2, result="ok") == 2


def test_one_too_large_is_dropped_and_holds_nobody_up(start, broker, letter, tmp_path):
    hub = start(broker, service(letter))
    (tmp_path / "large").write_bytes(b"x" * 40000)  # letter's memory.event is 16 KiB
    assert broker.client("mosquitto_pub", "-t", "in/x", "-f", tmp_path / "large", "-q", "1").returncode == 0
    broker.publish("in/x", "small")
    lives(hub, 1, result="ok")
    assert payloads(hub) == ["small"]
    assert "larger than the service's memory.event" in hub.said()


def test_long_and_strange_topics(start, broker, letter):
    hub = start(broker, service(letter))
    broker.publish("in/" + "x" * 20000, "too long")
    broker.publish("in//\u00e4/ /\u2603", "strange")
    lives(hub, 1)
    assert payloads(hub) == ["strange"]


# ------------------------------------------------------------ who hears of what

def test_one_topic_reaches_several_services(start, broker, letter):
    hub = start(broker, service(letter, "name: one"), service(letter, "name: two"))
    broker.publish("in/x", "hello")
    lives(hub, 1, service="one")
    lives(hub, 1, service="two")


def test_hub_yaml_says_other_topics(start, broker, letter):
    hub = start(broker, service(letter, "mqtt: [{topic: \"home/+/set\"}, {topic: other, qos: 0}]"))
    for topic in ("in/x", "home/lamp/set", "other", "home/a/b/set"):
        broker.publish(topic, topic)
    lives(hub, 2)
    time.sleep(0.2)
    assert sorted(payloads(hub)) == ["home/lamp/set", "other"]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_filters_that_overlap_make_one_event(start, broker, letter, version):
    topics = "mqtt: [{topic: \"a/+\"}, {topic: \"a/b\"}, {topic: \"+/b\"}, {topic: \"#\", qos: 0}]"
    hub = start(broker, service(letter, topics), mqtt=f"version: '{version}'")
    hub.until(lambda: broker.said().count("Sending SUBACK") >= 4)
    for topic in ("a/b", "a/c", "d/b", "d/e"):
        broker.publish(topic, topic)
        broker.publish(topic, topic)  # the same again is another event
    assert settled(hub, 8) == 8
    assert sorted(payloads(hub)) == sorted(2 * ["a/b", "a/c", "d/b", "d/e"])
    # what is left to an earlier connection comes by it: none is made before that one is subscribed
    said = broker.said()
    subscribed = re.findall(r"Sending SUBACK to (\S+-letter(?:-\d)?)\b", said)
    assert subscribed == sorted(set(subscribed)) and len(subscribed) == 4
    for earlier, later in zip(subscribed, subscribed[1:]):
        assert said.index(f"Sending SUBACK to {earlier}\n") < said.index(f" as {later} ")


def test_a_shared_subscription_shares(start, broker, letter):
    def shared(name):
        return service(letter, f"name: {name}", "mqtt: [{topic: \"work/#\", share: team}]")

    hub = start(broker, shared("one"), shared("two"))
    broker.publish_lines("work/x", range(40))
    assert settled(hub, 40) == 40
    assert hub.events("life", service="one") and hub.events("life", service="two")
    assert sorted(payloads(hub), key=int) == [str(i) for i in range(len(payloads(hub)))] or len(payloads(hub)) < 40


# --------------------------------------------------------------- broken brokers

def test_the_hub_starts_without_a_broker(start, broker, letter):
    broker.stop()
    hub = start(broker, service(letter), connected=False)
    hub.until(lambda: "can't reach" in hub.said())
    broker.start()
    hub.until(lambda: "mqtt: connected" in hub.said())
    hub.until(lambda: "Sending SUBACK" in broker.said())
    broker.publish("in/x", "hello")
    lives(hub, 1)
    assert hub.said().count("can't reach") == 1


def test_a_broker_that_dies_is_found_again(start, broker, letter):
    hub = start(broker, service(letter))
    for _ in range(2):
        before = hub.said().count("mqtt: connected")
        broker.stop(signal.SIGKILL)
        broker.start()
        hub.until(lambda: hub.said().count("mqtt: connected") > before)
        subscribed = broker.said().count("Sending SUBACK")
        hub.until(lambda: broker.said().count("Sending SUBACK") >= subscribed)
        broker.ask("in/x", "hello")
    assert lives(hub, 1) >= 1


def test_what_came_while_the_hub_was_away_arrives(start, broker, letter):
    hub = start(broker, service(letter))
    assert hub.stop() == 0
    broker.publish_lines("in/x", range(30))
    again = start(broker, service(letter), connected=False)
    assert settled(again, 30) == 30


def test_what_was_not_acknowledged_comes_again(start, broker, letter):
    """The hub is killed while a batch is under way."""
    hub = start(broker, service(letter, "limits: {deadline: 1s}"))
    broker.publish("in/x", "spin 3000000000")  # longer than it may take
    hub.until(lambda: "in/x" in broker.said() and hub.workers())
    hub.process.kill()
    hub.process.wait()
    again = start(broker, service(letter, "limits: {deadline: 300ms}"), connected=False)
    assert lives(again, 1) == 1
    assert "Sending PUBLISH" in broker.said() and "(d1, q1" in broker.said()


@pytest.mark.parametrize("silent", [False, True])
def test_a_broker_that_speaks_no_mqtt_5(start, broker, letter, silent):
    old = OldBroker(broker, silent)
    hub = start(old, service(letter))
    broker.publish("in/x", "hello")
    lives(hub, 1)
    assert "MQTT 3.1.1" in hub.said() and old.refused >= 1
    old.stop()


def test_a_broker_that_wants_a_password(tmp_path, start, letter):
    from broker import program
    from conftest import run

    passwords = tmp_path / "passwords"
    assert run(program("mosquitto_passwd"), "-b", "-c", passwords, "hub", "secret").returncode == 0
    broker = Broker(tmp_path / "broker", "allow_anonymous false", f"password_file {passwords}")
    broker.options = ["-u", "hub", "-P", "secret"]
    (tmp_path / "password").write_text("wrong\n")
    (tmp_path / "password").chmod(0o600)
    hub = start(broker, service(letter), mqtt=f"username: hub, password: {tmp_path}/password", connected=False)
    hub.until(lambda: "ot authorized" in hub.said())
    (tmp_path / "password").write_text("secret\n")
    assert hub.reload()["event"] == "reloaded"
    hub.until(lambda: "mqtt: connected" in hub.said())
    broker.stop()


def test_a_broker_with_tls(tmp_path, start, letter):
    from authority import Authority

    authority = Authority(tmp_path / "authority")
    certificate, key = authority.server()
    client, client_key = authority.make("hub")
    client_key.chmod(0o600)
    broker = Broker(tmp_path / "broker", "allow_anonymous true", f"cafile {authority.file}",
                    f"certfile {certificate}", f"keyfile {key}", "require_certificate true")
    broker.options = ["--cafile", str(authority.file), "--cert", str(client), "--key", str(client_key)]
    broker.__class__ = type("Tls", (Broker,), {"uri": property(lambda b: f"mqtts://localhost:{b.port}")})
    tls = f"tls: {{authorities: {authority.file}, certificate: {client}, key: {client_key}}}"
    hub = start(broker, service(letter), mqtt=tls)
    broker.publish_lines("in/x", range(100))
    assert settled(hub, 100) == 100
    hub.stop()
    other = Authority(tmp_path / "other")
    hub = start(broker, service(letter), connected=False,
                mqtt=tls.replace(str(authority.file), str(other.file)))
    hub.until(lambda: "certificate verify failed" in hub.said())
    broker.stop()


# ----------------------------------------------------------------- flow control

def test_a_slow_service_isnt_flooded(start, broker, letter):
    """Its queue holds two; what doesn't fit stays at the broker, and comes when there is room."""
    hub = start(broker, service(letter, "limits: {queue: 2, threads: 1}"))
    broker.publish_lines("in/x", [f"spin {1000000 + i}" for i in range(60)])
    assert settled(hub, 60) == 60
    assert {e["result"] for e in hub.events("life")} == {"ok"}


def test_a_circuit_that_is_open_keeps_messages(start, broker, letter):
    hub = start(broker, service(letter, "limits: {failures: 3}"))
    broker.publish_lines("in/x", ["fail", "fail", "fail", "one", "two", "three"])
    hub.until(lambda: len(hub.events("life", result="ok")) >= 3, seconds=30)
    assert payloads(hub)[-3:] == ["one", "two", "three"]


# ---------------------------------------------------------------------- reload

def test_reload_keeps_what_is_the_same(start, broker, letter, tmp_path):
    hub = start(broker, service(letter))
    connections = broker.said().count("New client connected")
    assert hub.reload(text_of(tmp_path, broker, service(letter, "limits: {queue: 7}")))["event"] == "reloaded"
    broker.publish("in/x", "hello")
    lives(hub, 1)
    assert broker.said().count("New client connected") == connections + 1  # mosquitto_pub


def test_reload_changes_topics(start, broker, letter, tmp_path):
    hub = start(broker, service(letter))
    other = service(letter, "mqtt: [{topic: other}]")
    assert hub.reload(text_of(tmp_path, broker, other))["event"] == "reloaded"
    hub.until(lambda: "Sending UNSUBACK" in broker.said())
    hub.until(lambda: broker.said().count("Sending SUBACK") >= 2)
    broker.publish("in/x", "old")
    broker.publish("other", "new")
    lives(hub, 1)
    time.sleep(0.2)
    assert payloads(hub) == ["new"]


def test_reload_without_a_broker(start, broker, letter, tmp_path):
    hub = start(broker, service(letter))
    text = text_of(tmp_path, broker, service(letter))
    assert hub.reload(text.replace("mqtt:", "#"))["event"] == "reloaded"
    hub.until(lambda: broker.said().count("disconnected") >= 2)
    assert hub.reload(text)["event"] == "reloaded"
    hub.until(lambda: hub.said().count("mqtt: connected") == 2)
    broker.ask("in/x", "hello")
    assert lives(hub, 1) == 1


def test_topics_of_before_the_restart_are_unsubscribed(start, broker, letter):
    start(broker, service(letter)).stop()
    hub = start(broker, service(letter, "mqtt: [{topic: other}]"), connected=False)
    hub.until(lambda: "Sending UNSUBACK" in broker.said())
    hub.until(lambda: broker.said().count("Sending SUBACK") >= 2)
    broker.publish("in/x", "old")
    broker.publish("other", "new")
    lives(hub, 1)
    assert payloads(hub) == ["new"]


# ---------------------------------------------------------------------- status

def kept(broker, topic):
    return broker.client("mosquitto_sub", "-t", topic, "-C", "1", "-W", "10").stdout.strip()


def test_the_broker_knows_if_the_hub_is_there(start, broker, letter, tmp_path):
    def becomes(word, topic="hubs/one"):
        end = time.monotonic() + 15
        while kept(broker, topic) != word:
            assert time.monotonic() < end, broker.said()

    hub = start(broker, service(letter), mqtt="status: hubs/one")
    becomes("online")
    hub.process.kill()
    hub.process.wait()
    becomes("offline")  # its last will
    hub = start(broker, service(letter), mqtt="status: hubs/one")
    becomes("online")
    assert hub.reload(text_of(tmp_path, broker, service(letter), mqtt="status: hubs/two"))["event"] == "reloaded"
    becomes("offline")
    becomes("online", "hubs/two")
    broker.ask("in/x", "hello")  # and goes on
    assert hub.stop() == 0
    becomes("offline", "hubs/two")
