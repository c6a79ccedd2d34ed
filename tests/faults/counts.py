"""What became of each event: by the hub's database, by the messages that arrived, and by the broker's log, which
says what it was told and by whom."""

import re
import sqlite3


class Kept:
    """A hub's database, when the hub is stopped."""

    def __init__(self, directory):
        with sqlite3.connect(f"file:{directory}/mayfly.db?mode=ro", uri=True) as db:
            self.state = {key.decode(): int(value) for key, value in db.execute("SELECT key, value FROM state")}
            self.outbox, self.dead, self.retries, self.later = (
                db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("outbox", "dead", "retry", "later"))

    def of(self, prefix):
        return {key[len(prefix):]: n for key, n in self.state.items() if key.startswith(prefix)}


class BrokerLog:
    """Which messages somebody acknowledged: the hub what it was sent, the broker what the hub sent."""

    SENT = re.compile(r"Sending PUBLISH to (mayfly-\S+) \(d., q1, r., m(\d+), '([^']*)'")
    TAKEN = re.compile(r"Received PUBACK from (mayfly-\S+) \(Mid: (\d+)")
    GOT = re.compile(r"Received PUBLISH from (mayfly-\S+) \(d., q1, r., m(\d+), '([^']*)'")
    TOOK = re.compile(r"Sending PUBACK to (mayfly-\S+) \(m(\d+)")

    def __init__(self, text):
        self.by_hub = self.acknowledged(text, self.SENT, self.TAKEN)
        self.by_broker = self.acknowledged(text, self.GOT, self.TOOK)

    @staticmethod
    def acknowledged(text, sent, taken):
        under_way, done = {}, set()
        for line in text.splitlines():
            if match := sent.search(line):
                under_way[match.group(1, 2)] = match.group(3)
            elif match := taken.search(line):
                done.add(under_way.pop(match.group(1, 2), None))
        return done


class Line:
    """One of the table: events of one kind."""

    COLUMNS = ("sent", "accepted", "effects", "doubled", "lost", "forgotten by the broker")

    def __init__(self, what, sent, accepted, effects, doubled, lost, forgotten):
        self.what, self.lost, self.doubled = what, sorted(lost), sorted(doubled)
        self.figures = (len(sent), len(accepted), effects, len(self.doubled), len(self.lost), len(forgotten))

    def text(self):
        return f"{self.what:<22}" + "".join(
            f"{n:>{max(9, len(title) + 2)}}" for n, title in zip(self.figures, self.COLUMNS))

    @classmethod
    def titles(cls):
        return " " * 22 + "".join(f"{title:>{max(9, len(title) + 2)}}" for title in cls.COLUMNS)


def events(what, sender, seen, log):
    """Accepted is what was acknowledged to its sender: the effects of that are in the state, once."""
    missing = {name for name in sender.accepted if name not in seen}
    # the broker took it, and told nobody, or not to the end: the hub never answered for it
    forgotten = {name for name in missing if log and f"in/{name}" not in log.by_hub}
    mine = {name: n for name, n in seen.items() if name in sender.sent}
    return Line(what, sender.sent, sender.accepted, len(mine), {n for n in mine if mine[n] > 1},
                missing - forgotten, forgotten)


def scheduled(senders, seen, rang):
    wanted = {name for sender in senders for name in sender.later if name in seen}
    return Line("from the schedule", wanted, wanted, len(rang), {n for n in rang if rang[n] > 1},
                wanted - set(rang), ())


def messages(seen, rang, destination, log):
    """Each effect has one message, with one id however often it comes."""
    wanted = set(seen) | {f"rang-{name}" for name in rang}
    missing = wanted - set(destination.ids)
    forgotten = {name for name in missing if f"out/{name}" in log.by_broker}
    return Line("messages out", wanted, wanted, len(set(destination.ids) & wanted),
                {name for name, ids in destination.ids.items() if len(ids) > 1},
                missing - forgotten, forgotten)
