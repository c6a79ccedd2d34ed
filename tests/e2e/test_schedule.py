"""mf_schedule: an event that a service sends itself for later; it comes once, whatever is killed meanwhile."""

import time

import pytest
from http_client import Client, listener
from hubs import hub_yaml, service


@pytest.fixture
def clock(make_hub, build, tmp_path):
    """clock() -> Hub, each time with the same state"""
    def make(**options):
        return make_hub(hub_yaml(service(build / "guest/later.mfy"),
                                 head=f"state: {tmp_path}/state\n" + listener()), **options)

    return make


def post(hub, path, body=""):
    with Client(hub.http()) as client:
        answer = client.ask("POST", path, body.encode())
        assert answer.status == 200, hub.said()


def rings(hub):
    """["NAME rings: BODY", ...] as they came."""
    return [line.rpartition("] ")[2] for line in hub.said().splitlines() if " rings: " in line]


def test_it_comes(clock):
    hub = clock()
    began = time.monotonic()
    post(hub, "/set/door", "300")
    post(hub, "/set/window", "100")
    hub.until(lambda: len(rings(hub)) == 2)
    assert sorted(rings(hub)) == ["door rings: 300", "window rings: 100"]
    assert time.monotonic() - began >= 0.3
    assert hub.count(2, "life", source="schedule", result="ok") == 2


def test_it_is_taken_back_and_replaced(clock):
    hub = clock()
    post(hub, "/set/door", "2000")
    post(hub, "/set/window", "2001")
    post(hub, "/off/door")
    post(hub, "/set/window", "2500")
    post(hub, "/off/nothing")
    hub.until(lambda: rings(hub))
    assert rings(hub) == ["window rings: 2500"]


def test_it_outlives_the_hub(clock):
    hub = clock()
    post(hub, "/set/door", "1500")
    post(hub, "/set/window", "1")
    hub.until(lambda: rings(hub))
    hub.process.kill()
    hub.process.wait()
    hub = clock()
    hub.until(lambda: "door rings: 1500" in rings(hub))
    hub.process.kill()
    hub.process.wait()
    hub = clock()
    post(hub, "/set/last", "1")
    hub.until(lambda: rings(hub))
    assert rings(hub) == ["last rings: 1"]


def test_many(clock):
    hub = clock()
    with Client(hub.http()) as client:
        for i in range(150):
            assert client.ask("POST", f"/set/n{i}", b"700").status == 200
    assert hub.count(150, "life", source="schedule", result="ok") == 150
