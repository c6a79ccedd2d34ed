"""What every end-to-end test starts from: where the programs are, how to run one, and services
that are up for one test only. Standard library and pytest, nothing else."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "bench"), str(ROOT / "tests/faults")]
from ports import free_port  # noqa: E402 pylint: disable=wrong-import-position

BUILD = Path(os.environ.get("MAYFLY_BUILD", ROOT / "build"))
SANITIZED = BUILD.name in ("san", "tsan", "valgrind")  # slower, and uses more memory
# What such a build keeps about each byte, and of bytes that were freed: so many times as high are bounds of a
# hub's memory. Of what was freed ASan would keep 256 MB.
os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=4")
MEMORY = {"san": 6, "tsan": 12, "valgrind": 4}.get(BUILD.name, 1)
# and so many times as long a test waits for what must come
PATIENCE = 8 if BUILD.name == "valgrind" else 1
HAS_KVM = os.access("/dev/kvm", os.R_OK | os.W_OK)


def run(*argv, **options):
    """Runs a program to its end; text in and out unless told otherwise."""
    options.setdefault("timeout", 120)
    options.setdefault("cwd", ROOT)
    options.setdefault("text", True)
    options.setdefault("capture_output", True)
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([str(a) for a in argv], **options)


def talk(stderr):
    """The lines that a program said, but for the one that announces the process backend where
    there is no /dev/kvm."""
    return [line for line in stderr.splitlines() if HAS_KVM or "/dev/kvm" not in line]


@pytest.fixture
def root():
    return ROOT


@pytest.fixture
def build():
    return BUILD


@pytest.fixture(scope="session")
def build_directory():
    """The same, for fixtures that live longer than a test."""
    return BUILD


@pytest.fixture
def mayfly():
    """mayfly("run", IMAGE, ...) -> CompletedProcess"""
    return lambda *args, **options: run(BUILD / "mayfly", *args, **options)


@pytest.fixture(params=["kvm", "process"])
def backend(request):
    """A test that asks for it runs once on each backend that this machine has."""
    if request.param == "kvm" and not HAS_KVM:
        pytest.skip("no usable /dev/kvm")
    return request.param


@pytest.fixture
def kvm():
    if not HAS_KVM:
        pytest.skip("no usable /dev/kvm")


@pytest.fixture
def port():
    return free_port()


class Up:
    """A `mayfly up` that runs in the background; its output goes to files."""

    def __init__(self, directory, args, env=None):
        self.out = directory / "up.out"
        self.err = directory / "up.err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [str(BUILD / "mayfly"), "up", *[str(a) for a in args]],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env={**os.environ, **(env or {})}, start_new_session=True)

    def text(self):
        return self.out.read_text() + self.err.read_text()

    def wait_for(self, words, seconds=20):
        """Until `words` stand in what it printed."""
        end = time.monotonic() + seconds
        while words not in self.text():
            if self.process.poll() is not None:
                raise AssertionError(f"up ended with {self.process.returncode}:\n{self.text()}")
            if time.monotonic() > end:
                raise AssertionError(f"no {words!r} after {seconds} s in:\n{self.text()}")
            time.sleep(0.02)

    def stop(self, how=signal.SIGINT, seconds=15):
        """Asks it to end; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"up did not end after {seconds} s:\n{self.text()}")


@pytest.fixture
def echo(build):
    return build / "services/echo.mfy"


@pytest.fixture
def dns(build):
    return build / "services/dns.mfy"


@pytest.fixture
def make_hub(tmp_path):
    """make_hub(TEXT) -> Hub; all of them end with the test."""
    from hubs import Hub  # which needs this file

    hubs = []

    def make(text, **options):
        hubs.append(Hub(tmp_path / f"hub{len(hubs)}", text, **options))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.stop()


@pytest.fixture
def start(make_hub):
    """start(service(...), ..., head="admin: PATH\n") -> Hub"""
    from hubs import hub_yaml

    def make(*services, head="", **options):
        return make_hub(hub_yaml(*services, head=head), **options)

    return make


@pytest.fixture
def up(tmp_path):
    """up(IMAGE, "--udp", ADDRESS, ...) -> Up; ended after the test."""
    started = []

    def start(*args, **options):
        directory = tmp_path / f"up{len(started)}"
        directory.mkdir()
        started.append(Up(directory, args, **options))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def udp_ask(port, payload, seconds=5.0, host="127.0.0.1"):
    """Sends one datagram, returns the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(seconds * PATIENCE)
        s.sendto(payload, (host, port))
        return s.recvfrom(65536)[0]


def tcp_ask(port, payload, seconds=5.0, host="127.0.0.1"):
    """Sends one message with two bytes of length before it, returns the answer without them."""
    with socket.create_connection((host, port), seconds * PATIENCE) as s:
        s.sendall(len(payload).to_bytes(2, "big") + payload)
        return read_message(s)


def read_message(s):
    size = int.from_bytes(read_exactly(s, 2), "big")
    return read_exactly(s, size)


def read_exactly(s, n):
    got = b""
    while len(got) < n:
        piece = s.recv(n - len(got))
        if not piece:
            raise EOFError(f"the connection ended after {len(got)} of {n} bytes")
        got += piece
    return got


@pytest.fixture
def ask(build, tmp_path):
    """ask("dlq", "ls") -> CompletedProcess, of the hub whose `admin:` is tmp_path/admin"""
    return lambda *args, **options: run(build / "mayfly", *args, "--hub", tmp_path / "admin", **options)


@pytest.fixture
def refused(build, tmp_path):
    """refused(TEXT, status, words...) : mayflyd -c says so, in one line, and ends."""

    def check(text, status, *words):
        config = tmp_path / "hub.yaml"
        config.write_text(text)
        done = run(build / "mayflyd", "-c", config, timeout=20)
        assert done.returncode == status, done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith("mayflyd: error: ")
        for word in words:
            assert word in last
        return last

    return check
