"""The module lapack: five solvers in a guest, against NumPy's."""

import base64
import json

import pytest

from conftest import BUILD, run

np = pytest.importorskip("numpy", reason="python3-numpy is not installed")
if not (BUILD / "lib/posix/liblapack.a").exists():
    pytest.skip("LAPACK's sources or gfortran are not to be had here, so there is no module lapack",
                allow_module_level=True)

FACTORS = BUILD / "guest/factors.mfy"


@pytest.fixture
def ask(tmp_path, backend):
    def make(what, a, b):
        event = tmp_path / "event"
        event.write_bytes(f"{what} {a.shape[0]} {a.shape[1]}\n".encode() + a.tobytes("F") + b.tobytes())
        done = json.loads(run(BUILD / "mayfly", "run", FACTORS, "--backend", backend, "--event", event, "-o", "json").stdout)
        if done["result"] != "ok":
            return done["logs"][-1]["text"]
        return np.frombuffer(base64.b64decode(done["reply_base64"]))
    return make


@pytest.mark.parametrize("n", [1, 3, 65, 150])
def test_square(ask, n):
    generator = np.random.default_rng(n)
    a, b = generator.standard_normal((n, n)), generator.standard_normal(n)
    np.testing.assert_allclose(a @ ask("s", a, b), b, atol=1e-9)
    symmetric = a + a.T
    np.testing.assert_allclose(ask("e", symmetric, b), np.linalg.eigvalsh(symmetric), atol=1e-10 * n)
    positive = a @ a.T + n * np.eye(n)
    upper = np.triu(ask("p", positive, b).reshape((n, n), order="F"))
    np.testing.assert_allclose(upper.T @ upper, positive, atol=1e-10 * n)


def test_tall(ask):
    generator = np.random.default_rng(7)
    a, b = generator.standard_normal((120, 70)), generator.standard_normal(120)
    np.testing.assert_allclose(ask("l", a, b), np.linalg.lstsq(a, b, rcond=None)[0], atol=1e-10)
    np.testing.assert_allclose(ask("v", a, b), np.linalg.svd(a, compute_uv=False), atol=1e-10)


def test_what_cannot_be(ask):
    """Info says which pivot; the service passes it on."""
    assert ask("s", np.array([[1.0, 2.0], [2.0, 4.0]]), np.ones(2)) == "info 2"
    assert ask("p", np.diag([1.0, 1.0, -1.0]), np.ones(3)) == "info 3"


def test_nothing_is_missing():
    """All that an archive calls is in one of the others, whatever a service uses of them."""
    archives = [BUILD / "lib" / name for name in
                ("posix/libblas.a", "posix/liblapack.a", "posix/libc.a", "libmayfly-os.a")]
    archives.append(run("gcc", "-print-libgcc-file-name").stdout.strip())

    def names(option, each):
        return {line.split()[-1] for line in run("nm", option, each).stdout.splitlines() if len(line.split()) > 1}

    there = set().union(*(names("--defined-only", each) for each in archives))
    for each in archives[:2]:
        assert names("--undefined-only", each) - there == set()


def test_sizes():
    """A product alone, and LAPACK's five: the budgets that their manifests give them hold them to it."""
    sizes = {name: json.loads(run(BUILD / "mayfly", "inspect", BUILD / f"guest/{name}.mfy", "-o", "json").stdout)
             for name in ("gemm", "factors")}
    assert sizes["gemm"]["image_bytes"] <= sizes["gemm"]["budget_bytes"] == 384 << 10
    assert sizes["factors"]["image_bytes"] <= sizes["factors"]["budget_bytes"] == 1 << 20
