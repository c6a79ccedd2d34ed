"""CoAP as bytes, written here from RFC 7252 so that a test can say what a real client never would."""

import socket
import struct
from dataclasses import dataclass, field

CON, NON, ACK, RST = range(4)
GET, POST, PUT, DELETE, FETCH, PATCH, IPATCH = range(1, 8)
ETAG, OBSERVE, URI_PATH, FORMAT, MAX_AGE, URI_QUERY, ACCEPT = 4, 6, 11, 12, 14, 15, 17
BLOCK2, BLOCK1, SIZE2, SIZE1, NO_RESPONSE = 23, 27, 28, 60, 258


def code(text):
    """ "2.05" as its byte."""
    first, _, second = text.partition(".")
    return int(first) << 5 | int(second)


def number(value):
    """An option's number, as few bytes as it takes."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def block(num, more, size):
    return number(num << 4 | more << 3 | (size.bit_length() - 5))


@dataclass
class Message:
    type: int
    code: int
    id: int
    token: bytes = b""
    options: list = field(default_factory=list)  # (number, bytes), in order
    payload: bytes = b""

    @property
    def said(self):
        """ "2.05" """
        return f"{self.code >> 5}.{self.code & 31:02}"

    def option(self, which):
        """The first of that number, as a number; None: there is none."""
        return next((int.from_bytes(v, "big") for n, v in self.options if n == which), None)

    def bytes(self):
        out = bytes([0x40 | self.type << 4 | len(self.token), self.code])
        out += struct.pack(">H", self.id) + self.token
        last = 0
        for which, value in sorted(self.options, key=lambda o: o[0]):
            out += _part(which - last, len(value)) + value
            last = which
        return out + (b"\xff" + self.payload if self.payload else b"")


def _nibble(n):
    if n < 13:
        return n, b""
    return (13, bytes([n - 13])) if n < 269 else (14, struct.pack(">H", n - 269))


def _part(delta, length):
    (d, more_d), (n, more_n) = _nibble(delta), _nibble(length)
    return bytes([d << 4 | n]) + more_d + more_n


def parse(data):
    n = data[0] & 15
    assert data[0] >> 6 == 1 and n <= 8 and len(data) >= 4 + n, data
    m = Message(data[0] >> 4 & 3, data[1], struct.unpack(">H", data[2:4])[0], data[4:4 + n])
    at, which = 4 + n, 0
    while at < len(data):
        if data[at] == 0xff:
            m.payload = data[at + 1:]
            assert m.payload
            break
        parts, at = [data[at] >> 4, data[at] & 15], at + 1
        for i in range(2):
            if parts[i] == 13:
                parts[i], at = data[at] + 13, at + 1
            elif parts[i] == 14:
                parts[i], at = struct.unpack(">H", data[at:at + 2])[0] + 269, at + 2
        which += parts[0]
        m.options.append((which, data[at:at + parts[1]]))
        at += parts[1]
    return m


class Client:
    """One endpoint. `ask` sends one message and takes the next that comes."""

    def __init__(self, port, seconds=15):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(seconds)
        self.next = 1000

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def request(self, method, path, payload=b"", options=(), kind=CON, mid=None, token=b"t"):
        path, _, query = path.partition("?")
        parts = [(URI_PATH, p.encode()) for p in path.split("/")[1:]]
        parts += [(URI_QUERY, q.encode()) for q in query.split("&") if q]
        self.next += 1
        return Message(kind, method, self.next if mid is None else mid, token,
                       parts + list(options), payload)

    def send(self, message):
        self.socket.send(message if isinstance(message, bytes) else message.bytes())

    def take(self):
        return parse(self.socket.recv(2048))

    def ask(self, *args, **named):
        self.send(self.request(*args, **named))
        return self.take()

    def acknowledge(self, message, kind=ACK):
        self.send(Message(kind, 0, message.id))

    def silent(self):
        """Nothing is on its way to us: what we ask now is answered next, by one more life."""
        self.next += 1
        return self.ask(GET, "/none", kind=NON, token=b"silent").token == b"silent"
