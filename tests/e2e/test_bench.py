"""mayfly bench and bench/births: the figures are there and hang together. How good they are is
not tested: machines differ."""

import json
import subprocess

import pytest

from conftest import BUILD, HAS_KVM, ROOT, run

ECHO = BUILD / "services/echo.mfy"
EVENT = ROOT / "services/echo/event.bin"


@pytest.fixture
def bench(mayfly, backend):
    def measure(*args, image=ECHO, n=40):
        done = mayfly("bench", image, "--event", EVENT, "-n", n, "--backend", backend, "-o", "json", *args)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return measure


def test_pooled(bench, backend):
    got = bench("--pin", n=200)
    assert got["backend"] == backend and got["birth"] == "pooled"
    assert got["births"] == 200 and got["mismatches"] == 0
    assert got["threads"] == 1 and got["cores"] >= 1 and got["pinned"] and got["cores_shared"]
    for key in ("births_per_s", "p50_us", "p99_us", "floor_p50_us", "spawn_p50_us"):
        assert got[key] > 0, key
    assert got["p50_us"] <= got["p99_us"]
    assert got["ratio_p50"] == pytest.approx(got["p50_us"] / got["floor_p50_us"])
    assert got["over_floor_us"] == pytest.approx(got["p50_us"] - got["floor_p50_us"])
    assert got["window_bytes"] == 65536
    assert got["image_bytes"] == ECHO.stat().st_size
    assert got["event_bytes"] == got["reply_bytes"] == EVENT.stat().st_size


@pytest.mark.parametrize("birth", ["fresh", "cold"])
def test_births_that_make_everything(bench, backend, birth):
    got = bench("--birth", birth, n=20)
    assert got["birth"] == birth and got["births"] == 20 and got["mismatches"] == 0
    if backend == "kvm":
        assert got["raw_ratio"] == pytest.approx(got["p50_us"] / got["raw_p50_us"])
    else:
        assert got["raw_p50_us"] is None


def test_threads(bench):
    got = bench("--threads", 3, n=90)
    assert got["threads"] == 3 and got["births"] == 90
    assert got["scaling"] == pytest.approx(got["births_per_s_p50"] / got["alone_per_s_p50"])
    assert bench()["scaling"] is None


def test_a_few_births(bench):
    assert bench(n=1)["births"] == 1
    assert bench(n=3)["births"] == 3


def test_text(mayfly, backend):
    done = mayfly("bench", ECHO, "--event", EVENT, "-n", 20, "--backend", backend)
    assert done.returncode == 0 and done.stderr == ""
    for words in ("birth to reply", "floor", "posix_spawn", "births/s; every reply the same"):
        assert words in done.stdout


def test_a_service_that_needs_data(mayfly, backend, tmp_path):
    (tmp_path / "query").write_bytes(b"\0" * 12)
    done = mayfly("bench", BUILD / "services/dns.mfy", "--event", tmp_path / "query", "-n", 20, "--data",
                  ROOT / "services/dns/example.test.zone", "--backend", backend, "-o", "json")
    assert done.returncode == 0 and json.loads(done.stdout)["mismatches"] == 0


def test_a_life_that_fails_ends_it(mayfly, backend):
    done = mayfly("bench", BUILD / "guest/recurse.mfy", "-n", 20, "--backend", backend)
    assert (done.returncode, done.stdout) == (1, "")
    assert "a life failed: crashed" in done.stderr and "deeper" in done.stderr


def test_lives_that_fail_cold_end_it(mayfly, backend):
    done = mayfly("bench", BUILD / "guest/init-fail.mfy", "-n", 20, "--birth", "cold", "--backend", backend)
    assert (done.returncode, done.stdout) == (1, "")
    assert "zone.txt:7" in done.stderr


def test_random_services_repeat_themselves_under_one_event(mayfly, backend):
    done = mayfly("bench", BUILD / "guest/random.mfy", "-n", 40, "--backend", backend, "-o", "json")
    assert done.returncode == 0 and json.loads(done.stdout)["mismatches"] == 0


@pytest.mark.parametrize("args, words", [
    (["-n", "0"], '"0"'),
    (["-n", "many"], '"many"'),
    (["-n", "-1"], '"-1"'),
    (["--threads", "0"], '"0"'),
    (["--threads", "9999"], "1 to 256"),
    (["--birth", "warm"], "pooled, fresh, cold"),
    (["--bogus"], '"--bogus"'),
])
def test_usage(mayfly, args, words):
    done = mayfly("bench", ECHO, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr and done.stderr.count("\n") == 1


def test_help(mayfly):
    done = mayfly("bench", "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: mayfly bench")


@pytest.mark.parametrize("event, reply", [(b"", b""), (b"hello", b"world!"), (b"x" * 60000, b"y" * 60000)])
def test_the_process_that_births_are_compared_with(event, reply):
    lengths = len(event).to_bytes(4, "little") + len(reply).to_bytes(4, "little")
    for spawnee in (BUILD / "lib/mayfly-spawnee", BUILD / "bench/spawnee_libc"):
        done = subprocess.run([spawnee], input=lengths + event + reply, capture_output=True, timeout=10)
        assert (done.returncode, done.stdout) == (0, reply)
        assert subprocess.run([spawnee], input=b"\xff" * 8, timeout=10).returncode != 0
        assert subprocess.run([spawnee], input=lengths + b"cut", timeout=10).returncode != 0 or not event


def test_births(tmp_path):
    done = run("bench/births", "--build", BUILD, "--rounds", 1, "--quick", "-o", "json", timeout=300)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    ways = {(r["service"], r["backend"], r["birth"], r["threads"]) for r in got["lives"]}
    for service in ("echo", "dns"):
        for backend in ("kvm", "process") if HAS_KVM else ("process",):
            assert {(service, backend, "pooled", 1), (service, backend, "pooled", 2),
                    (service, backend, "fresh", 1), (service, backend, "cold", 1)} <= ways
    assert all(r["mismatches"] == 0 for r in got["lives"])
    assert got["neighbours"][0]["spawn_p50_us"] > 0 and got["memory"]


def test_births_table_and_chart(tmp_path):
    done = run("bench/births", "--build", BUILD, "--rounds", 1, "--quick", "--write", tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "benchmarks.md").read_text()
    for words in ("### Births", "### Sizes", "### Goals", "posix_spawn, no libc", "| echo |", "| dns |"):
        assert words in page
    chart = (tmp_path / "births.svg").read_text()
    assert chart.startswith("<svg") and chart.count("<rect") >= 10
