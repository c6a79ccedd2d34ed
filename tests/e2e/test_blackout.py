"""bench/blackout, with thousands of events instead of a million: of what was accepted nothing is lost, what was
refused was told so, and the counts of devices, broker, database and hub agree (the program compares them)."""

import json
import os

from broker import program
from conftest import BUILD, MEMORY, ROOT, run


def blackout(tmp_path, *args):
    env = {**os.environ, "MAYFLY_BUILD": str(BUILD),
           "PATH": os.environ["PATH"] + os.pathsep + os.path.dirname(program("mosquitto"))}
    done = run(ROOT / "bench/blackout", "--keep", tmp_path / "kept", "-o", "json", "--seconds", 120,
               "--deadline", "60s", *args,
               timeout=300, env=env)
    said = "".join(path.read_text(errors="replace")[-2000:] for path in (tmp_path / "kept").glob("*.log"))
    assert done.stdout, (done.stderr, said)
    got = json.loads(done.stdout)
    assert got["wrong"] == [] and done.returncode == 0, (done.stderr, said)
    return got


def test_nothing_is_lost(tmp_path):
    got = blackout(tmp_path, "--events", 6000, "--services", 28, "--names", 4)
    assert sum(one["offered"] for one in got["protocols"].values()) == 6000
    assert sum(got["lost"].values()) == 0
    assert got["protocols"]["mqtt"]["answered"] == got["protocols"]["mqtt"]["expected"] > 1000
    for name in ("coap", "http"):
        one = got["protocols"][name]
        assert one["answered"] + one["refused"] + one["late"] == one["offered"] == 1200
    assert got["memory_kib"]["hub_peak"] < 64 * 1024 * MEMORY


def test_refused_for_memory(tmp_path):
    """The same with room for a few dozen events: whom there is no room for is told so, and all the rest is done."""
    got = blackout(tmp_path, "--events", 4000, "--services", 14, "--names", 8, "--window", 32, "--waiting", "64KiB")
    assert got["refusals"]["full"] > 0
    refused = sum(one["refused"] for one in got["protocols"].values())
    assert 0 < refused <= sum(got["refusals"].values())
    assert sum(got["lost"].values()) == 0
    assert got["protocols"]["mqtt"]["answered"] == got["protocols"]["mqtt"]["expected"] > 500
