"""Bad days at the hub's core: services that fail all the time, workers that are killed or find no
memory, a hub without descriptors or processes, queues that are full. What the user sees, what
the operator reads, and that others are served meanwhile."""

import re
import socket
import time

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
    for _ in range(1000):  # one of these is the trial
        if len(hub.events("circuit")) == 2:
            break
        throw(port, b"no such word")
        time.sleep(0.01)
        assert udp_ask(hub.port("echo"), b"x") == b"x"
    assert hub.events("circuit")[1]["state"] == "closed"
    assert udp_ask(port, b"no such word") == b"unknown"
    said = hub.said()
    assert re.search(r"trap: circuit open: 10 lives in a row failed; refusing for 1 s; "
                     r"last: crashed", said)
    assert said.count("circuit open") == said.count("circuit closed") == 1


def test_a_circuit_that_may_not_open(start, build):
    hub = start(service(guest(build, "trap"), UDP, "limits: {failures: 0, deadline: 5s}"))
    throw(hub.port("trap"), b"hlt", 40)
    hub.until(lambda: len(hub.events("life")) == 40)
    assert {e["result"] for e in hub.events("life")} <= {"crashed", "deadline"}
    assert udp_ask(hub.port("trap"), b"no such word") == b"unknown"
    assert not hub.events("circuit")


# ------------------------------------------------------------ one thing after another


def test_events_of_one_key_keep_their_order(start, build, backend):
    """Three threads: a peer's events wait for each other, another peer's don't wait for them."""
    hub = start(service(guest(build, "ordered"), UDP, f"backend: {backend}"))
    port = hub.port("ordered")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
        for s, address in ((one, "127.0.0.2"), (two, "127.0.0.3")):
            s.bind((address, 0))
            s.connect(("127.0.0.1", port))
            s.settimeout(10)
        sent = [b"slow" if n % 7 == 0 else f"{n}".encode() for n in range(40)]
        for payload in sent:
            one.send(payload)
        two.send(b"another")
        assert two.recv(100) == b"another"
        assert [one.recv(100) for _ in sent] == sent
    hub.until(lambda: len(hub.events("life", result="ok")) == len(sent) + 1)
