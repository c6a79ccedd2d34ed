"""The build itself: LAYERS is enforced, what is built doesn't depend on where, and what is
installed works from where it was installed."""

import os
import shutil
import subprocess

import pytest

from conftest import BUILD, ROOT, run

LAYERS_OF_A_SMALL_TREE = """\
abi:
wire: abi
sys: abi
services: abi wire libos
libos: abi
hub: abi wire sys
"""


@pytest.fixture
def tree(tmp_path):
    """tree({"wire/x.c": TEXT}) -> what mk/layers says about it"""
    (tmp_path / "mk").mkdir()
    shutil.copy(ROOT / "mk/layers", tmp_path / "mk/layers")
    (tmp_path / "LAYERS").write_text(LAYERS_OF_A_SMALL_TREE)

    def check(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return run("sh", tmp_path / "mk/layers", cwd="/")

    return check


def test_allowed_includes_pass(tree):
    done = tree({
        "wire/dns.c": '#include "wire/dns.h"\n#include "abi/guest.h"\n#include <stdint.h>\n',
        "wire/dns.h": "",
        "hub/main.c": '#include <sys/mman.h>\n#include "sys/loop.h"\n#include "wire/dns.h"\n',
        "services/dns/main.c": '#include <mayfly.h>\n#include "zone.h"\n',
        "services/dns/zone.h": "#include <immintrin.h>\n",
    })
    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.parametrize("name, line, rule", [
    ("wire/dns.c", '#include "sys/loop.h"', "LAYERS does not let wire include sys"),
    ("abi/guest.h", '#include "wire/dns.h"', "LAYERS does not let abi include wire"),
    ("wire/dns.c", "#include <stdio.h>", "wire is freestanding: it knows no libc and no Linux"),
    ("wire/dns.c", "#include <mayfly.h>", "LAYERS does not let wire include libos"),
    ("tests/guest/x/main.c", '#include "sys/loop.h"',
     "LAYERS does not let services include sys"),
    ("hub/main.c", '#include "loop.h"', 'includes start at the root: "hub/loop.h"'),
    ("hub/main.c", '#include "market/plan.h"', '"market" is no layer of LAYERS'),
    ("market/plan.c", "int x;", "its directory is no layer: add a line to LAYERS"),
])
def test_forbidden_includes_fail_with_the_line_and_the_rule(tree, name, line, rule):
    before = "" if line.startswith("int") else "/* one line before */\n"
    done = tree({name: before + line + "\n"})
    at = before.count("\n") + 1
    assert done.stdout == f"{name}:{at}: {line}: {rule}\n"
    assert done.returncode == 1


def make(directory, *args):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    done = run("make", "-j2", *args, cwd=directory, env=environment, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The sources, at another place, with their library OS and one image built there."""
    to = tmp_path_factory.mktemp("elsewhere") / "a" / "longer path"
    for name in ("abi", "base", "wire", "libos", "sys", "image", "store", "market", "monitor", "hub", "cli",
                 "services", "mk", "LAYERS", "Makefile"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, to / name)
    if (ROOT / "build/need").is_dir():  # what isn't installed, but unpacked here
        shutil.copytree(ROOT / "build/need", to / "build/need")
    make(to, "build/lib/libmayfly-os.a", "build/services/echo.mfy")
    return to


def test_archive_and_image_are_the_same_wherever_they_are_built(copy):
    for name in ("lib/libmayfly-os.a", "services/echo.mfy"):
        assert (copy / "build" / name).read_bytes() == (BUILD / name).read_bytes(), name


def members(directory):
    return run("ar", "t", directory / "build/lib/libmayfly-os.a").stdout.split()


def test_members_are_named_by_module_and_a_source_that_goes_away_goes(copy):
    assert all("__" in name for name in members(copy))
    (copy / "wire" / "extra.c").write_text("int wire_extra;\n")
    make(copy, "build/lib/libmayfly-os.a")
    assert "wire__extra.o" in members(copy)
    (copy / "wire" / "extra.c").unlink()
    make(copy, "build/lib/libmayfly-os.a")
    assert members(copy) == members(ROOT)


def test_worker_needs_no_library_at_run_time():
    head = run("readelf", "-ld", BUILD / "mayfly-worker").stdout
    assert "INTERP" not in head and "NEEDED" not in head


@pytest.fixture(params=["mayfly", "mayflyd", "mayfly-worker"])
def program(request):
    return BUILD / request.param


def test_programs_are_loaded_anywhere_and_what_is_bound_cannot_be_changed(program):
    """PIE, RELRO with everything bound at the start, no memory that is both written and run."""
    said = run("readelf", "-hldW", program).stdout
    assert "DYN (Position-Independent Executable file)" in said
    assert "GNU_RELRO" in said and "NOW PIE" in said
    segments = [line.split() for line in said.splitlines() if line.startswith(("  LOAD", "  GNU_STACK"))]
    rights = {"".join(words[6:-1]) for words in segments}  # "R E" has a gap
    assert rights == {"R", "RE", "RW"}
    assert "GNU_STACK" in said and "TEXTREL" not in said
    assert "RPATH" not in said and "RUNPATH" not in said


def test_every_function_of_a_program_has_its_stack_checked(program):
    said = run("readelf", "--debug-dump=info", program).stdout
    producers = [line for line in said.splitlines() if "DW_AT_producer" in line and "GNU C11" in line]
    assert len(producers) > 20
    for line in producers:
        assert "-fstack-protector-strong" in line and "-fstack-clash-protection" in line, line


@pytest.mark.parametrize("name", ["mayfly", "mayflyd"])
def test_lengths_are_checked_by_the_c_library(name):
    """_FORTIFY_SOURCE; musl, which the worker has, knows none."""
    assert "__memcpy_chk" in run("nm", "-D", BUILD / name).stdout


def test_a_second_make_has_nothing_to_do(copy):
    targets = ("build/lib/libmayfly-os.a", "build/mayfly", "build/services/echo.mfy")
    make(copy, *targets)
    assert run("make", "-q", *targets, cwd=copy).returncode == 0
