"""Prices: what a request would cost, without doing it; what lives meter beyond that."""

import contextlib
import hashlib
import io
import json
import re
import sqlite3
import subprocess

import pytest
from conftest import run
from http_client import Client, listener
from hubs import service

PATH = "/.well-known/mayfly/blobs/"


def quote(client, path, body=b"", method="POST", **headers):
    answer = client.ask(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    return json.loads(answer.body)


def refused(client, path, status, words, body=b"", **headers):
    answer = client.ask("POST", path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    assert answer.status == status, (answer.status, answer.body)
    problem = json.loads(answer.body)
    assert problem["status"] == status and words in problem["detail"], problem
    return problem


def npy(shape, descr="<f8", elements=None):
    """An array of zeros as numpy.save writes it, or one that lies about its elements."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    head = b"\x93NUMPY\x01\0\x76\0" + text.ljust(117).encode() + b"\n"
    size = int(descr[2:])
    for n in shape:
        size *= n
    return head + bytes(size if elements is None else elements)


@pytest.fixture
def priced(start, build, tmp_path):
    hub = start(service(build / "guest/priced.mfy"), head=f"state: {tmp_path}/state\nadmin: {tmp_path}/admin\n{listener()}")
    hub.client = Client(hub.http())
    yield hub
    hub.client.socket.close()


def lives(hub, build, tmp_path):
    done = run(build / "mayfly", "stats", "priced", "-o", "json", "--hub", tmp_path / "admin")
    assert done.returncode == 0, done.stderr
    text = json.loads(done.stdout)
    return text["services"][0] if "services" in text else text


def test_a_quote_says_what_it_costs_and_does_nothing(priced, build, tmp_path):
    got = quote(priced.client, "/x?quote", b"12345")
    assert got == {
        "service": "priced", "version": "1.5", "image": got["image"], "path": "/x", "formula": "body.bytes",
        "unit": "byte", "units": 5, "amount": "0.012500", "currency": "EUR", "per_unit": "0.0025 EUR", "minimum": "0.01 EUR"}
    assert len(got["image"]) == 64
    # at least the minimum, but not for nothing
    assert quote(priced.client, "/x?quote", b"1")["amount"] == "0.010000"
    assert quote(priced.client, "/x?quote")["amount"] == "0.000000"
    # the length alone, or shapes
    assert quote(priced.client, "/x?quote=1000000bytes")["amount"] == "2500.000000"
    assert quote(priced.client, "/x?quote=10x2:c16")["units"] == 128 + 320
    assert quote(priced.client, "/n?n=7&quote")["units"] == 70
    assert quote(priced.client, "/n?n=7&quote", method="GET")["units"] == 70
    assert lives(priced, build, tmp_path)["lives"] == 0
    # and without the word it is a request like any other
    assert priced.client.ask("POST", "/x", b"12345").body == b"metered\n"
    assert priced.client.ask("POST", "/x?unquote", b"12345").body == b"metered\n"


def test_a_quote_from_arrays(priced):
    two = npy((3, 5)) + npy((7,), "<c16")
    assert quote(priced.client, "/array?quote", two)["units"] == 22
    assert quote(priced.client, "/array?quote", npy((3, 5)) + b"")["units"] == 15
    assert quote(priced.client, "/array?quote=3x5,7:c16")["units"] == 22
    priced.client.send(b"POST /array?quote HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for byte in two:
        priced.client.send(b"1\r\n" + bytes([byte]) + b"\r\n")
    priced.client.send(b"0\r\n\r\n")
    assert json.loads(priced.client.answer().body)["units"] == 22


@pytest.mark.parametrize("path, status, words, body", [
    ("/array?quote", 422, "a.size counts for the price, and there is no array a: 0 came", b""),
    ("/array?quote", 400, "a is no .npy array", b"hello"),
    ("/array?quote", 400, "a's head says that it has 248 bytes, and 247 are there", npy((3, 5), elements=119)),
    ("/array?quote", 400, "b's head says", npy((1,)) + npy((3, 5), elements=119)),
    ("/array?quote", 400, "b is no .npy array", npy((1,)) + b"\x93NUMPY\x01\0"),
    ("/array?quote", 400, "a has a dtype whose elements have no known size: ?U4", npy((1,), "\x7fU4")),
    ("/array?quote=3x5x", 400, "'3x5x' is no shape", b""),
    ("/array?quote=%22%0a", 400, "'??' is no shape", b""),
    ("/array?quote=%2", 400, "not well escaped", b""),
    ("/array?quote=3x5", 400, "of shapes or of arrays", b"12345"),
    ("/array?quote=4294967295x4294967295:u1", 422, "larger than 2^63-1", b""),
    ("/n?quote", 422, "query.n counts for the price, and is missing", b""),
    ("/n?quote&n=1&n=2", 422, "stands there twice", b""),
    ("/n?quote&n=18446744073709551615", 422, "10 * query.n is larger than", b""),
    ("/n?quote&n=900000000000000000", 422, "units cost more than an amount can be", b""),
])
def test_what_has_no_quote(priced, path, status, words, body):
    refused(priced.client, path, status, words, body)
    assert quote(priced.client, "/n?quote&n=1")["units"] == 10  # on the same connection


def meters(state):
    with contextlib.closing(sqlite3.connect(state / "mayfly.db")) as db:
        return [(unit.decode(), total) for unit, total in db.execute("SELECT unit, sum FROM meter")]


def test_what_is_metered_beyond_the_quote_does_not_count(priced, build, tmp_path):
    ask = priced.client.ask
    assert ask("POST", "/x", b"12345").status == 200              # 5 of 5
    assert ask("POST", "/x?meters=2", b"12345").status == 200     # 2 of 5
    assert ask("POST", "/x?meters=9", b"12345").status == 200     # 5 of 5, 4 too many
    assert ask("POST", f"/x?meters={2**64 - 1}", b"1").status == 200  # 1 of 1
    assert ask("POST", "/n?meters=3", b"").status == 200          # there was no quote: nothing
    assert lives(priced, build, tmp_path)["overruns"] == 3
    assert "metered 9 byte, and 5 were quoted: what is above isn't charged" in priced.said()
    assert priced.stop() == 0
    assert meters(tmp_path / "state") == [("byte", 13)]


# --- with linear algebra

@pytest.fixture
def linalg(start, build, tmp_path):
    image = build / "services/linalg.mfy"
    if not image.exists():
        pytest.skip("OpenBLAS's, LAPACK's or musl's sources are not to be had here, or no gfortran")
    hub = start(service(image), head=f"state: {tmp_path}/state\nadmin: {tmp_path}/admin\n{listener()}")
    hub.client = Client(hub.http(), seconds=60)
    yield hub
    hub.client.socket.close()


def put(client, data):
    name = hashlib.sha256(data).hexdigest()
    assert client.ask("PUT", PATH + name, data).status == 201
    return name


def test_a_product_is_quoted_in_every_way(linalg):
    a, b = npy((100, 30)), npy((30, 7))
    flop = 2 * 100 * 30 * 7
    path = "/linalg/multiply?quote"
    assert quote(linalg.client, path, a + b)["units"] == flop
    assert quote(linalg.client, path + "=100x30,30x7")["units"] == flop
    assert quote(linalg.client, path + "=100x30:c16,30x7:c16")["units"] == 4 * flop
    assert quote(linalg.client, path + "=100x30,7x30&transb=t")["units"] == flop
    # far larger than a life, or than this machine
    assert quote(linalg.client, path + "=1000000x1000000,1000000x10")["amount"] == "40.000000"
    one, two, both = put(linalg.client, a), put(linalg.client, b), put(linalg.client, a + b)
    assert quote(linalg.client, path, Mayfly_Operands=f"{one}, {two}")["units"] == flop
    assert quote(linalg.client, path, Mayfly_Operands=both)["units"] == flop
    assert quote(linalg.client, path, b, Mayfly_Operands=f"{one}, -")["units"] == flop
    assert quote(linalg.client, "/linalg/inverse?quote=9x9", Prefer="respond-async")["units"] == 2 * 9**3


def test_blobs_that_have_no_quote(linalg):
    short, text = put(linalg.client, npy((9, 9), elements=70)), put(linalg.client, b"hello")
    path = "/linalg/inverse?quote"
    refused(linalg.client, path, 400, "a's head says that it has 776 bytes, and 198 are there", Mayfly_Operands=short)
    refused(linalg.client, path, 400, "a is no .npy array", Mayfly_Operands=text)
    refused(linalg.client, path, 404, "isn't here", Mayfly_Operands="0" * 64)
    refused(linalg.client, path, 400, "'x' is no blob's name", Mayfly_Operands="x")
    refused(linalg.client, path + "=9x9", 400, "of shapes or of arrays", Mayfly_Operands=short)
    refused(linalg.client, "/linalg/other?quote=9x9", 404, "this path has no price")
    assert quote(linalg.client, path + "=9x9")["units"] == 2 * 9**3


def test_what_it_meters_is_what_was_quoted(linalg, tmp_path):
    np = pytest.importorskip("numpy", reason="python3-numpy isn't installed")
    rng, total = np.random.default_rng(1), 0
    square = rng.random((12, 12)) + 12 * np.eye(12)
    for path, arrays in [("multiply?x", (square, square[:, :5])), ("solve?x", (square, square[:, 0])), ("det?x", (square,)),
                         ("svd?x", (square[:7],)), ("eigh?vectors=0", (square + square.T,)), ("qr?mode=r", (square[:, :3],))]:
        out = io.BytesIO()
        for array in arrays:
            np.save(out, array)
        path = path.removesuffix("?x")
        total += quote(linalg.client, f"/linalg/{path}{'&' if '?' in path else '?'}quote", out.getvalue())["units"]
        assert linalg.client.ask("POST", f"/linalg/{path}", out.getvalue()).status == 200
    assert linalg.stop() == 0
    (unit, metered), = meters(tmp_path / "state")
    assert unit == "flop" and 0 <= total - metered <= 6  # a quote is rounded up


def test_the_page(linalg, build, root, tmp_path):
    """docs/market.md, typed as it stands there but for port and hash."""
    a = npy((1000, 1000))
    (tmp_path / "a.npy").write_bytes(a)
    (tmp_path / "ab.npy").write_bytes(a + npy((10, 1000)))
    text = (root / "docs/market.md").read_text().split("## Quotes")[1].split("## Charging")[0].replace(":8080", f":{linalg.http()}")
    typed = [line[4:] for line in text.splitlines() if re.match("    (curl|mayfly) ", line)]
    script = "\n".join(typed).replace("curl ", "curl -sS --fail -w '\\n' ").replace("mayfly quote", f"{build}/mayfly quote")
    script = f"hash={put(linalg.client, a)}\n" + script.replace("build/services", f"{build}/services")
    done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    first, second, third, *rest = done.stdout.splitlines()
    assert [json.loads(line)["units"] for line in (first, second, third)] == [2 * 10**7, 2 * 10**7, 2 * 10**9]
    assert rest == ["672666667 flop, 0.001346 EUR", "339333334 flop, 0.000679 EUR"]
    keys = set(json.loads(re.search("```json\n(.*?)```", text, re.S).group(1)))
    assert keys == set(json.loads(first))


# --- the command

def mayfly(build, *args):
    return run(build / "mayfly", "quote", *args)


def test_an_image_is_asked_without_a_hub(build, tmp_path):
    image = build / "guest/priced.mfy"
    (tmp_path / "a.npy").write_bytes(npy((3, 5), "<c16"))
    done = mayfly(build, image, "/array", tmp_path / "a.npy", "7")
    assert (done.returncode, done.stdout) == (0, "22 byte, 0.055000 EUR\n"), done.stderr
    got = json.loads(mayfly(build, image, "/n?n=3", "-o", "json").stdout)
    assert got["units"] == 30 and got["amount"] == "0.075000" and got["formula"] == "10 * query.n"
    assert mayfly(build, image, "/x", "400bytes").stdout == "400 byte, 1.000000 EUR\n"


@pytest.mark.parametrize("args, status, words", [
    ([], 2, "of what?"),
    (["IMAGE"], 2, "which path?"),
    (["IMAGE", "n"], 2, "which path?"),
    (["IMAGE", "/n"], 1, "query.n counts for the price, and is missing"),
    (["IMAGE", "/array", "3xx5"], 2, "'3xx5' is no shape"),
    (["IMAGE", "/array", "none.npy"], 3, "No such file"),
    (["IMAGE", "/array", "README.md"], 2, "is no .npy array"),
    (["IMAGE", "/x", "-o", "xml"], 2, "xml"),
    (["IMAGE", "/x", "--toke"], 2, "--toke"),
    (["README.md", "/x"], 2, "README.md"),
    (["none.mfy", "/x"], 3, "No such file"),
    (["http://127.0.0.1:1/x"], 6, "127.0.0.1"),
    (["ftp://127.0.0.1:1/x"], 6, "ftp"),
])
def test_what_the_command_refuses(build, args, status, words):
    done = mayfly(build, *[build / "guest/priced.mfy" if a == "IMAGE" else a for a in args])
    assert done.returncode == status and words in done.stderr, (done.returncode, done.stderr)
    assert done.stdout == ""


def test_a_hub_is_asked(priced, build, tmp_path):
    url = f"http://127.0.0.1:{priced.http()}"
    (tmp_path / "a.npy").write_bytes(npy((3, 5)))
    assert mayfly(build, url + "/array", tmp_path / "a.npy", "2x2:f4").stdout == "19 byte, 0.047500 EUR\n"
    assert mayfly(build, url + "/n?n=2#x").stdout == "20 byte, 0.050000 EUR\n"
    remote = mayfly(build, url + "/x", "400bytes", "-o", "json")
    local = mayfly(build, build / "guest/priced.mfy", "/x", "400bytes", "-o", "json")
    assert json.loads(remote.stdout) == json.loads(local.stdout)
    done = mayfly(build, url + "/n")
    assert done.returncode == 1 and "422: query.n counts for the price, and is missing" in done.stderr


def test_services_without_a_price_have_no_quote(start, build):
    hub = start(service(build / "guest/web.mfy"), head=listener())
    done = mayfly(build, f"http://127.0.0.1:{hub.http()}/x")
    assert done.returncode in (1, 3) and done.stdout == "", done.stderr
