"""services/dns, as its users meet it: `mayfly run` and `mayfly up`, asked by dig and by hand, and
compared with another server, answer by answer."""

import json
import random
import shutil
import socket
import time
from base64 import b64decode

import nsd
import pytest
from conftest import free_port, run, talk, tcp_ask, udp_ask
from dns_message import (A, AA, AAAA, ANY, AXFR, BADVERS, FORMERR, HINFO, MX, NOERROR, NOTIMP, NS,
                         NXDOMAIN, QR, REFUSED, SERVFAIL, SOA, TC, TXT, Message, name_wire, query)

APEX = "$TTL 1h\n@ SOA ns1 admin 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n"


@pytest.fixture
def image(build):
    return build / "services/dns.mfy"


@pytest.fixture
def source(root):
    return root / "services/dns"


def zone_file(tmp_path, text, name="bad.test.zone"):
    path = tmp_path / name
    path.write_text(text)
    return path


# --------------------------------------------------------------- one life


def test_the_sample_event_is_this_query(source):
    assert (source / "event.bin").read_bytes() == query("www.example.test", A, flags=0x0120,
                                                        edns=1232)


def test_run_answers_the_sample_event(mayfly, image, source, backend):
    done = mayfly("run", image, "--event", source / "event.bin", "--backend", backend, "-o", "json",
                  "--data", source / "example.test.zone")
    assert done.returncode == 0, done.stderr
    reply = Message(b64decode(json.loads(done.stdout)["reply_base64"]))
    assert (reply.id, reply.rcode, reply.has(QR), reply.has(AA)) == (0x1234, NOERROR, True, True)
    assert [r.type for r in reply.answer] == [5, 5, A]
    assert reply.answer[-1].data == bytes([192, 0, 2, 80])


def test_the_image_is_small(image):
    assert image.stat().st_size <= 32 << 10


@pytest.mark.parametrize("line, message", [
    ("a A 192.0.2.300", 'bad.test.zone:5:5: not an IPv4 address: "192.0.2.300": expected one as '
                        '192.0.2.1'),
    ("a MX mail", 'bad.test.zone:5:6: not a number: "mail": expected a number from 0 to 65535'),
    ("a AAA ::1", 'bad.test.zone:5:3: an unknown type: "AAA": expected A AAAA NS'),
    ("$INCLUDE x", 'bad.test.zone:5:1: $INCLUDE is not possible: a service sees no other files'),
    ("a TXT ( \"x\"", 'bad.test.zone:5:7: a parenthesis that is never closed'),
    ("ns1 CNAME b", 'bad.test.zone:5:5: a CNAME and other data at one name'),
    ("x.example. A 192.0.2.1", 'bad.test.zone:5:1: a name outside the zone: "x.example."'),
])
def test_an_error_in_a_zone_file_has_line_and_column(mayfly, image, source, tmp_path, line, message):
    zone = zone_file(tmp_path, APEX + line + "\n")
    done = mayfly("run", image, "--event", source / "event.bin", "--data", zone)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert len(talk(done.stderr)) == 1


def test_without_a_zone(mayfly, image, source):
    done = mayfly("run", image, "--event", source / "event.bin")
    assert done.returncode != 0
    assert ".zone" in done.stderr and "--data" in done.stderr


def test_a_zone_that_does_not_fit(mayfly, image, source, tmp_path):
    hosts = "".join(f"host{i} A 10.0.{i >> 8}.{i & 255}\n" for i in range(20000))
    zone = zone_file(tmp_path, APEX + hosts)
    done = mayfly("run", image, "--event", source / "event.bin", "--data", zone)
    assert done.returncode != 0
    assert "raise memory.init in mayfly.yaml" in done.stderr


# ----------------------------------------------------------------- served


@pytest.fixture
def serve(up, image):
    """serve(zone file, ...) -> the port where they are served, UDP and TCP."""

    def start(*zones):
        port = free_port()
        data = [word for zone in zones for word in ("--data", zone)]
        up(image, "--udp", f"127.0.0.1:{port}", "--tcp", f"127.0.0.1:{port}", "--deadline", "20s", *data)
        for _ in range(400):
            try:
                udp_ask(port, query("health.check", A), 0.5)
                return port
            except OSError:
                time.sleep(0.05)
        raise AssertionError("no answer")

    return start


def test_a_zone_file_with_an_error_is_not_served(mayfly, image, tmp_path, port):
    zone = zone_file(tmp_path, APEX + "a A 192.0.2.300\n")
    done = mayfly("up", image, "--udp", f"127.0.0.1:{port}", "--data", zone, timeout=20)
    assert done.returncode == 1
    assert 'bad.test.zone:5:5: not an IPv4 address: "192.0.2.300"' in done.stderr


@pytest.fixture
def example(serve, source):
    return serve(source / "example.test.zone")


def dig(port, *words):
    done = run("dig", "@127.0.0.1", "-p", port, "+timeout=5", "+tries=2", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_dig(example):
    assert dig(example, "+short", "www.example.test") == ("web.example.test.\nhost.example.test.\n"
                                                          "192.0.2.80\n")
    assert dig(example, "+short", "+tcp", "mail.example.test", "AAAA") == "2001:db8::25\n"
    assert dig(example, "+short", "MX", "x.wild.example.test") == "10 mail.example.test.\n"
    assert dig(example, "+short", "CAA", "example.test").splitlines()[0] == \
        '0 issue "ca.example.net; policy=ev"'
    assert dig(example, "+short", "TYPE65280", "private.example.test") == "\\# 4 0A000001\n"
    assert dig(example, "+short", "TXT", "text.example.test") == \
        '"one" "two words" "ABC" "quote \\" semicolon ; backslash \\\\" ""\n'
    out = dig(example, "nothing.example.test")
    assert "status: NXDOMAIN" in out and "\tSOA\t" in out and "Got bad packet" not in out
    out = dig(example, "+norecurse", "host.sub.example.test")
    assert "ns.sub.example.test.\t3600\tIN\tA\t192.0.2.101" in out and "flags: qr;" in out


def test_dig_comes_again_over_tcp(example):
    out = dig(example, "+noedns", "big.example.test")
    assert "Truncated, retrying in TCP mode" in out and "ANSWER: 36" in out
    out = dig(example, "+bufsize=4096", "huge.example.test", "TXT")
    assert "Truncated, retrying in TCP mode" in out and "ANSWER: 8" in out
    assert "(TCP)" in out


def test_truncation(example):
    for edns, most in ((None, 512), (100, 512), (600, 600), (4096, 1232)):
        for name, type in (("big", A), ("huge", TXT), ("x.fat", A)):
            raw = udp_ask(example, query(name + ".example.test", type, edns=edns))
            assert len(raw) <= most
            reply = Message(raw)
            whole = Message(tcp_ask(example, query(name + ".example.test", type, edns=edns)))
            assert not whole.has(TC)
            assert reply.has(TC) == (len(whole.bytes) > most)


def test_edns(example):
    reply = Message(udp_ask(example, query("host.example.test", A)))
    assert reply.opt is None
    reply = Message(udp_ask(example, query("host.example.test", A, edns=1400, do=True)))
    assert reply.opt.cls == 1232 and reply.opt.ttl == 0x8000 and reply.opt.data == b""
    reply = Message(udp_ask(example, query("host.example.test", A, edns=1400, version=1)))
    assert reply.rcode == BADVERS and not reply.answer
    cookie = b"\0\x0a\0\x08abcdefgh"
    reply = Message(udp_ask(example, query("host.example.test", A, edns=1400, options=cookie)))
    assert reply.rcode == NOERROR and len(reply.answer) == 1


def test_any(example):
    reply = Message(udp_ask(example, query("host.example.test", ANY)))
    assert [(r.type, r.data) for r in reply.answer] == [(HINFO, b"\7RFC8482\0")]


def test_what_is_refused(example):
    for message, rcode in (
            (query("example.com", A), REFUSED), (query("example.test", AXFR), REFUSED),
            (query("version.bind", TXT, cls=3), REFUSED),
            (query("example.test", SOA, flags=4 << 11), NOTIMP),
            (query("example.test", SOA, flags=5 << 11), NOTIMP)):
        for ask in (udp_ask, tcp_ask):
            reply = Message(ask(example, message))
            assert reply.rcode == rcode
            assert not reply.answer and not reply.authority and not reply.has(AA)


QUESTION = name_wire("host.example.test") + b"\0\1\0\1"
HEAD = b"\x12\x34\1\0"

HOSTILE = {
    "half a question": HEAD + b"\0\1\0\0\0\0\0\0" + QUESTION[:-1],
    "no question": HEAD + b"\0\0\0\0\0\0\0\0",
    "two questions": HEAD + b"\0\2\0\0\0\0\0\0" + QUESTION * 2,
    "65535 questions": HEAD + b"\xff\xff\0\0\0\0\0\0" + QUESTION,
    "65535 records": HEAD + b"\0\1\0\0\0\0\xff\xff" + QUESTION,
    "a label of 64": HEAD + b"\0\1\0\0\0\0\0\0" + b"\x40" + b"x" * 64 + b"\0\0\1\0\1",
    "a pointer to itself": HEAD + b"\0\1\0\0\0\0\0\0" + b"\xc0\x0c\0\1\0\1",
    "a loop of pointers": HEAD + b"\0\1\0\0\0\0\0\2" + QUESTION +
                          b"\xc0\x2f\0\1\0\1\0\0\0\0\0\0\xc0\x23\0\1\0\1\0\0\0\0\0\0",
    "a pointer over the end": HEAD + b"\0\1\0\0\0\0\0\1" + QUESTION + b"\xff\xff" + b"\0" * 10,
    "a name of 300": HEAD + b"\0\1\0\0\0\0\0\0" + b"\x3b" * 300 + b"\0\0\1\0\1",
    "data over the end": HEAD + b"\0\1\0\0\0\0\0\1" + QUESTION + b"\0\0\x29\4\xd0\0\0\0\0\xff\xff",
    "something behind": HEAD + b"\0\1\0\0\0\0\0\0" + QUESTION + b"x",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_broken_query_is_answered_and_so_is_the_next(mayfly, image, source, tmp_path, what):
    event = tmp_path / "event"
    event.write_bytes(HOSTILE[what])
    done = mayfly("run", image, "--event", event, "--data", source / "example.test.zone",
                  text=False)
    assert done.returncode == 0, done.stderr
    reply = Message(done.stdout)
    assert (reply.id, reply.rcode, reply.answer) == (0x1234, FORMERR, [])


def test_broken_queries_in_a_row(example):
    for ask in (udp_ask, tcp_ask):
        for what, message in HOSTILE.items():
            assert Message(ask(example, message)).rcode == FORMERR, what
            assert len(Message(ask(example, query("host.example.test", AAAA))).answer) == 1


def test_what_gets_no_reply(example):
    good = query("host.example.test", A)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", example))
        s.settimeout(5)
        for message in (b"", b"x", good[:11], good[:2] + b"\x81\0" + good[4:]):
            s.send(message)
        s.send(good[:1] + b"\x77" + good[2:])
        assert Message(s.recv(65536)).id == 0x1277
        s.settimeout(0.3)
        with pytest.raises(socket.timeout):
            s.recv(65536)


def test_case_of_the_question(example):
    rng = random.Random(1)
    for _ in range(20):
        name = nsd.mix_case(name_wire("www.example.test"), rng)
        reply = Message(udp_ask(example, query(name, A)))
        assert reply.question[:-4] == name and reply.answer[0].name == name


def test_two_zones(serve, tmp_path):
    a = zone_file(tmp_path, APEX + "x A 192.0.2.2\ninner NS ns.inner\nns.inner A 192.0.2.9\n",
                  "a.test.zone")
    b = zone_file(tmp_path, APEX + "x CNAME x.a.test.\n", "inner.a.test.zone")
    port = serve(a, b)
    reply = Message(udp_ask(port, query("x.inner.a.test", A)))
    assert reply.has(AA) and [r.type for r in reply.answer] == [5, A]
    assert Message(udp_ask(port, query("y.inner.a.test", A))).rcode == NXDOMAIN
    assert len(Message(udp_ask(port, query("inner.a.test", NS))).answer) == 1


# ------------------------------------------------- beside another server

needs_nsd = pytest.mark.skipif(not nsd.PROGRAM, reason="nsd isn't installed: nothing to compare with")


@pytest.fixture
def compare(serve, tmp_path):
    """compare({zone: file}, names outside): asks both servers everything."""

    def all_of_it(zones, outside=(), seed=1):
        directory = tmp_path / "nsd"
        directory.mkdir()
        ours = serve(*zones.values())
        other = nsd.Nsd(directory, free_port(), zones)
        try:
            asked, different = nsd.compare(ours, other.port, list(zones), outside, seed)
        finally:
            other.stop()
        assert not different, f"{len(different)} of {asked} differ, e.g.\n{different[0]}"
        return asked

    return all_of_it


@needs_nsd
def test_the_example_zone_is_answered_as_nsd_does(compare, source):
    outside = [name_wire(n) for n in (".", "test", "other.test", "example.test.test")]
    assert compare({"example.test": source / "example.test.zone"}, outside) > 5000


@needs_nsd
@pytest.mark.parametrize("seed", [1, 2])
def test_random_zones_are_answered_as_nsd_does(compare, tmp_path, seed):
    rng = random.Random(seed)
    below = {"example.test": ["a.child.example.test"], "a.child.example.test": [], "other.test": []}
    zones = {apex: zone_file(tmp_path, nsd.random_zone(rng, apex, cuts, 12), apex + ".zone")
             for apex, cuts in below.items()}
    assert compare(zones, [b"\0", b"\4test\0", b"\5third\4test\0"], seed) > 1000


@pytest.mark.skipif(not shutil.which("nsd-checkzone") and not shutil.which("/usr/sbin/nsd-checkzone"),
                    reason="nsd isn't installed")
def test_other_tools_read_the_example_zone(source):
    tool = shutil.which("nsd-checkzone") or "/usr/sbin/nsd-checkzone"
    done = run(tool, "example.test", source / "example.test.zone")
    assert done.returncode == 0, done.stdout + done.stderr
