"""Does valgrind find what it is there to find, with the options and suppressions that all run under?"""

import subprocess
from pathlib import Path

import pytest

CONTROL = Path(__file__).resolve().parents[2] / "build/valgrind/control"


@pytest.mark.parametrize("what, status, words", [
    ("nothing", 0, ""),
    ("undefined", 99, "depends on uninitialised value"),
    ("outside", 99, "Invalid write of size 1"),
    ("leak", 99, "definitely lost"),
])
def test_it_is_found(what, status, words):
    done = subprocess.run([CONTROL, what], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert words in done.stderr and (words or not done.stderr)
