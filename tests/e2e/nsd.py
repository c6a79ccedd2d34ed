"""NSD on a loopback port, to compare services/dns with: another server, by other people."""

import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import time

from dns_message import (A, AA, AAAA, AXFR, CAA, CNAME, DS, HINFO, MX, NAMES, NOERROR, NS, PTR, SOA,
                         SRV, TC, TXT, Message, name_wire, query)

PROGRAM = shutil.which("nsd") or shutil.which("nsd", path="/usr/sbin:/sbin")

CONF = """server:
  ip-address: 127.0.0.1@{port}
  do-ip6: no
  username: ""
  chroot: ""
  database: ""
  server-count: 1
  zonesdir: "{directory}"
  pidfile: ""
  zonelistfile: "{directory}/zone.list"
  xfrdfile: "{directory}/xfrd.state"
  xfrdir: "{directory}"
  cookie-secret-file: ""
  refuse-any: no
  rrl-ratelimit: 0
  logfile: "{directory}/nsd.log"
remote-control:
  control-enable: no
"""


class Nsd:
    """Serves zones {name: path} until stop()."""

    def __init__(self, directory, port, zones):
        self.port = port
        conf = CONF.format(port=port, directory=directory)
        for name, path in zones.items():
            conf += (f'zone:\n  name: "{name}"\n  zonefile: "{path}"\n'
                     f"  provide-xfr: 127.0.0.1 NOKEY\n")
        (directory / "nsd.conf").write_text(conf)
        self.process = subprocess.Popen([PROGRAM, "-d", "-c", str(directory / "nsd.conf")],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.wait(next(iter(zones)), directory)

    def wait(self, zone, directory):
        for _ in range(200):
            try:
                if Message(ask_udp(self.port, query(zone, SOA), 0.1)).rcode == NOERROR:
                    return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise AssertionError("nsd doesn't answer:\n" + (directory / "nsd.log").read_text())

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)


def ask_udp(port, message, seconds=5.0):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(seconds)
        s.connect(("127.0.0.1", port))
        s.send(message)
        return s.recv(65536)


def ask_tcp(port, message, seconds=5.0):
    return next(tcp_messages(port, message, seconds))


def tcp_messages(port, message, seconds=5.0):
    with socket.create_connection(("127.0.0.1", port), seconds) as s, s.makefile("rb") as f:
        s.sendall(struct.pack(">H", len(message)) + message)
        while True:
            head = f.read(2)
            if len(head) < 2:
                raise EOFError("the connection ended")
            yield f.read(struct.unpack(">H", head)[0])


def names_of(port, zone):
    """Every owner of the zone, in wire form, by zone transfer."""
    names, soas = [], 0
    for message in tcp_messages(port, query(zone, AXFR)):
        for record in Message(message).answer:
            soas += record.type == SOA
            names.append(record.name.lower())
        if soas == 2:
            return list(dict.fromkeys(names))


def labels(wire):
    at = 0
    while wire[at]:
        yield wire[at:at + wire[at] + 1]
        at += wire[at] + 1


def relatives(names):
    """The names, their parents, and names below them that may not exist."""
    more = dict.fromkeys(names)
    for name in names:
        for prefix in (b"\1x", b"\1*", b"\1a\1b", b"\4some\5thing"):
            more[prefix + name] = None
        parts = list(labels(name))
        for i in range(len(parts)):
            more[b"".join(parts[i:]) + b"\0"] = None
            more[b"".join(parts[:i] + [b"\7nothing"] + parts[i:]) + b"\0"] = None
    return [n for n in more if len(n) <= 255]


def targets(records):
    return {r.data[NAMES[r.type][0]:] for r in records if r.type in (NS, MX, SRV)}


def lowered(records):
    return sorted((r.name.lower(), r.type, r.cls, r.ttl, r.data) for r in records)


HEADER = 0xFFF0  # all but the response code, which may be longer


def difference(ours, theirs, apexes):
    """What differs, in words, or None. One difference is meant: NSD adds the zone's NS records
    to an answer, with their addresses; we don't."""
    if (ours.rcode, ours.flags & HEADER) != (theirs.rcode, theirs.flags & HEADER):
        return "header"
    if ours.question != theirs.question:
        return "question"
    if lowered(ours.answer) != lowered(theirs.answer):
        return "answer"
    courtesy = theirs.answer and all(r.type == NS and r.name.lower() in apexes
                                     for r in theirs.authority)
    if lowered(ours.authority) != ([] if courtesy else lowered(theirs.authority)):
        return "authority"
    wanted = targets(ours.answer + ours.authority)
    added = [r for r in theirs.additional if r.name.lower() in wanted]
    if lowered(ours.additional) != lowered(added):
        return "additional"
    return None


TYPES = [A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, AAAA, SRV, DS, CAA, 99, 65280, 65281]


def mix_case(name, rng):
    """The name in random case, as resolvers send it (0x20)."""
    return bytes(c ^ 0x20 if (65 <= c <= 90 or 97 <= c <= 122) and rng.random() < 0.5 else c
                 for c in name)


def compare(ours, theirs, zones, outside=(), seed=1):
    """Asks both ports everything there is to ask of these zones, over UDP; what is truncated,
    over TCP. Returns (questions, differences as text)."""
    rng = random.Random(seed)
    names = [n for zone in zones for n in names_of(theirs, zone)]
    different, asked = [], 0
    for name in list(relatives(names)) + list(outside):
        name = mix_case(name, rng)
        for type in TYPES:
            message = query(name, type, edns=rng.choice([None, 512, 1232]), id=rng.randrange(65536))
            a, b = Message(ask_udp(ours, message)), Message(ask_udp(theirs, message))
            # RFC 9471, younger than Debian 12's NSD, asks for TC where glue doesn't fit
            if a.has(TC) and (b.has(TC) or not a.answer and not a.has(AA)):
                a, b = Message(ask_tcp(ours, message)), Message(ask_tcp(theirs, message))
            asked += 1
            what = difference(a, b, [name_wire(zone) for zone in zones])
            if what:
                different.append(f"{what} of {name} type {type}:\n ours {a}\n theirs {b}")
    return asked, different


def random_zone(rng, apex, delegated=(), size=60):
    """A zone file of names made of very few labels, so that everything meets everything:
    wildcards, empty non-terminals, delegations with what lies hidden below them, CNAMEs."""
    lines = [f"$ORIGIN {apex}.", "$TTL 1h", f"@ SOA ns1 admin {rng.randrange(1000)} 1h 15m 1w 300",
             "@ NS ns1", "@ NS b.a", "ns1 A 192.0.2.1"]
    names = ["@"] + [".".join(rng.choice(["a", "b", "c", "*", "d"])
                              for _ in range(rng.randint(1, 4))) for _ in range(size)]
    cuts = [n[:-len(apex) - 1] for n in delegated]
    for name in dict.fromkeys(names):
        if any(name == c or name.endswith("." + c) for c in cuts):
            continue
        target = rng.choice(names + ["x.a.b", "elsewhere.", "a.b.other.test."])
        kind = rng.random()
        if name != "@" and kind < 0.25:
            lines.append(f"{name} CNAME {target}")
        elif name != "@" and kind < 0.35 and not name.startswith("*"):
            lines += [f"{name} NS {target}", f"{name} NS ns.{name}", f"ns.{name} A 192.0.2.9"]
        else:
            lines += rng.sample([f"{name} A 192.0.2.2", f"{name} AAAA 2001:db8::2",
                                 f"{name} MX 5 {target}", f"{name} TXT \"{name}\"",
                                 f"{name} SRV 1 2 3 {target}", f"{name} PTR {target}",
                                 f"{name} TYPE65280 \\# 1 00"], rng.randint(1, 3))
    for cut in cuts:  # glue that the child has too: NSD would make a name of the child of it
        lines += [f"{cut} NS ns1.{cut}", f"ns1.{cut} A 192.0.2.7"]
    # a delegation's own glue may have come twice, and beside a CNAME
    aliases = {line.split()[0] for line in lines if " CNAME " in line}
    lines = [x for x in dict.fromkeys(lines) if " CNAME " in x or x.split()[0] not in aliases]
    return "\n".join(lines) + "\n"
