"""A hub and its broker, killed by kill -9 at random moments under load, and started again."""

import os
import random
import signal
import time

from broker import Broker
from conftest import BUILD, free_port
from counts import BrokerLog, Kept, Line, events, messages, scheduled
from hubs import UNSIGNED, Hub, service
from load import Destination, OverCoap, OverHttp, OverMqtt

# how often of 20
KINDS = {"hub": 8, "worker": 7, "broker": 3, "nursery": 1, "hub and broker": 1}
QUIET_S = 30  # so long without a message: nothing more will come


class Kills:
    def __init__(self, directory, backend, seed, rate, durability="batch"):
        self.directory, self.random, self.hubs = directory, random.Random(seed), []
        directory.mkdir(parents=True, exist_ok=True)
        self.broker = Broker(directory / "broker", "allow_anonymous true", "max_queued_messages 0")
        self.http, self.coap = free_port(), free_port()
        self.text = (f"mayfly: 1\nstate: {directory}/state\nmqtt: {{broker: \"{self.broker.uri}\"}}\n"
                     f"http: [{{listen: 127.0.0.1:{self.http}}}]\n"
                     f"coap: [{{listen: 127.0.0.1:{self.coap}}}]\nservices:\n" +
                     service(BUILD / "guest/ledger.mfy", f"backend: {backend}", f"durability: {durability}",
                             "limits: {threads: 2, deadline: 20s}") + UNSIGNED)
        self.done = dict.fromkeys(KINDS, 0)
        self.start()
        self.hub.until(lambda: self.broker.said().count("Sending SUBACK") >= 1)
        self.destination = Destination(self.broker.port)
        time.sleep(1.5)  # the broker writes down who wants what
        self.mqtt = OverMqtt(self.broker.port, rate)
        self.over_http = [OverHttp(f"h{i}-", self.http, rate / 4) for i in range(2)]
        self.others = [*self.over_http, OverCoap(self.coap, rate / 4)]

    @property
    def hub(self):
        return self.hubs[-1]

    def start(self, **options):
        self.hubs.append(Hub(self.directory / f"hub{len(self.hubs)}", self.text, trace=False, **options))

    # ------------------------------------------------------------ what is killed

    def kill_hub(self, again=True):
        self.hub.process.kill()
        self.hub.process.wait()
        if again and self.random.random() < 0.3:  # while it starts, too
            self.start(wait=False)
            time.sleep(self.random.uniform(0, 0.3))
            self.kill_hub(again=False)
            self.done["hub"] += 1
            return
        if again:
            time.sleep(self.random.choice((0, 0, 0.3)))
        self.start()

    def kill_broker(self):
        self.broker.stop(signal.SIGKILL)
        time.sleep(self.random.choice((0, 0.1, 0.5)))
        self.broker.start()

    def kill_worker(self):
        """And, now and then, the one that takes its place, as soon as it is there. False: there was none."""
        killed = False
        for times in range(self.random.choice((1, 1, 1, 3))):
            if times > 0:
                time.sleep(self.random.uniform(0, 0.1))
            for pid in self.hub.workers():
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed = True
                except ProcessLookupError:
                    pass
        return killed

    def kill_nursery(self):
        """Without it the hub can start no worker: it ends, and whoever started it starts another."""
        os.kill(self.hub.nursery(), signal.SIGKILL)
        assert self.hub.process.wait(30) == 1, self.hub.said()
        self.start()

    def kill_both(self):
        self.broker.stop(signal.SIGKILL)
        self.kill_hub()
        self.broker.start()

    def kill(self, kind):
        assert self.hub.process.poll() is None, f"the hub ended by itself: {self.hub.said()}"
        killed = {"hub": self.kill_hub, "worker": self.kill_worker, "broker": self.kill_broker,
                  "nursery": self.kill_nursery, "hub and broker": self.kill_both}[kind]()
        self.done[kind] += killed is not False

    def run(self, kills):
        while sum(self.done.values()) < kills:
            time.sleep(self.random.uniform(0.05, 1))
            self.kill(self.random.choices(list(KINDS), KINDS.values())[0])

    # ------------------------------------------------------------------- the end

    def all_arrived(self):
        names = set(self.mqtt.accepted).union(*(s.accepted for s in self.others))
        later = set(self.mqtt.later).union(*(s.later for s in self.others))
        wanted = names | {f"rang-{name}" for name in names & later}
        return wanted <= set(self.destination.ids)

    def settle(self):
        """Until all is there, or nothing comes any more."""
        for sender in (self.mqtt, *self.others):
            assert sender.finish(60), f"not accepted: {self.hub.said()[-2000:]}"
        assert not any(h.wrong for h in self.over_http), [h.wrong for h in self.over_http]
        before, since = -1, time.monotonic()
        while not self.all_arrived() and time.monotonic() - since < QUIET_S:
            if self.destination.count() != before:
                before, since = self.destination.count(), time.monotonic()
            time.sleep(0.1)
        time.sleep(0.5)  # what should not come has its chance
        assert self.hub.stop(signal.SIGTERM) == 0, self.hub.said()
        self.destination.stop()
        self.broker.stop()

    def count(self):
        """The lines of the table, and how much is left over."""
        kept, log = Kept(self.directory / "state"), BrokerLog(self.broker.said())
        seen, rang = kept.of("seen/"), kept.of("rang/")
        lines = [events("over MQTT", self.mqtt, seen, log)]
        lines += [events("over HTTP", h, seen, None) for h in self.over_http]
        lines += [events("over CoAP", self.others[-1], seen, None),
                  scheduled([self.mqtt, *self.others], seen, rang),
                  messages(seen, rang, self.destination, log)]
        wrong = [f"{line.what}: {what}: {', '.join(names[:10])}" for line in lines
                 for what, names in (("lost", line.lost), ("doubled", line.doubled)) if names]
        if kept.state.get("all", 0) != sum(seen.values()):
            wrong.append(f"all: {kept.state.get('all', 0)}, and each of its own {sum(seen.values())}")
        if wrong and self.others[-1].refused:
            wrong.append(f"over CoAP: refused: {self.others[-1].refused}")
        for what in ("dead", "retries", "later"):
            if getattr(kept, what):
                wrong.append(f"{what}: {getattr(kept, what)}")
        wrong += [f"{hub.config.parent.name}: a sanitizer's words" for hub in self.hubs
                  if "Sanitizer" in hub.said()]
        return lines, wrong

    def close(self):
        for stop in (self.hub.process.kill, self.broker.process.kill):
            stop()


def table(kills, lines):
    done = ", ".join(f"{n} {kind}" for kind, n in kills.done.items() if n)
    again = kills.destination.count() - len(kills.destination.times)
    return "\n".join([f"killed {sum(kills.done.values())} times: {done}", Line.titles(),
                      *(line.text() for line in lines),
                      f"{again} messages came more than once, with the same id"])
