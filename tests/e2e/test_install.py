"""`make install` puts a working mayfly under a prefix: it finds its library OS, builds an image
that is the same as the one built in the tree, and runs it."""

import os
import shutil

import pytest

from conftest import BUILD, ROOT, run


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    to = tmp_path_factory.mktemp("install")
    done = run("make", "-s", "install", f"DESTDIR={to}", "PREFIX=/opt/mayfly", timeout=600)
    assert done.returncode == 0, done.stderr
    return to / "opt/mayfly"


def test_what_is_installed(installed):
    for name in ("mayfly", "mayflyd", "mayfly-worker", "mayfly-accelerator"):
        assert os.access(installed / "bin" / name, os.X_OK), name
    for name in ("libmayfly-os.a", "cflags", "service.ld", "include/mayfly.h",
                 "include/abi/guest.h", "include/base/str.h"):
        assert (installed / "lib/mayfly" / name).is_file(), name
    for page in ROOT.glob("man/*.[1-8]"):
        assert (installed / "share/man" / f"man{page.suffix[1:]}" / page.name).is_file()


def test_an_installed_mayfly_builds_and_runs_a_service(installed, tmp_path):
    shutil.copytree(ROOT / "services/echo", tmp_path / "echo")
    image = tmp_path / "echo.mfy"
    done = run(installed / "bin/mayfly", "build", tmp_path / "echo", "-o", image, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert image.read_bytes() == (BUILD / "services/echo.mfy").read_bytes()
    event = ROOT / "services/echo/event.bin"
    done = run(installed / "bin/mayfly", "run", image, "--event", event, "--backend", "process",
               cwd=tmp_path, text=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == event.read_bytes()
