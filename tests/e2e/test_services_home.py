"""The services that a home has, with what a home has: a broker, mosquitto_pub and mosquitto_sub, coap-client. One hub
and one broker for all of a service's tests; each test has rooms, doors and lamps of its own."""

import json
import re
import time

import pytest
from broker import Broker, Listener
from conftest import BUILD, PATIENCE, run
from http_client import Client, listener
from hubs import Hub, hub_yaml, service


class Home:
    """A hub with one service, and its broker."""

    def __init__(self, directory, name, *lines, head="", upstream=False):
        self.name, self.directory = name, directory
        self.broker = Broker(directory / "broker")
        self.center = Broker(directory / "center") if upstream else None
        text = (f"state: {directory}/state\nadmin: {directory}/admin\n"
                f"mqtt: {{broker: \"{self.broker.uri}\", status: mayfly/status}}\n{head}")
        if upstream:
            text += f"upstream: {{to: \"{self.center.uri}\", client: home}}\n"
        self.hub = Hub(directory / "hub", hub_yaml(service(BUILD / f"services/{name}.mfy", *lines), head=text))
        self.hub.until(lambda: "mqtt: connected" in self.hub.said() and  # one SUBACK for all topics of a QoS
                       (name == "bridge" or "Sending SUBACK" in self.broker.said()))
        self.listeners = []

    def publish(self, topic, text, *args):
        self.broker.publish(topic, text, *args)

    def hear(self, topic):
        """What comes on these topics from now on, as "TOPIC TEXT"; what the broker has kept first."""
        self.listeners.append(Listener(self.broker, topic, "-v"))
        return self.listeners[-1]

    def kept(self, topic):
        """What whoever comes later finds there."""
        return self.broker.client("mosquitto_sub", "-t", topic, "-C", "1", "-W", 5 * PATIENCE).stdout.strip()

    def ask(self, *args, status=(0,)):
        done = run(BUILD / "mayfly", *args, "--hub", self.directory / "admin")
        assert done.returncode in status, done.stderr
        return done.stdout

    def state(self, key):
        """Empty: there is none."""
        return self.ask("state", "get", self.name, key, status=(0, 3)).strip()

    def events(self, subject):
        """Of that topic or path, the newest last."""
        lines = self.ask("events", "-o", "json", "--service", self.name).splitlines()
        return [e for e in map(json.loads, lines) if e["subject"] == subject]

    def trace(self, subject):
        """What mayfly trace says of the newest event of that topic or path."""
        self.hub.until(lambda: self.events(subject))
        return self.ask("trace", self.events(subject)[-1]["id"])

    def says(self, words):
        self.hub.until(lambda: words in self.hub.said())

    def close(self):
        try:
            for each in self.listeners:
                each.stop()
            assert self.hub.stop() == 0, self.hub.said()
        finally:
            self.broker.stop()
            if self.center:
                self.center.stop()


def home(name, *lines, **options):
    @pytest.fixture(scope="module")
    def make(tmp_path_factory):
        it = Home(tmp_path_factory.mktemp(name), name, *lines, **options)
        yield it
        it.close()

    return make


light = home("light", "config: {availability: mayfly/status}", head=listener())
thermostat = home("thermostat", "config: {target: 20, hysteresis: 0.5, availability: mayfly/status}")
impatient = home("thermostat", "config: {lost: 1}")
door = home("door", "config: {after: 1, again: 1, availability: mayfly/status}")
meter = home("meter", "config: {every: 1, unit: °C, availability: mayfly/status}", upstream=True)
bridge = home("bridge", head="coap: [{listen: 127.0.0.1:0}]\n")


# ----------------------------------------------------- what Home Assistant takes

# Of https://www.home-assistant.io/integrations/mqtt/ and its pages light.mqtt (default schema), climate.mqtt,
# binary_sensor.mqtt and sensor.mqtt: the types of those keys that may stand in a discovery message, as far as anything here says them.
COMMON = {"name": (str, type(None)), "unique_id": str, "qos": int, "retain": bool, "availability_topic": str,
          "availability": list, "availability_mode": str, "payload_available": str, "payload_not_available": str,
          "device": dict, "origin": dict, "object_id": str, "icon": str, "optimistic": bool}
PLATFORMS = {
    "light": ({"command_topic"}, {"command_topic": str, "state_topic": str, "state_value_template": str,
                                  "payload_on": str, "payload_off": str, "schema": str}),
    "climate": (set(), {**{f"{what}_topic": str for what in (
        "action", "current_temperature", "mode_command", "mode_state", "temperature_command", "temperature_state")},
        **{f"{what}_template": str for what in ("action", "current_temperature", "mode_state", "temperature_state")},
        "modes": list, "min_temp": (int, float), "max_temp": (int, float), "temp_step": (int, float),
        "precision": float, "temperature_unit": str, "initial": (int, float)}),
    "binary_sensor": ({"state_topic"}, {"state_topic": str, "value_template": str, "device_class": str, "payload_on": str,
                                        "payload_off": str, "expire_after": int, "off_delay": int}),
    "sensor": ({"state_topic"}, {"state_topic": str, "value_template": str, "device_class": str, "state_class": str,
                                 "unit_of_measurement": str, "expire_after": int}),
}
DEVICE = {"identifiers": (str, list), "connections": list, "name": str, "manufacturer": str, "model": str,
          "sw_version": str, "via_device": str, "suggested_area": str, "configuration_url": str}
ORIGIN = {"name": str, "sw_version": str, "support_url": str}
MODES = {"auto", "off", "cool", "heat", "dry", "fan_only"}


def check_keys(message, keys):
    for key, value in message.items():
        assert key in keys, f"{key} isn't one of Home Assistant's"
        assert isinstance(value, keys[key]), key


def check_discovery(topic, text):
    """A discovery message as Home Assistant documents it; returns what it says."""
    match = re.fullmatch(r"homeassistant/([a-z_]+)/([A-Za-z0-9_-]+/)?([A-Za-z0-9_-]+)/config", topic)
    assert match, topic
    message = json.loads(text)
    needed, keys = PLATFORMS[match.group(1)]
    check_keys(message, {**COMMON, **keys})
    assert needed <= message.keys()
    check_keys(message["device"], DEVICE)
    check_keys(message["origin"], ORIGIN)
    assert message["device"]["identifiers"] and message["unique_id"] and message["origin"]["name"]
    assert not ("availability" in message and "availability_topic" in message)
    for each in message.get("availability", []):
        check_keys(each, {"topic": str, "payload_available": str, "payload_not_available": str, "value_template": str})
    assert message.get("availability_mode", "latest") in ("all", "any", "latest")
    for key, value in message.items():
        if key.endswith("_topic"):  # it is subscribed to, or published on: no empty level, no wildcard
            assert value and not set(value) & set("+#\0") and all(value.split("/")), (key, value)
    assert set(message.get("modes", [])) <= MODES
    assert message.get("precision", 0.1) in (0.1, 0.5, 1.0)
    assert message.get("temperature_unit", "C") in ("C", "F")
    return message


def discovered(lines):
    """Topic and message of each line of mosquitto_sub -v."""
    return [(line.split(" ", 1)[0], check_discovery(*line.split(" ", 1))) for line in lines]


# ------------------------------------------------------------------------- light

def test_a_button_toggles_a_lamp(light):
    lamp, state = light.hear("lamp/hall/set"), light.hear("light/hall/state")
    for n, word in enumerate(["ON", "OFF", "ON"], 1):
        light.publish("button/hall", "press")
        assert lamp.until(n)[-1] == f"lamp/hall/set {word}"
        assert state.until(n)[-1] == f"light/hall/state {word}"
    assert light.kept("light/hall/state") == "ON"
    assert light.state("lamp/hall") == "ON"
    for word, n in ("OFF", 4), ("TOGGLE", 5):
        light.publish("light/hall/set", word)
        state.until(n)
    with Client(light.hub.http()) as client:
        assert client.ask("GET", "/light/hall").body == b"ON\n"
        assert client.ask("POST", "/light/hall", body=b"OFF").body == b"OFF\n"
        assert client.ask("GET", "/light/cellar").body == b"OFF\n"  # nobody has told it anything
        assert client.ask("POST", "/light/hall", body=b"dim").status == 400
    assert state.until(6)[-1] == "light/hall/state OFF"


def test_why_a_lamp_is_on(light):
    light.publish("button/kitchen", "press")
    said = light.trace("button/kitchen")
    for words in ("event    mqtt", "button/kitchen", "service  light", "lamp/kitchen", "put lamp/kitchen = ON",
                  "emit lamp/kitchen/set", "emit light/kitchen/state", "result   ok"):
        assert words in said, said


def test_what_isnt_meant_does_nothing_and_is_said(light):
    light.publish("light/porch/set", "on fire")
    light.says('light/porch/set: "on fire": expected ON, OFF or TOGGLE')
    light.publish("button/a b", "press")
    light.says("button/a b: \"press\": expected a lamp's name of 1 to 32 letters, digits, '-' and '_'")
    assert "porch" not in light.ask("state", "ls", "light")
    assert 'said     warning: light/porch/set: "on fire": expected ON, OFF or TOGGLE' in light.trace("light/porch/set")


def test_home_assistant_finds_a_lamp(light):
    config = light.hear("homeassistant/#")
    light.broker.publish_lines("button/bath", ["press", "press"])  # it is told once
    light.hub.until(lambda: light.kept("light/bath/state") == "OFF")
    light.hub.until(lambda: any("/bath/" in line for line in config.all))
    (topic, message), = [d for d in discovered(config.all) if "/bath/" in d[0]]
    assert message["command_topic"] == "light/bath/set" and message["state_topic"] == "light/bath/state"
    assert light.kept(message["availability_topic"]) == "online"
    state = light.hear(message["state_topic"])
    n = len(state.until(1))
    light.publish(message["command_topic"], message.get("payload_on", "ON"))  # as Home Assistant does
    assert state.until(n + 1)[-1] == f"{message['state_topic']} ON"
    assert check_discovery(topic, light.kept(topic)) == message  # for one that starts later


def test_home_assistant_starts_and_hears_of_all(light):
    for i in range(10):
        light.publish(f"button/row-{i}", "press")
    light.hub.until(lambda: light.ask("state", "get", "light", "lamps").count("row-") == 10)
    everyone = light.state("lamps").split()
    config = light.hear("homeassistant/light/+/config")
    kept = len(config.until(len(everyone)))  # the broker has them
    light.publish("homeassistant/status", "online")
    told = discovered(config.until(kept + len(everyone))[kept:])
    assert sorted(topic.split("/")[2] for topic, _ in told) == sorted(everyone)
    light.publish("homeassistant/status", "offline")
    light.trace("homeassistant/status")
    time.sleep(0.3)
    assert len(config.all) == kept + len(everyone)


def test_a_press_that_the_broker_kept_is_none(light, tmp_path):
    """A button that retains would switch the lamp at each start of a hub."""
    light.publish("button/attic", "press", "-r")
    light.hub.until(lambda: light.state("lamp/attic") == "ON")
    other = Home.__new__(Home)  # another hub at the same broker
    other.name, other.directory, other.broker, other.listeners = "light", tmp_path, light.broker, []
    other.hub = Hub(tmp_path / "hub", hub_yaml(
        service(BUILD / "services/light.mfy"),
        head=f"state: {tmp_path}/state\nadmin: {tmp_path}/admin\nmqtt: {{broker: \"{light.broker.uri}\"}}\n"))
    try:
        other.says('button/attic: "press": expected a press of now: the broker had kept this one')
        assert "attic" not in other.ask("state", "ls", "light")
    finally:
        assert other.hub.stop() == 0


def test_as_many_lamps_as_it_remembers(light):
    """Its stack is small: that the list fits there is seen here."""
    many = " ".join(f"{'x' * 27}-{i:04}" for i in range(46))
    light.ask("state", "put", "light", "lamps", many)
    light.publish("button/n", "press")
    light.hub.until(lambda: light.state("lamps") == many + " n")
    light.publish("button/" + "y" * 32, "press")
    light.says("so many lamps: when Home Assistant starts it isn't told of " + "y" * 32)
    assert light.state("lamp/" + "y" * 32) == "ON" and light.kept(f"homeassistant/light/{'y' * 32}/config")


# -------------------------------------------------------------------- thermostat

def test_hysteresis(thermostat):
    valve = thermostat.hear("room/attic/heating/set")
    for reading, said in ("20.2", ["OFF"]), ("19.5", ["OFF"]), ("19.4", ["OFF", "ON"]), ("20.5", ["OFF", "ON"]), \
            ("20.6", ["OFF", "ON", "OFF"]), ("19.6", ["OFF", "ON", "OFF"]):
        thermostat.publish("room/attic/temperature", reading)
        thermostat.hub.until(lambda: thermostat.state("reading/attic") == reading)
        assert valve.until(len(said)) == [f"room/attic/heating/set {word}" for word in said], reading
    assert thermostat.kept("room/attic/heating/set") == "OFF"  # for a valve that starts later


def test_a_target_by_message_and_by_hand(thermostat):
    valve = thermostat.hear("room/bath/heating/set")
    thermostat.publish("room/bath/temperature", "21")
    assert valve.until(1) == ["room/bath/heating/set OFF"]
    thermostat.publish("room/bath/target/set", "23.5")  # nobody waits for the next reading
    assert valve.until(2)[-1] == "room/bath/heating/set ON"
    assert thermostat.kept("room/bath/target") == "23.5"
    thermostat.ask("state", "put", "thermostat", "target/bath", "18")
    thermostat.publish("room/bath/temperature", "21")
    assert valve.until(3)[-1] == "room/bath/heating/set OFF"
    said = thermostat.trace("room/bath/temperature")
    for words in ("target/bath = 18", "reading/bath = 21", "put heating/bath = OFF", "emit room/bath/heating/set"):
        assert words in said, said


def test_a_thermostat_says_what_it_doesnt_take(thermostat):
    for topic, text, why in (("room/hall/temperature", "warm", "degrees like 20.5"),
                             ("room/hall/temperature", "21,5", "degrees like 20.5"),
                             ("room/hall/target/set", "90", "5 to 35 degrees"),
                             ("room/hall/mode/set", "cool", "heat or off")):
        thermostat.publish(topic, text)
        thermostat.says(f'{topic}: "{text}": expected {why}')
    assert "hall" not in thermostat.ask("state", "ls", "thermostat")


def test_a_sensor_falls_silent(impatient):
    valve, there = impatient.hear("room/cellar/heating/set"), impatient.hear("room/cellar/available")
    impatient.publish("room/cellar/temperature", "5")
    assert valve.until(2)[:2] == ["room/cellar/heating/set ON", "room/cellar/heating/set OFF"]
    assert there.until(2)[:2] == ["room/cellar/available online", "room/cellar/available offline"]
    impatient.says("no reading from cellar for a while: it isn't heated")
    impatient.publish("room/cellar/temperature", "5")
    assert valve.until(3)[2] == "room/cellar/heating/set ON"
    assert there.until(3)[2] == "room/cellar/available online"


def test_home_assistant_finds_a_room(thermostat):
    thermostat.publish("room/study/temperature", "15")
    thermostat.hub.until(lambda: "study" in thermostat.state("rooms"))
    topic = "homeassistant/climate/study/config"
    message = check_discovery(topic, thermostat.kept(topic))
    assert message["min_temp"] < message["max_temp"]
    assert [thermostat.kept(each["topic"]) for each in message["availability"]] == ["online"] * 2
    assert thermostat.kept(message["temperature_state_topic"]) == "20"
    assert thermostat.kept(message["mode_state_topic"]) == "heat"
    action = thermostat.hear(message["action_topic"])
    assert action.until(1)[-1].endswith(" ON")
    thermostat.publish(message["mode_command_topic"], "off")  # as Home Assistant does
    assert action.until(2)[-1].endswith(" OFF")
    assert thermostat.kept(message["mode_state_topic"]) == "off"
    config = thermostat.hear(topic)
    config.until(1)
    thermostat.publish("homeassistant/status", "online")
    assert len(config.until(2)) == 2


# -------------------------------------------------------------------------- door

def test_a_door_left_open(door):
    alarm = door.hear("door/front/alarm")
    door.publish("door/front/contact", "open")
    assert alarm.until(2)[:2] == ["door/front/alarm ON"] * 2  # and again
    door.publish("door/front/contact", "closed")
    door.hub.until(lambda: alarm.all[-1] == "door/front/alarm OFF")
    assert door.kept("door/front/alarm") == "OFF"
    assert re.search(r"front: alarm ON, open for [1-9]\d* s", door.hub.said())
    said = door.trace("open/front")
    assert "emit door/front/alarm = " in said and "schedule open/front (delay 1 s)" in said, said


def test_a_door_closed_in_time(door):
    for i in range(9):  # on a machine that is held up it isn't in time
        name = f"back-{i}"
        alarm = door.hear(f"door/{name}/alarm")
        door.broker.publish_lines(f"door/{name}/contact", ["OPEN", "Closed"])
        door.hub.until(lambda: len(door.events(f"door/{name}/contact")) == 2)
        opened, closed = door.events(f"door/{name}/contact")
        if closed["time_ns"] + closed["total_us"] * 1000 - opened["time_ns"] < 0.9e9:
            break
    assert f"open/{name}" not in door.ask("state", "ls", "door")
    time.sleep(1.2)
    assert not alarm.all and not door.events(f"open/{name}")


def test_a_door_that_is_ajar(door):
    door.publish("door/shed/contact", "ajar")
    door.says('door/shed/contact: "ajar": expected open or closed')


def test_home_assistant_finds_a_door(door):
    config = door.hear("homeassistant/+/cellar/#")  # not what of other tests' doors is still to come
    door.publish("door/cellar/contact", "open")
    found = dict(discovered(config.until(2)))
    contact, alarm = (found[f"homeassistant/binary_sensor/cellar/{each}/config"] for each in ("contact", "alarm"))
    assert contact["state_topic"] == "door/cellar/contact" and contact["device_class"] == "door"
    assert contact["device"] == alarm["device"] and contact["unique_id"] != alarm["unique_id"]
    assert door.hear(alarm["state_topic"]).until(1)[0].endswith(" ON")
    assert door.kept(alarm["availability_topic"]) == "online"
    door.publish("door/cellar/contact", "closed")
    others = len(config.all)
    door.publish("homeassistant/status", "online")
    door.hub.until(lambda: len(config.all) == others + 2)


# ------------------------------------------------------------------------- meter

def test_many_readings_are_one_summary(meter):
    center = Listener(meter.center, "#", "-v")
    meter.listeners.append(center)
    before = int(time.time())
    meter.broker.publish_lines("meter/boiler/reading", ["203.1", "199", "-1.5", "much", "206"])
    topic, text = center.until(1)[0].split(" ", 1)
    assert topic == "mayfly/home/meter/boiler/summary"
    first = json.loads(text)
    assert before <= first["start"] <= first["end"]
    meter.says('meter/boiler/reading: "much": expected a number')
    total, mean = first["count"], first["count"] * first["mean"]
    n = 1
    while total < 4:  # a slow machine: the rest is in the next one
        n += 1
        more = json.loads(center.until(n)[-1].split(" ", 1)[1])
        total, mean = total + more["count"], mean + more["count"] * more["mean"]
        first["least"], first["most"] = min(first["least"], more["least"]), max(first["most"], more["most"])
    assert (total, first["least"], first["most"]) == (4, -1.5, 206)
    assert mean == pytest.approx(606.6, abs=0.01)
    assert "minute/boiler" not in meter.ask("state", "ls", "meter")
    assert "upstream meter/boiler/summary" in meter.trace("minute/boiler")


def test_summaries_wait_for_the_upstream(meter):
    archive = ["-t", "mayfly/home/meter/pump/#", "-q", "1", "-c", "-i", "archive"]
    assert meter.center.client("mosquitto_sub", *archive, "-E").returncode == 0  # the center keeps it for them
    meter.center.stop()
    for n in (1, 2):
        meter.publish("meter/pump/reading", "1")
        meter.hub.until(lambda: len(meter.events("minute/pump")) == n)  # what it said is in the outbox
    meter.center.start()
    said = meter.center.client("mosquitto_sub", *archive, "-C", "2", "-W", 60 * PATIENCE).stdout.splitlines()
    assert [json.loads(line)["count"] for line in said] == [1, 1]


def test_home_assistant_finds_a_meter(meter):
    config = meter.hear("homeassistant/sensor/heater/config")
    meter.broker.publish_lines("meter/heater/reading", ["1", "2"])  # it is told once
    meter.hub.until(lambda: len(meter.events("meter/heater/reading")) == 2)
    (_, message), = discovered(config.until(1))
    assert message["state_topic"] == "meter/heater/reading" and message["state_class"] == "measurement"
    assert message["unit_of_measurement"] == "°C"
    assert meter.kept(message["availability_topic"]) == "online"
    meter.publish("homeassistant/status", "online")
    assert discovered(config.until(2))[1][1] == message


# ------------------------------------------------------------------------ bridge

def coap(home, method, path, text="", *args):
    """What coap-client says: the messages, and the payload."""
    done = run("coap-client-notls", "-B", "20", "-v", "6", "-m", method, *(["-e", text] if text else []), *args,
               f"coap://127.0.0.1:{home.hub.http('coap')}{path}")
    return done.stdout + done.stderr


def code(said):
    """Of the acknowledgement, which has the answer to a confirmable request with it."""
    return re.search(r"t:ACK c:(\d\.\d\d)", said).group(1)


def test_a_sensor_speaks_coap(bridge):
    sensor, path = bridge.hear("sensor/#"), "/sensor/attic/temperature"
    for n, (method, answer) in enumerate((("put", "2.01"), ("put", "2.04"), ("post", "2.04")), 1):
        assert code(coap(bridge, method, path, f"20.{n}")) == answer
        assert sensor.until(n)[-1] == f"sensor/attic/temperature 20.{n}"
    said = coap(bridge, "get", path)
    assert code(said) == "2.05" and "'20.3'" in said
    assert bridge.kept("sensor/attic/temperature") == "20.3"
    assert code(coap(bridge, "delete", path)) == "2.02"
    assert sensor.until(4)[-1].strip() in ("sensor/attic/temperature", "sensor/attic/temperature (null)")
    said = bridge.trace(path)
    for words in ("coap DELETE", "value/attic/temperature = 20.3", "delete value/attic/temperature"):
        assert words in said, said
    assert code(coap(bridge, "get", path)) == "4.04"


def test_a_bridge_refuses_what_nobody_could_read(bridge):
    for text, args, answer in (("", (), "4.00"), ("x" * 300, (), "4.13"), ("1", ("-t", "60"), "4.15")):
        assert code(coap(bridge, "put", "/sensor/cellar/rain", text, *args)) == answer
    assert code(coap(bridge, "put", "/sensor/cellar/a+b", "1")) == "4.04"
    assert "cellar" not in bridge.ask("state", "ls", "bridge")
