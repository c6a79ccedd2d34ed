"""A center for tests: a ledger with a subscriber and his key, a key that signs, a hub that charges."""

import base64
import json
import sqlite3

from conftest import BUILD, run
from http_client import Client, listener
from hubs import service

PRICE = 2500  # millionths a byte: tests/guest/priced


class Center:
    """`start`: conftest's. Everything lies in `directory`, or the ledger in a `server` (postgres.py)."""

    def __init__(self, start, directory, *services, head="", rate=None, at_once=None, paid="10", server=None, state=None, listen="127.0.0.1:0"):
        self.state = state or directory / "state"
        self.state.mkdir()
        self.server, self.listen = server, listen
        self.ledger = server.schema() if server else self.state
        self.admin = directory / "admin"
        self.ok("keygen", "center", "-W", "-o", directory)
        self.public = directory / "center.pub"
        self.secret = next(p for p in directory.iterdir() if p.stem == "center" and p != self.public)
        plan = [f"--{name}={value}" for name, value in (("rate", rate), ("at-once", at_once)) if value]
        self.book("plan", "put", "gold", *plan)
        self.book("account", "add", "anna", "--plan", "gold")
        self.book("account", "pay", "anna", paid)
        self.key = self.add_key()
        self.start, self.services, self.head = start, services or (service(BUILD / "guest/priced.mfy"),), head
        self.hub = self.open()

    def open(self):
        market = f"{{key: {self.secret}, ledger: \"{self.ledger}\"}}" if self.ledger != self.state else f"{{key: {self.secret}}}"
        head = f"state: {self.state}\nadmin: {self.admin}\nmarket: {market}\n{listener(self.listen)}{self.head}"
        return self.start(*self.services, head=head)

    @staticmethod
    def ok(*args):
        done = run(BUILD / "mayfly", *args)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def book(self, *args):
        return self.ok(*args, "--state", self.ledger)

    def add_key(self, *args):
        return self.book("key", "add", "anna", *args).strip()

    def client(self):
        return Client(self.hub.http())

    def account(self, name="anna"):
        return next(a for a in json.loads(self.book("account", "ls", "-o", "json"))["accounts"] if a["name"] == name)

    def book_of(self):
        """The ledger, as another process sees it."""
        return sqlite3.connect(self.state / "ledger.db", isolation_level=None, timeout=20)

    def balance(self):
        return millionths(self.account()["balance"])

    def entries(self):
        return [json.loads(line) for line in self.book("ledger", "export").splitlines()]

    def charges(self):
        return [e for e in self.entries() if e["kind"] == 1]

    def told(self):
        """Idempotency key and receipt of each charge."""
        if self.server:
            said = self.server.sql("SELECT convert_from(idempotency, 'UTF8'), convert_from(receipt, 'UTF8') FROM charge "
                                   "ORDER BY entry", where=self.ledger)
            return [dict(zip(("idempotency", "receipt"), line.split("|", 1))) for line in said.splitlines()]
        with self.book_of() as book:
            rows = book.execute("SELECT idempotency, receipt FROM charge ORDER BY entry").fetchall()
        return [{"idempotency": key.decode(), "receipt": line.decode()} for key, line in rows]

    def receipts(self):
        return [json.loads(charge["receipt"]) for charge in self.told()]

    def verify(self):
        """The ledger is sound, and each receipt signed by this center; what was sold."""
        said = self.book("ledger", "verify", "--key", self.public, "-o", "json")
        return json.loads(said)


def millionths(text):
    whole, _, places = text.partition(".")
    return int(whole) * 1_000_000 + int(places.ljust(6, "0")) * (-1 if whole.startswith("-") else 1)


def bearer(key, **more):
    return {"Authorization": f"Bearer {key}", **{k.replace("_", "-"): v for k, v in more.items()}}


def receipt(answer):
    """The line, and what it says."""
    line = base64.b64decode(answer.headers["mayfly-receipt"], validate=True).decode()
    return line, json.loads(line)
