"""A center's book on the command line, and receipts that are made without any of mayfly's code."""

import base64
import calendar
import hashlib
import json
import sqlite3
import subprocess
import time

import pytest


@pytest.fixture
def book(mayfly, tmp_path):
    def run(*args, **more):
        return mayfly(*args, "--state", tmp_path, **more)
    run.path = tmp_path / "ledger.db"
    return run


def ok(done):
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def refused(done, status, *words):
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert done.stderr.startswith("mayfly: ") and done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


class Signer:
    """Signs as a center does, with openssl."""

    def __init__(self, path):
        self.pem = path / "center.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.pem], check=True)
        der = subprocess.run(["openssl", "pkey", "-in", self.pem, "-pubout", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        self.public = base64.b64encode(b"Ed" + b"\1\2\3\4\5\6\7\10" + der[-32:]).decode()
        self.path = path

    def receipt(self, **members):
        body = {"mayfly": "receipt 1", "account": "anna", "event": "e1", "service": "linalg", "version": "1.2.3",
                "image": "11" * 32, "input": "22" * 32, "output": "33" * 32, "unit": "flop", "quantity": "54000000",
                "price": "108", "currency": "EUR", "cpu_ns": "9120000", "memory": "3145728", "snapshot": None,
                "at": "2026-11-22T19:42:16.123456789Z", "key": "0807060504030201"}
        body.update(members)
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        (self.path / "body").write_text(text)
        signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.pem, "-in",
                                    self.path / "body"], check=True, capture_output=True).stdout
        return f'{text[:-1]},"signature":"{base64.b64encode(signature).decode()}"}}'


class Charges:
    """Puts charges into a ledger whose account 1 is anna, as a hub does but for the hashes of the chain."""

    def __init__(self, path, signer):
        self.path, self.signer = path, signer

    def _entry(self, db, at, kind, refers, amount):
        number = db.execute("SELECT number FROM head").fetchone()[0] + 1
        digest = hashlib.sha256(b"%d" % number).digest()
        db.execute("INSERT INTO entry VALUES(?, ?, ?, 1, ?, zeroblob(32), '', ?)", (number, at, kind, refers, digest))
        db.execute("INSERT INTO posting VALUES(?, 0, 1, 1, ?)", (number, amount))
        db.execute("INSERT INTO posting VALUES(?, 1, 2, 0, ?)", (number, -amount))
        db.execute("UPDATE head SET number = ?, hash = ?", (number, digest))
        return number

    def put(self, event, **members):
        """A charge: its receipt's line."""
        text = self.signer.receipt(event=event, **members)
        receipt = json.loads(text)
        at = calendar.timegm(time.strptime(receipt["at"][:19], "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(receipt["at"][20:-1])
        with sqlite3.connect(self.path) as db:
            number = self._entry(db, at, 1, 0, -int(receipt["price"]))
            db.execute("INSERT INTO charge VALUES(?, 1, 1, ?, zeroblob(32), ?, ?, 200, '', x'', ?)",
                       (number, event.encode(), int(receipt["price"]), at, text.encode()))
        return text

    def void(self, entry, at=1):
        with sqlite3.connect(self.path) as db:
            amount = db.execute("SELECT amount FROM charge WHERE entry = ?", (entry,)).fetchone()[0]
            return self._entry(db, at, 4, entry, amount)
