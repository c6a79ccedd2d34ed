"""mayfly audit: what an image may do, in words; of two images, what the new one may more."""

import json
import struct

import pytest
from conftest import BUILD, run

MANIFEST = """mayfly: 1
name: hall
version: "1.2"
counter: {counter}
budget: 16KiB
limits: {{cpu: 5ms}}
triggers:
  - {{type: mqtt, topic: home/hall/button}}
  - {{type: http, method: POST, path: /press, headers: [X-Who]}}
reads: [on]
emits: {emits}
data: ["*.zone"]
"""
MAIN = """#include <mayfly.h>
void mf_main(const struct mf_event *ev)
{{
	(void)ev;
	mf_put_u64("on", 1);
	mf_emit("home/hall/light", "ON");
	{more}
	mf_reply_text("ok\\n");
}}
"""
RDTSC = '__asm__ volatile(".byte 0xb8, 0x0f, 0x31, 0, 0" : : : "eax");'  # mov $0x310f, %eax


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """build(counter=1, ...) -> path of the image; each is built once, and not to be changed"""
    built = {}

    def make(counter=1, emits='["home/hall/#"]', more=""):
        key = (counter, emits, more)
        if key not in built:
            source = tmp_path_factory.mktemp("hall")
            (source / "mayfly.yaml").write_text(MANIFEST.format(counter=counter, emits=emits))
            (source / "main.c").write_text(MAIN.format(more=more))
            done = run(BUILD / "mayfly", "build", source)
            assert (done.returncode, done.stderr) == (0, "")
            built[key] = source / "hall.mfy"
        return built[key]
    return make


def told(done):
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def texts(audit, part):
    return [f["text"] for f in audit["facts"] if f["part"] == part]


def test_in_words(mayfly, build):
    image = build()
    status, audit = told(mayfly("audit", image, "-o", "json"))
    assert status == 0 and (audit["name"], audit["version"], audit["counter"]) == ("hall", "1.2", 1)
    assert audit["key_id"] is None and len(audit["digest"]) == 64
    assert texts(audit, "may") == [
        "be born by MQTT messages on home/hall/button", "answer HTTP requests that match POST /press",
        "see the header X-Who of requests for POST /press", "read its own state: on",
        "publish below home/hall/", "put its own state: on", "reply to who asked", "log",
        "count units of what it did, of any name"]
    # it may delete, says its manifest, but its code can't
    for words in ("delete any state", "call anything", "send anything upstream",
                  "be born again later, by its own wish", "open a file: a life has those that are attached, to read"):
        assert words in texts(audit, "may_not")
    assert "5 ms of processor time" in texts(audit, "limit")
    assert texts(audit, "needs") == ["files attached that fit *.zone, to read"]
    code = texts(audit, "code")
    assert code[0] == f"{image.stat().st_size} bytes, and no others"
    assert [t for t in code if t.startswith("no ")] == [
        f"no {i}, wherever it jumps" for i in ("rdtsc", "rdtscp", "rdrand", "rdseed", "rdpid", "cpuid")]
    assert texts(audit, "price") == ["nothing"]
    text = mayfly("audit", image).stdout
    assert text.startswith("hall 1.2, release 1, signed by nobody\n")
    for fact in audit["facts"]:
        assert fact["part"] == "who" or f"\n  {fact['text']}\n" in text


def test_bytes_of_an_instruction_are_found_wherever_they_are(mayfly, build):
    """The builder disassembles, so that it doesn't see this one."""
    status, audit = told(mayfly("audit", build(more=RDTSC), "-o", "json"))
    found = [f for f in audit["facts"] if f["what"] == "instruction" and f["amount"] == 1]
    assert status == 0 and [f["entry"] for f in found] == ["rdtsc"]
    assert found[0]["text"].startswith("bytes at 0x14")


def test_every_image_here_can_be_audited(mayfly, root, build_directory):
    for image in [*build_directory.glob("services/*.mfy"), *build_directory.glob("guest/*.mfy")]:
        done = mayfly("audit", image)
        assert (done.returncode, done.stderr) == (0, ""), image
        assert "\nit may\n" in done.stdout and "\nit may not\n" in done.stdout


def test_an_upgrade(mayfly, build):
    old = build()
    same = mayfly("audit", old, old)
    assert same.returncode == 0 and "(the same)" in same.stdout
    assert same.stdout.endswith("\nthe new one may nothing that the old one may not\n")

    less = mayfly("audit", old, build(counter=2, emits="[home/hall/light]"))
    assert less.returncode == 0
    assert "+ may publish on home/hall/light" in less.stdout and "more than before" not in less.stdout

    status, changes = told(mayfly("audit", old, build(2, '["home/#"]', more='mf_schedule("x", 1, "", 0);'),
                                  "-o", "json"))
    assert status == 1 and changes["more"] is True
    assert (changes["old"]["counter"], changes["new"]["counter"]) == (1, 2)
    more = {(c["change"], c["new"]["text"]) for c in changes["changes"] if c["more"]}
    assert more == {("added", "publish below home/"), ("added", "be born again later, by its own wish")}
    gone = [c["old"]["text"] for c in changes["changes"] if c["new"] is None]
    assert gone == ["publish below home/hall/"]

    text = mayfly("audit", old, build(more=RDTSC))
    assert text.returncode == 1
    assert "* has bytes at 0x14" in text.stdout and "was: no rdtsc" in text.stdout


def test_an_older_release_is_said_to_be_one(mayfly, build):
    done = mayfly("audit", build(counter=2, emits="[home/hall/light]"), build())
    assert done.returncode == 1 and "* release 1, was: release 2" in done.stdout


def test_refusals(mayfly, build, tmp_path, root):
    def refused(args, status, words):
        done = mayfly("audit", *args)
        assert (done.returncode, done.stdout) == (status, ""), done
        assert done.stderr.startswith("mayfly: audit: ") and done.stderr.count("\n") == 1
        assert words in done.stderr

    image = build()
    refused([], 2, "give one image, or an old and a new one")
    refused([image, image, image], 2, "give one image, or an old and a new one")
    refused([image, "-x"], 2, '"-x"')
    refused([image, "-o", "xml"], 2, '-o "xml"')
    refused([tmp_path / "no.mfy"], 3, "No such file")
    refused([image, tmp_path / "no.mfy"], 3, "no.mfy")
    refused([root / "README.md"], 2, "README.md")
    assert mayfly("audit", "--help").stdout.startswith("usage: mayfly audit")
    # a note that allows more than the manifest does
    data = bytearray(image.read_bytes())
    at = data.index(struct.pack("<III", 1, 1, 62)) + 16
    grants = struct.unpack_from("<I", data, at)[0]
    assert grants & 1 << 3 and not grants & 1 << 9  # put; no call
    struct.pack_into("<I", data, at, grants | 1 << 9)
    (tmp_path / "liar.mfy").write_bytes(data)
    refused([tmp_path / "liar.mfy"], 4, "grants")


def test_the_page_names_every_key(mayfly, build, root):
    page = (root / "man/mayfly-audit.1").read_text()
    _, one = told(mayfly("audit", build(), "-o", "json"))
    _, two = told(mayfly("audit", build(), build(counter=2, emits="[home/hall/light]"), "-o", "json"))
    for key in {*one, *one["facts"][0], *two, *two["changes"][0]} | {f["part"] for f in one["facts"]}:
        assert key in page, key


def test_addresses_are_no_topics():
    """And "#" doesn't stand for them."""
    got = run(BUILD / "mayfly", "audit", BUILD / "guest/relay.mfy")
    assert got.returncode == 0, got.stderr
    for line in ("ask devices below coaps:/", "post to addresses below http:/", "post to addresses below https:/"):
        assert f"\n  {line}\n" in got.stdout
