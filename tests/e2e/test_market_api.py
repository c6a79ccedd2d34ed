"""A center's admin API: the words of mayfly account, plan and key, invoices and entries, in JSON; and libmayfly's receipts."""

import json
import sqlite3
import threading
import time

import pytest
from conftest import BUILD, run
from hubs import service
from market import PRICE, Center, bearer, receipt
from http_client import listener


@pytest.fixture
def center(start, tmp_path):
    c = Center(start, tmp_path)
    yield c
    if c.hub.process.poll() is None:
        assert c.hub.stop() == 0
    c.verify()


def page(center, path, members=None, status=200):
    """GET, or POST with members."""
    args = ["-d", json.dumps(members)] if members is not None else []
    done = run("curl", "-sS", "--max-time", "30", "-w", "\n%{http_code}", "--unix-socket", center.admin, *args,
               f"http://hub/v1/{path}")
    body, _, code = done.stdout.rpartition("\n")
    assert int(code) == status, done.stdout
    return json.loads(body)


def refused(center, path, members, status, words):
    problem = page(center, path, members, status)
    assert problem["status"] == status and words in problem["detail"], problem


def pay(center, body=b"12345678", **headers):
    with center.client() as client:
        return client.ask("POST", "/x", body, bearer(center.key, **headers))


def hub(center, *args):
    return center.ok(*args, "--hub", center.admin)


def test_the_same_words(center):
    gold = page(center, "plans/put", {"name": "silver", "credit": "5.5", "day": None, "at_once": 3})
    assert gold == {"name": "silver", "credit": "5.500000", "day": None, "rate": 0, "at_once": 3}
    assert page(center, "plans/show?name=silver") == gold
    berta = page(center, "accounts/add", {"name": "berta@example", "plan": "silver"})
    assert (berta["number"], berta["balance"], berta["credit"], berta["closed"]) == (2, "0.000000", "5.500000", False)
    assert page(center, "accounts/pay", {"name": "berta@example", "amount": "-0.25", "note": "für Ärger"})["entry"] == 2
    assert page(center, "accounts/credit", {"name": "berta@example", "amount": "1"})["entry"] == 3
    assert page(center, "ledger/void", {"number": 3}) == {"entry": 4}
    assert page(center, "accounts/show?name=berta%40example")["balance"] == "-0.250000"
    assert page(center, "accounts/set", {"name": "berta@example", "day": "7"})["day"] == "7.000000"
    assert page(center, "accounts/close", {"name": "berta@example"})["closed"]
    # the command line says the same, of the ledger where it lies and of the hub
    for words in (["account", "ls"], ["plan", "ls"], ["key", "ls"], ["key", "ls", "anna"], ["account", "show", "anna"]):
        assert hub(center, *words, "-o", "json") == center.book(*words, "-o", "json")
        assert hub(center, *words) == center.book(*words)
    assert page(center, "accounts") == json.loads(hub(center, "account", "ls", "-o", "json"))
    assert hub(center, "account", "open", "berta@example") == ""
    assert hub(center, "account", "pay", "berta@example", "1.5") == "entry 5\n"
    assert not page(center, "accounts/show?name=berta@example")["closed"]


def test_a_key_is_shown_once(center):
    added = page(center, "keys/add", {"account": "anna", "services": "priced", "most": "0.1"})
    key, number = added["key"], added["number"]
    assert page(center, "keys?account=anna")["keys"][-1]["key"] == key[:17]
    with center.client() as client:
        assert client.ask("POST", "/x", b"1234", bearer(key)).status == 200
    other = hub(center, "key", "rotate", str(number), "--overlap", "0").strip()
    with center.client() as client:
        assert client.ask("POST", "/x", b"1234", bearer(key)).status == 401
        assert client.ask("POST", "/x", b"1234", bearer(other)).status == 200
    # nobody has a grace period of a key that was revoked here
    assert page(center, "keys/revoke", {"number": number + 1})["state"] == "revoked"
    with center.client() as client:
        assert client.ask("POST", "/x", b"1234", bearer(other)).status == 401
    seen = center.hub.said() + hub(center, "logs") + json.dumps(page(center, "events"))
    seen += "".join(hub(center, "trace", event["id"]) for event in page(center, "events")["events"] if event["id"])
    for text in (key, other):
        assert text[9:] not in seen
        assert text.encode()[9:] not in b"".join(p.read_bytes() for p in center.state.rglob("*") if p.is_file())


def test_refusals(center):
    refused(center, "accounts/add", {"name": "anna"}, 409, "is there already")
    refused(center, "accounts/add", {"name": "b", "plan": "tin"}, 404, "tin")
    refused(center, "accounts/add", {"name": "a b"}, 400, "names have")
    refused(center, "accounts/add", {"colour": "red"}, 400, "colour")
    refused(center, "accounts/pay", {"name": "anna"}, 400, "amount: say it")
    refused(center, "accounts/pay", {"name": "anna", "amount": "1.0000001"}, 400, "6 places")
    refused(center, "accounts/pay", {"name": "anna", "amount": 1.5}, 400, "text")
    refused(center, "accounts/pay", ["anna", "1"], 400, "no object")
    refused(center, "plans/rm", {"name": "gold"}, 409, "somebody else uses it")
    refused(center, "ledger/void", {"number": 99}, 404, "99")
    refused(center, "keys/revoke", {"number": 99}, 404, "99")
    refused(center, "keys?account=nobody", None, 404, "nobody")
    refused(center, "keys?account=%zz", None, 400, "no object")
    refused(center, "invoices?account=anna&month=november", None, 400, "2026-11")
    refused(center, "invoices?account=nobody&month=2026-11", None, 404, "nobody")
    refused(center, "ledger/export?from=0", None, 400, "from")
    refused(center, "ledger/usage?account=nobody", None, 404, "nobody")
    # what was refused has changed nothing, and paid work goes on
    assert pay(center).status == 200
    assert len(page(center, "ledger/export")["entries"]) == 2
    # the command line's words for it
    done = run(BUILD / "mayfly", "account", "show", "nobody", "--hub", center.admin)
    assert (done.returncode, done.stderr) == (3, 'mayfly: account: "nobody": there is none\n')
    done = run(BUILD / "mayfly", "plan", "rm", "gold", "--hub", center.admin)
    assert done.returncode == 1 and "uses it" in done.stderr


def test_no_center(start, tmp_path):
    admin = tmp_path / "admin"
    start(service(BUILD / "guest/priced.mfy"), head=f"state: {tmp_path}/state\nadmin: {admin}\n{listener()}")
    done = run(BUILD / "mayfly", "account", "ls", "--hub", admin)
    assert done.returncode == 3 and "no center" in done.stderr


def test_invoices_and_entries(center, tmp_path):
    lines = [receipt(pay(center, b"x" * n))[0] for n in (4, 5, 6)]
    month = json.loads(lines[0])["at"][:7]
    if json.loads(lines[2])["at"][:7] != month or time.strftime("%Y-%m", time.gmtime()) != month:
        pytest.skip("a month ends at this very moment")
    invoice = page(center, f"invoices?account=anna&month={month}")
    assert invoice == json.loads(run(BUILD / "mayfly", "invoice", "anna", month, "-o", "json", "--state", center.state).stdout)
    assert [(line["service"], line["quantity"], line["per_unit"], line["receipts"]) for line in invoice["lines"]] == [
        ("priced", "15", "0.0025", 3)]
    html = run("curl", "-sS", "-D", "-", "--unix-socket", center.admin,
               f"http://hub/v1/invoices?account=anna&month={month}&format=html").stdout
    assert "text/html" in html and "<h1>Invoice anna-" in html
    # whoever has the receipts can compute it; who lost some of them gets them from the center
    assert center.book("receipt", "ls", "anna").splitlines() == lines
    assert center.book("receipt", "ls", "anna", month).splitlines() == lines
    assert center.book("receipt", "ls", "anna", "2020-01") == ""
    (tmp_path / "invoice.json").write_text(json.dumps(invoice))
    (tmp_path / "receipts").write_text("".join(line + "\n" for line in lines))
    said = center.ok("invoice", "verify", tmp_path / "invoice.json", tmp_path / "receipts", "--key", center.public)
    assert said == f"anna-{month}: 3 receipts, {15 * PRICE / 1e6:.6f} EUR\n"
    # entries and usage, a page at a time
    exported = page(center, "ledger/export?from=2")
    assert exported == {"entries": center.entries()[1:], "next": 5, "more": False}
    usage = page(center, "ledger/usage")
    assert [event["data"]["receipt"] for event in usage["events"]] == lines and usage["next"] == 5
    assert usage["events"] == [json.loads(line) for line in center.book("ledger", "usage").splitlines()]
    assert page(center, "ledger/usage?from=5")["events"] == []


def test_verified(center):
    for n in (4, 5):
        assert pay(center, b"x" * n).status == 200
    right = json.loads(center.book("ledger", "verify", "-o", "json"))
    for query in ("", "?receipts=true"):
        said = page(center, "ledger/verify" + query)
        assert said.pop("wrong") is None
        assert said == {name: right[name] for name in said} and said["charges"] == 2
    # an altered row is found while the hub goes on
    with sqlite3.connect(center.state / "ledger.db") as db:
        db.execute("UPDATE posting SET amount = amount * 2 WHERE entry = 3")
    assert page(center, "ledger/verify")["wrong"].startswith("entry 3: its hash")
    with sqlite3.connect(center.state / "ledger.db") as db:
        db.execute("UPDATE posting SET amount = amount / 2 WHERE entry = 3")
    assert pay(center).status == 200
    # asked by many at once: one is looked at after the other, or they hear that somebody else's is under way
    codes = []

    def ask():
        codes.append(run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", center.admin,
                         "http://hub/v1/ledger/verify").stdout)
    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {"200", "409"} and "200" in codes


def test_paid_work_goes_on_meanwhile(center):
    """Many ask for pages while others pay: all are answered."""
    stop, answers = threading.Event(), []

    def look():
        while not stop.is_set():
            answers.append(page(center, "accounts")["accounts"][0]["name"])
    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        paid = [pay(center).status for _ in range(30)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(paid) == {200} and set(answers) == {"anna"}
    # who doesn't wait for his page is in nobody's way
    for _ in range(20):
        run("curl", "-s", "--max-time", "0.001", "--unix-socket", center.admin, "http://hub/v1/accounts")
    assert page(center, "accounts")["accounts"][0]["balance"] == f"{10 - 30 * 8 * PRICE / 1e6:.6f}"


# ---------------------------------------------------------------------- libmayfly


def client_ask(center, *args):
    done = run(BUILD / "tests/client-ask", "--subscriber", center.key, "--center", center.public, *args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_libmayfly(center, tmp_path):
    url = f"http://127.0.0.1:{center.hub.http()}"
    got = client_ask(center, "--quote", str(8 * PRICE), url, "/x", "1234", "5678")
    assert (got["status"], got["body"], got["receipt"]["error"]) == (200, "metered\n", 0)
    assert got["receipt"]["price"] == 8 * PRICE
    (tmp_path / "receipts").write_text(got["receipt"]["line"] + "\n")
    center.ok("receipt", "verify", tmp_path / "receipts", "--key", center.public)
    # not more than it was quoted
    got = client_ask(center, "--quote", str(8 * PRICE - 1), url, "/x", "12345678")
    assert got["receipt"] == {"error": 11, "text": "receipt: it costs more than was quoted", "price": 8 * PRICE}
    # signed by somebody else
    center.ok("keygen", "other", "-W", "-o", tmp_path)
    got = client_ask(center, "--center", tmp_path / "other.pub", url, "/x", "1")
    assert got["receipt"]["error"] == 5 and got["receipt"]["text"] == "receipt: another key signed it"
    # who has no key, or no money, hears of it at once
    got = client_ask(center, "--subscriber", center.key[:-1] + ("1" if center.key[-1] != "1" else "2"), url, "/x", "1")
    assert (got["status"], got["attempts"]) == (401, 1) and "has none" in got["receipt"]["text"]
    got = client_ask(center, url, "/x", "1" * 5000)
    assert (got["status"], got["attempts"]) == (402, 1)
