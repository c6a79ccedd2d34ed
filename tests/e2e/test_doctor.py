"""mayfly doctor: a line for everything, and what to do about what is missing."""

import json
import os

from conftest import HAS_KVM, run, BUILD


def checks(done):
    return {(c["group"], c["name"]): c for c in json.loads(done.stdout)["checks"]}


def test_json(mayfly):
    done = mayfly("doctor", "-o", "json")
    got = json.loads(done.stdout)
    assert done.returncode == 0 and done.stderr == ""
    assert got["usable"] is True
    assert got["backend"] == ("kvm" if HAS_KVM else "process")
    for check in got["checks"]:
        assert check["level"] in ("ok", "warn", "missing")
        assert check["what"]
        assert check["do"] or check["level"] != "missing", "what to do about it"


def test_what_it_looks_at(mayfly):
    names = {name for _, name in checks(mayfly("doctor", "-o", "json"))}
    assert {"device", "kind", "capabilities", "processor", "kernel", "processors", "mitigations", "seccomp",
            "landlock", "user namespaces", "cgroup", "low memory", "open files", "locked memory", "rdtsc",
            "cpuid", "gcc", "ld", "objdump"} <= names
    assert HAS_KVM == ("walls" not in names)


def test_the_walls_that_must_hold_do(mayfly, kvm):
    got = checks(mayfly("doctor", "-o", "json"))
    for name in ("gate", "ports", "text", "no-execute", "ring 0", "read-only slots", "hlt", "wrmsr", "syscall"):
        assert got["walls of a virtual machine", name]["level"] == "ok", name


def test_text(mayfly):
    done = mayfly("doctor")
    assert done.returncode == 0
    for words in ("kvm backend", "walls of a virtual machine", "process backend", "host", "mayfly build",
                  "mayfly runs here, backend"):
        assert words in done.stdout


def test_without_a_compiler_images_still_run(mayfly, tmp_path):
    done = mayfly("doctor", "-o", "json", env={**os.environ, "PATH": str(tmp_path)})
    gcc = checks(done)["mayfly build", "gcc"]
    assert done.returncode == 0 and gcc["level"] == "warn" and "apt-get install gcc" in gcc["do"]


def test_few_descriptors_are_a_warning():
    done = run("/bin/bash", "-c", f"ulimit -n 256; exec {BUILD}/mayfly doctor -o json")
    files = checks(done)["host", "open files"]
    assert files["level"] == "warn" and "ulimit -n" in files["do"]


def test_usage(mayfly):
    for args in (["--bogus"], ["x"], ["-o", "xml"]):
        done = mayfly("doctor", *args)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("mayfly: doctor: ") and done.stderr.count("\n") == 1
    assert mayfly("doctor", "--help").stdout.startswith("usage: mayfly doctor")
