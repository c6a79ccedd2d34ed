"""A center: requests with a subscriber's key, what is held, charged and refused, receipts."""

import hashlib
import json
import subprocess

import pytest
from conftest import BUILD, run
from http_client import Client
from hubs import service
from market import PRICE, Center, bearer, millionths, receipt


@pytest.fixture
def center(start, tmp_path):
    c = Center(start, tmp_path)
    yield c
    if c.hub.process.poll() is None:
        assert c.hub.stop() == 0
    c.verify()
    assert millionths(c.account()["held"]) == 0


def ask(center, body=b"12345678", path="/x", key=None, **headers):
    with center.client() as client:
        return client.ask("POST", path, body, bearer(key or center.key, **headers))


def refused(answer, status, words, **members):
    assert answer.status == status, (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["status"] == status and words in problem["detail"], problem
    assert {k: problem[k] for k in members} == members
    assert "mayfly-receipt" not in answer.headers and "mayfly-charge" not in answer.headers


def test_from_a_plan_to_a_receipt(center, tmp_path):
    got = ask(center)
    assert (got.status, got.body) == (200, b"metered\n")
    assert got.headers["mayfly-charge"] == "0.020000 EUR"
    line, said = receipt(got)
    assert (said["account"], said["event"], said["service"], said["version"]) == (
        "anna", got.headers["mayfly-event"], "priced", "1.5")
    assert (said["unit"], said["quantity"], said["price"], said["currency"]) == ("byte", "8", str(8 * PRICE), "EUR")
    assert said["image"] == hashlib.sha256((BUILD / "guest/priced.mfy").read_bytes()).hexdigest()
    assert said["input"] == hashlib.sha256(b"12345678").hexdigest()
    assert said["output"] == hashlib.sha256(b"metered\n").hexdigest()
    (tmp_path / "receipts").write_text(line + "\n")
    assert "0.020000 EUR" in center.ok("receipt", "verify", tmp_path / "receipts", "--key", center.public)
    assert center.balance() == 10_000_000 - 8 * PRICE
    assert len(center.charges()) == 1


def test_curl(center, tmp_path):
    done = subprocess.run(["curl", "-sS", "-D", "-", "--data-binary", "12345678", "-H", f"Authorization: Bearer {center.key}",
                           f"http://127.0.0.1:{center.hub.http()}/x"], capture_output=True, text=True, timeout=60, check=True)
    assert "HTTP/1.1 200 OK" in done.stdout and "Mayfly-Receipt: " in done.stdout and done.stdout.endswith("metered\n")


def test_who_has_no_key(center):
    with center.client() as client:
        got = client.ask("POST", "/x", b"1234")
        refused(got, 401, "a key is needed")
        assert got.headers["www-authenticate"] == 'Bearer realm="mayfly"'
        # a quote is free
        assert client.ask("POST", "/x?quote", b"1234").status == 200
    for text in (center.key[:-1], center.key[:-1] + ("0" if center.key[-1] != "0" else "1"), "mfy_live_x", "secret"):
        got = ask(center, key=text)
        refused(got, 401, "no key")
        assert "invalid_token" in got.headers["www-authenticate"]
    with center.client() as client:
        refused(client.ask("POST", "/x", b"1", {"Authorization": "Basic YTpi"}), 401, "a key is needed")
        client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n" +
                    f"Authorization: Bearer {center.key}\r\n".encode() * 2 + b"\r\n1")
        refused(client.answer(), 400, "twice")
    assert not center.charges() and center.balance() == 10_000_000


def test_keys_that_are_no_good(center):
    other = center.add_key("--services", "linalg")
    refused(ask(center, key=other), 403, "isn't for that service")
    short = center.add_key("--expires", "1s")
    center.hub.until(lambda: ask(center, key=short).status == 401)
    refused(ask(center, key=short), 401, "expired")
    refused(ask(center, key=center.add_key("--test")), 403, "trying things out")
    unknown = run(BUILD / "mayfly", "key", "add", "anna", "--state", center.state).stdout.strip()
    assert ask(center, key=unknown).status == 200
    # revoked by the command line while the hub runs: at once
    number = json.loads(center.book("key", "ls", "-o", "json"))["keys"][-1]["number"]
    center.book("key", "revoke", str(number))
    refused(ask(center, key=unknown), 401, "revoked")
    center.book("account", "rm", "anna")
    refused(ask(center), 403, "closed")


def test_limits(center):
    poor = center.add_key("--most", "0.03")
    assert ask(center, key=poor).status == 200
    refused(ask(center, key=poor), 402, "more than may be charged to this key", quoted="0.020000", left="0.010000", currency="EUR")
    daily = center.add_key("--day", "0.02")
    assert ask(center, key=daily).status == 200
    refused(ask(center, key=daily), 402, "on a day", quoted="0.020000")
    refused(ask(center, b"x" * 4000), 402, "balance", quoted="10.000000", left="9.960000")
    # before the work, never after
    assert center.balance() == 10_000_000 - 2 * 8 * PRICE


def test_a_budget(center):
    refused(ask(center, Mayfly_Budget="0.019999 EUR"), 402, "Mayfly-Budget", quoted="0.020000", left="0.019999")
    assert ask(center, Mayfly_Budget="0.02 EUR").status == 200
    for text in ("0.02", "0.02 USD", "-1 EUR", "much"):
        refused(ask(center, Mayfly_Budget=text), 400, "Mayfly-Budget")


def test_what_failed_costs_nothing(center):
    assert ask(center, path="/x?meters=0").status == 200  # it metered nothing
    got = ask(center, path="/n", body=b"1")  # the formula has no value
    assert got.status == 200 and "mayfly-receipt" not in got.headers
    assert not center.charges()
    refused(ask(center, path="/n", body=b"1", key="mfy_live_"), 401, "no key")  # and needs one


def test_more_than_was_quoted_isn_t_charged(center):
    got = ask(center, path="/x?meters=1000000000000")
    assert got.headers["mayfly-charge"] == "0.020000 EUR"
    assert "metered" in center.hub.said()
    assert ask(center, path="/x?meters=1").headers["mayfly-charge"] == "0.010000 EUR"  # the minimum


def test_the_same_again(center):
    first = ask(center, Idempotency_Key='"one"')
    again = ask(center, Idempotency_Key='"one"')
    assert (again.status, again.body, again.headers["mayfly-receipt"]) == (200, first.body, first.headers["mayfly-receipt"])
    assert again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    refused(ask(center, b"other", Idempotency_Key='"one"'), 409, "used with another request")
    refused(ask(center, path="/y", Idempotency_Key='"one"'), 409, "used with another request")
    # another key of the same account means the same
    assert ask(center, key=center.add_key(), Idempotency_Key="one").headers["mayfly-receipt"] == first.headers["mayfly-receipt"]
    assert len(center.charges()) == 1
    # also after a restart
    assert center.hub.stop() == 0
    center.hub = center.open()
    assert ask(center, Idempotency_Key='"one"').headers["mayfly-receipt"] == first.headers["mayfly-receipt"]
    assert len(center.charges()) == 1
    refused(ask(center, Idempotency_Key='""'), 400, "Idempotency-Key")
