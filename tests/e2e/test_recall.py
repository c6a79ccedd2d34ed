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
