"""DNS messages for the tests of services/dns: a second codec, so that the service's own isn't
tested with itself. Standard library only."""

import struct
from collections import namedtuple

A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, AAAA, SRV = 1, 2, 5, 6, 12, 13, 15, 16, 28, 33
OPT, DS, IXFR, AXFR, ANY, CAA = 41, 43, 251, 252, 255, 257
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
QR, AA, TC, RD = 0x8000, 0x0400, 0x0200, 0x0100

Record = namedtuple("Record", "name type cls ttl data")


def name_wire(text):
    wire = b""
    for label in text.rstrip(".").split("."):
        if label:
            wire += bytes([len(label)]) + label.encode("latin-1")
    return wire + b"\0"


def query(name, type, cls=1, id=0x1234, flags=RD, edns=None, do=False, version=0, options=b""):
    """A query; edns is the UDP size to offer, None for no OPT record."""
    wire = name if isinstance(name, bytes) else name_wire(name)
    message = struct.pack(">6H", id, flags, 1, 0, 0, 0 if edns is None else 1)
    message += wire + struct.pack(">2H", type, cls)
    if edns is not None:
        message += b"\0" + struct.pack(">HHBBHH", OPT, edns, 0, version, 0x8000 if do else 0,
                                       len(options)) + options
    return message


def read_name(message, at):
    """(the name in wire form, as it is spelt, where it ends); ValueError if malformed"""
    wire, end, limit = b"", None, at
    while True:
        n = message[at]
        if n >= 0xC0:
            to = (n & 0x3F) << 8 | message[at + 1]
            if to >= limit or to < 12:
                raise ValueError(f"pointer at {at} to {to}")
            end = at + 2 if end is None else end
            at = limit = to
        elif n > 63:
            raise ValueError(f"label of {n} at {at}")
        else:
            wire += message[at:at + n + 1]
            at += n + 1
            if len(wire) > 255:
                raise ValueError("name over 255")
            if n == 0:
                return wire, at if end is None else end


# bytes before the names, and how many names, in the data of types that hold any
NAMES = {NS: (0, 1), CNAME: (0, 1), PTR: (0, 1), SOA: (0, 2), MX: (2, 1), SRV: (6, 1)}


def read_data(message, type, at, n):
    """The data with its names written out, lower case."""
    before, names = NAMES.get(type, (n, 0))
    end, data = at + n, message[at:at + before]
    at += before
    for _ in range(names):
        wire, at = read_name(message, at)
        data += wire.lower()
    if at > end:
        raise ValueError("data longer than it says")
    return data + message[at:end]


class Message:
    """A parsed message: id, flags, rcode (with EDNS's bits), question (as bytes), answer,
    authority, additional (without OPT), opt (Record or None)."""

    def __init__(self, message):
        self.bytes = message
        self.id, self.flags, *counts = struct.unpack(">6H", message[:12])
        self.rcode = self.flags & 15
        at = 12
        self.question = b""
        for _ in range(counts[0]):
            wire, at = read_name(message, at)
            self.question += wire + message[at:at + 4]
            at += 4
        sections = []
        for count in counts[1:]:
            records = []
            for _ in range(count):
                record, at = self.read_record(message, at)
                records.append(record)
            sections.append(records)
        if at != len(message):
            raise ValueError(f"{len(message) - at} bytes behind the message")
        self.answer, self.authority, additional = sections
        opts = [r for r in additional if r.type == OPT]
        if len(opts) > 1:
            raise ValueError("two OPT records")
        self.additional = [r for r in additional if r.type != OPT]
        self.opt = opts[0] if opts else None
        if self.opt:
            self.rcode |= self.opt.ttl >> 24 << 4

    @staticmethod
    def read_record(message, at):
        wire, at = read_name(message, at)
        type, cls, ttl, n = struct.unpack(">HHIH", message[at:at + 10])
        at += 10
        if at + n > len(message):
            raise ValueError("record over the end")
        return Record(wire, type, cls, ttl, read_data(message, type, at, n)), at + n

    def has(self, flag):
        return bool(self.flags & flag)

    def __str__(self):
        def show(records):
            return "".join(f"\n    {r.name!r} {r.type} {r.ttl} {r.data!r}" for r in records)
        return (f"flags {self.flags:04x} rcode {self.rcode}, {len(self.bytes)} bytes"
                f"\n  answer{show(self.answer)}\n  authority{show(self.authority)}"
                f"\n  additional{show(self.additional)}\n  {self.opt}")
