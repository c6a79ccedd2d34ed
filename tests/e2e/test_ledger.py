"""mayfly plan, account, key, ledger, receipt: a center's book on the command line."""

import hashlib
import json
import re
import sqlite3
import stat
import struct

import pytest
from books import Signer, book, ok, refused  # noqa: F401 (book is a fixture)

KEY = re.compile(r"mfy_live_[0-9a-hjkmnp-tv-z]{32}_[0-9a-hjkmnp-tv-z]{6}\n")


def rows(done, name):
    return json.loads(ok(done))[name]


def test_from_a_plan_to_a_key(book):
    ok(book("plan", "put", "gold", "--credit", "5.50", "--day", "100", "--rate", "10", "--currency", "USD"))
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o600
    ok(book("account", "add", "anna", "--plan", "gold"))
    ok(book("account", "add", "berta"))
    assert ok(book("account", "pay", "anna", "12.345678", "--note", "invoice 7")) == "entry 1\n"
    assert json.loads(ok(book("account", "credit", "anna", "1", "-o", "json"))) == {"account": "anna", "entry": 2}
    anna, berta = rows(book("account", "ls", "-o", "json"), "accounts")
    assert (anna["name"], anna["balance"], anna["credit"], anna["day"]) == ("anna", "13.345678", "5.500000", "100.000000")
    assert (berta["plan"], berta["balance"], berta["day"], berta["closed"]) == ("prepaid", "0.000000", None, False)
    # a plan's change reaches accounts that have nothing of their own
    ok(book("account", "set", "anna", "--day", "7"))
    ok(book("plan", "put", "gold", "--credit", "1"))
    anna = rows(book("account", "ls", "-o", "json"), "accounts")[0]
    assert (anna["credit"], anna["day"]) == ("1.000000", "7.000000")
    assert "anna" in ok(book("account", "ls")) and "gold" in ok(book("plan", "ls"))
    refused(book("plan", "rm", "gold"), 1, "gold")
    refused(book("plan", "rm", "silver"), 3, "silver")
    ok(book("account", "rm", "berta"))
    assert rows(book("account", "ls", "-o", "json"), "accounts")[1]["closed"]
    ok(book("account", "open", "berta"))
    assert not rows(book("account", "ls", "-o", "json"), "accounts")[1]["closed"]
    assert json.loads(ok(book("account", "close", "berta", "-o", "json")))["closed"]
    assert "closed    yes\n" in ok(book("account", "show", "berta")) and "rate      0" in ok(book("plan", "show", "gold"))
    refused(book("account", "set", "anna", "--plan", "silver"), 3, "silver", "mayfly plan ls")
    refused(book("account", "pay", "anna", "0"), 2, "amount")


def test_keys(book):
    ok(book("account", "add", "anna"))
    text = ok(book("key", "add", "anna", "--services", "linalg,dns", "--expires", "90d", "--most", "10"))
    assert KEY.fullmatch(text)
    # it is nowhere but with whom it was shown to: the ledger has its hash
    assert text.strip().encode() not in b"".join(p.read_bytes() for p in book.path.parent.iterdir())
    with sqlite3.connect(book.path) as db:
        assert db.execute("SELECT hash FROM keys").fetchall() == [(hashlib.sha256(text.strip().encode()).digest(),)]
    made = json.loads(ok(book("key", "rotate", "1", "--overlap", "1h", "-o", "json")))
    assert made["number"] == 2 and KEY.fullmatch(made["key"] + "\n") and made["key"] + "\n" != text
    first, second = rows(book("key", "ls", "-o", "json"), "keys")
    assert first["key"] == text[:17] and second["key"] == made["key"][:17]
    assert second["services"] == "linalg dns" and second["most"] == "10.000000" and second["replaces"] == 1
    assert first["state"] == "good" and first["expires"] < second["expires"]
    ok(book("key", "rotate", "2", "--overlap", "0"))
    assert [key["state"] for key in rows(book("key", "ls", "anna", "-o", "json"), "keys")] == ["good", "expired", "good"]
    refused(book("key", "rotate", "2"), 1, "ended")
    assert "replaces  1" in ok(book("key", "show", "2"))
    ok(book("key", "revoke", "3"))
    ok(book("key", "revoke", "3"))
    assert rows(book("key", "ls", "-o", "json"), "keys")[2]["state"] == "revoked"
    assert ok(book("key", "add", "anna", "--test")).startswith("mfy_test_")
    assert "revoked" in ok(book("key", "ls"))
    for args in (["add", "nobody"], ["rotate", "9"], ["revoke", "9"], ["ls", "nobody"]):
        refused(book("key", *args), 3, args[1])
    refused(book("key", "add", "anna", "--services", "lin alg,,x"), 2, "--services")
    refused(book("key", "add", "anna", "--expires", "soon"), 2, "soon")
    refused(book("key", "revoke", "one"), 2, "one")


def entry_hash(entry, previous):
    """As market/chain.h says."""
    def number(n):
        return struct.pack(">q", n)
    note = entry["note"].encode()
    text = b"mayfly ledger entry 1\0" + b"".join(
        number(entry[name]) for name in ("number", "at", "kind", "account", "refers"))
    text += bytes.fromhex(entry["charge"]) + number(len(note)) + note + number(len(entry["postings"]))
    text += b"".join(number(n) for posting in entry["postings"] for n in posting)
    return hashlib.sha256(text + previous).hexdigest()


def test_the_chain(book):
    ok(book("account", "add", "anna"))
    for amount in ("1", "2", "3.5"):
        ok(book("account", "pay", "anna", amount, "--note", "für " + amount))
    head = json.loads(ok(book("ledger", "verify", "-o", "json")))["head"]
    assert ok(book("ledger", "void", "2", "--note", "twice")) == "entry 4\n"
    refused(book("ledger", "void", "2"), 1, "already")
    refused(book("ledger", "void", "4"), 1, "itself")
    refused(book("ledger", "void", "9"), 3, "9")
    assert rows(book("account", "ls", "-o", "json"), "accounts")[0]["balance"] == "4.500000"
    previous = "00" * 32
    entries = [json.loads(line) for line in ok(book("ledger", "export")).splitlines()]
    for entry in entries:
        assert entry["hash"] == entry_hash(entry, bytes.fromhex(previous))
        assert sum(amount for _, _, amount in entry["postings"]) == 0
        previous = entry["hash"]
    assert [entry["kind"] for entry in entries] == [2, 2, 2, 4] and entries[2]["hash"] == head
    assert len(ok(book("ledger", "export", "--from", "3")).splitlines()) == 2
    # what was noted then is there still
    found = json.loads(ok(book("ledger", "verify", "--head", head, "-o", "json")))
    assert found["head"] == previous and found["entries"] == 4 and found["sales"] == "0.000000"
    refused(book("ledger", "verify", "--head", "12" * 32), 4, "12" * 32)
    refused(book("ledger", "verify", "--head", "12"), 2, "--head")
    with sqlite3.connect(book.path) as db:
        db.execute("UPDATE posting SET amount = amount * 2 WHERE entry = 3")
    refused(book("ledger", "verify"), 4, "entry 3: its hash")


def test_where_there_is_none(book, mayfly, tmp_path):
    for args in (["account", "ls"], ["key", "ls"], ["plan", "ls"], ["ledger", "verify"], ["account", "pay", "x", "1"],
                 ["receipt", "ls", "x"]):
        refused(book(*args), 3, str(tmp_path))
    assert not book.path.exists()
    refused(mayfly("account", "add", "x", "--state", tmp_path / "none"), 3, "none")
    refused(book("account", "add", "x", "--currency", "euro"), 2, "euro")
    book.path.write_bytes(b"no database, though it is long enough for somebody to take it for the head of one" * 2)
    refused(book("account", "add", "x"), 1, "nothing was changed")


@pytest.mark.parametrize("args", [
    ["account"], ["account", "add"], ["account", "pay", "x"], ["account", "pay", "x", "1.0000001"],
    ["account", "credit", "x", "-1"], ["account", "pay", "x", "many"], ["account", "add", "x", "--credit", "-1"],
    ["account", "pay", "x", "1000000001"], ["plan", "put"], ["plan", "put", "x", "--rate", "-1"], ["plan", "ls", "x"],
    ["plan", "put", "a b"], ["plan", "put", "x", "--note", "y"], ["account", "ls", "--test"],
    ["account", "set", "x", "--day", "soon"], ["account", "ls", "--hub", "x", "--state", "y"],
    ["receipt", "ls"], ["receipt", "ls", "x", "november"], ["receipt", "ls", "x", "2026-11", "y"],
    ["key", "add"], ["key", "find", "x"], ["key", "rotate", "1", "--overlap", "long"], ["key", "show", "0"], ["ledger"], ["ledger", "void"], ["ledger", "verify", "x"],
    ["ledger", "export", "--from", "0"], ["account", "ls", "--nope"], ["account", "ls", "-o", "xml"]])
def test_usage(book, args):
    refused(book(*args), 2)



def test_receipts(mayfly, tmp_path):
    center, file = Signer(tmp_path), tmp_path / "receipts"

    def verify(*lines, key=center.public):
        file.write_text("".join(line + "\n" for line in lines))
        return mayfly("receipt", "verify", file, "--key", key)
    one, two = center.receipt(), center.receipt(event="ä \"2\"", price="1000000", snapshot="44" * 32)
    assert ok(verify(one)) == "1 receipts, 0.000108 EUR\n"
    assert ok(verify(one, two)) == "2 receipts, 1.000108 EUR\n"
    refused(verify(one, two, one), 4, "twice")
    refused(verify(one, two.replace("1000000", "1000001")), 4, "line 2", "altered")
    refused(verify(one.replace(",", ", ", 1)), 4, "line 1", "one way")
    refused(verify(one, center.receipt(event="e3", currency="USD")), 4, "line 2", "currency")
    refused(verify(center.receipt(key="0807060504030202")), 4, "another key")
    refused(verify(one, key=Signer(tmp_path).public), 4, "altered")
    refused(verify("{}"), 4, "no receipt")
    refused(verify(), 4, "none")
    refused(mayfly("receipt", "verify", file), 2, "--key")
    refused(mayfly("receipt", "verify", tmp_path / "no", "--key", center.public), 3, "no")
