"""A broker that is hostile, or broken: the hub goes on, says so in bounded words, and keeps its memory."""

import os
import socket
import struct
import threading
import time

import pytest
from conftest import PATIENCE
from hubs import UNSIGNED, Hub, service


def packet(kind, body):
    size, n = b"", len(body)
    while True:
        size += bytes([n % 128 | (128 if n > 127 else 0)])
        n //= 128
        if not n:
            return bytes([kind]) + size + body


def text(b):
    return struct.pack(">H", len(b)) + b


def publish(topic, payload=b"", qos=1, mid=7, flags=0):
    return packet(0x30 | qos << 1 | flags, text(topic) + (struct.pack(">H", mid) if qos else b"") + payload)


def read_packet(s):
    kind = s.recv(1)
    n, shift = 0, 0
    while kind:
        byte = s.recv(1)[0]
        n, shift = n | (byte & 127) << shift, shift + 7
        if byte < 128:
            break
    body = b""
    while len(body) < n:
        body += s.recv(n - len(body))
    return kind[0] if kind else 0, body


class Hostile:
    """An MQTT 3.1.1 broker that sends `messages` to whoever subscribes, and notes what it acknowledges."""

    def __init__(self, *messages, granted=1):
        self.messages, self.acknowledged, self.connections, self.open = messages, [], 0, []
        self.granted, self.subscribed, self.session = granted, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"mqtt://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(client)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            while (got := read_packet(client))[0]:
                kind, body = got
                if kind == 0x10:
                    self.connections += 1
                    client.sendall(bytes([0x20, 2, self.session, 0]))
                elif kind == 0x82:
                    self.subscribed += 1
                    client.sendall(packet(0x90, body[:2] + bytes([self.granted])))
                    for message in self.messages:
                        client.sendall(message)
                elif kind == 0x40:
                    self.acknowledged.append(struct.unpack(">H", body[:2])[0])
                elif kind == 0xc0:
                    client.sendall(b"\xd0\x00")
        except (OSError, IndexError):
            pass

    def stop(self):
        self.listener.close()
        for each in self.open:
            each.close()


@pytest.fixture
def against(make_hub, tmp_path, build):
    """against(MESSAGES...) -> the hub, the broker"""
    started = []

    def make(*messages, **how):
        broker = Hostile(*messages, **how)
        started.append(broker)
        hub = make_hub(f"mayfly: 1\nstate: {tmp_path}/state\nmqtt: {{broker: \"{broker.uri}\", version: '3.1.1'}}\n"
                       f"admin: {tmp_path}/admin.sock\nservices:\n" + service(build / "guest/letter.mfy") + UNSIGNED)
        return hub, broker

    yield make
    for each in started:
        each.stop()


def test_what_was_refused_is_asked_for_again(against):
    """With MQTT 3.1.1 a filter that the session has is left alone; one that was refused isn't there."""
    hub, broker = against(granted=0x80)
    hub.until(lambda: "doesn't let" in hub.said())
    before, broker.granted, broker.session = broker.subscribed, 1, 1
    for each in broker.open:
        each.shutdown(socket.SHUT_RDWR)
    hub.until(lambda: broker.subscribed > before)
    before, connections = broker.subscribed, broker.connections
    for each in broker.open[2:]:
        each.shutdown(socket.SHUT_RDWR)
    hub.until(lambda: broker.connections == connections + 2)  # now it is there
    assert broker.subscribed == before


def ends_with_life(hub, broker):
    """What came before did no harm: this message, the last, becomes a life, and all are acknowledged."""
    hub.count(1, "life", result="ok")
    hub.until(lambda: 99 in broker.acknowledged)
    assert broker.connections == 2  # one to publish, one to hear


LAST = publish(b"in/x", b"last", mid=99)


@pytest.mark.parametrize("message", [
    publish(b"in/" + b"x" * 65000, mid=7),
    publish(b"in/x", bytes(3 << 20), mid=7),
    publish(b"in/x", bytes(20000), mid=7),
], ids=["topic", "payload", "event"])
def test_too_large(against, message):
    began = time.monotonic()
    hub, broker = against(*[message] * 20, LAST)
    ends_with_life(hub, broker)
    assert broker.acknowledged.count(7) == 20
    assert 1 <= hub.said().count("is dropped") <= time.monotonic() - began + 2  # a line a second
    assert len(hub.events("life")) == 1


@pytest.mark.parametrize("message", [
    publish(b"in/\x00x"), publish(b"in/\xff\xfe"), publish(b""), publish(b"in/x", qos=3), publish(b"in/x", mid=0),
    b"\x00\x00", b"\xf0\xff\xff\xff\xff\xff", packet(0x20, b"\x00\x00\x00"), packet(0x30, b"\x00\xff"),
], ids=["zero", "utf8", "empty", "qos3", "mid0", "kind0", "length", "connack", "cut"])
def test_what_no_broker_sends(against, message):
    """The connection ends, or the message is ignored; it is tried again after a while, not at once for ever."""
    hub, broker = against(message, LAST)
    hub.until(lambda: broker.connections >= 2)
    time.sleep(0.5)
    assert broker.connections <= 5
    assert hub.said().count("mqtt:") < 12
    assert os.access(f"/proc/{hub.pid}", os.F_OK)


WELL, STRANGE = b"\x20\x03\x00\x00\x00", b"\x02\x7f\x00"  # a CONNACK of MQTT 5; a property that there isn't


@pytest.mark.parametrize("answer", [
    packet(0x20, b"\x00\x00" + STRANGE), WELL + packet(0x30, text(b"a") + STRANGE),
    WELL + packet(0x40, b"\x00\x01\x00" + STRANGE), WELL + packet(0xe0, b"\x00" + STRANGE),
    WELL + packet(0xf0, b"\x18" + STRANGE),
], ids=["connack", "publish", "puback", "disconnect", "auth"])
def test_a_property_that_there_is_not(make_hub, tmp_path, build, answer):
    """libmosquitto would end the hub for it; a few bytes are lost instead, which LeakSanitizer needn't tell."""
    options = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "detect_leaks=0")))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10 * PATIENCE)
        uri = f"mqtt://127.0.0.1:{listener.getsockname()[1]}"
        hub = Hub(tmp_path / "hub",
                  f"mayfly: 1\nstate: {tmp_path}/state\nmqtt: {{broker: \"{uri}\"}}\nupstream: {{to: \"{uri}\"}}\n"
                  "services:\n" + service(build / "guest/letter.mfy") + UNSIGNED, env={"ASAN_OPTIONS": options})
        clients = []
        for _ in range(5):  # one to publish, one to hear, one upstream; and two that come again
            clients.append(listener.accept()[0])
            assert read_packet(clients[-1])[0] == 0x10
            clients[-1].sendall(answer)
        assert hub.stop() == 0, hub.said()
        for client in clients:
            client.close()


def test_control_characters_draw_on_no_terminal(against):
    hub, broker = against(publish(b"in/\x1b[2J", b"\x1b[2Jboo", mid=5), publish(b"in/\x1b[2J" + b"y" * 30000), LAST)
    hub.until(lambda: 99 in broker.acknowledged or broker.connections > 2)
    assert "\x1b" not in hub.said()


def test_acknowledgements_of_nothing(against):
    hub, broker = against(packet(0x40, b"\x00\x07"), packet(0x50, b"\x00\x07"), packet(0xb0, b"\x00\x07"), LAST)
    hub.until(lambda: 99 in broker.acknowledged or broker.connections > 2)


def test_a_broker_that_says_nothing(make_hub, tmp_path, build):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hub = make_hub(f"mayfly: 1\nstate: {tmp_path}/state\n"
                       f"mqtt: {{broker: \"mqtt://127.0.0.1:{listener.getsockname()[1]}\"}}\n"
                       "services:\n" + service(build / "guest/letter.mfy") + UNSIGNED)
        client, _ = listener.accept()
        assert client.recv(1) == b"\x10"
        assert hub.stop() == 0  # which doesn't wait for it
