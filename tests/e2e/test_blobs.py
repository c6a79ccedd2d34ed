"""The disk cache over HTTP: uploads in pieces and gone on with, ranges, refusals, bounds, kill -9, files that somebody altered."""

import hashlib
import os
import random
import subprocess

import pytest
from http_client import Client, listener
from hubs import service

PATH = "/.well-known/mayfly/blobs/"
K, M = 1 << 10, 1 << 20


def some(n, seed=1):
    return random.Random(seed).randbytes(n)


def name_of(data):
    return hashlib.sha256(data).hexdigest()


def put(client, data, name=None, **headers):
    return client.ask("PUT", PATH + (name or name_of(data)), data,
                      {"Content-Length": str(len(data)), **{k.replace("_", "-"): v for k, v in headers.items()}})


def piece(client, data, first, last):
    return put(client, data[first:last], name_of(data), Content_Range=f"bytes {first}-{last - 1}/{len(data)}")


def get(client, name, **headers):
    return client.ask("GET", PATH + name, headers={k.replace("_", "-"): v for k, v in headers.items()})


def head(client, name):
    return client.ask("HEAD", PATH + name)


@pytest.fixture
def cached(start, build, tmp_path):
    """cached() -> Hub; again with the same state."""
    def make(limits="", entry="", **options):
        head_lines = f"state: {tmp_path}/state\nadmin: {tmp_path}/admin\n{limits}{listener(**options)}"
        return start(service(build / "guest/areas.mfy", *([entry] if entry else [])), head=head_lines)

    return make


@pytest.fixture
def files(tmp_path):
    return lambda: sorted(os.listdir(tmp_path / "state/blobs"))


# --- there and back

@pytest.mark.parametrize("size", [0, 1, 4096, 300 * K, 5 * M + 3])
def test_there_and_back(cached, files, size):
    data = some(size)
    hub = cached()
    with Client(hub.http()) as c:
        assert head(c, name_of(data)).status == 404
        answer = put(c, data)
        assert (answer.status, answer.headers["mayfly-blob"]) == (201, name_of(data))
        assert put(c, data).status == 204 or size > M
    with Client(hub.http()) as c:
        answer = head(c, name_of(data))
        assert (answer.status, answer.headers["content-length"]) == (200, str(size))
        answer = get(c, name_of(data))
        assert (answer.status, answer.body) == (200, data)
        assert answer.headers["etag"] == f'"{name_of(data)}"'
        assert answer.headers["content-type"] == "application/octet-stream"
    assert files() == [name_of(data)]


def test_a_large_one_that_is_there_is_not_read(cached):
    data = some(3 * M)
    hub = cached()
    with Client(hub.http()) as c:
        assert put(c, data).status == 201
        c.send(f"PUT {PATH}{name_of(data)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n"
               "Expect: 100-continue\r\n\r\n".encode())
        assert c.answer().status == 204
        assert c.ended()


def test_many_one_after_another_on_one_connection(cached):
    """Also sent without waiting for the answers."""
    hub = cached()
    blobs = [some(3000 * i, i) for i in range(1, 30)]
    with Client(hub.http()) as c:
        for data in blobs:
            c.send(f"PUT {PATH}{name_of(data)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            c.send(f"GET {PATH}{name_of(data)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        for data in blobs:
            assert c.answer().status == 201
            assert c.answer().body == data


def test_chunked(cached):
    hub = cached()
    data = some(700 * K)
    with Client(hub.http()) as c:
        c.send(f"PUT {PATH}{name_of(data)} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for at in range(0, len(data), 50000):
            part = data[at:at + 50000]
            c.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        c.send(b"0\r\n\r\n")
        assert c.answer().status == 201
        assert get(c, name_of(data)).body == data


def test_ranges(cached):
    hub = cached()
    data = some(600 * K)
    name, n = name_of(data), 600 * K
    with Client(hub.http()) as c:
        assert put(c, data).status == 201
        for text, first, last in [("0-0", 0, 0), ("5-", 5, n - 1), ("-7", n - 7, n - 1), (f"100-{n * 2}", 100, n - 1),
                                  (f"-{n * 2}", 0, n - 1), ("262140-262150", 262140, 262150)]:
            answer = get(c, name, Range=f"bytes={text}")
            assert answer.status == 206, text
            assert answer.headers["content-range"] == f"bytes {first}-{last}/{n}"
            assert answer.body == data[first:last + 1], text
        for text in (f"{n}-", "-0", "99999999999999999999-"):
            answer = get(c, name, Range=f"bytes={text}")
            assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{n}")
        for text in ("bytes=5-4", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=-"):
            assert get(c, name, Range=text).status == 200, text
        assert get(c, name, Range="bytes=0-1", If_Range=f'"{name}"').status == 206
        assert get(c, name, Range="bytes=0-1", If_Range='"x"').status == 200


# --- in pieces

def test_pieces(cached, files):
    data = some(900 * K)
    hub = cached()
    with Client(hub.http()) as c:
        for first in range(0, len(data), 300 * K):
            answer = piece(c, data, first, first + 300 * K)
            done = first + 300 * K
            assert answer.status == (201 if done == len(data) else 202)
            if done < len(data):
                assert answer.headers["upload-offset"] == str(done)
                answer = head(c, name_of(data))
                assert (answer.status, answer.headers["upload-offset"]) == (404, str(done))
        assert get(c, name_of(data)).body == data
    assert files() == [name_of(data)]


def cut(hub, data, n):
    """Sends n bytes of it, and goes; the hub has some of them."""
    with Client(hub.http()) as c:
        c.send(f"PUT {PATH}{name_of(data)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data[:n])
    with Client(hub.http()) as c:
        def offset():
            return int(head(c, name_of(data)).headers.get("upload-offset", 0))

        return hub.until(lambda: offset() == n and n)


def test_cut_off_and_gone_on_with(cached):
    data = some(2 * M)
    hub = cached()
    n = cut(hub, data, 1500001)
    with Client(hub.http()) as c:
        answer = hub.until(lambda: (a := piece(c, data, n, len(data))).status != 409 and a)
        assert answer.status == 201
        assert get(c, name_of(data)).body == data


def test_curl_goes_on(cached, tmp_path):
    data = some(2 * M)
    (tmp_path / "data").write_bytes(data)
    hub = cached()
    n = cut(hub, data, 70000)
    url = f"http://127.0.0.1:{hub.http()}{PATH}{name_of(data)}"
    done = subprocess.run(["curl", "-sS", "-C", str(n), "-T", tmp_path / "data", "-w", "%{http_code}", url],
                          capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "201"
    got = subprocess.run(["curl", "-sS", "-r", "1000-", url], capture_output=True, check=True, timeout=60)
    assert got.stdout == data[1000:]


def test_gone_on_with_wrongly(cached):
    data = some(600 * K)
    hub = cached()
    with Client(hub.http()) as c:
        answer = piece(c, data, 100 * K, len(data))
        assert (answer.status, answer.headers["upload-offset"]) == (416, "0")
    with Client(hub.http()) as c:
        assert piece(c, data, 0, 200 * K).status == 202
        answer = piece(c, data, 100 * K, len(data))
        assert (answer.status, answer.headers["upload-offset"]) == (416, str(200 * K))
    for text in ("bytes 0-8/10", "bytes 5-4/10", "bytes 0-9/*", "0-9/10", "bytes */10", "bytes 0-9/99999999999999999999"):
        with Client(hub.http()) as c:
            assert put(c, data[:10], name_of(data), Content_Range=text).status == 400, text
    with Client(hub.http()) as c:  # it is there still
        assert piece(c, data, 200 * K, len(data)).status == 201


def test_two_of_one_hash_at_once(cached, files):
    data = some(400 * K)
    hub = cached()
    with Client(hub.http()) as a, Client(hub.http()) as b, Client(hub.http()) as other:
        first = f"PUT {PATH}{name_of(data)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        a.send(first + data[:300 * K])
        b.send(first + data[:10])
        assert hub.until(lambda: int(head(other, name_of(data)).headers.get("upload-offset", 0)) in (10, 300 * K))
        answer = piece(other, data, 300 * K, len(data))  # somebody is at it
        assert answer.status in (409, 416)
        a.send(data[300 * K:])
        assert a.answer().status == 201
        b.send(data[10:])
        assert b.answer().status == 201
        assert get(a, name_of(data)).body == data
    hub.until(lambda: files() == [name_of(data)])


# --- refusals

def test_wrong_hash(cached, files):
    hub = cached()
    with Client(hub.http()) as c:
        answer = put(c, some(1000), name_of(b"else"))
        assert answer.status == 422 and b"SHA-256" in answer.body
        assert answer.headers["content-type"] == "application/problem+json"
        assert get(c, name_of(b"else")).status == 404
        assert put(c, b"else").status == 201
    hub.until(lambda: files() == [name_of(b"else")])


@pytest.mark.parametrize("name", ["x", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "..%2f..%2fmayfly.db", "0" * 62 + "%30"])
def test_no_name(cached, name):
    with Client(cached().http()) as c:
        assert get(c, name).status == 404
        assert put(c, b"x", name).status == 404


def test_other_methods(cached):
    with Client(cached().http()) as c:
        answer = c.ask("DELETE", PATH + "0" * 64)
        assert answer.status == 405
        assert {"GET", "HEAD", "PUT"} <= set(answer.headers["allow"].split(", "))


def test_too_large_and_full(cached, files):
    hub = cached(limits="limits: {blobs: 2MiB}\n")
    with Client(hub.http()) as c:
        answer = put(c, some(2 * M + 1))
        assert answer.status == 413
    blobs = [some(700 * K, i) for i in range(4)]
    with Client(hub.http()) as c:
        for data in blobs:
            assert put(c, data).status == 201
        assert [head(c, name_of(d)).status for d in blobs] == [404, 404, 200, 200]
    hub.until(lambda: len(files()) == 2)


def test_nobody_takes_blobs(start, build, tmp_path):
    """No service with an input, or no state directory: there is nothing."""
    hub = start(service(build / "guest/who.mfy", "http: [{path: /who}]"), head=f"state: {tmp_path}/state\n" + listener())
    with Client(hub.http()) as c:
        assert put(c, b"x").status == 404
    assert not (tmp_path / "state/blobs").exists()
    hub = start(service(build / "guest/areas.mfy"), head=listener())
    with Client(hub.http()) as c:
        assert put(c, b"x").status == 404


def test_access(cached, mayfly, tmp_path):
    """The rights are those of the routes of services that take blobs."""
    token = mayfly("token", "new", "lab", "--tokens", tmp_path / "tokens").stdout.strip()
    hub = cached(entry=f"http: [{{path: /areas, tokens: {tmp_path}/tokens}}]")
    with Client(hub.http()) as c:
        answer = get(c, name_of(b"x"))
        assert answer.status == 401 and "Bearer" in answer.headers["www-authenticate"]
        assert put(c, b"x", Authorization=f"Bearer {token}").status == 201
        assert get(c, name_of(b"x"), Authorization=f"Bearer {token}").body == b"x"


# --- restarts, and what lies on the disk

def test_kill_in_the_middle(cached, files):
    """kill -9: what is whole is there, what isn't can be gone on with, nothing else lies there."""
    whole, half = some(500 * K, 1), some(2 * M, 2)
    hub = cached()
    with Client(hub.http()) as c:
        assert put(c, whole).status == 201
        first = f"PUT {PATH}{name_of(half)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(half)}\r\n\r\n".encode()
        c.send(first + half[:M])
        with Client(hub.http()) as other:
            hub.until(lambda: head(other, name_of(half)).headers.get("upload-offset") == str(M))
            with Client(hub.http()) as third:  # a second one has no name of its own
                third.send(first + half[:100])
                hub.until(lambda: any(f.endswith(".new") for f in files()))
                hub.process.kill()
                hub.process.wait()
    hub = cached()
    assert files() == sorted([name_of(whole), name_of(half) + ".part"])
    with Client(hub.http()) as c:
        assert get(c, name_of(whole)).body == whole
        assert head(c, name_of(half)).headers["upload-offset"] == str(M)
        assert piece(c, half, M, len(half)).status == 201
        assert get(c, name_of(half)).body == half


@pytest.mark.parametrize("again", [False, True])
def test_altered(cached, tmp_path, again):
    data = some(400 * K)
    hub = cached()
    with Client(hub.http()) as c:
        assert put(c, data).status == 201
        assert get(c, name_of(data)).body == data
    if again:
        assert hub.stop() == 0
    with open(tmp_path / "state/blobs" / name_of(data), "r+b") as f:
        f.seek(200 * K)
        f.write(b"?")
    if again:
        hub = cached()
    with Client(hub.http()) as c:
        answer = get(c, name_of(data))
        assert answer.status == 404 and b"altered" in answer.body
        assert head(c, name_of(data)).status == 404
        assert put(c, data).status == 201
        assert get(c, name_of(data)).body == data
    assert "somebody altered its file" in hub.said()


def test_modes(cached, tmp_path):
    hub = cached()
    with Client(hub.http()) as c:
        assert put(c, b"secret").status == 201
    path = tmp_path / "state/blobs"
    assert path.stat().st_mode & 0o7777 == 0o700
    assert (path / name_of(b"secret")).stat().st_mode & 0o7777 == 0o600


def test_a_slow_reader_and_one_who_goes(cached):
    """What a client doesn't take is not held in memory; and a hub that is told to end ends."""
    data = some(30 * M)
    hub = cached()
    with Client(hub.http()) as c:
        assert put(c, data).status == 201
    with Client(hub.http()) as slow, Client(hub.http()) as gone:
        for each in (slow, gone):
            each.send(f"GET {PATH}{name_of(data)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            each.fill()
        gone.socket.close()
        with Client(hub.http()) as c:
            assert head(c, name_of(data)).status == 200
        answer = slow.answer()
        assert answer.body == data
        slow.send(f"GET {PATH}{name_of(data)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        slow.fill()
        assert hub.stop() == 0


def test_reload(cached):
    """Another bound; and no use for it any more."""
    blobs = [some(700 * K, i) for i in range(3)]
    hub = cached()
    text = hub.config.read_text()
    with Client(hub.http()) as c:
        for data in blobs:
            assert put(c, data).status == 201
    hub.reload(text.replace("http:\n", "limits: {blobs: 1MiB}\nhttp:\n", 1))
    with Client(hub.http()) as c:
        assert [head(c, name_of(d)).status for d in blobs] == [404, 404, 200]
    hub.reload(text.replace("guest/areas.mfy", "guest/who.mfy\n    http: [{path: /who}]"))
    with Client(hub.http()) as c:
        assert head(c, name_of(blobs[2])).status == 404
    hub.reload(text)
    with Client(hub.http()) as c:
        assert get(c, name_of(blobs[2])).body == blobs[2]
