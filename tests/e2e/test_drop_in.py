"""The drop-in BLAS before programs that know nothing of it: C, Fortran, NumPy. What it asks is mostly a stand-in for the
service (linalg_double.py), which can lie; the real one is at the end."""

import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

from conftest import PATIENCE, ROOT, free_port, run

pytest.importorskip("numpy")
from hubs import linalg_hub  # noqa: E402 pylint: disable=wrong-import-position
from linalg_double import Double  # noqa: E402 pylint: disable=wrong-import-position

BUILD = ROOT / "build"  # what is preloaded has no sanitizer: the program hasn't either
DROP_IN = BUILD / "libmayfly-blas.so"

pytestmark = pytest.mark.skipif("valgrind" in os.environ.get("MAYFLY_BUILD", ""), reason="the same library")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """tests/client/blas_program.c, as anybody would build it"""
    to = tmp_path_factory.mktemp("blas") / "blas-program"
    run("gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-iquote", ".", "tests/client/blas_program.c", "-rdynamic",
        "-Wl,--no-as-needed", "-l:libblas.so.3", "-l:liblapack.so.3", "-lm", "-o", to, check=True)
    return to


@pytest.fixture
def under(tmp_path):
    """under(command..., VERIFY=2, ...): runs it with the drop-in preloaded"""

    def start(*command, env=None, **settings):
        more = env or {}
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAYFLY_BLAS")}
        env |= {"LD_PRELOAD": str(DROP_IN), "XDG_CACHE_HOME": str(tmp_path), "OPENBLAS_NUM_THREADS": "1"}
        env |= {f"MAYFLY_BLAS_{k}": str(v) for k, v in settings.items()}
        env |= more
        return run(*command, env=env, timeout=60 * PATIENCE)

    return start


@pytest.fixture
def numpy(under):
    """numpy(lines): what these print, `np` and `rng` at hand; remote unless told otherwise"""

    def start(lines, double, **settings):
        begin = "import os, sys, numpy as np\nrng = np.random.default_rng(1)\n"
        if double:
            settings = {"URL": double.url, "MODE": "remote"} | settings
        return under(sys.executable, "-c", begin + textwrap.dedent(lines), **settings)

    return start


def tamper(where, by=lambda x: x + 1e-3):
    """A lie: one element of result `where` becomes another."""

    def lie(_, results):
        if where >= len(results) or not results[0].any():
            return results  # a product that LAPACK asks for itself; a matrix of zeros, whose pivots may be any
        array = results[where]
        results[where] = array = array.copy(order="K")
        i = tuple(n // 2 for n in array.shape)
        array[i] = by(array[i])
        return results

    return lie


# ---------------------------------------------------------------- right, wherever it is computed

def test_every_routine(program, under):
    """As the local library computes it: all letters, scalars, gaps between columns, wrong arguments, singular matrices."""
    with Double() as double:
        result = under(program, URL=double.url, MODE="remote", VERIFY=3)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    assert len(result.stdout.splitlines()) == 30 + 22
    assert set(double.asked) == {"multiply", "syrk", "trsm", "lu", "getrs", "cholesky", "potrs", "qr", "eigh", "svd"}
    assert len(double.asked) > 1500


@pytest.mark.parametrize("settings", [{}, {"MODE": "local", "URL": "http://127.0.0.1:1"},
                                      {"URL": "http://127.0.0.1:1"}])
def test_all_stays_here(program, under, settings):
    result = under(program, **settings)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr


def test_numpy_unchanged(numpy):
    with Double() as double:
        result = numpy("""
            a, b = rng.standard_normal((120, 90)), rng.standard_normal((90, 70))
            s = a.T @ a + np.eye(90)
            np.testing.assert_allclose(a @ b, np.einsum("ij,jk->ik", a, b), atol=1e-12)
            np.testing.assert_allclose(s @ np.linalg.solve(s, b), b, atol=1e-10)
            np.testing.assert_allclose(s @ np.linalg.inv(s), np.eye(90), atol=1e-10)
            l = np.linalg.cholesky(s); np.testing.assert_allclose(l @ l.T, s, atol=1e-10)
            w, v = np.linalg.eigh(s); np.testing.assert_allclose(v * w @ v.T, s, atol=1e-10)
            u, q, t = np.linalg.svd(b, full_matrices=False); np.testing.assert_allclose(u * q @ t, b, atol=1e-10)
            q, r = np.linalg.qr(b); np.testing.assert_allclose(q @ r, b, atol=1e-10)
            c = a.astype(np.complex64) * 1j
            np.testing.assert_allclose(c.conj().T @ c, a.T @ a, rtol=1e-3, atol=1e-3)
            f = np.asfortranarray(a); np.testing.assert_allclose(f[::2].T @ f[::2], a[::2].T @ a[::2])
            print("done")
        """, double, EXPLAIN=1)
    assert result.stdout == "done\n", result.stderr
    for op in ("multiply", "syrk", "lu", "cholesky", "eigh", "svd", "qr"):
        assert re.search(rf"^mayfly-blas: \w+ .*: remote \({op}\): .* life double-\d+; verified in 2 rounds", result.stderr,
                         re.M), op


FORTRAN = """
      program p
      external dgemm
      double precision a(40,40), b(40,40), c(40,40)
      integer i, j
      do 10 j = 1, 40
      do 10 i = 1, 40
      a(i,j) = i + j
      b(i,j) = i - j
  10  continue
      call dgemm('N', 'T', 40, 40, 40, 1d0, a, 40, b, 40, 0d0, c, 40)
      print *, nint(sum(c))
      end
"""


@pytest.mark.skipif(not shutil.which("gfortran"), reason="there is no gfortran")
def test_fortran(under, tmp_path):
    source = tmp_path / "p.f"
    source.write_text(FORTRAN)
    run("gfortran", source, "-l:libblas.so.3", "-o", tmp_path / "p", check=True)
    alone = run(tmp_path / "p").stdout
    with Double() as double:
        result = under(tmp_path / "p", URL=double.url, MODE="remote")
    assert (result.stdout, result.stderr) == (alone, "") and double.asked == ["multiply"]


def test_as_an_alternative(program, under):
    """Under the name that programs are linked with, all of BLAS is there."""
    reference = os.path.realpath(subprocess.run(
        ["ldd", program], capture_output=True, text=True, check=True).stdout.split("libblas.so.3 => ")[1].split(" ")[0])
    environment = {"LD_PRELOAD": "", "LD_LIBRARY_PATH": str(BUILD / "mayfly-blas"), "BLAS_PROGRAM_LOCAL": reference}
    with Double() as double:
        result = under(program, env=environment, URL=double.url, MODE="remote", LOCAL=reference)
        assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
        assert len(double.asked) > 1000
        lines = "import numpy as np\na = np.arange(9.).reshape(3, 3)\n" \
                "print((a @ a).sum(), (a @ a[0]).sum(), np.vdot(a[0] + 1j, a[1]), np.linalg.solve(a + np.eye(3), a[1])[1])"
        expected = run(sys.executable, "-c", lines).stdout
        result = under(sys.executable, "-c", lines, env=environment, URL=double.url, MODE="remote")
    assert result.stderr == "" and [complex(x) for x in result.stdout.split()] == pytest.approx(
        [complex(x) for x in expected.split()])


def test_threads(numpy):
    with Double() as double:
        result = numpy("""
            from concurrent.futures import ThreadPoolExecutor
            def one(i):
                a = np.random.default_rng(i).standard_normal((60, 60))
                return np.abs(a @ a.T - np.einsum("ij,kj->ik", a, a)).max() < 1e-10
            with ThreadPoolExecutor(8) as pool:
                print(all(pool.map(one, range(200))))
        """, double)
    assert (result.stdout, result.stderr) == ("True\n", "")
    assert len(double.asked) > 100  # the others found all connections in use


def test_children_have_connections_of_their_own(numpy):
    with Double() as double:
        result = numpy("""
            a = rng.standard_normal((50, 50)); right = a @ a
            for child in range(4):
                if os.fork() == 0:
                    for i in range(20):
                        if np.abs(a @ a - right).max() > 1e-12: os._exit(1)
                    os._exit(0)
            for i in range(20):
                assert np.abs(a @ a - right).max() < 1e-12
            print([os.wait()[1] for child in range(4)])
        """, double)
    assert (result.stdout, result.stderr) == ("[0, 0, 0, 0]\n", "")
    assert len(double.asked) == 101


# -------------------------------------------------------------------------- factors that are kept

SOLVING = """
    import ctypes
    lib, n, k = ctypes.CDLL(None), 40, 3
    i = lambda x: ctypes.byref(ctypes.c_int(x))
    info, pivots = ctypes.c_int(), np.zeros(n, dtype=np.int32)
    a = rng.standard_normal((n, n)) + n * np.eye(n); a = np.asfortranarray(a @ a.T)
    b = np.asfortranarray(rng.standard_normal((n, k)))
    def factor(positive=False):
        f = a.copy(order="F")
        if positive: lib.dpotrf_(b"L", i(n), f.ctypes, i(n), ctypes.byref(info), 1)
        else: lib.dgetrf_(i(n), i(n), f.ctypes, i(n), pivots.ctypes, ctypes.byref(info))
        assert info.value == 0
        return f
    def solve(f, positive=False, right=True):
        x = b.copy(order="F")
        if positive: lib.dpotrs_(b"L", i(n), i(k), f.ctypes, i(n), x.ctypes, i(n), ctypes.byref(info), 1)
        else: lib.dgetrs_(b"N", i(n), i(k), f.ctypes, i(n), pivots.ctypes, x.ctypes, i(n), ctypes.byref(info), 1)
        assert info.value == 0 and (np.abs(a @ x - b).max() < 1e-10) == right
"""
SIDES = 128 + 40 * 3 * 8  # of a body that is B alone


def solved(double):
    """Of each question for a solution: is it asked with a name, and did it send B alone?"""
    return [(operands is not None, body == SIDES) for op, body, operands, _ in double.heard if op in ("getrs", "potrs")]


@pytest.mark.parametrize("positive,other", [(False, "pivots[:] = np.roll(pivots, 0); f[0, 1] += 1e-3"), (True, "f[1, 0] += 1e-3")])
def test_a_kept_factor_is_not_sent(numpy, positive, other):
    """By what it holds: one that the program has changed is another one, wherever it lies; and the triangle that is none of a
    Cholesky factor's may hold anything."""
    with Double() as double:
        result = numpy(SOLVING + f"""
            f = factor({positive}); solve(f, {positive}); g = f.copy(order="F"); solve(g, {positive})
            if {positive}: g[0, 1] = 77; solve(g, {positive})
            {other}; solve(f, {positive}, False); solve(g, {positive})
            print("done")
        """.replace("\n            ", "\n    "), double)
    assert (result.stdout, result.stderr) == ("done\n", ""), result.stderr
    there, sent = (True, True), (False, False)
    assert solved(double) == [there, there] + [there] * positive + [sent, there]
    assert [keep for op, *_, keep in double.heard if op in ("lu", "cholesky")] == ["60s"]


def test_a_factor_that_is_gone(numpy):
    """It was kept, and isn't any more: sent whole, and not asked for by name again."""
    with Double(forgets=True) as double:
        result = numpy(SOLVING + "    f = factor(); solve(f); solve(f); print('done')", double)
    assert (result.stdout, result.stderr) == ("done\n", ""), result.stderr
    assert solved(double) == [(True, True), (False, False), (False, False)]


@pytest.mark.parametrize("settings,keeps,asked", [({"KEEP": 0}, True, [None]), ({}, False, ["60s", None]), ({"KEEP": 7}, True, ["7s"])])
def test_factors_that_are_not_kept(numpy, settings, keeps, asked):
    """The user doesn't want it, or the hub has no disk cache: then it is asked once."""
    with Double(keeps=keeps) as double:
        result = numpy(SOLVING + "    f = factor(); solve(f); print('done')", double, **settings)
    assert (result.stdout, result.stderr) == ("done\n", ""), result.stderr
    assert [keep for op, *_, keep in double.heard if op == "lu"] == asked
    assert solved(double) == [(True, True) if asked == ["7s"] else (False, False)]


# ----------------------------------------------------------------------------- wrong answers

WRONG = re.compile(r"^mayfly-blas: error: (\w+) .*: life double-(\d+) of http\S+ answered wrong (\(.*\)); computed here; "
                   r"wrong answers so far: (\d+)$", re.M)


def test_a_wrong_answer_names_the_life(numpy):
    with Double(lie=tamper(0)) as double:
        result = numpy("""
            a = rng.standard_normal((64, 64))
            for i in range(5):
                assert np.abs(a @ a - np.einsum("ij,jk->ik", a, a)).max() < 1e-12
        """, double, VERIFY=1)
    assert result.returncode == 0, result.stderr
    assert [m[:2] + m[3:] for m in WRONG.findall(result.stderr)] == [
        ("dgemm", "1", "1"), ("dgemm", "2", "2"), ("dgemm", "3", "3")]
    assert len(double.asked) == 3 and "is not asked any more by this program" in result.stderr


def test_nobody_looks_without_verify(numpy):
    with Double(lie=tamper(0)) as double:
        result = numpy("a = rng.standard_normal((64, 64))\nprint(np.abs(a @ a - np.einsum('ij,jk->ik', a, a)).max())",
                       double, VERIFY=0)
    assert 1e-4 < float(result.stdout) < 1e-2 and result.stderr == ""


LIES = [("dsyrk", tamper(0)), ("zherk", tamper(0)), ("dtrsm", tamper(0)), ("dgetrf", tamper(0)),
        ("dgetrf", tamper(1, lambda p: p + 1)), ("dgetrf", tamper(1, lambda p: 10**6)), ("dgetrf", tamper(1, lambda p: -1)),
        ("dgetrs", tamper(0)), ("dpotrf", tamper(0)), ("dpotrs", tamper(0)), ("dgeqrf", tamper(0)), ("dgeqrf", tamper(1)),
        ("dsyevd", tamper(0)), ("dsyevd", tamper(1)), ("dgesdd", tamper(0)), ("dgesdd", tamper(1)), ("dgesdd", tamper(2)),
        ("sgesv", tamper(0, lambda x: x + 1)), ("sgemm", tamper(0, lambda x: -x)), ("cgemm", tamper(0, lambda x: x * 1j)),
        ("ztrmm", tamper(0, lambda x: float("nan"))), ("dposv", tamper(0)), ("dgels", tamper(0))]


@pytest.mark.parametrize("name,lie", LIES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(LIES)])
def test_lies(program, under, name, lie):
    """Of a half that isn't looked at nothing need be seen; every lie that matters is."""
    with Double(lie=lambda op, results: lie(op, results) if len(results) > 1 or op not in ("eigh", "svd") else results
                ) as double:
        result = under(program, name, URL=double.url, MODE="remote", VERIFY=20)
    assert result.returncode == 0, result.stdout + result.stderr
    assert WRONG.search(result.stderr), result.stderr


@pytest.mark.parametrize("change", [lambda a: b"", lambda a: a[:-1], lambda a: a + b"x", lambda a: a[:50],
                                    lambda a: b"nonsense" * 100, lambda a: a.replace(b"<f8", b"<f4"),
                                    lambda a: a.replace(b"(64, 64)", b"(32, 128)")],
                         ids=["nothing", "cut", "more", "half a header", "nonsense", "another type", "another shape"])
def test_what_is_no_answer_is_a_wrong_one(numpy, change):
    with Double(change=change) as double:
        result = numpy("""
            a = rng.standard_normal((64, 64))
            assert np.abs(a @ a - np.einsum("ij,jk->ik", a, a)).max() < 1e-12
        """, double)
    assert result.returncode == 0 and len(WRONG.findall(result.stderr)) == 1, result.stderr


def test_numbers_that_cant_be_checked_blame_nobody(numpy):
    with Double() as double:
        result = numpy("""
            a = np.ones((8, 8)); a[0, 0] = np.nan; b = np.ones((8, 8)); b[0, 0] = np.inf
            print(np.isnan((a @ b)[0]).all(), np.isinf((b @ np.ones((8, 8)))[0]).all())
        """, double)
    assert (result.stdout, result.stderr) == ("True True\n", "")


# ------------------------------------------------------------------ services that aren't there

def test_an_unreachable_service_is_one_warning(numpy):
    port = free_port()
    result = numpy("""
        a = rng.standard_normal((64, 64))
        for i in range(50):
            assert np.abs(a @ a - np.einsum("ij,jk->ik", a, a)).max() < 1e-12
    """, None, URL=f"http://127.0.0.1:{port}", MODE="remote")
    assert result.returncode == 0
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"mayfly-blas: warning: http://127.0.0.1:{port}: "), lines
    assert "computing here, and asking again in 30 s" in lines[0]


def test_it_is_asked_again(numpy, tmp_path):
    """It comes back; the program finds it without being told."""
    port, ready = free_port(), tmp_path / "ready"
    lines = f"""
        import time, pathlib
        a = rng.standard_normal((64, 64)); a @ a
        pathlib.Path({str(ready)!r}).touch()
        end = time.monotonic() + {30 * PATIENCE}
        while time.monotonic() < end and not os.path.exists({str(tmp_path / "asked")!r}):
            a @ a; time.sleep(0.05)
    """
    import threading  # pylint: disable=import-outside-toplevel
    import time  # pylint: disable=import-outside-toplevel

    done = []
    thread = threading.Thread(target=lambda: done.append(
        numpy(lines, None, URL=f"http://127.0.0.1:{port}", MODE="remote", RETRY=0.1)))
    thread.start()
    while not ready.exists() and thread.is_alive():
        time.sleep(0.02)
    with Double(port=port) as double:
        while not double.asked and thread.is_alive():
            time.sleep(0.02)
        (tmp_path / "asked").touch()
        thread.join(60 * PATIENCE)
    assert double.asked and done[0].returncode == 0, done[0].stderr


@pytest.mark.parametrize("status,asked,said", [(404, 1, ""), (415, 1, ""), (413, 1, ""), (422, 3, ""), (503, 3, ""),
                                               (502, 1, "warning"), (403, 1, "warning")])
def test_refusals(numpy, status, asked, said):
    """Computed here; asked for again where that makes sense."""
    with Double(refuse=status) as double:
        result = numpy("""
            a = rng.standard_normal((64, 64))
            for i in range(3):
                assert np.abs(a @ a - np.einsum("ij,jk->ik", a, a)).max() < 1e-12
        """, double)
    assert result.returncode == 0, result.stderr
    assert len(double.asked) == asked, double.asked
    assert said in result.stderr and (said != "") == (result.stderr != ""), result.stderr


def test_too_late(numpy):
    with Double(late=2) as double:
        result = numpy("a = rng.standard_normal((64, 64))\na @ a\na @ a", double, DEADLINE=0.2)
    assert result.returncode == 0 and len(double.asked) == 1 and result.stderr.count("warning") == 1, result.stderr


# -------------------------------------------------------------------------------- what it does by itself

def test_auto_asks_for_what_is_large_only(numpy, tmp_path):
    with Double() as double:
        result = numpy("""
            a = rng.standard_normal((40, 40))
            for i in range(50): a @ a
            print("small", flush=True)
            a = rng.standard_normal((500, 500))
            for i in range(4): b = a @ a
            print(np.abs(b - np.einsum("ij,jk->ik", a, a)).max() < 1e-10)
        """, double, MODE="auto", EXPLAIN=1)
        before = list(double.asked)
    assert result.stdout == "small\nTrue\n", result.stderr
    lines = result.stderr.splitlines()
    assert all(": here: too small to ask how fast the service is;" in line for line in lines[:50])
    assert before[:4] == ["multiply"] * 4  # the questions by which it learns of the link
    cache = (tmp_path / "mayfly/blas").read_text()
    assert re.search(r"^\[local .*libblas.*\]$", cache, re.M) and f"[service {double.url}]\n" in cache
    assert re.search(r"^local gemm d 27 \d", cache, re.M) and re.search(r"^link \d", cache, re.M)


def test_speeds_are_kept(numpy, tmp_path):
    """From one program to the next, those of other services too."""
    (tmp_path / "mayfly").mkdir()
    (tmp_path / "mayfly/blas").write_text("[service http://other]\nlink 1 2 3\nnonsense\n")
    for _ in range(2):
        result = numpy("a = rng.standard_normal((200, 200))\nfor i in range(3): a @ a", None, EXPLAIN=1)
    assert "predicted unknown" not in result.stderr and result.stderr.count("\n") == 3, result.stderr
    cache = (tmp_path / "mayfly/blas").read_text()
    assert "[service http://other]\nlink 1 2 3\nnonsense\n" in cache and cache.count("[local ") == 1


def test_settings_that_make_no_sense(numpy):
    result = numpy("print((np.ones((9, 9)) @ np.eye(9)).sum())", None, MODE="quick", VERIFY="much", LOCAL="/none.so")
    assert result.stdout == "81.0\n"
    assert "MAYFLY_BLAS_MODE=quick: not auto, local or remote: auto is taken" in result.stderr
    assert "MAYFLY_BLAS_VERIFY=much: not a number from 0 to 64: 2 is taken" in result.stderr
    assert "MAYFLY_BLAS_LOCAL=/none.so: " in result.stderr and len(result.stderr.splitlines()) == 3


def test_the_local_library_may_be_named(under, program):
    path = os.path.realpath(subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
                            .split("libblas.so.3 ")[1].split("=> ")[1].split("\n")[0])
    assert under(program, "gemm", LOCAL=path).returncode == 0


def test_nothing_is_loaded_before_it_is_needed(under):
    """A program with small matrices has no more libraries than before, but the one."""
    result = under(sys.executable, "-c", "print(open('/proc/self/maps').read())", URL="http://127.0.0.1:1")
    assert "libmayfly-blas" in result.stdout and "libmayfly.so" not in result.stdout and "libcurl" not in result.stdout


# ------------------------------------------------------------------------- the real service

@pytest.fixture(scope="module")
def linalg(tmp_path_factory):
    """the address of a hub with services/linalg"""
    yield from linalg_hub(tmp_path_factory.mktemp("linalg"))


def test_every_routine_at_the_service(program, under, linalg):
    result = under(program, URL=linalg, MODE="remote", VERIFY=3, EXPLAIN=1)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "answered wrong" not in result.stderr and "warning" not in result.stderr
    for op in ("multiply", "syrk", "trsm", "lu", "getrs", "cholesky", "potrs", "qr", "eigh", "svd"):
        assert f": remote ({op}): " in result.stderr, op


def test_numpy_at_the_service(numpy, linalg):
    """Also what the user's tolerance lets it do."""
    result = numpy("""
        a = rng.standard_normal((300, 200)); b = rng.standard_normal((200, 250))
        np.testing.assert_allclose(a @ b, np.einsum("ij,jk->ik", a, b), atol=1e-10)
        s = a.T @ a
        np.testing.assert_allclose(s @ np.linalg.solve(s, b), b, atol=1e-8)
        w, v = np.linalg.eigh(s); np.testing.assert_allclose(v * w @ v.T, s, atol=1e-10)
    """, None, URL=linalg, MODE="remote", TOLERANCE="1e-9", EXPLAIN=1)
    assert result.returncode == 0 and "answered wrong" not in result.stderr, result.stderr
    for op in ("multiply", "syrk", "lu", "eigh"):
        assert f": remote ({op}): " in result.stderr, op
