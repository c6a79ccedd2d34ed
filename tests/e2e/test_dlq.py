"""Events whose lives fail and for which nobody waits: they run again, and end as dead letters."""

import json
import signal

import pytest
from conftest import run
from http_client import Client, listener
from hubs import service


@pytest.fixture
def open_hub(start, tmp_path, build, backend):
    """A service that fails as its state says; each time with the same state. Its circuit stays closed."""
    return lambda: start(service(build / "guest/letters.mfy", f"backend: {backend}", "limits: {failures: 0}"),
                         head=f"state: {tmp_path}/state\nadmin: {tmp_path}/admin\nmetrics: 127.0.0.1:0\n"
                         + listener())


@pytest.fixture
def hub(open_hub):
    return open_hub()


@pytest.fixture
def letters(ask):
    return lambda: [json.loads(line) for line in ask("dlq", "ls", "-o", "json").stdout.splitlines()]


def put_mood(ask, mood):
    done = ask("state", "put", "letters", "mood", mood)
    assert done.returncode == 0, done.stderr


def begin(hub, name):
    with Client(hub.http()) as client:
        assert client.ask("POST", f"/start/{name}").status == 200


def done(ask, name):
    """How many lives failed before, as the one that went well put it; None: none did."""
    asked = ask("state", "get", "letters", f"done/{name}")
    return int(asked.stdout) if asked.returncode == 0 else None


def test_it_is_tried_again_until_it_goes_well(hub, ask, letters):
    for number, name in enumerate("abcdef"):  # on a machine that is slow `mayfly state put` may come too late
        put_mood(ask, "bad")
        before = len(hub.events("life", result="crashed"))
        begin(hub, name)
        hub.until(lambda: len(hub.events("life", result="crashed")) > before)
        put_mood(ask, "fine")
        hub.until(lambda: done(ask, name) is not None or len(letters()) > number)
        if done(ask, name) is not None:
            break
    assert len(letters()) == number and done(ask, name) in (1, 2)


def test_a_dead_letter(hub, ask, letters, build, tmp_path):
    put_mood(ask, "bad")
    begin(hub, "a")
    hub.until(letters)
    letter, = letters()
    assert (letter["service"], letter["subject"], letter["why"]) == ("letters", "do/a", "crashed")
    assert letter["lives"] == 3  # the first, and two more
    number = str(letter["number"])
    assert "do/a" in ask("dlq", "ls").stdout
    shown = ask("dlq", "show", number, "--capsule", tmp_path / "dead.capsule").stdout
    for words in ("event    schedule do/a", "payload  work", "state    mood = bad", "lives    3", "why      crashed"):
        assert words in shown
    again = run(build / "mayfly", "replay", tmp_path / "dead.capsule", "--image", build / "guest/letters.mfy")
    assert again.returncode == 0 and "the same: crashed" in again.stdout
    put_mood(ask, "fine")
    assert ask("dlq", "retry", number).returncode == 0
    hub.until(lambda: done(ask, "a") is not None)
    assert letters() == []


def test_what_it_may_not_have_is_not_tried_again(hub, ask, letters):
    put_mood(ask, "greedy")
    begin(hub, "a")
    hub.until(letters)
    assert letters()[0]["lives"] == 1
    assert "may not put" in letters()[0]["why"] or "mood" in letters()[0]["why"]
    assert ask("dlq", "rm", "--all").returncode == 0
    hub.until(lambda: letters() == [])
    assert ask("dlq", "ls").stdout.splitlines()[1:] == []


def test_it_outlives_the_hub(hub, ask, letters, open_hub):
    put_mood(ask, "bad")
    for name in "abc":
        begin(hub, name)
    hub.until(lambda: "crashed" in ask("events").stdout)
    assert hub.stop(signal.SIGKILL) == -signal.SIGKILL
    hub = open_hub()
    hub.until(lambda: len(letters()) == 3)
    assert hub.stop() == 0
    hub = open_hub()
    assert sorted(letter["subject"] for letter in letters()) == ["do/a", "do/b", "do/c"]
    put_mood(ask, "fine")
    assert ask("dlq", "retry", "--all").returncode == 0
    hub.until(lambda: all(done(ask, name) is not None for name in "abc"))
    assert letters() == []


@pytest.mark.parametrize("args, status, words", [
    ([], 2, "what? mayfly dlq ls|show|retry|rm"),
    (["look"], 2, '"look": write ls, show, retry or rm'),
    (["show"], 2, "which letter?"),
    (["show", "--all"], 2, "which letter?"),
    (["rm", "1", "--all"], 2, "which letter?"),
    (["rm", "x"], 2, '"x": write the number of a letter'),
    (["show", "7"], 3, "there is no such dead letter"),
    (["retry", "7"], 3, "there is no such dead letter"),
    (["rm", "7"], 3, "there is no such dead letter"),
])
def test_refusals(hub, ask, args, status, words):
    said = ask("dlq", *args)
    assert (said.returncode, words in said.stderr) == (status, True), said.stderr
