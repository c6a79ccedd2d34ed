"""What a life may ask for: effects of every kind, forged by hand as hostile code would write them.
Where one isn't granted nothing of the whole life happens, and a line says what would allow it."""

import json
import re
import socket
import struct
import urllib.request

import pytest
from conftest import udp_ask
from http_client import Client, listener
from hubs import service

REPLY, EMIT, PUT, DELETE, SCHEDULE, METER, UPSTREAM, LOG, CALL = range(1, 10)
IF_VERSION, BLOB, RETAIN = 1, 2, 4
TYPE, META, BODY = 2, 4, 8


def order(kind, name="", fields=0, flags=0, status=0, value=0, extra=0):
    """tests/guest/forge's struct order: the effect that it shall write."""
    return struct.pack("<HHIQQB7x", kind, flags, status, value, extra, fields) + name.encode()


# an effect of each kind that is well formed, and what is said of it
DENIED = {
    "emit": (order(EMIT, "home/door", BODY), 'emits: ["home/door"]'),
    "emit-near": (order(EMIT, "home/hall", BODY), 'emits: ["home/hall"]'),
    "emit-deep": (order(EMIT, "door/a/b/set", BODY | TYPE, RETAIN, 1), 'emits: ["door/a/b/set"]'),
    "emit-wildcard": (order(EMIT, "home/hall/#", BODY), "names have no '+' and no '#'"),
    "emit-quoted": (order(EMIT, 'x"], calls: ["y', BODY), 'emits: ["x\\"], calls: [\\"y"]'),
    "put": (order(PUT, "off", BODY), 'writes: ["off"]'),
    "put-read": (order(PUT, "seen", BODY, IF_VERSION, value=3), 'writes: ["seen"]'),
    "delete": (order(DELETE, "room/a"), 'writes: ["room/a"]'),
    "schedule": (order(SCHEDULE, "later", BODY, value=10**9), "holds no grant to schedule"),
    "upstream": (order(UPSTREAM, "alarms", BODY), 'upstream: ["alarms"]'),
    "call": (order(CALL, "others", META | BODY, value=10**9), 'calls: ["others"]'),
}
GRANTED = {
    "emit": order(EMIT, "home/hall/light", BODY | TYPE, RETAIN, 2),
    "put": order(PUT, "room/7/light", BODY),
    "delete": order(DELETE, "on", 0, IF_VERSION, value=9),
    "meter": order(METER, "press", value=2**64 - 1),
    "upstream": order(UPSTREAM, "alarm/fire", BODY, status=2**32 - 1),
    "call": order(CALL, "other", META | BODY, value=10**9),
}
# no kind has this: the life is refused before grants are looked at
MALFORMED = {
    "kind 0": order(0), "kind 10": order(10, "x"), "kind 65535": order(65535),
    "put without a name": order(PUT, "", BODY), "put with a type": order(PUT, "on", BODY | TYPE),
    "put with a status": order(PUT, "on", BODY, status=1),
    "put with a version and no flag": order(PUT, "on", BODY, value=1),
    "delete with a body": order(DELETE, "on", BODY),
    "emit with a quality of 3": order(EMIT, "home/hall/x", BODY, status=3),
    "emit with meta": order(EMIT, "home/hall/x", META), "emit with a value": order(EMIT, "home/hall/x", value=1),
    "emit with a line break": order(EMIT, "home/hall/x\ny", BODY),
    "call with a blob": order(CALL, "other", BODY, BLOB), "any with extra": order(METER, "x", extra=1),
    "log of level 4": order(LOG, "", BODY, status=4), "log with a name": order(LOG, "x", BODY),
    "reply with status 199": order(REPLY, "", BODY, status=199),
    "reply with status 600": order(REPLY, "", BODY, status=600),
    "reply with a name": order(REPLY, "x", BODY, status=200),
    "reply with bad headers": order(REPLY, "", META | BODY, status=200),
    "reply with retain": order(REPLY, "", BODY, RETAIN, 200),
}


@pytest.fixture
def forge(build):
    return build / "guest/forge.mfy"


def silent(port, payload):
    """Sends it, then an honest one; only that is answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.connect(("127.0.0.1", port))
        s.send(payload)
        s.send(b"")
        assert s.recv(100) == b"good"


def test_on_the_command_line(mayfly, forge):
    def life(payload):
        done = mayfly("run", forge, "--event", "-", "--backend", "process", "-o", "json",
                      input=payload, text=False)
        return done.returncode, json.loads(done.stdout)

    for payload, words in DENIED.values():
        status, got = life(payload)
        assert (status, got["result"], got["status"], got["replied"]) == (4, "denied", 403, False)
        assert words in got["message"]
    for payload in (GRANTED["emit"], GRANTED["put"], GRANTED["delete"], GRANTED["upstream"]):
        status, got = life(payload)
        assert (status, got["result"], got["replied"]) == (0, "ok", True), got
        assert len(got["effects"]) == 1
    for name in ("kind 0", "reply with a name", "delete with a body"):
        status, got = life(MALFORMED[name])
        assert (status, got["result"], got["replied"]) == (1, "effects", False), name


# what a hub does that has a database, and nobody to send anything to: what goes upstream is dropped, the life stands
DONE = ("put", "meter", "upstream")


def test_of_the_hub(start, forge, tmp_path):
    """Neither the reply nor the log of a life that forged an effect comes out."""
    hub = start(service(forge, "udp: [127.0.0.1:0]", "limits: {failures: 1000}"),
                head=f"state: {tmp_path}/state\n")
    port = hub.port("forge")
    impossible = [payload for name, payload in GRANTED.items() if name not in DONE]
    refused = [v[0] for v in DENIED.values()] + [*impossible, *MALFORMED.values()]
    for name in DONE:
        assert udp_ask(port, GRANTED[name]) == b"done"
    for payload in refused:
        silent(port, payload)
    hub.until(lambda: len(hub.events("life")) == 2 * len(refused) + len(DONE))
    assert len(hub.events("life", result="ok")) == len(refused) + len(DONE)
    # what it can't do it says, after it has looked at the grants
    assert len(hub.events("life", result="denied")) == len(DENIED) + len(impossible) - 1
    assert len(hub.events("life", result="effects")) == len(MALFORMED) + 1  # a call that it didn't make
    said = hub.said()
    assert re.search(r'forge: \[\w+\] its life is refused whole: it may not emit "home/door": this line in '
                     r'mayfly.yaml would allow it: emits: \["home/door"\]', said)
    ids = {e["id"] for e in hub.events("life") if e["result"] != "ok"}
    assert not [line for line in said.splitlines() if "began" in line and any(i in line for i in ids)]
    assert len(hub.workers()) == 1 and len(hub.events("worker_started")) == 1


def test_over_http(start, forge, tmp_path):
    """The client hears 403 and no more, least of all the reply."""
    hub = start(service(forge), head=f"state: {tmp_path}/state\n" + listener())
    with Client(hub.http()) as client:
        for payload in (DENIED["emit"][0], DENIED["put"][0], GRANTED["emit"]):
            answer = client.ask("POST", "/forge", payload)
            assert answer.status == 403 and b"done" not in answer.body
            assert b"emits" not in answer.body and b"home" not in answer.body
            assert client.ask("POST", "/forge").body == b"good"
        answer = client.ask("POST", "/forge", MALFORMED["reply with a name"])
        assert answer.status == 502 and b"done" not in answer.body


def test_of_a_worker_with_the_socket(start, forge, mayfly, root, tmp_path):
    """There the hub sees nothing of a life: its monitor lets it do nothing but reply to who asked."""
    source = tmp_path / "alone"
    source.mkdir()
    (source / "main.c").write_text((root / "tests/guest/forge/main.c").read_text())
    (source / "mayfly.yaml").write_text("mayfly: 1\nname: alone\ntriggers: [{type: udp}]\n")
    assert mayfly("build", source).returncode == 0
    refused = [v[0] for v in DENIED.values()] + [*GRANTED.values(), *MALFORMED.values()]
    hub = start(service(source / "alone.mfy", "udp: [127.0.0.1:0]", "socket: worker",
                        "limits: {failures: 1000}"), head="metrics: 127.0.0.1:0\n")
    port = hub.port("alone")
    for payload in refused:
        silent(port, payload)
    assert hub.events("life") == []
    hub.until(lambda: re.search(r"it asks for '\w+': with 'socket: worker' lives can reply", hub.said()))
    metrics = hub.events("ready")[0]["metrics"]["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=10) as page:
        text = page.read().decode()
    counted = {m[1]: int(m[2]) for m in re.finditer(r'^mayfly_lives_total{.*result="(\w+)"} (\d+)', text, re.M)}
    assert (counted["ok"], counted["effects"]) == (len(refused), len(MALFORMED)), text
    assert counted["denied"] == len(DENIED) + len(GRANTED)
