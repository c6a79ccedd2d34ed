"""A mayflyd for one test: its hub.yaml, its ports, its children, what it says."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time

import pytest
from conftest import BUILD, PATIENCE, ROOT, SANITIZED, free_port


class Hub:
    """mayflyd on the given hub.yaml text, with -o json --trace; ready when made."""

    def __init__(self, directory, text, wait=True, trace=True, env=None):
        directory.mkdir(exist_ok=True)
        self.config = directory / "hub.yaml"
        self.config.write_text(text)
        self.out, self.err = directory / "out", directory / "err"
        args = ["--trace"] if trace else []
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [str(BUILD / "mayflyd"), "-c", str(self.config), "-o", "json", *args],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
                env={**os.environ, **(env or {})})
        if wait:
            self.until(lambda: self.events("ready"))

    @property
    def pid(self):
        return self.process.pid

    def lines(self):
        whole = self.out.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def events(self, kind, **members):
        return [e for e in self.lines() if e["event"] == kind
                and all(e.get(k) == v for k, v in members.items())]

    def count(self, expected, kind, **members):
        """How many there are. A line comes just after the answer that it tells of, so this waits until
        there are as many as expected."""
        self.until(lambda: len(self.events(kind, **members)) >= expected)
        return len(self.events(kind, **members))

    def said(self):
        return self.err.read_text()

    def port(self, service, transport="udp"):
        return self.events("listening", service=service, transport=transport)[0]["port"]

    def http(self, transport="http"):
        """The port of the first listener for HTTP, or "https"."""
        return self.events("listening", transport=transport)[0]["port"]

    def reload(self, text=None):
        """SIGHUP, with another hub.yaml if one is given; what the hub says of it."""
        def said():
            return [e for e in self.lines() if e["event"] in ("reloaded", "not_reloaded")]

        if text is not None:
            self.config.write_text(text)
        before = len(said())
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: len(said()) > before)
        return said()[before]

    def until(self, condition, seconds=15):
        end = time.monotonic() + seconds * PATIENCE
        while not (result := condition()):
            if self.process.poll() is not None:
                raise AssertionError(f"mayflyd ended with {self.process.returncode}: {self.said()}")
            if time.monotonic() > end:
                raise AssertionError(f"not after {seconds} s: {self.said()}")
            time.sleep(0.01)
        return result

    def workers(self):
        """Process ids of its workers."""
        return workers(self.pid)

    def nursery(self):
        """The process that starts them."""
        return nursery_of(self.pid)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    @contextlib.contextmanager
    def stopping(self):
        """For `with`: it is ended, and in good order, whatever happens."""
        try:
            yield self
        finally:
            assert self.stop() == 0, self.said()

    def stop(self, how=signal.SIGINT, seconds=15):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(seconds * PATIENCE)
            if status != 0:
                print(self.said())  # pytest shows it where the test fails: a sanitizer's words
            if SANITIZED:  # also of a worker, whose words the hub repeats; the second is valgrind's way
                assert "Sanitizer: " not in self.said(), self.said()
                assert not re.search(r"==\d+== ", self.said()), self.said()
            return status
        except subprocess.TimeoutExpired as e:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"mayflyd did not end after {seconds} s: {self.said()}") from e


def workers(pid):
    """A hub's children but its nursery, which starts the others, its signer, and what keeps its accelerator."""
    return [child for child in children(pid)
            if command(child) not in ("mayfly-nursery", "mayfly-signer") and not command(child).startswith("mayfly-accel")]


def as_user_of(pid):
    """For a command line: what makes root the user that a process is."""
    if os.getuid() != 0:
        return []
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        ids = {line.split()[0]: line.split()[1] for line in f if line.startswith(("Uid:", "Gid:"))}
    return ["setpriv", f"--reuid={ids['Uid:']}", f"--regid={ids['Gid:']}", "--clear-groups"]


def nursery_of(pid):
    return next(child for child in children(pid) if command(child) == "mayfly-nursery")


def command(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return ""


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(word) for word in f.read().split()]
    except FileNotFoundError:
        return []


def alive(pid):
    """Is it a process that runs? A zombie doesn't."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def service(image, *lines):
    """One entry of `services`, listening on a free port for UDP and TCP unless lines say so."""
    text = f"  - image: {image}\n"
    if PATIENCE > 1 and not any("limits" in line for line in lines):  # its worker takes a second to start
        lines += ("limits: {deadline: 60s}",)
    return text + "".join(f"    {line}\n" for line in lines)


UNSIGNED = "trust: {allow_unsigned: true}\n"  # images as `make` builds them


def hub_yaml(*services, head="", trust=UNSIGNED):
    """`trust` comes last, so that the lines of services are counted from the top."""
    return "mayfly: 1\n" + head + "services:\n" + "".join(services) + trust


def linalg_hub(directory):
    """For a fixture to yield from: the address of a hub with services/linalg, as it is built without sanitizers."""
    image = ROOT / "build/services/linalg.mfy"
    if not image.exists():
        pytest.skip("OpenBLAS's, LAPACK's or musl's sources are not to be had here, or no gfortran")
    port = free_port()
    hub = Hub(directory, hub_yaml(service(image), head=f"state: {directory}/state\nhttp:\n  - listen: 127.0.0.1:{port}\n"))
    yield f"http://127.0.0.1:{port}"
    hub.stop()
