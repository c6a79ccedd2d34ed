"""bench/soak, for seconds instead of an hour: mixed load while workers are killed and the
configuration changes. Nothing that was accepted may stay without its answer, and at rest the hub has
what it began with."""

import json
import os

import pytest

from conftest import BUILD, ROOT, run


@pytest.mark.parametrize("seed", [1, 2])
def test_soak(tmp_path, seed):
    done = run(ROOT / "bench/soak", "--seconds", 10, "--seed", seed, "--every", "0.2-1", "--keep", tmp_path / "kept",
               "-o", "json", timeout=300, env={**os.environ, "MAYFLY_BUILD": str(BUILD)})
    assert done.stdout, done.stderr
    figures = json.loads(done.stdout)
    log = (tmp_path / "kept/soak.log").read_text()
    assert figures["wrong"] == [], (done.stdout, log[-5000:])
    assert done.returncode == 0
    # it was a soak: something was asked, something was killed, something changed
    assert figures["answered"] > 100 and figures["kills"] > 0 and figures["reloads"] > 0, done.stdout
    assert "reloaded" in log
