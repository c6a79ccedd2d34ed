"""./run as a user runs it: the tour works, and nothing is left behind, whichever way it ends."""

import os
import re
import signal
import subprocess
from pathlib import Path

from conftest import ROOT


MARK = f"MAYFLY_TEST_RUN={os.getpid()}"


def marked(pid):
    try:
        return MARK.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False  # it has ended


def parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def running():
    """What ./run started: what has its environment, and the workers, which have none, below."""
    pids = [int(each) for each in os.listdir("/proc") if each.isdigit()]
    ours = {pid for pid in pids if marked(pid)}
    return ours | {pid for pid in pids if parent(pid) in ours}


def start(*args):
    name, value = MARK.split("=")
    return subprocess.Popen(["./run", *args], cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env={**os.environ, name: value})


def test_once():
    process = start("--once")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    lives = re.findall(r"^  dig .* \d+\.\d +\d+\.\d +\d+\.\d$", said, re.M)
    assert len(lives) >= 6, said
    for words in ("hall: short", "came from one short", "202 accepted", "401 the delivery"):
        assert re.search(rf"^  .* {words}.* \d+\.\d +\d+\.\d +\d+\.\d$", said, re.M), said
    told = re.findall(r"^  (button/hall, pressed|again|kill -9 .*?) +lamp/hall/set (ON|OFF), after \d+\.\d ms +"
                      r"\d+\.\d +\d+\.\d +\d+\.\d$", said, re.M)
    assert [word for _, word in told] == ["ON", "OFF", "ON"], said  # thirty presses in between
    assert "state    lamp/hall = OFF" in said and "put lamp/hall = ON" in said, said
    assert not running()


def test_it_stays_up_until_it_is_interrupted():
    process = start()
    said = ""
    while "Up until Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    port = re.search(r"dig @127\.0\.0\.1 -p (\d+)", said + process.stdout.readline()).group(1)
    asked = subprocess.run(["dig", "@127.0.0.1", "-p", port, "+short", "host.example.test"],
                           capture_output=True, text=True, timeout=30)
    assert asked.stdout == "192.0.2.80\n"
    before = running()
    assert len(before) >= 3  # the script, the hub, and the worker that has just answered
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 130, said + rest
    assert not running()
    assert not [pid for pid in before if os.path.exists(f"/proc/{pid}")]


def test_usage():
    process = start("--twice")
    said, _ = process.communicate(timeout=10)
    assert (process.returncode, said) == (2, "usage: ./run [--once]\n")
