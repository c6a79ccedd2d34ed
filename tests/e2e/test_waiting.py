"""limits.waiting: what waits in the hub is bounded, whoever sends it; who is refused is told so in his own
protocol's words, and others are served meanwhile."""

import os
import signal
import socket
import time

import pytest
from broker import Broker
from coap_client import CON, GET, MAX_AGE, Client as Device
from conftest import ROOT, udp_ask
from http_client import Client, listener
from hubs import UNSIGNED, Hub, hub_yaml, service
from test_bad_days import SERVFAIL, add_up, counters, problem, question, rcode
from test_metrics import fetch, value

UDP = "udp: [127.0.0.1:0]"
SMALL = "limits: {waiting: 64KiB}\nmetrics: 127.0.0.1:0\n"
EVENTS = 48 << 10  # three quarters


@pytest.fixture(name="hub")
def one_hub(tmp_path, build):
    zone = ROOT / "services/dns/example.test.zone"
    hub = Hub(tmp_path / "hub", hub_yaml(
        service(build / "guest/web.mfy", "limits: {deadline: 2s}"),
        service(build / "guest/thing.mfy", "limits: {deadline: 2s}", "coap: [{path: /spin/+}]"),
        service(build / "services/dns.mfy", UDP, f"data: {{example.test.zone: {zone}}}", "limits: {deadline: 2s}"),
        service(build / "services/echo.mfy", UDP), head=SMALL + listener() + "coap: [{listen: 127.0.0.1:0}]\n"))
    with hub.stopping():
        yield hub


def waiting(hub):
    return value(fetch(hub), "mayfly_waiting_bytes")


def stop_workers(hub):
    for pid in hub.workers():
        os.kill(pid, signal.SIGSTOP)


def flood_http(hub):
    """Each request's answer; those that were refused at once say when to come back."""
    clients = [Client(hub.http()) for _ in range(100)]
    for c in clients:
        c.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    answers = [c.answer() for c in clients]
    full = [a for a in answers if a.status == 503 and "than it has memory for" in problem(a, 503)]
    assert all(a.headers["retry-after"] == "1" for a in full)
    assert all(a.status in (200, 502, 503, 504) for a in answers)
    for c in clients:
        c.socket.close()
    return len(full)


def flood_coap(hub):
    full, answered = 0, set()
    with Device(hub.http("coap")) as device:
        tokens = [bytes([i]) for i in range(100)]
        for token in tokens:
            device.send(device.request(GET, "/spin/1", token=token))
        while len(answered) < len(tokens):
            m = device.take()
            if m.type == CON:
                device.acknowledge(m)
            if m.code == 0:
                continue
            answered.add(m.token)
            if m.said == "5.03" and b"than it has memory for" in m.payload:
                assert m.option(MAX_AGE) == 1
                full += 1
    return full


def flood_dns(hub):
    """All that come to be refused, at once or as late, are SERVFAIL."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        for i in range(100):
            s.sendto(question(i), ("127.0.0.1", hub.port("dns")))
        codes = [rcode(s.recv(512)) for _ in range(100)]
    return codes.count(SERVFAIL)


@pytest.mark.parametrize("flood, name", [(flood_http, "web"), (flood_coap, "thing"), (flood_dns, "dns")])
def test_who_is_refused_is_told(hub, flood, name):
    with Client(hub.http()) as c, Device(hub.http("coap")) as d:
        assert c.ask("POST", "/echo").status == 200 and d.ask(GET, "/spin/1").said == "2.05"
    assert rcode(udp_ask(hub.port("dns"), question(7))) == 0
    stop_workers(hub)
    assert flood(hub) > 20
    # one has no more than half, so another is served at once
    assert udp_ask(hub.port("echo"), b"here") == b"here"
    c = counters(hub, name)
    assert c["mayfly_refusals_total/full"] > 20 and not c.get("mayfly_refusals_total/busy"), c
    hub.until(lambda: waiting(hub) == 0)
    assert add_up(counters(hub, name))


def test_the_bound_holds(hub):
    """All at once, none of them read: no more than that waits, of each no more than its part: half of what others leave."""
    with Client(hub.http()) as c, Device(hub.http("coap")) as d:
        assert c.ask("POST", "/echo").status == 200 and d.ask(GET, "/spin/1").said == "2.05"
        udp_ask(hub.port("dns"), question(7))
        stop_workers(hub)
        clients = [Client(hub.http()) for _ in range(100)]
        for client in clients:
            client.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        for i in range(100):
            d.send(d.request(GET, "/spin/1", token=bytes([i])))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for i in range(100):
                s.sendto(question(i), ("127.0.0.1", hub.port("dns")))
            hub.until(lambda: all(counters(hub, n).get("mayfly_refusals_total/full") for n in ("web", "thing", "dns")))
            assert EVENTS // 2 < waiting(hub) <= EVENTS + 2048
            for name in ("web", "thing", "dns"):
                counted = counters(hub, name)
                assert counted["mayfly_events_queued"] + counted["mayfly_events_running"] > 4, name
            assert udp_ask(hub.port("echo"), b"here") == b"here"
        for client in clients:
            client.socket.close()
    hub.until(lambda: waiting(hub) == 0)


def test_messages_are_not_read_on(tmp_path, build):
    """MQTT has no word for it: what there is no room for stays with the broker, and comes when there is."""
    broker = Broker(tmp_path / "broker")
    letter = service(build / "guest/letter.mfy", "mqtt: [{topic: in/#}]", "limits: {deadline: 60s}")
    hub = Hub(tmp_path / "hub", f"mayfly: 1\nstate: {tmp_path}/state\nmqtt: {{broker: \"{broker.uri}\"}}\n{SMALL}"
              f"services:\n{letter}{UNSIGNED}")
    try:
        hub.until(lambda: broker.said().count("Sending SUBACK") == 1)
        broker.publish("in/first", "0")
        hub.count(1, "life")
        stop_workers(hub)
        broker.publish_lines("in/more", range(1, 301))
        hub.until(lambda: waiting(hub) > EVENTS // 2)
        time.sleep(0.3)  # in which it would read on
        assert counters(hub, "letter")["mayfly_events_accepted_total"] < 60  # mqtt.window would be 64
        assert waiting(hub) <= EVENTS
        for pid in hub.workers():
            os.kill(pid, signal.SIGCONT)
        hub.until(lambda: len(hub.events("life", result="ok")) >= 301, 30)
        assert len(hub.events("life")) == 301
        hub.until(lambda: waiting(hub) == 0)
        assert add_up(counters(hub, "letter"))
    finally:
        assert hub.stop() == 0, hub.said()
        broker.stop()


def test_configuration(refused, build):
    text = hub_yaml(service(build / "services/echo.mfy", UDP), head="limits: {waiting: 1KiB}\n")
    refused(text, 2, "hub.yaml:2:", "limits.waiting", "64 KiB")
