"""mayfly replay: a life of a capsule once more, on both backends, on the same image and on others."""

import json
import re
import stat

import pytest

from conftest import BUILD, run
from http_client import Client, listener
from hubs import service

ECHO = BUILD / "services/echo.mfy"


def guest(name):
    return BUILD / "guest" / f"{name}.mfy"


@pytest.fixture
def capsule(tmp_path, backend):
    """A capsule of a life of this image."""
    def keep(image, payload="", *options):
        file = tmp_path / "life.capsule"
        done = run(BUILD / "mayfly", "run", image, "--event", "-", "--backend", backend, "--capsule", file, *options,
                   input=payload.encode(), text=False)
        assert file.exists(), done.stderr
        return file
    return keep


@pytest.fixture
def replay(backend):
    def again(file, image, *options):
        return run(BUILD / "mayfly", "replay", file, "--image", image, "--backend", backend, *options)
    return again


def test_the_same_life_again(capsule, replay):
    """Its seed is random, and so is what it replies with; replayed it is the sameeach time."""
    file = capsule(guest("random"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for _ in range(3):
        done = replay(file, guest("random"))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "the same: ok, 1 effects" in done.stdout


def test_clock_and_state_are_those_of_then(capsule, replay):
    for name in ("clock", "state"):
        done = replay(capsule(guest(name)), guest(name))
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_life_that_crashed_crashes_again(capsule, replay):
    file = capsule(guest("trap"), "hlt")
    got = json.loads(replay(file, guest("trap"), "-o", "json").stdout)
    assert got["same"] and got["result"] == got["result_then"] != "ok"


def test_another_image_is_compared(capsule, replay):
    file = capsule(ECHO, "hi")
    done = replay(file, guest("who"))
    assert done.returncode == 1
    assert "- reply 200 = hi" in done.stdout.splitlines()
    assert [line for line in done.stdout.splitlines() if line.startswith("+ ")]
    assert "isn't the image of then" in done.stderr
    got = json.loads(replay(file, guest("who"), "-o", "json").stdout)
    assert not got["same"] and not got["same_image"]
    assert got["removed"] == [{"kind": "reply", "body": "hi", "status": 200}]


def test_other_config_is_told(capsule, replay):
    file = capsule(guest("config"), "", "--config", "greeting=hello")
    done = replay(file, guest("config"), "--config", "greeting=good evening")
    assert done.returncode == 1
    assert "data or config aren't those of then" in done.stderr
    assert replay(file, guest("config"), "--config", "greeting=hello").returncode == 0


@pytest.mark.parametrize("argv, status, words", [
    (["replay"], 2, "give it one capsule"),
    (["replay", "a", "b"], 2, "give it one capsule"),
    (["replay", "none.capsule"], 2, "--image is missing"),
    (["replay", "none.capsule", "--image", ECHO], 3, "none.capsule"),
    (["replay", "README.md", "--image", ECHO], 2, "it isn't a capsule"),
    (["replay", "README.md", "--imge", ECHO], 2, "--imge"),
    (["run", ECHO, "--capsule", "/nowhere/x.capsule"], 1, "/nowhere/x.capsule"),
])
def test_refusals(argv, status, words):
    done = run(BUILD / "mayfly", *argv)
    assert done.returncode == status
    assert words in done.stderr


def test_an_event_that_does_not_fit_is_told(capsule, replay):
    file = capsule(guest("who"), "x" * 20000)
    done = replay(file, ECHO)
    assert done.returncode == 2 and "memory.event of echo" in done.stderr


# ---------------------------------------------------------------- lives that call others

@pytest.fixture
def hub(start, tmp_path, build, backend):
    """A service that puts what another one answers; that one is asked by each life twice."""
    lines = f"backend: {backend}", "limits: {failures: 0}"
    return start(service(build / "guest/inquire.mfy", *lines),
                 service(build / "guest/asks.mfy", "name: other", "http: [{path: '/other/#'}]", *lines),
                 head=f"state: {tmp_path}/state\nadmin: {tmp_path}/admin\n{listener()}")


def tell(hub, what, path="/ask"):
    """The id of its event."""
    with Client(hub.http()) as client:
        return client.ask("POST", path, what.encode()).headers["mayfly-event"]


def lives(hub):
    return len(hub.events("life", service="other"))


def test_calls_are_answered_again(hub, ask, tmp_path, backend):
    event = tell(hub, "what")
    hub.count(2, "life", service="other")
    text = ask("trace", event).stdout
    assert re.search(r"called +other /hall: 200, [0-9.]+.?s: hops 1 peer service:inquire", text), text
    assert text.count("other /hall: 200") == 2
    for words in ("did      call other /hall = what", "put first = hops 1", "reply 200 = hops 1"):
        assert words in text
    told = json.loads(ask("trace", event, "-o", "json").stdout)["life"]
    assert [(c["service"], c["path"], c["status"]) for c in told["calls"]] == [("other", "/hall", 200)] * 2
    assert [e["kind"] for e in told["effects"]] == ["call", "put", "call", "put", "reply"]
    done = ask("replay", event, "--backend", backend)
    assert (done.returncode, "the same: ok, 5 effects" in done.stdout) == (0, True), done.stdout + done.stderr
    file = tmp_path / "called.capsule"
    assert ask("trace", event, "--capsule", file).returncode == 0
    hub.stop()
    for _ in range(2):
        done = run(BUILD / "mayfly", "replay", file, "--image", guest("inquire"), "--backend", backend)
        assert done.returncode == 0, done.stdout + done.stderr
    assert lives(hub) == 2  # nobody was asked again


def test_another_question_differs(hub, ask, backend):
    event = tell(hub, "what")
    done = ask("replay", event, "--backend", backend, "--config", "about=/yard")
    assert done.returncode == 1
    assert "it asks other /yard, as it didn't then" in done.stderr
    for line in ("- call other /hall = what", "+ call other /yard = what", "- ok", "+ call"):
        assert line in done.stdout.splitlines(), done.stdout
    done = ask("rehearse", guest("inquire"), "--backend", backend, "--config", "about=/yard")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "0 of 1 are the same")
    done = ask("rehearse", guest("inquire"), "--backend", backend)
    assert (done.returncode, done.stdout) == (0, "1 of 1 are the same\n")
    assert lives(hub) == 2


@pytest.mark.parametrize("what, result", [("crash", "crashed"), ("secret", "denied")])
def test_a_life_that_ended_badly_after_its_call(hub, ask, backend, what, result):
    event = tell(hub, what)
    hub.until(lambda: "service  inquire 1.0" in ask("trace", event).stdout)
    text = ask("trace", event).stdout
    if what == "crash":
        assert text.count("other /hall: 200") == 1
    else:
        assert "did      call secret /hall = what" in text
        assert "calls: " in text
    done = ask("replay", event, "--backend", backend)
    assert (done.returncode, f"the same: {result}" in done.stdout) == (0, True), done.stdout + done.stderr


def test_a_dead_letter_has_its_calls(hub, ask, tmp_path, backend):
    tell(hub, "crash", "/later")
    hub.until(lambda: "crashed" in ask("dlq", "ls").stdout)
    number = json.loads(ask("dlq", "ls", "-o", "json").stdout)["number"]
    file = tmp_path / "dead.capsule"
    text = ask("dlq", "show", number, "--capsule", file).stdout
    assert "event    schedule ask" in text
    assert re.search(r"called +other /hall: 200, [0-9.]+.?s: hops 1", text), text
    done = run(BUILD / "mayfly", "replay", file, "--image", guest("inquire"), "--backend", backend)
    assert (done.returncode, "the same: crashed" in done.stdout) == (0, True), done.stdout + done.stderr
