"""A steady load of events with ids, and whoever their messages are for. None of it is ever killed."""

import queue
import threading
import time

import coap_client
from http_client import Client
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

LATER_EVERY = 5  # of that many events one asks to come once more, from the schedule
UNDER_WAY = 200  # messages that the broker hasn't acknowledged
AGAIN_S = 4      # then one is sent again, as a device would that got no answer


def payload_of(n):
    return f"later {100 + n % 700}" if n % LATER_EVERY == 0 else "now"


def connect(name, port, clean):
    client = paho.Client(name, protocol=paho.MQTTv5)
    client.reconnect_delay_set(0.05, 0.5)
    client.max_inflight_messages_set(UNDER_WAY)
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    client.connect("127.0.0.1", port, clean_start=clean, properties=properties)
    return client


class Sender:
    """What was sent, by the event's name, whether it asked to come later, and what was accepted of it."""

    def __init__(self, prefix, rate):
        self.prefix, self.pause = prefix, 1 / rate
        self.sent, self.later, self.accepted = {}, set(), set()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def next(self):
        n = len(self.sent)
        name = f"{self.prefix}{n}"
        self.sent[name] = payload_of(n)
        if n % LATER_EVERY == 0:
            self.later.add(name)
        return name

    def finish(self, seconds):
        """No new ones; those that were sent are sent until they are accepted. Are they all?"""
        self.over.set()
        self.thread.join(seconds)
        return not self.thread.is_alive()


class OverMqtt(Sender):
    def __init__(self, port, rate):
        super().__init__("m", rate)
        self.client = connect("sender", port, True)
        # paho holds a lock of its own when it calls this, and takes it to publish
        self.acknowledged = queue.SimpleQueue()
        self.client.on_publish = lambda _client, _userdata, mid: self.acknowledged.put(mid)
        self.mids, self.waits = {}, {}  # name by packet; when it was sent, by name
        self.client.loop_start()
        self.thread.start()

    def publish(self, name):
        properties = Properties(PacketTypes.PUBLISH)
        properties.UserProperty = ("id", name)
        sent = self.client.publish(f"in/{name}", self.sent[name], 1, properties=properties)
        self.mids[sent.mid] = name
        self.waits[name] = time.monotonic()

    def note(self):
        while not self.acknowledged.empty():
            name = self.mids.pop(self.acknowledged.get(), None)
            if name:
                self.waits.pop(name, None)
                self.accepted.add(name)

    def again(self):
        old = time.monotonic() - AGAIN_S
        for name in [name for name, at in self.waits.items() if at < old]:
            self.publish(name)

    def run(self):
        while not self.over.is_set() or self.waits:
            if not self.over.is_set() and len(self.waits) < UNDER_WAY:
                self.publish(self.next())
            self.again()
            time.sleep(self.pause)
            self.note()
        self.client.loop_stop()


class OverHttp(Sender):
    def __init__(self, prefix, port, rate):
        super().__init__(prefix, rate)
        self.port, self.client, self.wrong = port, None, []
        self.thread.start()

    def ask(self, name):
        """The status; 0: the hub was killed, or isn't there."""
        try:
            self.client = self.client or Client(self.port)
            return self.client.ask("POST", f"/in/{name}", self.sent[name].encode(),
                                   {"Idempotency-Key": f'"{name}"'}).status
        except (OSError, EOFError):
            if self.client:
                self.client.socket.close()
            self.client = None
            return 0

    def run(self):
        while not self.over.is_set():
            name = self.next()
            while (status := self.ask(name)) != 200:
                if status not in (0, 409, 502, 503, 504):
                    self.wrong.append((name, status))
                    return
                time.sleep(0.05)
            self.accepted.add(name)
            time.sleep(self.pause)


class OverCoap(Sender):
    """A device: it sends the same request, byte for byte, until it has an answer. One that says that nothing was done is
    the end of that, and another request follows."""

    def __init__(self, port, rate):
        super().__init__("c", rate)
        self.client = coap_client.Client(port, seconds=0.5)
        self.asked, self.refused = 0, []
        self.thread.start()

    def take(self, token):
        """The answer's class; 0: none came."""
        until = time.monotonic() + 0.5
        try:
            while time.monotonic() < until:
                answer = self.client.take()
                if answer.type == coap_client.CON:
                    self.client.acknowledge(answer)
                if answer.token == token and answer.code:
                    if answer.code >> 5 != 2:
                        self.refused.append(answer.said)
                    return answer.code >> 5
        except OSError:  # nothing came; or nobody is there
            time.sleep(0.05)
        return 0

    def ask(self, name):
        self.asked += 1  # an answer to what was asked before is none to this
        token = self.asked.to_bytes(4, "big")
        request = self.client.request(coap_client.POST, f"/in/{name}", self.sent[name].encode(), token=token)
        request.id &= 0xffff
        while True:
            try:
                self.client.send(request)
            except OSError:  # what was sent before came to nobody
                pass
            if (said := self.take(token)) > 0:
                return said

    def run(self):
        while not self.over.is_set():
            name = self.next()
            while self.ask(name) != 2:
                time.sleep(0.05)
            self.accepted.add(name)
            time.sleep(self.pause)


class Destination:
    """Messages of out/#, the ids that each had; the broker keeps what comes while it isn't there."""

    def __init__(self, port):
        self.ids, self.times = {}, {}
        self.ready = threading.Event()
        self.client = connect("destination", port, False)
        self.client.on_message = self.on_message
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.subscribe("out/#", 1)
        self.client.loop_start()
        assert self.ready.wait(10)

    def on_message(self, _client, _userdata, message):
        name = message.topic.partition("/")[2]
        properties = dict(getattr(message.properties, "UserProperty", ()))
        self.ids.setdefault(name, set()).add(properties.get("id"))
        self.times[name] = self.times.get(name, 0) + 1

    def count(self):
        return sum(list(self.times.values()))

    def different(self):
        """Those that came again don't count."""
        return sum(len(ids) for ids in list(self.ids.values()))

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()
