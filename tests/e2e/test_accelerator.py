"""Special hardware: products by OpenCL, which PoCL has on any processor; and what becomes of lives where it fails."""

import json
import os
import re
import signal
import struct
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import BUILD, PATIENCE, SANITIZED, run
from http_client import Client, listener
from hubs import alive, children, command, hub_yaml, service

PROGRAM = BUILD / "mayfly-accelerator"
GUEST = BUILD / "guest/accelerate.mfy"
# CLBlast's kernels are compiled without optimising: three seconds of them instead of fourteen
ENVIRONMENT = {"CLBLAST_BUILD_OPTIONS": " -cl-opt-disable "}


def probe(backend):
    return run(PROGRAM, "--probe", backend)


def needs(backend):
    """For tests that take a device: skipped, and why, where there is none."""
    found = probe(backend)
    if found.returncode != 0:
        pytest.skip(f"no device for {backend}: {found.stdout.strip()}")


def text(directory, *lines, backend="opencl", least=1, kernels=None):
    return hub_yaml(*lines, head=f"admin: {directory}/admin\nstate: {directory}/state\naccelerator:\n  backend: {backend}\n  least: {least}\n"
                    f"  cache: {kernels or f'{directory}/kernels'}\n" + listener())


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("accelerator")


@pytest.fixture(scope="module")
def kernels():
    """Where the user that the program becomes gets to: pytest's own directories are root's alone."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield path + "/kernels"


@pytest.fixture(scope="module")
def hub(directory, kernels):
    """With an accelerator, the guest that asks it for anything, and linalg, where that can be built."""
    from hubs import Hub  # pylint: disable=import-outside-toplevel

    needs("opencl")
    linalg = BUILD / "services/linalg.mfy"
    services = [service(GUEST, "limits: {deadline: 60s}")]
    if linalg.exists():
        services.append(service(linalg))
    made = Hub(directory / "hub", text(directory, *services, kernels=kernels), env=ENVIRONMENT)
    with made.stopping():
        made.until(lambda: "accelerator: opencl: " in made.said(), 60)
        assert "compute without it" not in made.said(), made.said()
        yield made


def ask(hub, path, body=b"", seconds=100):
    with Client(hub.http(), seconds=seconds * PATIENCE) as c:
        return c.ask("POST", path, body)


# ----------------------------------------------------------------- by hand


FORMAT = "<I2s2xQQQQQQQQQ4d"
S, D, C, Z = range(4)


def gemm(kind=S, letters=b"NN", m=3, n=2, k=2, lda=3, ldb=2, ldc=3, a=112, b=136, c=128,
         alpha=1.0, beta=0.0):
    return struct.pack(FORMAT, kind, letters, m, n, k, lda, ldb, ldc, a, b, c, alpha, 0.0, beta, 0.0)


OPERANDS = struct.pack("<6f", 1, 2, 3, 4, 5, 6) + struct.pack("<4f", 1, 0, 1, 1)  # columns (1 2 3) (4 5 6); (1 0) (1 1)
PRODUCT = struct.pack("<6f", 1, 2, 3, 5, 7, 9)


def guest(hub, question, path="/gemm", n=184):
    """Status and words of the answer, and what lies in the output behind them."""
    answer = ask(hub, f"{path}?{n}", question + OPERANDS)
    assert answer.status == 200, answer.body
    head = answer.body[:72].split(b"\0", 1)
    return int(head[0]), answer.body[8:72].rstrip(b"\0").decode(), answer.body[72:]


def until_done(hub, ask_once, seconds=90):
    """The first product of a kind is answered 503: kernels are compiled for it."""
    end = time.monotonic() + seconds * PATIENCE
    while not (result := ask_once()):
        assert time.monotonic() < end, hub.said()
        time.sleep(0.1)
    return result


def compiled(hub, **how):
    """Until such products are done."""
    return until_done(hub, lambda: (got := guest(hub, gemm(**how)))[0] == 200 and got)


def device_of(hub):
    """The process that has the device, and the one that keeps it."""
    keeper = next(pid for pid in children(hub.pid) if command(pid).startswith("mayfly-accel"))
    return next((pid for pid in children(keeper) if command(pid) == "mayfly-device"), None), keeper


def figures(hub):
    admin = re.search(r"^admin: (.*)$", hub.config.read_text(), re.M).group(1)
    out = run(BUILD / "mayfly", "stats", "--hub", admin, "-o", "json")
    assert out.returncode == 0, out.stderr
    return json.loads(out.stdout)["hub"]["accelerator"]


def test_a_product(hub):
    status, name, output = compiled(hub)
    assert status == 200 and name
    assert output[128 - 72:128 - 72 + 24] == PRODUCT
    assert not any(output[128 - 72 + 24:])
    assert guest(hub, gemm(), "/twice")[0] == 200


def test_left_over(hub):
    """What the device wrote, which no life's page tables say, isn't the next life's."""
    compiled(hub)
    for _ in range(8):  # every area has its turn
        assert guest(hub, gemm(c=200000))[0] == 200
        assert ask(hub, "/look").body == b"0"


@pytest.mark.parametrize("how", [
    {"a": (1 << 18) - 23}, {"b": (1 << 18) - 15}, {"c": (1 << 18) - 23}, {"a": 1 << 63}, {"c": (1 << 64) - 24},
    {"c": 1 << 21}, {"lda": 1 << 31}, {"lda": 1 << 62}, {"m": 1 << 32, "lda": 1 << 32}, {"k": 0}, {"n": (1 << 64) - 1},
    {"ldc": 2}, {"letters": b"XN"}, {"kind": 4}])
def test_hostile(hub, how):
    """A life reads its own input and writes its own output: the next area's begins at 2 MiB."""
    before = figures(hub)["refused"]
    status, words, _ = guest(hub, gemm(**how))
    assert status == 422 and words
    assert figures(hub)["refused"] == before + 1


def test_other_questions(hub):
    assert guest(hub, gemm(), "/other")[0] == 400


def test_figures(hub):
    compiled(hub)
    f = figures(hub)
    assert f["backend"] == "opencl" and f["state"] == "ready" and f["device"] and f["done"] > 0 and f["device_s"] > 0


def test_killed(hub):
    """The device's process dies: lives hear of it at once, and it is there again after a while."""
    compiled(hub)
    old, keeper = device_of(hub)
    os.kill(old, signal.SIGKILL)
    hub.until(lambda: figures(hub)["state"] != "ready")
    assert guest(hub, gemm())[0] in (503, 200)
    hub.until(lambda: figures(hub)["state"] == "ready", 60)
    assert device_of(hub)[1] == keeper and device_of(hub)[0] != old
    assert compiled(hub)[2][56:80] == PRODUCT  # its kernels were kept


def test_rights(hub):
    """No network, no new rights; as root it isn't root's either."""
    pid, _ = device_of(hub)
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        status = dict(line.split(":\t", 1) for line in f if ":\t" in line)
    assert status["NoNewPrivs"].strip() == "1"
    assert int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0
    if not SANITIZED:
        assert status["Seccomp"].strip() == "2"
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")


# ------------------------------------------------------------------ linalg


def test_linalg(hub):
    """The same client, the same service, the same numbers."""
    np = pytest.importorskip("numpy", reason="python3-numpy isn't installed")
    if not (BUILD / "services/linalg.mfy").exists():
        pytest.skip("linalg can't be built here")
    from test_linalg import arrays_of, body_of  # pylint: disable=import-outside-toplevel

    rng = np.random.default_rng(7)
    a, b, c = (rng.random(shape, dtype=np.float32) for shape in ((101, 83), (83, 97), (101, 97)))

    def multiply(query, *arrays):
        answer = ask(hub, f"/linalg/multiply?{query}", body_of(*arrays))
        assert answer.status == 200, answer.body
        return arrays_of(answer.body)[0], answer.headers.get("mayfly-accelerator")

    for query, arrays, expected in (
            ("", (a, b), a @ b), ("alpha=2&beta=-0.5", (a, b, c), 2 * (a @ b) - 0.5 * c)):
        first, _ = multiply(query, *arrays)  # with the device or without
        then = until_done(hub, lambda q=query, x=arrays: (got := multiply(q, *x))[1] and got)
        for result in (first, then[0]):
            assert abs(result - expected).max() < 1e-4 * abs(expected).max()
    assert multiply("algorithm=strassen", a, b)[0].shape == (101, 97)


# -------------------------------------------------------------- refusals


def test_none_configured(make_hub, tmp_path):
    hub = make_hub(hub_yaml(service(GUEST), head=f"admin: {tmp_path}/admin\n" + listener()))
    assert guest(hub, gemm())[0] == 404
    assert ask(hub, "/worth").body == b"0"
    assert figures(hub) is None


def test_cuda_without_one(make_hub, tmp_path, kernels):
    """It is configured and isn't there: the hub says so, and serves."""
    if probe("cuda").returncode == 0:
        pytest.skip("there is one here")
    hub = make_hub(text(tmp_path, service(GUEST), backend="cuda", kernels=kernels))
    hub.until(lambda: "accelerator: cuda: " in hub.said())
    assert "libcu" in hub.said() or "CUDA" in hub.said()
    assert guest(hub, gemm())[0] == 503
    assert ask(hub, "/worth").body == b"0"
    assert figures(hub)["state"] == "down"
    old = hub.config.read_text()
    assert hub.reload(old.replace("least: 1", "least: 5"))["event"] == "reloaded"
    assert hub.reload(old.replace("backend: cuda", "backend: opencl"))["event"] == "not_reloaded"


def test_cuda_with_one(make_hub, tmp_path, kernels):
    needs("cuda")
    hub = make_hub(text(tmp_path, service(GUEST), backend="cuda", kernels=kernels))
    hub.until(lambda: "accelerator: cuda: " in hub.said(), 60)
    status, name, output = compiled(hub)
    assert status == 200 and name and output[56:80] == PRODUCT
    for kind in (D, C, Z):
        assert guest(hub, gemm(kind=kind, m=1, n=1, k=1))[0] == 200


def test_no_cache(refused, make_hub, tmp_path):
    """Where there is none, where kernels could be kept; where its user can't get to it."""
    refused(text(tmp_path, service(GUEST)).replace("  cache:", "#"), 2, "accelerator", "cache: DIRECTORY")
    (tmp_path / "kernels").write_text("a file")
    hub = make_hub(text(tmp_path, service(GUEST)))
    hub.until(lambda: "compute without it until the hub is started again" in hub.said())
    assert "kernels" in hub.said()
    assert guest(hub, gemm())[0] == 503


def test_name_taken(refused, tmp_path):
    refused(hub_yaml(service(GUEST, "name: accelerator")), 2, "accelerator", "special hardware")


def test_doctor():
    found = json.loads(run(BUILD / "mayfly", "doctor", "-o", "json").stdout)["checks"]
    for backend in ("opencl", "cuda"):
        line = next(check for check in found if check["name"] == backend)
        assert line["level"] == "ok"
        assert line["what"].startswith("none here") == (probe(backend).returncode != 0), line


def test_probe():
    assert run(PROGRAM, "--probe", "vulkan").returncode == 2
    assert run(PROGRAM, "opencl").returncode == 2  # nobody is at its descriptor 3
    assert run(PROGRAM).returncode == 2
    assert probe("cuda").returncode in (0, 3)


def test_hub_killed(tmp_path):
    """Its program doesn't stay behind."""
    from hubs import Hub  # pylint: disable=import-outside-toplevel

    hub = Hub(tmp_path / "hub", text(tmp_path, service(GUEST), backend="cuda"))
    keeper = next(pid for pid in children(hub.pid) if command(pid).startswith("mayfly-accel"))
    hub.process.kill()
    hub.process.wait()
    end = time.monotonic() + 20 * PATIENCE
    while alive(keeper):
        assert time.monotonic() < end
        time.sleep(0.02)


# -------------------------------------------------------------- numbers


def by_hand(hub, kind, letters, a, b, m, n, k, alpha, old=None, beta=0j):
    """alpha op(A) op(B) + beta C of complex numbers by the device, from columns; C lies in what is asked at 128."""
    letter = "f" if kind in (S, C) else "d"
    element = (2 if kind in (C, Z) else 1) * (4 if letter == "f" else 8)

    def flat(values):
        return struct.pack(f"<{2 * len(values)}{letter}", *(x for v in values for x in (complex(v).real, complex(v).imag)))

    lda, ldb = (m if letters[0:1] == b"N" else k), (k if letters[1:2] == b"N" else n)
    data = flat(a) + flat(b)
    question = struct.pack(FORMAT, kind, letters, m, n, k, lda, ldb, m, 112, 112 + len(a) * element, 128,
                           alpha.real, alpha.imag, beta.real, beta.imag)
    answer = ask(hub, f"/gemm?{m * n * element + 56}", question + data)
    assert answer.status == 200, answer.body
    status = int(answer.body[:8].split(b"\0", 1)[0])
    out = struct.unpack(f"<{2 * m * n}{letter}", answer.body[128:128 + m * n * element])
    return status == 200 and [complex(x, y) for x, y in zip(out[::2], out[1::2])]


def op(letter, columns, rows, count):
    """As rows of what the letter makes of it; `rows` by `count` then."""
    if letter == "N":
        return [[columns[j * rows + i] for j in range(count)] for i in range(rows)]
    return [[columns[i * count + j].conjugate() if letter == "C" else columns[i * count + j] for j in range(count)] for i in range(rows)]


@pytest.mark.parametrize("kind", [C, Z])
def test_complex(hub, kind):
    """Both parts of numbers and of alpha, transposed and conjugated: as they are by hand."""
    m, n, k, alpha = 3, 2, 2, 0.5 - 2j
    a, b = [1 + 2j, -3j, 4, 5 - 1j, 2 + 2j, -6], [1 - 1j, 2, 3j, -1 + 0.5j]
    for letters in ("NN", "CT", "TC"):
        left, right = op(letters[0], a, m, k), op(letters[1], b, k, n)
        expected = [alpha * sum(left[i][p] * right[p][j] for p in range(k)) for j in range(n) for i in range(m)]
        got = until_done(hub, lambda x=letters.encode(): by_hand(hub, kind, x, a, b, m, n, k, alpha))
        assert max(abs(x - y) for x, y in zip(got, expected)) < 1e-5, (letters, got, expected)


def test_nan_stays_away(hub):
    """beta = 0 means that what was there before doesn't count, also where the device's memory holds no numbers."""
    nan = struct.pack("<10f", *[float("nan")] * 10)
    compiled(hub)
    for _ in range(3):
        answer = ask(hub, "/gemm?184", gemm() + nan)
        assert answer.status == 200 and answer.body[:3] == b"200"
        assert all(x != x for x in struct.unpack("<6f", answer.body[128:152]))  # the device has them now
        status, _, output = guest(hub, gemm())
        assert status == 200 and output[56:80] == PRODUCT


# -------------------------------------------------------------- under way


def test_hangs_while_reloaded(make_hub, tmp_path, kernels):
    """The device stands still with a product in it. Who waits behind it computes itself, who is in it hears that nobody knows; the
    hub reloads, without the service and with it, and all is well when the device goes on."""
    needs("opencl")
    old = text(tmp_path, service(GUEST, "limits: {deadline: 8s, threads: 3}"), kernels=kernels)
    hub = make_hub(old, env=ENVIRONMENT)
    hub.until(lambda: figures(hub)["state"] == "ready", 60)
    compiled(hub)
    device, _ = device_of(hub)
    os.kill(device, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(guest, hub, gemm())
            hub.until(lambda: figures(hub)["waiting"] == 1)
            second = pool.submit(guest, hub, gemm())
            assert second.result()[0] == 503
            assert first.result()[0] == 504
        assert figures(hub)["waiting"] == 1  # what isn't dead may still write
        assert guest(hub, gemm())[0] == 503
        assert hub.reload(old.replace("accelerate.mfy", "counter.mfy"))["event"] == "reloaded"
        assert figures(hub)["waiting"] == 1
    finally:
        os.kill(device, signal.SIGCONT)
    hub.until(lambda: figures(hub)["waiting"] == 0)
    assert hub.reload(old)["event"] == "reloaded"
    assert compiled(hub)[2][56:80] == PRODUCT
