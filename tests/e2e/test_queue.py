"""One queue of many hubs, on a PostgreSQL of its own (docs/queue.md)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import postgres
from conftest import BUILD

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(postgres.MISSING, reason="there is no PostgreSQL: apt-get install postgresql")


@pytest.fixture(scope="module")
def server():
    server = postgres.Postgres()
    yield server
    server.stop()


def test_the_unit_tests(server):
    program = BUILD / "tests/unit/hub/queue/queue_test"
    if not program.exists():
        pytest.skip("the unit tests aren't built: make tests")
    done = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "MAYFLY_TEST_POSTGRES": server.url})
    assert done.returncode == 0, done.stdout + done.stderr


def test_killed():
    """Hubs, the owner of the tasks and the database, at random: no task is lost, none counted twice. bench/queue does more of it."""
    done = subprocess.run([sys.executable, ROOT / "bench/queue", "kills", "--kills", "20"], capture_output=True, text=True, timeout=300,
                          check=False, env={**os.environ, "MAYFLY_BUILD": str(BUILD)})
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["counted"] == said["tasks"] == 400
    assert said["left"] == {"ready": 0, "taken": 0, "ended": 0}
