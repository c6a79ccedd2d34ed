"""services/linalg: what it answers is compared with NumPy; what it refuses, in which words."""

import io
import json
import re
import shutil
import subprocess
import sys

import pytest

from conftest import BUILD, ROOT, free_port, run
from http_client import Client
from hubs import Hub, hub_yaml
from hubs import service as entry

np = pytest.importorskip("numpy", reason="python3-numpy isn't installed")
IMAGE = BUILD / "services/linalg.mfy"
if not IMAGE.exists():
    pytest.skip("OpenBLAS's, LAPACK's or musl's sources are not to be had here, or no gfortran",
                allow_module_level=True)

TOLERANCE = {"float32": 2e-4, "float64": 1e-12, "complex64": 2e-4, "complex128": 1e-12}
REAL = ["float32", "float64"]


def body_of(*arrays):
    """What numpy.save makes of one file."""
    out = io.BytesIO()
    for array in arrays:
        np.save(out, array)
    return out.getvalue()


def arrays_of(body):
    file, arrays = io.BytesIO(body), []
    while file.tell() < len(body):
        arrays.append(np.load(file, allow_pickle=False))
    return arrays


class Linalg:
    """A hub with the service, and a connection to it."""

    def __init__(self, directory, image=IMAGE, *lines):
        directory.mkdir(exist_ok=True)
        port = free_port()
        self.hub = Hub(directory, hub_yaml(
            entry(image, *lines), head=f"state: {directory}/state\nhttp:\n  - listen: 127.0.0.1:{port}\n"))
        self.url = f"http://127.0.0.1:{port}"
        self.client = Client(port, seconds=60)

    def ask(self, path, body):
        return self.client.ask("POST", f"/linalg/{path}", body)

    def __call__(self, path, *arrays):
        """The arrays of the answer."""
        answer = self.ask(path, body_of(*arrays))
        assert answer.status == 200, answer.body
        assert answer.headers["content-type"] == "application/x-npy"
        return arrays_of(answer.body)

    def refused(self, path, status, *arrays, body=None, plan=False):
        """Its problem, a dict; from the life that would have planned."""
        answer = self.ask(path, body_of(*arrays) if body is None else body)
        assert answer.status == status, (answer.status, answer.body[:300])
        assert answer.headers["content-type"] == "application/problem+json"
        problem = json.loads(answer.body)
        assert problem["type"] == "about:blank" and problem["status"] == status
        assert plan or problem["id"] == answer.headers["mayfly-event"]
        return problem


@pytest.fixture(scope="module")
def linalg(tmp_path_factory):
    service = Linalg(tmp_path_factory.mktemp("linalg"))
    yield service
    service.client.socket.close()
    assert service.hub.stop() == 0


@pytest.fixture
def random():
    return np.random.default_rng(7)


def near(a, b, dtype, times=1.0):
    b = np.asarray(b)
    assert a.shape == b.shape and a.dtype == dtype, (a.shape, b.shape, a.dtype)
    assert np.linalg.norm(a - b) <= times * TOLERANCE[dtype] * max(np.linalg.norm(b), 1e-30)


def made(random, dtype, *shape):
    a = random.standard_normal(shape)
    if dtype.startswith("complex"):
        a = a + 1j * random.standard_normal(shape)
    return a.astype(dtype)


def hilbert(n):
    i = np.arange(n)
    return 1.0 / (i[:, None] + i[None, :] + 1)


def op(a, letter):
    return {"n": a, "t": a.T, "c": a.conj().T}[letter]


# ------------------------------------------------------------------------- products


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_multiply(linalg, random, dtype):
    """Odd sizes, every transpose, both orders."""
    for ta in "ntc":
        for tb in "ntc":
            a = made(random, dtype, *((13, 29) if ta == "n" else (29, 13)))
            b = made(random, dtype, *((29, 7) if tb == "n" else (7, 29)))
            c = made(random, dtype, 13, 7)
            for order_a, order_b, order_c in ("CCC", "FCF", "CFC", "FFF"):
                x, y, z = (np.array(m, order=o) for m, o in ((a, order_a), (b, order_b), (c, order_c)))
                got, = linalg(f"multiply?transa={ta}&transb={tb}", x, y)
                near(got, op(a, ta) @ op(b, tb), dtype)
                got, = linalg(f"multiply?transa={ta}&transb={tb}&alpha=-2.5&beta=0.5", x, y, z)
                near(got, -2.5 * op(a, ta) @ op(b, tb) + 0.5 * c, dtype)
                assert got.flags.c_contiguous == (order_c == "C")


def test_complex_numbers_as_python_writes_them(linalg, random):
    a, b, c = (made(random, "complex128", 5, 5) for _ in range(3))
    for alpha, beta in ((1.5 - 2j, 2j), (complex(0, -1), -1 + 0.25j)):
        query = f"alpha={alpha}&beta={beta}".replace("+", "%2B")
        got, = linalg(f"multiply?{query}", a, b, c)
        near(got, alpha * a @ b + beta * c, "complex128")
    assert "imaginary" in linalg.refused("multiply?alpha=2j", 400, a.real, b.real)["detail"]


@pytest.mark.parametrize("n", [1, 2, 3, 63, 64, 65, 127, 257, 500])
def test_sizes_around_the_blocks(linalg, random, n):
    for dtype in ("float32", "float64", "complex64"):
        a, b = made(random, dtype, n, n + 1), made(random, dtype, n + 1, n)
        near(linalg("multiply", a, b)[0], a @ b, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_wider_than_the_buffer(linalg, random, dtype):
    """OpenBLAS keeps a copy of B, a block of columns at a time: each target must know what fits its 8 MiB."""
    m, k = 800, 250
    a, b = made(random, dtype, m, k), made(random, dtype, k, (10 << 20) // (k * np.dtype(dtype).itemsize))
    got, = linalg("multiply", a, b)
    rows = slice(0, m, 100)
    near(got[rows], a[rows] @ b, dtype)


def test_few_equations_for_a_million_unknowns(linalg, random):
    """Rows whose elements lie apart are longer than the buffer that OpenBLAS copies them to."""
    a, b = made(random, "float64", 2, 1100000), made(random, "float64", 2)
    near(a @ linalg("lstsq", a, b)[0], b, "float64", 1000)
    q, r = linalg("qr", a)  # its work isn't 32 times as large as it
    near(q @ r, a, "float64")


def test_matvec(linalg, random):
    for dtype in TOLERANCE:
        for letter in "ntc":
            a = made(random, dtype, 17, 9)
            x = made(random, dtype, 9 if letter == "n" else 17)
            y = made(random, dtype, 17 if letter == "n" else 9)
            for m in (a, np.asfortranarray(a)):
                near(linalg(f"matvec?trans={letter}", m, x)[0], op(a, letter) @ x, dtype)
                near(linalg(f"matvec?trans={letter}&alpha=3&beta=-1", m, x, y)[0],
                     3 * op(a, letter) @ x - y, dtype)


def test_nan_and_inf_go_where_blas_lets_them(linalg):
    a, b = np.array([[1.0, np.nan], [np.inf, 2.0]]), np.ones((2, 2))
    got, = linalg("multiply", a, b)
    assert np.isnan(got[0]).all() and np.isinf(got[1]).all()
    got, = linalg("multiply?beta=0", b, b, np.full((2, 2), np.nan))
    assert (got == 2).all()


def test_trsm_and_syrk(linalg, random):
    for dtype in REAL:
        a, b = made(random, dtype, 11, 11) + 9 * np.eye(11, dtype=dtype), made(random, dtype, 11, 5)
        for uplo, cut in (("lower", np.tril), ("upper", np.triu)):
            for letter in "nt":
                x, = linalg(f"trsm?uplo={uplo}&transa={letter}&alpha=2", a, np.asfortranarray(b))
                near(op(cut(a), letter) @ x, 2 * b, dtype, 10)
                x, = linalg(f"trsm?side=right&uplo={uplo}&transa={letter}", a, b.T)
                near(x @ op(cut(a), letter), b.T, dtype, 10)
                s, = linalg(f"syrk?uplo={uplo}&trans={letter}", b)
                near(s, cut(op(b, letter) @ op(b, letter).T), dtype)


# -------------------------------------------------------------------------- systems


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("order", "CF")
def test_solve(linalg, random, dtype, order):
    n = 33
    a = np.array(made(random, dtype, n, n), order=order)
    s = np.array(a + a.T, order=order)
    p = np.array(a @ a.T + n * np.eye(n, dtype=dtype), order=order)
    cases = {"general": a + 9 * np.eye(n, dtype=dtype), "symmetric": s + 9 * np.eye(n, dtype=dtype), "positive": p,
             "upper": np.triu(p), "lower": np.tril(p)}
    for assume, m in cases.items():
        m = np.array(m, order=order)
        for b in (made(random, dtype, n), made(random, dtype, n, 4), made(random, dtype, n, 4).copy("F")):
            x, = linalg(f"solve?assume={assume}", m, b)
            near(m @ x, b, dtype, 100)
    near(linalg("inverse", p)[0] @ p, np.eye(n), dtype, 100)
    sign, logdet = linalg("det", a)
    expected = np.linalg.slogdet(a.astype("float64"))
    assert float(sign) == expected[0] and sign.shape == () and sign.dtype == "float64"
    assert abs(float(logdet) - expected[1]) < 1e-3


def test_factored_once(linalg, random):
    """A factor is what `lu` or `cholesky` answered, as it came."""
    a = made(random, "float64", 15, 15)  # an odd size: what lies behind the pivots isn't aligned to 8
    p = a @ a.T + 15 * np.eye(15)
    lu = linalg.ask("lu", body_of(a)).body
    factor = linalg.ask("cholesky?uplo=upper", body_of(p)).body
    for b in (made(random, "float64", 15), made(random, "float64", 15, 3)):
        near(a @ arrays_of(linalg.ask("getrs", lu + body_of(b)).body)[0], b, "float64", 100)
        near(a.T @ arrays_of(linalg.ask("getrs?trans=t", lu + body_of(b)).body)[0], b, "float64", 100)
        near(p @ arrays_of(linalg.ask("potrs?uplo=upper", factor + body_of(b)).body)[0], b, "float64", 100)


def test_ill_conditioned(linalg):
    """The residual of what is solved stays small, however wrong the solution may be; QR and SVD don't suffer."""
    vandermonde = np.vander(np.linspace(-1, 1, 20))
    for a in (hilbert(12), vandermonde, vandermonde.copy("F")):
        b = a.sum(axis=1)
        x, = linalg("solve", a, b)
        assert np.linalg.norm(a @ x - b) < 1e-13 * np.linalg.norm(a) * max(np.linalg.norm(x), 1)
        q, r = linalg("qr", a)
        near(q @ r, a, "float64")
        near(q.T @ q, np.eye(len(a)), "float64")
        u, s, vt = linalg("svd", a)
        near(u * s @ vt, a, "float64")
        assert np.abs(s - np.linalg.svd(a, compute_uv=False)).max() < 1e-13 * s[0]
    w, v = linalg("eigh", hilbert(12))
    assert np.abs(w - np.linalg.eigvalsh(hilbert(12))).max() < 1e-14
    near(v * w @ v.T, hilbert(12), "float64")
    x, rank, s = linalg("lstsq", hilbert(12), np.ones(12))
    assert rank.dtype == "int32" and rank.shape == () and int(rank) == np.linalg.matrix_rank(hilbert(12))


# -------------------------------------------------------------------------- factors


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("shape", [(9, 9), (20, 6), (6, 20), (1, 7), (7, 1)])
def test_factors(linalg, random, dtype, shape):
    a = made(random, dtype, *shape)
    k = min(shape)
    for m in (a, a.copy("F")):
        q, r = linalg("qr", m)
        near(q @ r, a, dtype)
        assert q.shape == (shape[0], k) and (np.tril(r, -1) == 0).all()
        q, r = linalg("qr?mode=complete", m)
        near(q @ r, a, dtype)
        near(q.T @ q, np.eye(shape[0]), dtype, 10)
        assert np.abs(np.abs(linalg("qr?mode=r", m)[0]) - np.abs(r[:k])).max() < 10 * TOLERANCE[dtype]
        raw, tau = linalg("qr?mode=raw", m)
        near(np.triu(raw)[:k], r[:k], dtype, 10)
        assert tau.shape == (k,)
        u, s, vt = linalg("svd", m)
        near(u * s @ vt, a, dtype, 10)
        u, s, vt = linalg("svd?full=1", m)
        near(u[:, :k] * s @ vt[:k], a, dtype, 10)
        near(s, np.linalg.svd(a, compute_uv=False), dtype, 10)
        near(linalg("svd?vectors=0", m)[0], s, dtype, 10)
        packed, pivots = linalg("lu", m)
        near(exchanged((np.tril(packed, -1) + np.eye(*shape, dtype=dtype))[:, :k] @ np.triu(packed)[:k], pivots), a, dtype)
        b = made(random, dtype, shape[0], 2)
        x, rank, s = linalg("lstsq", m, b)
        expected = np.linalg.lstsq(a, b, rcond=None)
        near(x, expected[0], dtype, 100)
        assert int(rank) == expected[2]
        near(s, expected[3], dtype, 10)


def exchanged(a, pivots):
    assert pivots.dtype == "int32"
    for i, pivot in reversed(list(enumerate(pivots - 1))):
        a[[i, pivot]] = a[[pivot, i]]
    return a


@pytest.mark.parametrize("dtype", REAL)
def test_symmetric(linalg, random, dtype):
    a = made(random, dtype, 25, 25)
    s, p = a + a.T, a @ a.T + 25 * np.eye(25, dtype=dtype)
    for uplo, cut in (("lower", np.tril), ("upper", np.triu)):
        for order in "CF":
            w, v = linalg(f"eigh?uplo={uplo}", np.array(cut(s), order=order))
            near(v * w @ v.T, s, dtype, 10)
            near(linalg(f"eigh?vectors=0&uplo={uplo}", np.array(cut(s), order=order))[0], w, dtype, 10)
            factor, = linalg(f"cholesky?uplo={uplo}", np.array(cut(p), order=order))
            near(factor @ factor.T if uplo == "lower" else factor.T @ factor, p, dtype)
            assert (factor == cut(factor)).all()


def test_of_no_size(linalg):
    """As NumPy answers it."""
    empty = np.zeros
    assert linalg("multiply", empty((3, 0)), empty((0, 2)))[0].tolist() == [[0, 0]] * 3
    assert linalg("multiply", empty((0, 3)), empty((3, 0)))[0].shape == (0, 0)
    assert linalg("solve", empty((0, 0)), empty((0, 2)))[0].shape == (0, 2)
    assert linalg("inverse", empty((0, 0)))[0].shape == (0, 0)
    assert [float(x) for x in linalg("det", empty((0, 0)))] == [1, 0]
    assert [x.shape for x in linalg("svd?full=1", empty((3, 0)))] == [(3, 3), (0,), (0, 0)]
    assert [x.shape for x in linalg("qr", empty((0, 3)))] == [(0, 0), (0, 3)]
    assert [x.shape for x in linalg("qr", empty((0, 2**31 - 1)))] == [(0, 0), (0, 2**31 - 1)]  # at once
    assert [x.shape for x in linalg("eigh", empty((0, 0)))] == [(0,), (0, 0)]
    assert [x.shape for x in linalg("lstsq", empty((0, 3)), empty(0))] == [(3,), (), (0,)]


# -------------------------------------------------------------------------- refused


def test_shapes(linalg):
    problem = linalg.refused("multiply", 422, np.ones((3, 4)), np.ones((5, 2)))
    assert (problem["argument"], problem["found"], problem["wanted"]) == ("b", "(5, 2)", "(4, n)")
    problem = linalg.refused("solve", 422, np.ones((3, 4)), np.ones(3))
    assert (problem["argument"], problem["found"], problem["wanted"]) == ("a", "(3, 4)", "(n, n)")
    problem = linalg.refused("det", 422, np.ones((2, 2, 2)))
    assert problem["found"] == "(2, 2, 2)"
    assert "behind the last array" in linalg.refused("det", 400, np.eye(2), np.eye(2))["detail"]
    assert linalg.refused("multiply", 400, np.eye(2))["argument"] == "b"
    assert linalg.refused("multiply", 400, body=b"")["argument"] == "a"


def test_singular(linalg):
    a = np.array([[1.0, 2, 3], [2, 4, 6.5], [3, 6, 9]])
    for path in ("solve", "inverse"):
        problem = linalg.refused(path, 422, *([a, np.ones(3)] if path == "solve" else [a]))
        assert problem["argument"] == "a" and "singular" in problem["detail"] and problem["pivot"] > 0
    assert linalg.refused("solve?assume=upper", 422, np.diag([1.0, 2, 0, 4]), np.ones(4))["pivot"] == 3
    problem = linalg.refused("cholesky", 422, np.diag([1.0, -1, 2]))
    assert "not positive definite" in problem["detail"] and problem["pivot"] == 2
    assert [float(x) for x in linalg("det", np.zeros((2, 2)))] == [0, -np.inf]
    assert "NaN" in linalg.refused("svd", 422, np.full((3, 3), np.nan))["detail"]


def test_dtypes(linalg):
    for dtype in (">f8", "<f2", "|u1", "<i8", "|b1", "<U3", ">c16", [("a", "<f8"), ("b", "<i4")], "<m8[s]"):
        array = np.zeros((2, 2), dtype)
        problem = linalg.refused("multiply", 415, array, array)
        assert problem["argument"] == "a" and problem["wanted"] == "<f4, <f8, <c8 or <c16", problem
    problem = linalg.refused("multiply", 415, np.ones((2, 2)), np.ones((2, 2), "float32"))
    assert (problem["argument"], problem["found"], problem["wanted"]) == ("b", "<f4", "<f8")
    linalg.refused("solve", 415, np.ones((2, 2), "complex128"), np.ones(2, "complex128"))


def test_versions_and_lies(linalg):
    a = np.arange(6.0).reshape(2, 3)
    for version in ((1, 0), (2, 0), (3, 0)):
        out = io.BytesIO()
        np.lib.format.write_array(out, a, version)
        np.lib.format.write_array(out, a.T, version)
        body = out.getvalue()
        near(arrays_of(linalg.ask("multiply", body).body)[0], a @ a.T, "float64")
        for cut in (0, 5, 9, 11, 60, 100, len(body) // 2, len(body) - 1):
            linalg.refused("multiply", 400, body=body[:cut])
    good = body_of(a)
    for old, new in ((b"(2, 3)", b"(9, 9)"), (b"(2, 3)", b"(-2,3)"), (b"(2, 3)", b"(2;3) "), (b"'descr'", b"'dEscr'"),
                     (b"False", b"false"), (b"\x93NUMPY\x01", b"\x93NUMPY\x07"), (b"(2, 3)", b"(2**9)")):
        assert old in good
        assert "no .npy array" in linalg.refused("svd", 400, body=good.replace(old, new))["detail"]


def test_paths_methods_options(linalg):
    assert "multiply, matvec, solve" in linalg.refused("divide", 404, np.eye(2))["detail"]
    assert "it takes assume, uplo" in (
        linalg.refused("solve?assum=general", 400, np.eye(2), np.ones(2))["detail"].replace("uplo, assume", "assume, uplo"))
    assert "assume is general" in linalg.refused("solve?assume=diagonal", 400, np.eye(2), np.ones(2))["detail"]
    answer = linalg.client.ask("GET", "/linalg/multiply")
    assert answer.status == 405


def test_too_large(linalg):
    """What a life has no memory for, with what it has."""
    tall = np.zeros((4000000, 1), "float32")
    problem = linalg.refused("multiply?transb=t", 413, tall, tall)
    assert "a life has" in problem["detail"] and "or less" in problem["wanted"]
    problem = linalg.refused("svd?full=1", 413, tall)
    assert "fits" in problem["detail"] and problem["wanted"].endswith(", 1) or less")


# ------------------------------------------------------------------------- the tools


def test_mayfly_run(backend, tmp_path):
    """The same in one life without a hub, and what it meters."""
    a = np.random.default_rng(1).standard_normal((50, 30))
    (tmp_path / "ab.npy").write_bytes(body_of(a, a.T))
    done = subprocess.run([BUILD / "mayfly", "run", IMAGE, "--backend", backend, "--event", tmp_path / "ab.npy",
                           "--http", "POST /linalg/multiply"], cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    near(arrays_of(done.stdout)[0], a @ a.T, "float64")
    done = run(BUILD / "mayfly", "run", IMAGE, "--backend", backend, "--event", tmp_path / "ab.npy",
               "--http", "POST /linalg/multiply", "-o", "json")
    assert str(2 * 50 * 30 * 50) in done.stdout and "flop" in done.stdout


def test_the_page(up, tmp_path, port):
    """docs/linalg.md, typed as it stands there but for the port."""
    text = (ROOT / "docs/linalg.md").read_text().replace(":8080", f":{port}")
    service = up(IMAGE, "--http", f"127.0.0.1:{port}", env={"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)})
    service.wait_for(f"127.0.0.1:{port}")
    code = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    check = "assert np.allclose(a @ x, b) and np.allclose(u * s @ vt, a) and np.allclose(c, 0.5 * a.T @ b)"
    done = run(sys.executable, "-c", code + check)
    assert done.returncode == 0, done.stderr
    (tmp_path / "system.c").write_text(re.search(r"```c\n(.*?)```", text, re.S).group(1))
    a, b = np.random.default_rng(3).standard_normal((2, 30, 30))
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    typed = [line[4:] for line in text.splitlines() if re.match(r"    (curl|python3|cc|cat) ", line)]
    script = "\n".join(typed).replace("python3", sys.executable).replace("curl ", "curl -sS --fail ")
    done = run("sh", "-ec", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    product, brace, price = done.stdout.partition("{")
    assert product.split() == ["[[1.", "1.]", "[1.", "1.]", "[1.", "1.]]"]
    assert json.loads(brace + price)["amount"] == "0.000671"
    near(np.load(tmp_path / "x.npy"), np.linalg.solve(a, b), "float64", 1000)
    assert len(typed) == 8
    command = re.search(r"try: (curl .*)", service.text()).group(1)
    for words in (command.replace("@FILE", "@a.npy"), command.replace("--data-binary @FILE", "-d @a.npy"),
                  command.replace("--data-binary @FILE", "-F a=@a.npy")):
        assert run("sh", "-c", words, cwd=tmp_path).returncode == 0
        said = json.loads(run("sh", "-c", words, cwd=tmp_path).stdout)["detail"]
        assert said == "multiply takes 2 arrays, one after another: 1 came" or "curl --data-binary @FILE" in said, words


# ----------------------------------------------------------------------- larger and faster


def test_algorithms(linalg):
    """What was done and how far off it may be stands with the answer; the true error is below that."""
    a = np.random.default_rng(5).choice([-1.0, 1.0], (2048, 2048)).astype("float32")
    answer = linalg.ask("multiply?algorithm=strassen", body_of(a, a))
    assert answer.headers["mayfly-algorithm"] == "strassen-winograd; levels=1"
    bound = float(answer.headers["mayfly-error-bound"])
    rows = slice(0, 2048, 64)  # the whole product takes NumPy 25 s with the BLAS that Debian has by itself
    error = np.abs(arrays_of(answer.body)[0][rows] - a[rows] @ a).max()  # which is exact: whole numbers below 2^24
    assert error <= bound * 2048 and bound < 1e-2
    small = np.eye(3)
    answer = linalg.ask("multiply?algorithm=auto&tolerance=1e-9", body_of(small, small))
    assert answer.headers["mayfly-algorithm"] == "classic"
    assert float(answer.headers["mayfly-error-bound"]) == pytest.approx(3 * 2 ** -53, rel=1e-2)
    assert "mayfly-algorithm" not in linalg.ask("multiply", body_of(small, small)).headers
    linalg.refused("multiply?algorithm=auto", 400, small, small)
    linalg.refused("multiply?tolerance=1e-20", 422, small, small)


# ------------------------------------------------------------------ larger than a life


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The same service with little memory: 3 MiB for what comes in, 2 for what goes out. Two lives at once."""
    directory = tmp_path_factory.mktemp("small")
    shutil.copytree(ROOT / "services/linalg", directory / "linalg")
    manifest = directory / "linalg/mayfly.yaml"
    text = re.sub(r"input: \w+", "input: 3MiB", manifest.read_text())
    manifest.write_text(re.sub(r"output: \w+", "output: 2MiB", text))
    done = run(BUILD / "mayfly", "build", directory / "linalg", "-o", directory / "linalg.mfy")
    assert done.returncode == 0, done.stderr
    service = Linalg(directory / "hub", directory / "linalg.mfy", "limits: {threads: 2}")
    yield service
    service.client.socket.close()
    assert service.hub.stop() == 0


def test_larger_than_a_life(small, random):
    """Operands and result of several times the memory of a life, in all orders; the sum is cut too."""
    for shape, query in (((700, 650, 610), ""), ((640, 700, 620), "transa=t&transb=t&order=c"), ((90, 9000, 80), ""),
                         ((700, 500, 600), "alpha=-2&beta=0.5")):
        m, k, n = shape
        a, b = made(random, "float64", m, k), made(random, "float64", k, n)
        sent = [a.T.copy("F"), b.T.copy()] if "transa" in query else [a, b.copy("F")]
        expected = a @ b
        if "beta" in query:
            sent.append(made(random, "float64", m, n))
            expected = -2 * expected + 0.5 * sent[2]
        assert len(body_of(*sent)) > 3 << 20
        got, = small(f"multiply?{query}", *sent)
        near(got, expected, "float64")


def test_plans_that_are_refused(small, random):
    """In the same words as one life would."""
    big = made(random, "float64", 700, 700)
    problem = small.refused("multiply", 422, big, big[1:], plan=True)
    assert (problem["argument"], problem["found"], problem["wanted"]) == ("b", "(699, 700)", "(700, n)")
    assert "is done in one life" in small.refused("solve", 413, big, big, plan=True)["detail"]
    assert small.refused("multiply", 415, big.astype(">f8"), big, plan=True)["found"] == ">f8"
    assert small.refused("multiply", 400, big, plan=True)["argument"] == "b"
    problem = small.refused("svd", 413, made(random, "float64", 400, 400))
    assert "or less" in problem["wanted"]


def test_asked_for_a_plan(small, random):
    """What would fit is planned too if that is asked for, and says how it was computed."""
    a = made(random, "float64", 100, 100)
    answer = small.ask("multiply?plan=1&algorithm=auto&tolerance=1e-9", body_of(a, a))
    near(arrays_of(answer.body)[0], a @ a, "float64")
    assert answer.headers["mayfly-algorithm"] == "classic"
