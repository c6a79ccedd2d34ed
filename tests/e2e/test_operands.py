"""Blobs as operands (Mayfly-Operands), and answers that become blobs (Mayfly-Keep, Prefer: return=minimal)."""

import os
import threading

import pytest
from http_client import Client, listener
from hubs import service
from test_blobs import K, M, get, head, name_of, put, some


@pytest.fixture
def hub(start, build, tmp_path):
    return start(service(build / "guest/areas.mfy"), head=f"state: {tmp_path}/state\nlimits: {{blobs: 64MiB}}\n" + listener())


def echo(client, operands, body=b"", **headers):
    return client.ask("POST", "/areas?echo", body,
                      {"Mayfly-Operands": operands, **{k.replace("_", "-"): v for k, v in headers.items()}})


@pytest.mark.parametrize("sizes", [(1, 1), (300 * K, 5), (5, 300 * K), (2 * M + 1, 3 * M + 7), (0, 10), (10, 0)])
def test_round_the_body(hub, sizes):
    a, b, body = some(sizes[0], 1), some(sizes[1], 2), some(200 * K, 3)
    with Client(hub.http()) as c:
        assert put(c, a).status == 201
        assert put(c, b).status == 201
        A, B = name_of(a), name_of(b)
        assert echo(c, A).body == a or not a
        assert echo(c, f"{A}, -", body).body == a + body
        assert echo(c, f"-,{A}", body).body == body + a
        assert echo(c, f"{A} ,- ,\t{B}", body).body == a + body + b
        assert echo(c, f"{A}, {B}, {A}").body == a + b + a
        assert echo(c, "-", body).body == body
        assert echo(c, f"{A}, -").body == a


def test_in_chunks(hub):
    a, body = some(100 * K, 1), some(300 * K, 3)
    with Client(hub.http()) as c:
        assert put(c, a).status == 201
        c.send(f"POST /areas?echo HTTP/1.1\r\nHost: x\r\nMayfly-Operands: {name_of(a)}, -\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for at in range(0, len(body), 70000):
            part = body[at:at + 70000]
            c.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        c.send(b"0\r\n\r\n")
        assert c.answer().body == a + body
        c.send(f"POST /areas?echo HTTP/1.1\r\nHost: x\r\nMayfly-Operands: -, {name_of(a)}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        assert c.answer().status == 411


def test_after_a_restart_they_are_checked(start, build, tmp_path):
    a = some(2 * M)
    text = f"state: {tmp_path}/state\n" + listener()
    hub = start(service(build / "guest/areas.mfy"), head=text)
    with Client(hub.http()) as c:
        assert put(c, a).status == 201
    assert hub.stop() == 0
    hub = start(service(build / "guest/areas.mfy"), head=text)
    with Client(hub.http()) as c:
        assert echo(c, f"{name_of(a)}, -", b"tail").body == a + b"tail"
    with open(tmp_path / "state/blobs" / name_of(a), "r+b") as f:
        f.write(b"?")
    with Client(hub.http()) as c:
        answer = echo(c, f"{name_of(a)}, -", b"tail")
        assert answer.status == 404 and b"altered" in answer.body
    with Client(hub.http()) as c:
        assert echo(c, f"{name_of(a)}").status == 404
        assert echo(c, "-", b"still here").body == b"still here"


def test_refusals(hub):
    a = some(1000)
    with Client(hub.http()) as c:
        assert put(c, a).status == 201
    A, other = name_of(a), name_of(b"other")
    for operands, body, status, words in [
            (other, b"", 404, other), (f"{A}, {other}", b"", 404, other), ("x\"\xff", b"", 400, "'x???' is no blob's name"),
            ("", b"", 400, "names nothing"), (" , ", b"", 400, "names nothing"), ("-, -", b"x", 400, "the body twice"), (A.upper(), b"", 400, f"'{A.upper()[:28]}...' is no"),
            (f"{A} {A}", b"", 400, f"'{A[:28]}...' is no"), (A, b"x", 400, "no '-'"),
            (", ".join([A] * 65), b"", 400, "more than 64")]:
        with Client(hub.http()) as c:
            answer = echo(c, operands, body)
            assert answer.status == status, operands
            assert words in answer.body.decode(), operands
            assert answer.headers["content-type"] == "application/problem+json"
    big = some(10 * M)
    with Client(hub.http()) as c:
        assert put(c, big).status == 201
        assert echo(c, f"{name_of(big)}, {name_of(big)}").status == 413
    with Client(hub.http()) as c:
        c.send(f"POST /areas?sum HTTP/1.1\r\nHost: x\r\nMayfly-Operands: {name_of(big)}, -\r\nContent-Length: {9 * M}\r\n\r\n".encode())
        assert c.answer().status == 413


def test_no_cache(start, build):
    hub = start(service(build / "guest/areas.mfy"), head=listener())
    with Client(hub.http()) as c:
        assert echo(c, name_of(b"x")).status == 501
    with Client(hub.http()) as c:
        assert c.ask("POST", "/areas?echo", b"x", {"Mayfly-Keep": "10m"}).status == 501


def test_kept_and_used_again(hub):
    """As with a factor: what was computed once stays here, and is an operand of the next question."""
    a, b = some(2 * M, 1), some(50, 2)
    with Client(hub.http()) as c:
        answer = c.ask("POST", "/areas?echo", a, {"Mayfly-Keep": "10m", "Prefer": "return=minimal"})
        assert (answer.status, answer.body) == (201, b"")
        assert answer.headers["mayfly-blob"] == name_of(a)
        assert answer.headers["preference-applied"] == "return=minimal"
        assert echo(c, f"{answer.headers['mayfly-blob']}, -", b).body == a + b
        assert get(c, name_of(a)).body == a
        answer = c.ask("POST", "/areas?sum", b"abc", {"Mayfly-Keep": "1h"})  # a small one, from no area
        assert (answer.status, answer.body) == (200, b"3 294")
        assert answer.headers["mayfly-blob"] == name_of(b"3 294")
        assert "preference-applied" not in answer.headers
        answer = c.ask("POST", "/areas?echo", a, {"Mayfly-Keep": "10m", "Prefer": "wait=10, return=minimal; x=y"})
        assert answer.status == 201
        answer = c.ask("POST", "/areas?echo", a, {"Prefer": "return=minimal"})  # nobody said how long
        assert (answer.status, answer.body) == (200, a)
        assert "mayfly-blob" not in answer.headers


def test_kept_ones_are_not_evicted(hub):
    with Client(hub.http()) as c:
        kept = some(8 * M, 1)
        assert c.ask("POST", "/areas?echo", kept, {"Mayfly-Keep": "10m", "Prefer": "return=minimal"}).status == 201
        assert put(c, some(M, 2), Mayfly_Keep="10m").status == 201
        others = [some(9 * M, i) for i in range(10, 20)]
        for each in others:
            assert put(c, each).status == 201
        assert head(c, name_of(kept)).status == 200
        assert head(c, name_of(some(M, 2))).status == 200
        assert head(c, name_of(others[0])).status == 404
        for i in range(30, 36):  # until there is no room but for what is kept
            answer = c.ask("POST", "/areas?echo", some(8 * M, i), {"Mayfly-Keep": "10m", "Prefer": "return=minimal"})
            assert answer.status == 201
        answer = c.ask("POST", "/areas?echo", some(8 * M, 36), {"Mayfly-Keep": "10m", "Prefer": "return=minimal"})
        assert answer.status == 507 and b"kept" in answer.body
        data = some(8 * M, 60)  # who wants the answer too gets it
        answer = c.ask("POST", "/areas?echo", data, {"Mayfly-Keep": "10m"})
        assert (answer.status, answer.body) == (200, data)
        assert "mayfly-blob" not in answer.headers
        assert get(c, name_of(kept)).body == kept


def test_how_long(hub):
    for text in ("", "10", "0", "500ms", "169h", "-1s", "soon", "1s " * 20):
        with Client(hub.http()) as c:
            answer = c.ask("POST", "/areas?sum", b"abc", {"Mayfly-Keep": text})
            assert answer.status == 400 and b"Mayfly-Keep" in answer.body, text


def test_failures_are_not_kept(hub, tmp_path):
    with Client(hub.http()) as c:
        answer = c.ask("POST", "/areas?crash", b"x", {"Mayfly-Keep": "10m", "Prefer": "return=minimal"})
        assert answer.status == 502 and "mayfly-blob" not in answer.headers
    assert os.listdir(tmp_path / "state/blobs") == []


def test_the_same_key_again(hub):
    """Operands by name count as what they are; the answer again has its name."""
    a = some(300 * K)
    with Client(hub.http()) as c:
        assert put(c, a).status == 201
        ask = {"Idempotency_Key": '"k"', "Mayfly_Keep": "10m", "Prefer": "return=minimal"}
        first = echo(c, f"{name_of(a)}, -", b"x", **ask)
        assert first.status == 201
        again = echo(c, f"{name_of(a)}, -", b"x", **ask)
        assert (again.status, again.headers["mayfly-blob"]) == (201, first.headers["mayfly-blob"])
        assert again.headers["idempotency-replayed"] == "true"
        assert echo(c, f"-, {name_of(a)}", b"x", **ask).status == 409


def test_clients_that_go(hub):
    """In the middle of a body, or while blobs are read: others aren't held up, and nothing of theirs is in anybody's input."""
    a = some(6 * M)
    with Client(hub.http()) as c:
        assert put(c, a).status == 201
    ask = f"POST /areas?sum HTTP/1.1\r\nHost: x\r\nMayfly-Operands: {name_of(a)}, -\r\nContent-Length: 100000\r\n\r\n".encode()

    def come_and_go():
        for i in range(20):
            with Client(hub.http()) as c:
                c.send(ask + b"x" * (5000 * (i % 21)))

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for t in threads:
        t.start()
    b = some(500 * K, 2)
    for _ in range(10):
        with Client(hub.http()) as c:
            assert c.ask("POST", "/areas?echo", b).body == b
    for t in threads:
        t.join()
    with Client(hub.http()) as c:
        assert c.ask("POST", "/areas?echo", b).body == b
        assert head(c, name_of(a)).status == 200
