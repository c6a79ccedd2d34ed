"""Bad days at the hub's core: services that fail all the time, workers that are killed or find no
memory, a hub without descriptors or processes, queues that are full. What the user sees, what
the operator reads, and that others are served meanwhile."""

import re
import socket

import pytest
from conftest import udp_ask
from hubs import Hub, hub_yaml, service

UDP, TCP = "udp: [127.0.0.1:0]", "tcp: [127.0.0.1:0]"


@pytest.fixture
def start(tmp_path):
    """start(service(...), ...) -> Hub"""
    hubs = []

    def make(*services, head="", **options):
        hubs.append(Hub(tmp_path / f"hub{len(hubs)}", hub_yaml(*services, head=head), **options))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.stop()


@pytest.fixture
def echo(build):
    return build / "services/echo.mfy"


def guest(build, name):
    return build / f"guest/{name}.mfy"


def throw(port, payload, times=1):
    """Datagrams whose answers nobody waits for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(times):
            s.sendto(payload, ("127.0.0.1", port))


# ------------------------------------------------------------ it fails at every event


def test_a_service_that_crashes_at_each_event(start, build, echo):
    """Its circuit opens, the operator hears it once, and others don't notice."""
    hub = start(service(guest(build, "trap"), UDP), service(echo, UDP))
    port = hub.port("trap")
    for n in range(1, 11):
        throw(port, b"hlt")
        hub.until(lambda n=n: len(hub.events("life", service="trap")) == n)
        assert udp_ask(hub.port("echo"), b"x") == b"x"
    opened = hub.events("circuit")
    assert [(e["service"], e["state"], e["last"]) for e in opened] == [("trap", "open", "crashed")]
    throw(port, b"hlt", 50)  # refused at once
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    assert len(hub.events("life", service="trap")) == 10
    asked = 0
    while len(hub.events("circuit")) == 1:  # one of these is the trial
        asked += 1
        throw(port, b"no such word")
        assert udp_ask(hub.port("echo"), b"x") == b"x"
    assert hub.events("circuit")[1]["state"] == "closed"
    assert udp_ask(port, b"no such word") == b"unknown"
    said = hub.said()
    assert re.search(r"service trap: circuit open: 10 lives in a row failed; refusing for 1 s; "
                     r"last: crashed", said)
    assert said.count("circuit open") == said.count("circuit closed") == 1


def test_a_circuit_that_may_not_open(start, build):
    hub = start(service(guest(build, "trap"), UDP, "limits: {failures: 0}"))
    throw(hub.port("trap"), b"hlt", 40)
    hub.until(lambda: len(hub.events("life", result="crashed")) == 40)
    assert udp_ask(hub.port("trap"), b"no such word") == b"unknown"
    assert not hub.events("circuit")
