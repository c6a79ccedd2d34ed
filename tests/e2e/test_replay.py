"""mayfly replay: a life of a capsule once more, on both backends, on the same image and on others."""

import json
import stat

import pytest

from conftest import BUILD, run

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
