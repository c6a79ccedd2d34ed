"""mf_call: a life asks another service, stands still, and goes on with the answer."""

import os
import signal
import threading

import pytest
from http_client import Client, listener
from hubs import hub_yaml, service


def asks(build, name, *lines):
    return service(build / "guest/asks.mfy", f"name: {name}", f"http: [{{path: '/{name}/#'}}]", *lines)


@pytest.fixture
def start(make_hub, build, backend):
    """start({name: (lines, ...)}) -> Hub with services of these names that do what they are told"""
    def make(services=None, **options):
        services = services or {"asks": (), "other": ()}
        text = hub_yaml(*(asks(build, name, *lines) for name, lines in services.items()),
                        head=f"backend: {backend}\n" + listener())
        return make_hub(text, **options)

    return make


def tell(hub, orders, to="asks", seconds=20):
    with Client(hub.http(), seconds=seconds) as client:
        return client.ask("POST", f"/{to}/", orders.encode())


def test_a_question_and_its_answer(start):
    hub = start()
    answer = tell(hub, "other /some/path ")
    assert answer.status == 200, hub.said()
    assert answer.body == b"200 hops 1 peer service:asks subject /some/path: \n"
    assert hub.count(2, "life", result="ok") == 2
    ids = {e["source"]: e["id"] for e in hub.events("life")}
    assert ids["call"] == ids["http"] + "/1"


def test_several_questions(start):
    hub = start()
    answer = tell(hub, "other /a log from-a\nother /b log from-b\nother /c ")
    lines = answer.body.decode().splitlines()
    assert lines == [f"200 hops 1 peer service:asks subject /{c}: " for c in "abc"]
    assert "from-a" in hub.said() and "from-b" in hub.said()


def test_questions_of_questions(start):
    """other asks asks, which asks other, with one thread each: nobody waits for a thread."""
    hub = start()
    answer = tell(hub, "other /a asks /b other /c asks /d log deep")
    assert answer.status == 200
    assert b"hops 4 peer service:other subject /d" in answer.body
    assert hub.count(4, "life", source="call", result="ok") == 4
    assert len(hub.workers()) == 2


def test_oneself(start):
    assert b"200 hops 1 peer service:asks subject /again" in tell(start(), "asks /again ").body


def test_too_deep(start):
    hub = start()
    answer = tell(hub, "asks /x " * 12)
    assert answer.status == 200
    assert answer.body.count(b"hops") == 8
    assert b"508" in answer.body


@pytest.mark.parametrize("orders, status", [
    ("nobody /x ", 404),           # isn't there
    ("other /x crash", 502),       # fails
    ("other /x spin", 504),        # takes too long
])
def test_a_refusal_is_an_answer(start, orders, status):
    hub = start({"asks": (), "other": ("limits: {deadline: 300ms, cpu: 250ms}",)})
    answer = tell(hub, orders)
    assert answer.status == 200, hub.said()
    assert answer.body.startswith(str(status).encode()), answer.body[:80]
    assert tell(hub, "other /x log again").body.startswith(b"200"), hub.said()


def test_what_has_no_trigger_for_calls_is_not_there(make_hub, build, backend):
    text = hub_yaml(asks(build, "asks"),
                    service(build / "services/echo.mfy", "udp: ['127.0.0.1:0']"),
                    head=f"backend: {backend}\n" + listener())
    assert tell(make_hub(text), "echo /x hi").body == b"404 \n"


def test_the_caller_keeps_time_for_its_own_answer(start):
    """other may take longer than its caller: the caller hears of it before its own time is over."""
    hub = start({"asks": ("limits: {deadline: 800ms, cpu: 500ms}",),
                 "other": ("limits: {cpu: 5s, deadline: 5s}",)})
    answer = tell(hub, "other /x spin")
    assert (answer.status, answer.body) == (200, b"504 \n"), hub.said()


def test_what_is_not_granted_ends_the_life(start):
    hub = start({"asks": (), "secret": ()})
    answer = tell(hub, "secret /x hi")
    assert answer.status == 403
    assert "calls: " in hub.said()
    assert not hub.events("life", service="secret")
    assert tell(hub, "asks /x hi").status == 200  # the worker is as good as before


def test_many_stand_still_at_once(start):
    hub = start({"asks": ("limits: {threads: 2}",), "other": ()})
    answers = []

    def one():
        answers.append(tell(hub, "other /a asks /b other /c log leaf").body)

    threads = [threading.Thread(target=one) for _ in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(answers) == 24
    assert all(a.startswith(b"200 ") or a.startswith(b"503 ") for a in answers), answers
    assert sum(a.count(b"hops 3 ") for a in answers) > 0
    hub.until(lambda: tell(hub, "other /a log x").body.startswith(b"200 "))


def test_a_worker_dies_while_its_life_stands_still(start):
    """The caller runs again, and is given the answer that it had: the other's life isn't repeated."""
    hub = start({"asks": ("limits: {deadline: 20s}",), "other": ("limits: {deadline: 1s, cpu: 900ms}",)})
    tell(hub, "other /warm up")
    worker, = [e["pid"] for e in hub.events("worker_started", service="asks")]
    result = []
    t = threading.Thread(target=lambda: result.append(
        tell(hub, "other /a log once-only\nother /b spin", seconds=30)))
    t.start()
    hub.until(lambda: "once-only" in hub.said())
    os.kill(worker, signal.SIGKILL)
    t.join()
    assert result[0].status == 200, hub.said()
    assert result[0].body.startswith(b"200 hops 1 peer service:asks subject /a"), result[0].body
    assert hub.said().count("once-only") == 1


def test_a_worker_that_answers_dies(start):
    hub = start({"asks": ("limits: {deadline: 20s}",), "other": ("limits: {deadline: 1s, cpu: 900ms}",)})
    tell(hub, "other /warm up")
    worker, = [e["pid"] for e in hub.events("worker_started", service="other")]
    result = []
    t = threading.Thread(target=lambda: result.append(tell(hub, "other /a spin", seconds=30)))
    t.start()
    os.kill(worker, signal.SIGKILL)
    t.join()
    assert result[0].status == 200
    assert result[0].body[:3] in (b"200", b"502", b"504")
    hub.until(lambda: tell(hub, "other /x ").body.startswith(b"200"))  # the spinning life may still be there


def test_a_reload_in_between(start, build, backend):
    """Who stands still has its answer from the service that it asked, and asks the new one then."""
    def text(threads):
        return hub_yaml(asks(build, "asks", f"limits: {{threads: {threads}}}"),
                        asks(build, "other", f"limits: {{threads: {threads}, deadline: 1s, cpu: 900ms}}"),
                        head=f"backend: {backend}\n" + listener())

    hub = start()
    hub.reload(text(1))
    result = []
    t = threading.Thread(target=lambda: result.append(tell(hub, "other /a spin\nother /b ")))
    t.start()
    hub.until(lambda: hub.events("worker_started", service="other"))
    assert hub.reload(text(2))["changed"] == 2
    t.join()
    assert result[0].status == 200
    first, second = result[0].body.splitlines()
    assert first[:3] in (b"502", b"504")
    assert second.startswith(b"200 hops 1 "), second
    hub.until(lambda: len(hub.events("worker_ended", why="its service was replaced")) == 2)


def test_the_hub_stops_while_a_life_stands_still(start):
    hub = start({"asks": (), "other": ("limits: {deadline: 500ms, cpu: 400ms}",)})
    result = []
    t = threading.Thread(target=lambda: result.append(tell(hub, "other /a log begun\nother /b spin")))
    t.start()
    hub.until(lambda: "begun" in hub.said())
    hub.process.send_signal(signal.SIGTERM)
    t.join()
    assert result[0].status == 200
