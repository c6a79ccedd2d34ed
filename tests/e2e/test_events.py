"""mayfly events, trace, replay and rehearse: what became of an event, why, and what another image would have done."""

import json
import re

import pytest
from conftest import run
from http_client import Client, listener
from hubs import service


@pytest.fixture
def open_hub(start, tmp_path, build, backend):
    """A service that counts and one that only replies; each time with the same state."""
    return lambda: start(service(build / "guest/till.mfy", f"backend: {backend}"),
                         service(build / "services/button.mfy", f"backend: {backend}"),
                         head=f"state: {tmp_path}/state\nadmin: {tmp_path}/admin\n{listener()}")


@pytest.fixture
def hub(open_hub):
    return open_hub()


@pytest.fixture
def trace(ask, hub):
    """trace(ID, WORDS): what is said of it. Of a life that failed the capsule is there a moment later."""
    def look(event, words):
        said = ""

        def there():
            nonlocal said
            said = ask("trace", event).stdout
            return words in said

        hub.until(there)
        return said
    return look


def post(hub, path):
    """The id of its event."""
    with Client(hub.http()) as client:
        return client.ask("POST", path).headers["mayfly-event"]


def events(ask, *args):
    return [json.loads(line) for line in ask("events", "-o", "json", *args).stdout.splitlines()]


def test_they_are_listed_in_order(hub, ask):
    ids = [post(hub, path) for path in ("/add/a", "/button/hall", "/add/b")]
    listed = events(ask)
    assert [e["id"] for e in listed] == ids
    assert [e["service"] for e in listed] == ["till", "button", "till"]
    assert [e["subject"] for e in listed] == ["/add/a", "/button/hall", "/add/b"]
    assert [e["result"] for e in listed] == ["ok"] * 3
    assert [bool(e["life"]) for e in listed] == [True, False, True]
    assert [e["id"] for e in events(ask, "--service", "till")] == [ids[0], ids[2]]
    lines = ask("events").stdout.splitlines()
    assert re.search(rf"{ids[1]} +http +button +/button/hall: ok, ", lines[1])


def test_what_a_life_saw_and_did(hub, ask):
    post(hub, "/add/a")
    text = ask("trace", post(hub, "/add/a")).stdout
    for words in ("event    http POST /add/a", "service  till 1.0, image ", "state    n/a = 1 (version ",
                  "did      put n/a = 2", "reply 200 = 2", "result   ok"):
        assert words in text
    assert re.search(r"took     queue .*, birth .*, run .*, commit .*, in all ", text)
    assert re.search(r"trigger  http 127.0.0.1:\d+ /#", text)
    assert ask("trace", post(hub, "/button/hall")).returncode == 0


def test_for_no_service(start, ask, build, tmp_path):
    hub = start(service(build / "services/button.mfy"), head=f"admin: {tmp_path}/admin\n{listener()}")
    with Client(hub.http()) as client:
        assert [client.ask("GET", path).status for path in ("/a", "/b")] == [404, 404]
        assert client.ask("PATCH", "/button/hall").status == 405
    assert [(e["id"], e["service"], e["subject"], e["result"], e["times"]) for e in events(ask)] == [
        (None, None, "/b", "no service", 2), (None, None, "/button/hall", "no method", 1)]
    assert "refused: no service, 2 times" in ask("events").stdout


def test_what_came_again(hub, ask):
    with Client(hub.http()) as client:
        key = {"Idempotency-Key": "one"}
        ids = {client.ask("POST", "/add/a", headers=key).headers["mayfly-event"] for _ in range(3)}
    event, = ids
    assert "again    2 times it came once more" in ask("trace", event).stdout
    assert [(e["result"], e["times"]) for e in events(ask) if e["id"] == event] == [("ok", 1), ("duplicate", 2)]
    told = json.loads(ask("trace", event, "-o", "json").stdout)
    assert (told["event"]["result"], told["again"]) == ("ok", 2)
    assert told["trigger"].startswith("http 127.0.0.1:") and told["life"]["effects"][0]["kind"] == "put"


def test_why_nothing_was_done(hub, trace):
    text = trace(post(hub, "/shout/a"), "why ")
    assert "result   refused: denied" in text
    assert re.search(r'why +it .*"shout"', text)
    text = trace(post(hub, "/trap/a"), "why ")
    assert "result   refused: crashed" in text
    assert "state    n/a = (absent)" in text


def test_it_is_there_after_a_restart(hub, ask, open_hub):
    event = post(hub, "/add/a")
    for _ in range(3):
        post(hub, "/add/b")
    assert hub.stop() == 0
    open_hub()
    assert events(ask) == []
    text = ask("trace", event).stdout
    assert "did      put n/a = 1" in text and "result   ok" in text


def test_the_same_life_again(hub, ask, trace, build, tmp_path, backend):
    ids = [post(hub, path) for path in ("/add/a", "/add/a", "/trap/a", "/both/a")]
    for event in ids:
        trace(event, "service  till 1.0")
        done = ask("replay", event, "--backend", backend)
        assert done.returncode == 0, done.stdout + done.stderr
    file = tmp_path / "kept.capsule"
    assert ask("trace", ids[1], "--capsule", file).returncode == 0
    done = run(build / "mayfly", "replay", file, "--image", build / "guest/till.mfy", "--backend", backend)
    assert done.returncode == 0 and "the same: ok, 2 effects" in done.stdout


def test_another_image_is_rehearsed(hub, ask, build, tmp_path, root):
    for _ in range(3):
        post(hub, "/add/a")
    post(hub, "/drop/a")
    same = ask("rehearse", build / "guest/till.mfy", "--last", "3")
    assert (same.returncode, same.stdout) == (0, "3 of 3 are the same\n")
    other = tmp_path / "till"
    other.mkdir()
    text = (root / "tests/guest/till/main.c").read_text()
    (other / "main.c").write_text(text.replace("mf_state_u64(key, 0) + 1)", "mf_state_u64(key, 0) + 2)"))
    (other / "mayfly.yaml").write_text((root / "tests/guest/till/mayfly.yaml").read_text())
    assert run(build / "mayfly", "build", other, "-o", tmp_path / "till.mfy").returncode == 0
    done = ask("rehearse", tmp_path / "till.mfy")
    assert done.returncode == 1
    assert "- put n/a = 1\n+ put n/a = 2\n" in done.stdout
    assert done.stdout.endswith("1 of 4 are the same\n")
    got = json.loads(ask("rehearse", tmp_path / "till.mfy", "-o", "json").stdout)
    assert (got["events"], got["same"], len(got["differ"])) == (4, 1, 3)
    assert got["differ"][0]["added"] == [{"kind": "put", "key": "n/a", "body": "4"}]
    # nothing of it was committed
    with Client(hub.http()) as client:
        assert client.ask("POST", "/get/a").body == b"0\n"


@pytest.mark.parametrize("args, status, words", [
    (["trace"], 2, "which event?"),
    (["trace", "no-id"], 2, "it is no id of an event"),
    (["trace", "00ff"], 3, "the hub knows of no such event"),
    (["replay", "00ff"], 3, "the hub knows of no such event"),
    (["rehearse", "none.mfy"], 3, "none.mfy"),
    (["events", "extra"], 2, "extra"),
])
def test_refusals(hub, ask, args, status, words):
    done = ask(*args)
    assert done.returncode == status, done.stderr
    assert words in done.stderr


def test_what_was_not_kept_is_said(hub, ask, build):
    done = ask("replay", post(hub, "/button/hall"))
    assert done.returncode == 3 and "nothing was kept of its life" in done.stderr
    done = ask("rehearse", build / "services/button.mfy")
    assert done.returncode == 3 and 'no event of a service "button"' in done.stderr
    assert ask("rehearse", build / "services/button.mfy", "--last", "0").returncode == 2
