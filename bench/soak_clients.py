"""The clients of bench/soak: what each of them sends, and what it must get for it. A request that was
sent whole is answered: as the service would, or refused in its protocol's words."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import random
import ssl
import struct
import time

PATIENCE = 30  # seconds; the longest deadline is a second
SECRET = b"correct horse battery staple"
HANDED = "dns, socket of the worker"
REFUSED = (502, 503, 504)


class Ledger:
    """What was asked, and what came of it."""

    def __init__(self):
        self.answered, self.refused, self.vanished, self.wrong = {}, {}, 0, []
        self.replays = 0
        self.lost = 0  # datagrams that a worker had taken from its own socket when it was killed
        self.slowest = 0.0

    def ok(self, kind, seconds=0.0):
        self.answered[kind] = self.answered.get(kind, 0) + 1
        self.slowest = max(self.slowest, seconds)

    def refuse(self, kind, why):
        key = f"{kind}: {why}"
        self.refused[key] = self.refused.get(key, 0) + 1

    def bad(self, kind, what):
        self.wrong.append(f"{time.strftime('%H:%M:%S')} {kind}: {what}")

    def unheard(self, kind):
        """A datagram without an answer. Whoever has the socket has the question: it goes with him."""
        if kind == HANDED:
            self.lost += 1
        else:
            self.bad(kind, "no answer in 10 s")

    def total(self):
        return sum(self.answered.values())


class World:
    """Where the hub listens, and what its services should know at this moment."""

    def __init__(self, ports, files, seed):
        self.ports, self.files, self.random = ports, files, random.Random(seed)
        self.ledger = Ledger()
        self.stopped = False
        self.calm = asyncio.Event()  # set: go on; clear: finish what is under way and wait
        self.calm.set()
        self.busy = 0
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    async def pause(self, most):
        await asyncio.sleep(self.random.uniform(0, most))


# ------------------------------------------------------------------------------- HTTP

class Gone(Exception):
    """The connection ended where an answer should have come."""


class Connection:
    def __init__(self, world, tls):
        self.world, self.is_tls = world, tls

    async def __aenter__(self):
        port = self.world.ports["tls" if self.is_tls else "http"]
        self.reader, self.writer = await asyncio.wait_for(asyncio.open_connection(
            "127.0.0.1", port, ssl=self.world.tls if self.is_tls else None, limit=1 << 22), PATIENCE)
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError, asyncio.TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), 5)

    def abort(self):
        self.writer.transport.abort()

    async def answer(self):
        """Status, headers, body."""
        try:
            return await asyncio.wait_for(self.read(), PATIENCE)
        except asyncio.IncompleteReadError as e:
            raise Gone(f"connection ended after {len(e.partial)} bytes of an answer") from e
        except (ConnectionError, ssl.SSLError) as e:
            raise Gone(str(e)) from e
        except asyncio.TimeoutError as e:
            raise Gone(f"no answer in {PATIENCE} s") from e

    async def read(self):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        status = int(head[0].split()[1])
        if status == 100:
            return await self.read()
        size = int(headers.get("content-length", 0))
        return status, headers, await self.reader.readexactly(size)


def request(method, path, body=b"", **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: soak.test", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Ask:
    """One request: its bytes, and whether an answer is the right one."""

    def __init__(self, kind, data, status, body=None, allowed=()):
        self.kind, self.data, self.status, self.body, self.allowed = kind, data, status, body, allowed

    def judge(self, ledger, answer, seconds=0.0):
        status, headers, body = answer
        if status in REFUSED:
            self.judge_refusal(ledger, status, headers, body)
        elif status == self.status and (self.body is None or body == self.body) or status in self.allowed:
            ledger.ok(self.kind, seconds)
        else:
            ledger.bad(self.kind, f"status {status} instead of {self.status}, {body[:200]!r}")

    def judge_refusal(self, ledger, status, headers, body):
        try:
            problem = json.loads(body)
            good = headers["content-type"] == "application/problem+json" and problem["status"] == status
        except (ValueError, KeyError):
            good = False
        if good:
            ledger.refuse(self.kind, str(status))
        else:
            ledger.bad(self.kind, f"refused with {status}, but {headers} {body[:200]!r}")


def press(world, **headers):
    name = f"b{world.random.randrange(10**9)}"
    return Ask("press", request("POST", f"/button/{name}", **headers), 200, f"{name}: short\n".encode())


def page(world):
    name = world.random.choice(list(world.files))
    content = world.files[name]
    if world.random.random() < 0.3 and len(content) > 10:
        first = world.random.randrange(len(content) - 1)
        last = world.random.randrange(first, len(content))
        return Ask("page, range", request("GET", f"/site/{name}", Range=f"bytes={first}-{last}"), 206,
                   content[first:last + 1])
    return Ask("page", request("GET", f"/site/{name}"), 200, content)


def hook(world):
    body = world.random.randbytes(world.random.choice((10, 1000, 20000)))
    good = world.random.random() < 0.8
    signature = hmac.new(SECRET if good else b"another", body, hashlib.sha256).hexdigest()
    return Ask("hook", request("POST", "/hook", body, X_Hub_Signature_256=f"sha256={signature}", X_GitHub_Event="push"),
               202 if good else 401)


def chunked(world):
    body = world.random.randbytes(world.random.choice((1, 500, 70000)))
    signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    head = request("POST", "/hook", X_Hub_Signature_256=f"sha256={signature}", Transfer_Encoding="chunked")
    head = head.replace(b"Content-Length: 0\r\n", b"")
    at, pieces = 0, []
    while at < len(body):
        size = world.random.randrange(1, 9000)
        pieces.append(b"%x\r\n" % len(body[at:at + size]) + body[at:at + size] + b"\r\n")
        at += size
    return Ask("chunked", head + b"".join(pieces) + b"0\r\n\r\n", 202)


def moody(world, mood=None):
    mood = mood or world.random.choice(("ok", "ok", "ok", "crash", "crash", "loop", "silent", "fail"))
    status, body = {"ok": (200, b"ok\n"), "silent": (204, b"")}.get(mood, (502, None))
    return Ask("moody", request("GET", f"/moody/{mood}"), status, body)


def visitor(world):
    """A service that some configurations have and others don't."""
    return Ask("visitor", request("POST", "/visitor/x"), 200, b"x: short\n", allowed=(404,))


def nowhere(world):
    return Ask("nowhere", request("GET", f"/nowhere/{world.random.randrange(100)}"), 404)


MIX = [press] * 8 + [page] * 3 + [hook] * 3 + [chunked, moody, visitor, nowhere]


async def converse(world, connection, ask):
    began = time.monotonic()
    connection.writer.write(ask.data)
    try:
        ask.judge(world.ledger, await connection.answer(), time.monotonic() - began)
    except Gone as e:
        world.ledger.bad(ask.kind, str(e))
        raise


async def keep_alive(world):
    async with Connection(world, world.random.random() < 0.3) as connection:
        for _ in range(world.random.randrange(5, 60)):
            await converse(world, connection, world.random.choice(MIX)(world))
            await world.pause(0.02)


async def one_each(world):
    async with Connection(world, world.random.random() < 0.1) as connection:
        await converse(world, connection, press(world, Connection="close"))


async def pipelined(world):
    asks = [world.random.choice((press, press, page))(world) for _ in range(world.random.randrange(2, 12))]
    async with Connection(world, False) as connection:
        connection.writer.write(b"".join(ask.data for ask in asks))
        for i, ask in enumerate(asks):
            try:
                ask.judge(world.ledger, await connection.answer())
            except Gone as e:
                world.ledger.bad(ask.kind, f"pipelined, {i + 1} of {len(asks)}: {e}")
                raise


async def idempotent(world):
    """The same key: the same answer, however often; another body: a conflict."""
    key = f"{world.random.getrandbits(128):032x}"
    name = f"i{world.random.randrange(10**9)}"
    form = {"Content_Type": "application/x-www-form-urlencoded", "Idempotency_Key": key}
    data = request("POST", f"/button/{name}", b"kind=long", **form)
    want = Ask("idempotent", data, 200, f"{name}: long\n".encode())
    async with Connection(world, False) as connection:
        connection.writer.write(data)
        first = await connection.answer()
        want.judge(world.ledger, first)
        connection.writer.write(data)
        second = await connection.answer()
        want.judge(world.ledger, second)
        world.ledger.replays += second[1].get("idempotency-replayed") == "true"
        if first[0] == 200 and second[1].get("idempotency-replayed") == "true":
            connection.writer.write(request("POST", f"/button/{name}", b"kind=double", **form))
            Ask("idempotent", b"", 409).judge(world.ledger, await connection.answer())


async def fill_answers(world, count):
    """Fills what the hub keeps of answers, so that its memory doesn't grow by that afterwards."""
    async with Connection(world, False) as connection:
        for _ in range(count // 50):
            asks = [press(world, Idempotency_Key=f"{world.random.getrandbits(1000):0250x}") for _ in range(50)]
            connection.writer.write(b"".join(ask.data for ask in asks))
            for ask in asks:
                ask.judge(world.ledger, await connection.answer())


async def one_of_each(world):
    """Before anything is killed: every kind is answered once, whatever chance brings later."""
    async with Connection(world, False) as connection:
        for ask in (press(world), moody(world, "ok"), chunked(world), nowhere(world)):
            await converse(world, connection, ask)
        for kind, make in (("page", page), ("page, range", page), ("hook", hook)):
            while not world.ledger.answered.get(kind):
                await converse(world, connection, make(world))
    for client in (idempotent, udp_dns, handed_dns, tcp_dns):
        await client(world)


async def slow_writer(world):
    ask = world.random.choice((press, hook, chunked))(world)
    data, step = ask.data[:400], 20
    async with Connection(world, False) as connection:
        for at in range(0, len(data), step):
            connection.writer.write(data[at:at + step])
            await world.pause(0.2)
        connection.writer.write(ask.data[400:])
        try:
            ask.judge(world.ledger, await connection.answer())
        except Gone as e:
            world.ledger.bad(ask.kind, f"sent slowly: {e}")


async def slow_reader(world):
    asks = [page(world) for _ in range(6)]
    async with Connection(world, False) as connection:
        connection.writer.write(b"".join(ask.data for ask in asks))
        for ask in asks:
            await world.pause(0.5)
            ask.judge(world.ledger, await connection.answer())


async def vanishing(world):
    """Half a request, or a whole one, or an answer half read; then nobody is there."""
    async with Connection(world, world.random.random() < 0.3) as connection:
        data = world.random.choice(MIX)(world).data
        connection.writer.write(data[:world.random.randrange(len(data))] if world.random.random() < 0.5 else data)
        await world.pause(0.01)
        connection.abort()
    world.ledger.vanished += 1


async def lingering(world):
    """A connection that says nothing for a while, then asks."""
    async with Connection(world, world.random.random() < 0.3) as connection:
        await world.pause(3)
        await converse(world, connection, press(world))


async def garbage(world):
    junk = world.random.choice((
        b"GARBAGE\r\n\r\n", b"GET /button/x HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x01\r\n\r\n",
        b"POST /button/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
    async with Connection(world, False) as connection:
        connection.writer.write(junk)
        Ask("garbage", junk, 400).judge(world.ledger, await connection.answer())


# ------------------------------------------------------------------------------- DNS

QTYPE = {"A": 1, "MX": 15, "TXT": 16, "AAAA": 28}
NAMES = [("www.example.test", "A", 3), ("example.test", "MX", 2), ("host.example.test", "AAAA", 1),
         ("nothing.example.test", "A", 0)]


def question(world, wanted):
    """An id that no question under way has, so many answers, the question."""
    name, kind, answers = world.random.choice(NAMES)
    number = world.random.randrange(65536)
    while number in wanted:
        number = world.random.randrange(65536)
    wire = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    return number, answers, struct.pack(">HHHHHH", number, 0, 1, 0, 0, 0) + wire + struct.pack(">HH", QTYPE[kind], 1)


def judge_dns(ledger, kind, message, wanted):
    """wanted: {id: number of answers}"""
    number, flags, _, answers = struct.unpack(">HHHH", message[:8])
    if number not in wanted:
        ledger.bad(kind, f"answer {number} to no question")
        return
    count = wanted.pop(number)
    if flags & 15 == 2:
        ledger.refuse(kind, "SERVFAIL")
    elif answers != count or flags & 15 not in (0, 3):
        ledger.bad(kind, f"{answers} answers instead of {count}, flags {flags:04x}")
    else:
        ledger.ok(kind)


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self):
        self.got = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.got.put_nowait(data)


async def udp_dns(world, port="udp", kind="dns, udp"):
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Datagrams, remote_addr=("127.0.0.1", world.ports[port]))
    wanted = {}
    try:
        for _ in range(world.random.randrange(1, 30)):
            for _ in range(world.random.choice((1, 1, 1, 4))):
                number, answers, data = question(world, wanted)
                wanted[number] = answers
                transport.sendto(data)
            while wanted:
                judge_dns(world.ledger, kind, await asyncio.wait_for(protocol.got.get(), 10), wanted)
            await world.pause(0.02)
    except asyncio.TimeoutError:
        for _ in wanted:
            world.ledger.unheard(kind)
    finally:
        transport.close()


async def handed_dns(world):
    await udp_dns(world, "handed", HANDED)


async def tcp_dns(world):
    reader, writer = await asyncio.open_connection("127.0.0.1", world.ports["udp"])
    wanted = {}
    try:
        for _ in range(world.random.randrange(1, 20)):
            for _ in range(world.random.randrange(1, 8)):
                number, answers, data = question(world, wanted)
                wanted[number] = answers
                writer.write(struct.pack(">H", len(data)) + data)
            while wanted:
                size, = struct.unpack(">H", await asyncio.wait_for(reader.readexactly(2), PATIENCE))
                judge_dns(world.ledger, "dns, tcp", await asyncio.wait_for(reader.readexactly(size), PATIENCE), wanted)
            await world.pause(0.05)
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, OSError) as e:
        for _ in wanted:
            world.ledger.bad("dns, tcp", f"no answer: {type(e).__name__} {e}")
    finally:
        writer.close()


# what runs at the same time, how many of each
CLIENTS = [(keep_alive, 6), (one_each, 2), (pipelined, 2), (idempotent, 1), (slow_writer, 4), (slow_reader, 2),
           (vanishing, 2), (lingering, 6), (garbage, 1), (udp_dns, 3), (handed_dns, 1), (tcp_dns, 2)]


async def forever(world, client):
    """One client after another, with a breath between them."""
    while not world.stopped:
        await world.calm.wait()
        world.busy += 1
        try:
            await client(world)
        except Gone:
            pass  # it stands in the ledger
        except Exception as e:  # what nobody foresaw is a finding too
            world.ledger.bad(client.__name__, f"{type(e).__name__}: {e}")
        finally:
            world.busy -= 1
        await world.pause(0.1)
