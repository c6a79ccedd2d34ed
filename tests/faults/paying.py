"""A center under paying load, killed by kill -9 at random moments and started again: what its subscribers were told, what its ledger
says, and the sum of the receipts."""

import json
import os
import random
import signal
import sqlite3
import threading
import time

from conftest import BUILD, free_port
from http_client import Client
from hubs import Hub, children, command, hub_yaml, service
from market import Center, bearer, millionths, receipt

KINDS = {"hub": 7, "worker": 2, "signer": 1}  # how often of 10


class Subscriber(threading.Thread):
    """Asks until it is answered, each time with the same key, and now and then once more, or without a key at all."""

    def __init__(self, number, port, key):
        super().__init__(daemon=True)
        self.number, self.port, self.key = number, port, key
        self.random, self.stop = random.Random(number), threading.Event()
        self.told, self.alone, self.lost = {}, {}, 0  # receipts by name; those without a key; answers that never came
        self.wrong, self.asked, self.replayed = [], 0, 0

    def ask(self, path, body, **headers):
        """None: no answer came, or one that says to come again."""
        self.asked += 1
        try:
            with Client(self.port, seconds=30) as client:
                got = client.ask("POST", path, body, bearer(self.key, **headers))
        except (OSError, EOFError):
            return None
        if got.status in (409, 429, 502, 503, 504):  # 409: the first one is at work; its hold may be that of a hub that is gone
            return None
        if got.status != 200:
            self.wrong.append(f"{path}: {got.status} {got.body!r}")
        return got

    def once(self, name, path):
        while not self.stop.is_set() or name in self.told:
            if (got := self.ask(path, name.encode(), Idempotency_Key=name)) is not None:
                break
            time.sleep(self.random.uniform(0, 0.1))
        else:
            return False
        if got.status == 200:
            line = receipt(got)[0]
            self.replayed += "idempotency-replayed" in got.headers
            if self.told.setdefault(name, line) != line:
                self.wrong.append(f"{name}: two receipts")
        return True

    def run(self):
        n = 0
        while not self.stop.is_set():
            n += 1
            name = f"s{self.number}-{n}"
            if self.random.random() < 0.1:
                got = self.ask("/priced", b"12345678")
                if got is None or got.status != 200:
                    self.lost += 1
                else:
                    self.alone[got.headers["mayfly-event"]] = receipt(got)[0]
                continue
            path = self.random.choice((f"/sell/{name}", f"/sell/{name}", "/priced"))
            self.once(name, path)
            if self.random.random() < 0.2 and name in self.told:
                self.once(name, path)
        # those that are unanswered still: nobody knows of them but the ledger
        self.unanswered = f"s{self.number}-{n}"


class PayingKills:
    def __init__(self, directory, backend, seed, subscribers=4, server=None):
        self.directory, self.random, self.hubs = directory, random.Random(seed), []
        directory.mkdir(parents=True, exist_ok=True)
        self.port, self.server = free_port(), server
        self.done = dict.fromkeys([*KINDS, "server"], 0)
        limits = f"backend: {backend}", "limits: {deadline: 20s}"
        self.center = Center(self.start, directory, service(BUILD / "guest/shop.mfy", *limits),
                             service(BUILD / "guest/priced.mfy", *limits, "http: [{path: /priced}]"),
                             listen=f"127.0.0.1:{self.port}", paid="100000", server=server)
        self.subscribers = [Subscriber(i, self.port, self.center.key) for i in range(subscribers)]
        for s in self.subscribers:
            s.start()

    @property
    def hub(self):
        return self.hubs[-1]

    def start(self, *services, head):
        """A start of which the server isn't there is tried again, as whoever keeps a hub does."""
        while True:
            hub = Hub(self.directory / f"hub{len(self.hubs)}", hub_yaml(*services, head=head), wait=False, trace=False)
            self.hubs.append(hub)
            while hub.process.poll() is None and not hub.events("ready"):
                time.sleep(0.01)
            if hub.process.poll() is None:
                return hub
            assert self.server, hub.said()
            time.sleep(0.2)

    def again(self):
        self.center.hub = self.center.open()

    def kill(self, kind):
        hub = self.hub
        assert hub.process.poll() is None, f"the hub ended by itself: {hub.said()}"
        if kind == "hub":
            hub.process.kill()
            hub.process.wait()
            self.again()
        elif kind == "server":
            self.server.kill()
            time.sleep(self.random.choice((0, 0.1, 1)))
            self.server.start()
        elif kind == "signer":
            for pid in children(hub.pid):
                if command(pid) == "mayfly-signer":
                    os.kill(pid, signal.SIGKILL)
            assert hub.process.wait(60) == 1, hub.said()
            self.again()
        else:
            for pid in hub.workers():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.done[kind] += 1

    def run(self, kills):
        kinds = dict(KINDS, **({"server": 5} if self.server else {}))
        while sum(self.done.values()) < kills:
            time.sleep(self.random.uniform(0.02, 0.5))
            self.kill(self.random.choices(list(kinds), kinds.values())[0])

    def settle(self):
        for s in self.subscribers:
            s.stop.set()
        for s in self.subscribers:
            s.join(120)
            assert not s.is_alive(), self.hub.said()
        assert self.hub.stop(signal.SIGTERM) == 0, self.hub.said()
        if not self.server:  # holds of those that were killed last: the next start releases them
            self.again()
            assert self.hub.stop(signal.SIGTERM) == 0, self.hub.said()

    def sold(self):
        """By name, what the service wrote in its state."""
        with sqlite3.connect(f"file:{self.center.state}/mayfly.db?mode=ro", uri=True) as db:
            return {key.decode()[5:]: int(value) for key, value in db.execute("SELECT key, value FROM state")}

    def count(self):
        """The lines of the table, and what is wrong."""
        wrong = [w for s in self.subscribers for w in s.wrong]
        told = {name: line for s in self.subscribers for name, line in s.told.items()}
        alone = {name: line for s in self.subscribers for name, line in s.alone.items()}
        unanswered = {s.unanswered for s in self.subscribers}
        lost = sum(s.lost for s in self.subscribers)
        charges = {c["idempotency"]: c for c in self.center.told()}
        if len(charges) != len(self.center.charges()):
            wrong.append(f"{len(self.center.charges())} charges, {len(charges)} of them different")
        for name, line in {**told, **alone}.items():
            if name not in charges or charges[name]["receipt"] != line:
                wrong.append(f"{name}: told, and not in the ledger as it was told")
        untold = set(charges) - set(told) - set(alone)
        keyless = [name for name in untold if "-" not in name]
        if len(keyless) > lost or not {n for n in untold if "-" in n} <= unanswered:
            wrong.append(f"charged, and never told: {sorted(untold)[:10]}")
        sold = self.sold()
        for name, n in sold.items():
            if n != 1:
                wrong.append(f"{name}: sold {n} times")
        for name, line in told.items():
            if json.loads(line)["service"] == "shop" and sold.get(name) != 1:
                wrong.append(f"{name}: paid, and not in the state")
        total = sum(int(json.loads(c["receipt"])["price"]) for c in charges.values())
        verified, account = self.center.verify(), self.center.account()
        if millionths(verified["sales"]) != total or millionths(account["balance"]) != 100000_000000 - total:
            wrong.append(f"receipts {total}, sales {verified['sales']}, balance {account['balance']}")
        if not self.server and millionths(account["held"]) != 0:
            wrong.append(f"held: {account['held']}")
        wrong += [f"{hub.config.parent.name}: a sanitizer's words" for hub in self.hubs if "Sanitizer" in hub.said()]
        done = ", ".join(f"{n} {kind}" for kind, n in self.done.items() if n)
        return [f"killed {sum(self.done.values())} times: {done}",
                f"asked {sum(s.asked for s in self.subscribers)}, answered {len(told)} with a key and {len(alone)} without, "
                f"{sum(s.replayed for s in self.subscribers)} of them again",
                f"charged {len(charges)}, {total / 1e6:.6f} EUR; {len(untold)} of them without an answer that arrived; "
                f"sold {len(sold)}"], wrong

    def close(self):
        for s in self.subscribers:
            s.stop.set()
        self.hub.process.kill()
        self.hub.process.wait()
