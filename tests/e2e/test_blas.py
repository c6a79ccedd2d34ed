"""The module blas: OpenBLAS in a guest. Its products against NumPy's."""

import base64
import itertools
import json
import os
import subprocess

import pytest

from conftest import BUILD, run

np = pytest.importorskip("numpy", reason="python3-numpy is not installed")
if not (BUILD / "lib/posix/libblas.a").exists():
    pytest.skip("OpenBLAS's sources are not to be had here, so there is no module blas",
                allow_module_level=True)

PRODUCT = BUILD / "guest/product.mfy"
TYPES = {"s": np.float32, "d": np.float64, "c": np.complex64, "z": np.complex128}
MANIFEST = 'mayfly: 1\nname: sample\nversion: "1.0"\nmodules: [posix, blas]\nbudget: 1MiB\n' \
           "memory: {stack: 64KiB, window: %s}\n"
MAIN = """#include <mayfly.h>
void dscal_(const int *n, const double *alpha, double *x, const int *incx);
void dsymv_(const char *uplo, const int *n, const double *alpha, const double *a, const int *lda,
	const double *x, const int *incx, const double *beta, double *y, const int *incy, size_t);
void mf_main(const struct mf_event *ev)
{
	const int one = 1, zero = 0;
	double a = 3, x = 2, y = 1, b = 1;
	(void)ev;
	%s
	mf_reply_text("done");
}
"""


def life(image, backend, event):
    done = run(BUILD / "mayfly", "run", image, "--backend", backend, "--event", event, "-o", "json")
    return json.loads(done.stdout)


def random_matrix(generator, kind, rows, columns):
    real = generator.standard_normal((rows, columns))
    if kind in "cz":
        real = real + 1j * generator.standard_normal((rows, columns))
    return np.asfortranarray(real.astype(TYPES[kind]))


def taken(matrix, how):
    return {"n": matrix, "t": matrix.T, "c": matrix.conj().T}[how]


def check_product(tmp_path, backend, kind, ta, tb, m, n, k, image=PRODUCT):
    generator = np.random.default_rng(m * 1000 + n * 100 + k)
    a = random_matrix(generator, kind, *((m, k) if ta == "n" else (k, m)))
    b = random_matrix(generator, kind, *((k, n) if tb == "n" else (n, k)))
    event = tmp_path / "event"
    event.write_bytes(f"{kind} {ta} {tb} {m} {n} {k}\n".encode() + a.tobytes("F") + b.tobytes("F"))
    done = life(image, backend, event)
    assert done["result"] == "ok", done
    got = np.frombuffer(base64.b64decode(done["reply_base64"]), TYPES[kind]).reshape((m, n), order="F")
    wide = np.complex128 if kind in "cz" else np.float64
    wanted = taken(a, ta).astype(wide) @ taken(b, tb).astype(wide)
    most = np.finfo(TYPES[kind]).eps * k * 4 * max(1, np.abs(a).max() * np.abs(b).max())
    assert np.abs(got - wanted).max() <= most, (kind, ta, tb, m, n, k)


@pytest.mark.parametrize("kind", "sdcz")
def test_products(tmp_path, backend, kind):
    """Every way to take A and B; odd sizes; more than one block of what OpenBLAS packs."""
    ways = "ntc" if kind in "cz" else "nt"
    for ta, tb in itertools.product(ways, ways):
        check_product(tmp_path, backend, kind, ta, tb, 7, 5, 3)
    check_product(tmp_path, backend, kind, "n", "t", 1, 1, 1)
    check_product(tmp_path, backend, kind, "t", "n", 13, 1, 300)
    rows = {"s": 900, "d": 460, "c": 460, "z": 240}[kind]
    check_product(tmp_path, backend, kind, "n", "n", rows, 33, 210)


def sample(tmp_path, body, window="16MiB", lib=None):
    (tmp_path / "mayfly.yaml").write_text(MANIFEST % window)
    (tmp_path / "main.c").write_text(MAIN % body)
    return run(BUILD / "mayfly", "build", tmp_path, "-o", tmp_path / "sample.mfy",
               env=dict(os.environ, **({"MAYFLY_LIB": str(lib)} if lib else {})))


def run_sample(tmp_path, backend):
    event = tmp_path / "event"
    event.write_bytes(b"")
    return life(tmp_path / "sample.mfy", backend, event)


def test_copyright():
    """Notices of what is in an image lie beside it: musl's and OpenBLAS's here, nobody's where there is only ours."""
    text = PRODUCT.with_suffix(".copyright").read_text()
    assert "In this image: blas" in text and "The OpenBLAS Project" in text
    assert "In this image: c\n" in text and "Felker" in text
    assert not (BUILD / "guest/flags.copyright").exists()


def test_wrong_argument(tmp_path, backend):
    """A routine that was called wrongly says which argument, and the life goes on."""
    sample(tmp_path, 'dsymv_("u", &one, &a, &b, &zero, &x, &one, &b, &y, &one, 1);').check_returncode()
    done = run_sample(tmp_path, backend)
    assert done["result"] == "ok"
    assert [log["text"] for log in done["logs"]] == ["DSYMV: its argument 5 is wrong"]


def test_window_too_small(tmp_path, backend):
    sample(tmp_path, 'dsymv_("u", &one, &a, &b, &one, &x, &one, &b, &y, &one, 1);', "1MiB").check_returncode()
    done = run_sample(tmp_path, backend)
    assert done["result"] == "failed"
    assert "needs 8256 KiB of the window" in done["logs"][-1]["text"]


def test_small_work_needs_no_buffer(tmp_path, backend):
    """What packs nothing runs in a small window."""
    sample(tmp_path, "dscal_(&one, &a, &x, &one); if (x != 6) mf_fail(\"no\");", "128KiB").check_returncode()
    assert run_sample(tmp_path, backend)["result"] == "ok"


def test_archive_that_asks_the_processor(tmp_path):
    """CPUID in an archive is refused like CPUID in a service: OpenBLAS as it is has it."""
    lib = tmp_path / "lib"
    (lib / "posix").mkdir(parents=True)
    for each in (BUILD / "lib").iterdir():
        if each.name != "posix":
            (lib / each.name).symlink_to(each)
    for each in (BUILD / "lib/posix").iterdir():
        if each.name != "libblas.a":
            (lib / "posix" / each.name).symlink_to(each)
    source = tmp_path / "asks.c"
    source.write_text("void dscal_(void *n)\n{\n\t__asm__ volatile(\"cpuid\" ::: \"eax\", \"ebx\", \"ecx\", \"edx\");\n\t(void)n;\n}\n")
    subprocess.run(["gcc", "-c", "-O1", "-fno-pic", source, "-o", tmp_path / "asks.o"], check=True)
    subprocess.run(["ar", "rcs", lib / "posix/libblas.a", tmp_path / "asks.o"], check=True)
    service = tmp_path / "service"
    service.mkdir()
    done = sample(service, "dscal_(&one, &a, &x, &one);", lib=lib)
    assert done.returncode == 2
    assert "cpuid" in done.stderr.lower() and "dscal_" in done.stderr
