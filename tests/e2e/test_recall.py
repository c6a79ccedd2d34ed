"""mayfly recall: what a bad version was paid for, which of it is right nevertheless, and the rest taken back, once."""

import json
import sqlite3

import pytest
from conftest import BUILD, run
from hubs import service
from market import Center, bearer, receipt

MANIFEST = """mayfly: 1
name: tally
version: "{version}"
writes: [last]
price: {{unit: byte, quantity: body.bytes, per_unit: 0.0025 EUR}}
triggers:
  - type: http
    method: POST
    path: /tally
"""
MAIN = """#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{{
	struct mf_str body = mf_payload(ev);
	uint64_t sum = {first};
	char text[32];
	size_t n;

	for (size_t i = 0; i < body.n; i++)
		sum += body.p[i];
	mf_put_u64("last", sum);
	mf_meter("byte", body.n);
	n = mf_format(text, sizeof(text), "%llu", (unsigned long long)sum);
	mf_reply(200, "text/plain", text, n);
}}
"""


@pytest.fixture
def images(tmp_path):
    """1.0, which is wrong where the body begins with an x, and 1.1, which isn't."""
    made = []
    for version, first in (("1.0", "body.n > 0 && body.p[0] == 'x'"), ("1.1", "0")):
        source = tmp_path / f"source{version}"
        source.mkdir()
        (source / "mayfly.yaml").write_text(MANIFEST.format(version=version))
        (source / "main.c").write_text(MAIN.format(first=first))
        made.append(tmp_path / f"tally@{version}.mfy")
        done = run(BUILD / "mayfly", "build", source, "-o", made[-1])
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return made


@pytest.mark.parametrize("code", ["if (ev) __builtin_trap();",
                                  'if (ev) { mf_reply(500, "text/plain", "no", 2); return; }'],
                         ids=["crashes", "answers 500"])
def test_on_trial_what_fails_is_charged_once_by_the_version_that_did_it(start, tmp_path, code):
    images = []
    for version, bad in (("1.0", ""), ("1.1", code)):
        source = tmp_path / f"source{version}"
        source.mkdir()
        (source / "mayfly.yaml").write_text(MANIFEST.format(version=version).replace("writes: [last]\n", ""))
        (source / "main.c").write_text(f"""#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{{
	{bad}
	mf_meter("byte", mf_payload(ev).n);
	mf_reply_text("done");
}}
""")
        images.append(tmp_path / f"tally@{version}.mfy")
        done = run(BUILD / "mayfly", "build", source, "-o", images[-1])
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    (tmp_path / "center").mkdir()
    center = Center(start, tmp_path / "center", service(images[0], "limits: {deadline: 60s}"))
    done = run(BUILD / "mayfly", "deploy", images[1], "--share", "50,100", "--time", "1h", "--least", "1000",
               "--detach", "--hub", center.admin)
    assert done.returncode == 0, done.stderr

    def status():
        text = run(BUILD / "mayfly", "deploy", "--status", "-o", "json", "--hub", center.admin).stdout
        return json.loads(text)["deploys"][0]
    center.hub.until(lambda: status()["phase"] == "share")
    before, n = center.balance(), 0
    with center.client() as client:
        while status()["phase"] == "share" and n < 1000:
            n += 1
            answer = client.ask("POST", "/tally", b"abcd", bearer(center.key, Idempotency_Key=f"trial-{n}"))
            assert (answer.status, answer.body) == (200, b"done"), answer
            assert receipt(answer)[1]["version"] == answer.headers["mayfly-version"] == "1.0"
    assert status()["phase"] == "back" and "lives failed" in status()["why"]
    assert before - center.balance() == n * 4 * 2500
    assert len(center.charges()) == n and center.verify()["charges"] == n


def test_recall(start, tmp_path, images):
    (tmp_path / "center").mkdir()
    center = Center(start, tmp_path / "center", service(images[0], "limits: {deadline: 60s}"))
    account = center.balance()

    def pay(n, body, version):
        with center.client() as client:
            answer = client.ask("POST", "/tally", body, bearer(center.key, Idempotency_Key=f"key-{n}"))
        assert answer.status == 200 and receipt(answer)[1]["version"] == version, answer
        assert answer.headers["mayfly-version"] == version
        return int(answer.body)

    def recall(*args):
        return run(BUILD / "mayfly", "recall", *args, "--state", center.state)

    assert pay(1, b"abcd", "1.0") == sum(b"abcd")
    assert pay(2, b"xbc", "1.0") == sum(b"xbc") + 1
    assert pay(3, b"ab", "1.0") == sum(b"ab")
    assert pay(4, b"xb", "1.0") == sum(b"xb") + 1
    done = run(BUILD / "mayfly", "deploy", images[1], "--now", "--hub", center.admin)
    assert done.returncode == 0, done.stderr
    assert pay(5, b"xb", "1.1") == sum(b"xb")
    assert account - center.balance() == 13 * 2500

    listed = json.loads(recall("tally", "1.0", "-o", "json").stdout)
    assert (listed["receipts"], listed["charged"], listed["taken_back"]) == (4, "0.027500", 0)
    assert [row["price"] for row in listed["list"]] == ["0.010000", "0.007500", "0.005000", "0.005000"]
    assert {row["recomputed"] for row in listed["list"]} == {"unknown"}
    assert "all: 4 receipts, 0.027500 EUR; 0 taken back" in recall("tally", "1.0").stdout

    again = ("--recompute", images[1], "--hub", center.admin)
    found = json.loads(recall("tally", "1.0", *again, "-o", "json").stdout)
    assert [row["recomputed"] for row in found["list"]] == ["same", "other", "same", "other"]
    before = center.balance()
    given = json.loads(recall("tally", "1.0", *again, "--credit", "sums were wrong", "-o", "json").stdout)
    assert (given["now_taken_back"], given["taken_back_amount"]) == (2, "0.012500")
    assert center.balance() - before == 5 * 2500
    twice = json.loads(recall("tally", "1.0", *again, "--credit", "sums were wrong", "-o", "json").stdout)
    assert (twice["now_taken_back"], twice["taken_back"]) == (0, 2)
    rest = json.loads(recall("tally", "1.0", "--credit", "sums were wrong", "-o", "json").stdout)
    assert (rest["now_taken_back"], rest["taken_back"]) == (2, 4)
    assert center.balance() - before == 11 * 2500
    assert center.verify()["sales"] == "0.005000"  # what 1.1 did
    assert [e["note"] for e in center.entries() if e["kind"] == 4] == ["sums were wrong"] * 4
    assert pay(6, b"ab", "1.1") == sum(b"ab")  # the hub goes on in the same book
    assert center.verify()["sales"] == "0.010000"

    only = json.loads(recall("tally", "1.0", "--image", receipt_image(center, "1.0"), "-o", "json").stdout)
    assert only["receipts"] == 4
    none = recall("tally", "1.0", "--image", "0" * 64)
    assert none.returncode == 3 and "no receipt is of version 1.0 of tally" in none.stderr
    assert recall("tally", "9").returncode == 3
    assert recall("tally").returncode == 2
    assert recall("tally", "1.0", "--image", "xyz").returncode == 2
    assert run(BUILD / "mayfly", "recall", "tally", "1.0", "--state", tmp_path / "none").returncode == 3


def receipt_image(center, version):
    with sqlite3.connect(center.state / "ledger.db") as db:
        for (text,) in db.execute("SELECT receipt FROM charge"):
            one = json.loads(text)
            if one["version"] == version:
                return one["image"]
    raise AssertionError(version)
