"""Triggers of type timer: ticks become events, by the manifest or as hub.yaml says."""

import json
import re
import subprocess
import time

import pytest
from conftest import BUILD
from hubs import Hub

IMAGE = BUILD / "guest/tick.mfy"
SLOW_ONLY = "timers: [{name: fast, every: 9h}, {name: night, every: 9h}, {name: slow, every: 20ms}]"


HEAD = "mayfly: 1\ntrust: {allow_unsigned: true}\nservices:\n"


def config(service=""):
    return f"{HEAD}  - image: {IMAGE}\n    name: tick\n    {service}\n"


@pytest.fixture
def hub(tmp_path):
    hubs = []

    def start(*args, **options):
        hubs.append(Hub(tmp_path / f"hub{len(hubs)}", *args, **options))
        return hubs[-1]

    yield start
    for h in hubs:
        if h.process.returncode != -9:
            assert h.stop() == 0, h.said()


def figures(mayfly, hub, name="tick"):
    said = mayfly("ps", "--hub", hub.events("ready")[0]["admin"], "-o", "json").stdout
    return next(s for s in json.loads(said)["services"] if s["name"] == name)


def test_ticks_are_events(hub):
    before = int(time.time())
    h = hub(config())
    h.until(lambda: len(h.events("life", result="ok")) >= 5)
    lives = h.events("life")
    assert {e["source"] for e in lives} == {"timer"}
    assert len({e["id"] for e in lives}) == len(lives)
    due = re.findall(r"timer\.tick fast of source 7 due (\S+Z) missed \n", h.said())
    assert len(due) >= 5, h.said()
    stamps = [time.strptime(d, "%Y-%m-%dT%H:%M:%SZ") for d in due]
    assert stamps == sorted(stamps)
    assert before - 2 <= int(subprocess.check_output(["date", "+%s", "-d", due[0]])) <= time.time()
    assert h.events("timer") == [
        {"event": "timer", "service": "tick", "name": name, "ticks": ticks} for name, ticks in
        (("slow", "cron @yearly"), ("night", "cron 0 3 * * *"), ("fast", "every 50ms"))]


def test_one_tick_at_a_time(hub, mayfly):
    h = hub(config(SLOW_ONLY + "\n    limits: {threads: 4}"))
    h.until(lambda: len(h.events("life", result="ok")) >= 2, seconds=60)
    shown = figures(mayfly, h)
    assert shown["ticks_missed"] > 0
    assert shown["running"] + shown["queued"] <= 1
    assert shown["listeners"] == ["timer slow every 20ms", "timer night every 9h", "timer fast every 9h"]


def test_a_reload_changes_the_rhythm(hub):
    h = hub(config("timers: [{name: fast, every: 9h}]"))
    assert h.reload(config("timers: [{name: fast, every: 30ms}]"))["kept"] == 1
    h.until(lambda: len(h.events("life")) >= 3)
    assert h.events("timer")[-1]["ticks"] == "every 30ms"
    # what is the same goes on, unsaid
    assert [e["name"] for e in h.events("timer")] == ["slow", "night", "fast", "fast"]
    h.reload(config("timers: [{name: fast, every: 9h}]"))
    n = len(h.events("life"))
    time.sleep(0.2)
    assert len(h.events("life")) <= n + 1


def test_a_service_that_goes_takes_its_timers_along(hub):
    h = hub(config())
    h.until(lambda: h.events("life"))
    quiet = config(SLOW_ONLY.replace("20ms", "9h")).replace("name: tick", "name: tock")
    assert h.reload(quiet)["removed"] == 1
    h.until(lambda: h.events("worker_ended", service="tick"))
    n = len(h.events("life"))
    time.sleep(0.2)
    assert len(h.events("life")) == n


@pytest.mark.parametrize("missed", ["once", "all"])
def test_what_was_missed_while_the_hub_was_down(hub, tmp_path, missed):
    text = f"state: {tmp_path}/state\n" + config(f"timers: [{{name: fast, every: 100ms, missed: {missed}}}]")
    h = hub(text)
    h.until(lambda: len(h.events("life", result="ok")) >= 2)
    h.process.kill()
    h.process.wait()
    seen = {e["id"] for e in h.events("life")}
    time.sleep(1)
    began = time.monotonic()
    h = hub(text)
    if missed == "once":
        h.until(lambda: re.search(r"fast of source 7 due \S+ missed [1-9]", h.said()))
    else:
        h.until(lambda: len(h.events("life", result="ok")) >= 10)
        assert not re.search(r"due \S+ missed [1-9]", h.said())
        # some of them were due before it began
        assert len(h.events("life")) > (time.monotonic() - began) * 10 or time.monotonic() - began > 1
    # the one that was under way may come again, with the id that it had
    assert len(seen & {e["id"] for e in h.events("life")}) <= 1


@pytest.mark.parametrize("timers, wrong", [
    ("[{name: dawn, every: 1s}]", r"hub.yaml:6:\d+: timers: tick has no timer 'dawn'"),
    ("[{name: fast, every: 1s, cron: '* * * * *'}]", "either 'every' or 'cron'"),
    ("[{name: fast, every: soon}]", "every: 'soon' is not a time of at least 1ms"),
    ("[{name: fast, cron: '61 * * * *'}]", "cron: '61 [*] [*] [*] [*]' has a minute"),
    ("[{name: fast, missed: some}]", "missed: 'some' is not known"),
    ("[{name: fast}, {name: fast}]", "'fast' stands there twice"),
])
def test_what_is_wrong_is_said(tmp_path, timers, wrong):
    path = tmp_path / "hub.yaml"
    path.write_text(config(f"timers: {timers}"))
    done = subprocess.run([BUILD / "mayflyd", "-c", path, "--check"], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 2
    assert re.search(wrong, done.stderr), done.stderr


def test_up(up):
    u = up(IMAGE)
    u.wait_for("timer.tick fast")
    assert "tick: timer fast every 50ms" in u.text()
    assert u.stop() == 0
