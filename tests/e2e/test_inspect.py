"""mayfly inspect: what it says of an image, the same in text and JSON, and of what is none."""

import hashlib
import json
import struct

import pytest

MANIFEST = """mayfly: 1
name: hall
version: "2.1"
counter: 5
budget: 16KiB
memory: {init: 64KiB}
limits: {cpu: 5ms}
triggers:
  - {type: mqtt, topic: home/hall/button}
  - {type: http, method: POST, path: /hall}
reads: [on]
emits: [home/hall/light]
"""
MAIN = """#include <mayfly.h>
static volatile uint64_t seen[4];
void mf_init(void) { seen[1] = mf_init_left(); }
void mf_main(const struct mf_event *ev)
{
	seen[0] = ev->bytes;
	mf_put_u64("on", seen[0]);
	mf_emit("home/hall/light", "ON");
	mf_reply_text("ok\\n");
}
"""


@pytest.fixture
def image(mayfly, tmp_path):
    (tmp_path / "mayfly.yaml").write_text(MANIFEST)
    (tmp_path / "main.c").write_text(MAIN)
    built = mayfly("build", tmp_path)
    assert (built.returncode, built.stderr) == (0, "")
    return tmp_path / "hall.mfy"


@pytest.fixture
def seen(mayfly, image):
    done = mayfly("inspect", image, "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_names_and_numbers(image, seen):
    data = image.read_bytes()
    assert (seen["name"], seen["version"], seen["counter"]) == ("hall", "2.1", 5)
    assert seen["digest"] == hashlib.sha256(data).hexdigest()
    assert (seen["guest_abi"], seen["image_format"], seen["machine"]) == (1, 1, "x86-64")
    assert (seen["signed"], seen["key_id"], seen["manifest_error"]) == (False, None, None)
    assert seen["image_bytes"] == len(data) and seen["budget_bytes"] == 16384
    assert seen["budget_left_bytes"] == 16384 - len(data)
    assert seen["has_init"] is True
    assert seen["limits"]["cpu_ns"] == 5_000_000
    assert seen["memory"]["window_bytes"] == 65536 and seen["memory"]["init_bytes"] == 65536


def test_memory_map(seen):
    """No region overlaps another, none is writable and executable, the window is whole."""
    regions = seen["memory_map"]
    ends = 0
    for r in sorted(regions, key=lambda r: r["address"]):
        assert r["address"] >= ends, r
        ends = r["address"] + (r["bytes"] or 0)  # null: attached data, as much as there is
        assert r["rights"] in ("---", "--x", "r--", "r-x", "rw-")
    by_name = {r["name"]: r for r in regions}
    assert by_name["gate"]["address"] == 0x10000
    assert by_name["code"]["address"] == 0x14000 and by_name["code"]["rights"] == "r-x"
    assert by_name["data"]["rights"] == "rw-" and by_name["guard"]["rights"] == "---"
    assert by_name["init"]["bytes"] == 65536 and by_name["init"]["rights"] == "r--"
    stack = by_name["stack"]
    assert stack["address"] + stack["bytes"] == 0x40000000 + 65536
    assert seen["entry"] == by_name["code"]["address"] or \
        0 < seen["entry"] - by_name["code"]["address"] < by_name["code"]["bytes"]


def test_modules(seen):
    modules = {m["name"]: m for m in seen["modules"]}
    assert seen["modules"][0]["name"] == "service"
    assert modules["service"]["data_bytes"] >= 32
    assert modules["state"]["why"] == "mf_put_u64 (main.c)"
    assert modules["boot"]["why"].startswith("mf_start (")
    assert "wire/dns" not in modules and "random" not in modules
    code = [r for r in seen["memory_map"] if r["name"] in ("code", "constants")]
    total = sum(m["text_bytes"] for m in seen["modules"])
    assert 0.9 < total / sum(r["bytes"] for r in code) <= 1  # the rest is padding


def test_grants_and_triggers(seen):
    assert {g["kind"]: g["may"] for g in seen["grants"]} == {
        "reply": "answer its event", "log": "write to the log", "meter": "count what it did",
        "emit": "publish on home/hall/light", "put": "put state on"}
    assert seen["triggers"] == [{"type": "mqtt", "text": "mqtt home/hall/button"},
                                {"type": "http", "text": "http POST /hall"}]


def test_text_says_the_same(mayfly, image, seen):
    text = mayfly("inspect", image).stdout
    assert text.startswith("hall 2.1 (counter 5), x86-64, guest ABI 1\n")
    assert seen["digest"] in text
    for m in seen["modules"]:
        assert f"  {m['name']} " in text and m["why"] in text
    for r in seen["memory_map"]:
        assert f"0x{r['address']:09x}" in text
    for word in ("publish on home/hall/light", "http POST /hall", "signature  none"):
        assert word in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_a_signature(mayfly, image, tmp_path):
    """One that can't be read is told; test_sign.py has those that can."""
    plain = json.loads(mayfly("inspect", image, "-o", "json").stdout)
    text = b"no signature"
    image.write_bytes(image.read_bytes() + text + struct.pack("<II", len(text), 0) + b"MAYFLYSIGNATURE1")
    done = mayfly("inspect", image, "-o", "json")
    signed = json.loads(done.stdout)
    assert signed["signed"] is True and signed["key_id"] is None
    assert "0 whole lines" in signed["signature_error"]
    assert "0 whole lines" in mayfly("inspect", image).stdout
    assert signed["digest"] == plain["digest"] and signed["image_bytes"] == plain["image_bytes"]


def test_the_manual_lists_every_key(root, seen):
    page = (root / "man/mayfly.1").read_text().split(".SS mayfly inspect")[1].split(".SS")[0]
    keys = set(seen) | set(seen["limits"])
    for part in ("memory_map", "modules", "grants", "triggers"):
        keys |= set(seen[part][0])
    assert {key for key in keys if key not in page} == set()


# ------------------------------------------------------------------ what is no image


def refused(done, status, words):
    assert done.returncode == status
    assert done.stderr.startswith("mayfly: inspect: ") and done.stderr.count("\n") == 1
    assert words in done.stderr


def test_not_there(mayfly, tmp_path):
    refused(mayfly("inspect", tmp_path / "x.mfy"), 3, "No such file")
    refused(mayfly("inspect", tmp_path), 2, "not a regular file")
    refused(mayfly("inspect"), 2, "give one image")
    refused(mayfly("inspect", "x", "-o", "xml"), 2, '-o "xml": write one of text, json')


def test_other_files(mayfly, image, tmp_path):
    refused(mayfly("inspect", "/bin/true"), 2, "an ELF file, but not laid out as an image")
    refused(mayfly("inspect", tmp_path / "main.c"), 2, "no ELF file")
    refused(mayfly("inspect", tmp_path / "hall.debug"), 2, "image")
    whole = image.read_bytes()
    for n in (0, 1, 63, 64, 500, len(whole) - 16):
        image.write_bytes(whole[:n])
        refused(mayfly("inspect", image), 2, str(image))
    image.write_bytes(whole + bytes(16))
    refused(mayfly("inspect", image), 2, "belong to nothing")


def note_at(data):
    return data.index(b"mayfly\0") + 8


def test_another_abi(mayfly, image):
    data = bytearray(image.read_bytes())
    struct.pack_into("<I", data, note_at(data) + 4, 9)
    image.write_bytes(data)
    refused(mayfly("inspect", image), 2, "built for guest ABI 9, this mayfly runs 1: build it again")


def test_writable_and_executable(mayfly, image):
    data = bytearray(image.read_bytes())
    struct.pack_into("<I", data, 64 + 56 + 4, 7)
    image.write_bytes(data)
    refused(mayfly("inspect", image), 2, "segment 0 is writable and executable")


def test_overlapping(mayfly, image):
    data = bytearray(image.read_bytes())
    struct.pack_into("<QQ", data, 64 + 2 * 56 + 16, 0x14000, 0x14000)
    image.write_bytes(data)
    refused(mayfly("inspect", image), 2, "segments 0 and 1 overlap at 0x14000")


def test_a_manifest_that_lies(mayfly, image):
    """It is shown, but with the status of what should not be run."""
    data = image.read_bytes()
    image.write_bytes(data.replace(b"cpu: 5ms", b"cpu: 6ms"))
    done = mayfly("inspect", image)
    refused(done, 4, "its manifest says another cpu_ns than its image note: don't run it")
    assert done.stdout.startswith("hall 2.1")
    run = mayfly("run", image)
    assert run.returncode == 2 and run.stdout == ""
    assert "says another cpu_ns than the image note: don't run it" in run.stderr
    image.write_bytes(data.replace(b"budget:", b"bugdet:"))
    refused(mayfly("inspect", image), 4, "unknown key 'bugdet'; did you mean 'budget'?")
