"""What is left of a life that crashed: the crash screen, and a core that Debian's gdb opens."""

import json
import os
import shutil
import socket
import stat

import pytest

from conftest import BUILD, HAS_KVM, run, talk
from hubs import hub_yaml, service

TALLY = BUILD / "guest/tally.mfy"


@pytest.fixture
def life(mayfly, backend, tmp_path):
    """life(EVENT, ...) -> CompletedProcess: tally, on each backend."""
    def live(event, *args, image=TALLY):
        return mayfly("run", image, "--event", "-", "--backend", backend, *args, input=event)
    return live


@pytest.fixture
def core(tmp_path):
    return tmp_path / "tally.core"


def gdb(core, *commands):
    argv = ["gdb", "-nx", "-q", "-batch", "-ex", "set pagination off"]
    for each in commands:
        argv += ["-ex", each]
    done = run(*argv, TALLY.with_suffix(".debug"), core)
    return done.stdout + done.stderr


# ---------------------------------------------------------------- the screen

def test_the_screen_has_functions_lines_registers_and_the_stack(life):
    done = life("!a\n")
    assert (done.returncode, done.stdout) == (1, "")
    said = done.stderr
    for words in ("tally: crashed: page fault", "#PF", "  poke  main.c:", "  fall+0x",
                  "  mf_main+0x", "  mf_start+0x", "  mf_boot+0x", "touched    0x10  page zero",
                  "rdi 0000000000000010", "rsi 0000000000000002", "  stack      "):
        assert words in said, said
    assert said.index("poke") < said.index("fall+") < said.index("mf_main+") < said.index("mf_boot+")


def test_the_same_for_programs(life):
    done = life("!a\n\n", "-o", "json")
    fault = json.loads(done.stdout)["fault"]
    assert fault["touched"] == "0x20" and fault["function"] == "poke"
    names = [frame["function"].split("+")[0] for frame in fault["backtrace"]]
    assert names == ["poke", "fall", "mf_main", "mf_start", "mf_boot"]
    assert fault["backtrace"][0]["line"].startswith("main.c:")


def test_where_a_life_was_when_its_time_was_over(mayfly, kvm):
    done = mayfly("run", TALLY, "--event", "-", "--backend", "kvm", input="@")
    assert done.returncode == 124
    assert "deadline" in done.stderr and "  spin" in done.stderr and "mf_main+0x" in done.stderr


def test_symbols_that_are_not_there(life, tmp_path):
    bare = tmp_path / "tally.mfy"
    shutil.copy(TALLY, bare)
    said = life("!a\n", image=bare).stderr
    assert "NAME.debug isn't beside the image" in said and "rdi 0000000000000010" in said
    assert "poke" not in said


def test_symbols_of_another_build(life, mayfly, tmp_path):
    bare = tmp_path / "tally.mfy"
    shutil.copy(TALLY, bare)
    shutil.copy(BUILD / "guest/recurse.debug", tmp_path / "tally.debug")
    said = life("!a\n", image=bare).stderr
    assert "NAME.debug is of another build" in said and "deeper" not in said
    (tmp_path / "tally.debug").write_bytes(b"\x7fELF, and then nothing of it")
    assert "isn't beside the image" in life("!a\n", image=bare).stderr


def test_a_life_of_which_nothing_is_known_has_no_registers(life):
    """One that overwrites what the kernel left on its stack of signals tells nonsense, no more."""
    done = run(BUILD / "mayfly", "run", BUILD / "guest/recurse.mfy", "--backend", "process")
    assert done.returncode == 1 and "deeper" in done.stderr and "... and more" in done.stderr


# ------------------------------------------------------------------ the core

def test_gdb_opens_a_core(life, core):
    done = life("!ab\nc\n", "--core", core)
    assert done.returncode == 1 and f'"{core}" has its memory' in done.stderr
    assert stat.S_IMODE(core.stat().st_mode) == 0o600
    said = gdb(core, "backtrace", "print tally", "print/x $rdi",
               "print $_siginfo._sifields._sigfault.si_addr", "frame 2", "print ev->payload.len",
               "x/s 0x40000000 + ev->payload.off", "info proc")
    for words in ("terminated with signal SIGSEGV", "poke (at=0x20, value=3)", "in fall (t=",
                  "in mf_main (ev=", "in mf_start ()", "in mf_boot ()", "lines = 2, longest = 3",
                  '"payload"', "$2 = 0x20", "(void *) 0x20", "$4 = 6", '"!ab\\nc\\n"'):
        assert words in said, said
    assert "warning" not in said.replace("No such file", ""), said


def test_the_event_of_a_core_makes_the_same_life(life, mayfly, backend, core):
    first = life("!ab\nc\n", "--core", core)
    for other in ("kvm", "process") if HAS_KVM else ("process",):
        again = mayfly("run", TALLY, "--event-of", core, "--backend", other)
        assert again.returncode == 1
        assert talk(again.stderr) == [line for line in talk(first.stderr) if "has its memory" not in line] \
            or other != backend, "registers too"
        assert "touched    0x20" in again.stderr


def test_a_life_that_ends_well_leaves_none(life, core):
    done = life("a\n", "--core", core)
    assert (done.returncode, done.stdout, done.stderr) == (0, "counted\n", "")
    assert not core.exists()


def test_a_core_takes_the_place_of_a_file_only(life, core, tmp_path):
    core.write_text("older")
    core.chmod(0o644)
    assert life("!a\n", "--core", core).returncode == 1
    assert core.read_bytes()[:4] == b"\x7fELF" and stat.S_IMODE(core.stat().st_mode) == 0o600
    link = tmp_path / "link"
    link.symlink_to(core)
    for bad in (tmp_path, link, tmp_path / "no/such/core", "/dev/null"):
        done = life("!a\n", "--core", bad)
        assert done.returncode == 1 and "not written" in done.stderr, bad


@pytest.mark.parametrize("what, words", [
    ("none", "No such file"),
    ("text", "isn't a core of a life"),
    ("cut", "isn't a core of a life"),
    ("other", "of another image"),
])
def test_files_that_have_no_event_for_it(mayfly, tmp_path, what, words):
    core = tmp_path / "core"
    if what == "text":
        core.write_text("hello " * 100)
    if what in ("cut", "other"):
        mayfly("run", TALLY, "--event", "-", "--core", core, input="!a\n")
    if what == "cut":
        core.write_bytes(core.read_bytes()[:500])
    image = BUILD / "services/echo.mfy" if what == "other" else TALLY
    done = mayfly("run", image, "--event-of", core)
    assert done.returncode == (3 if what == "none" else 2) and done.stdout == ""
    assert words in talk(done.stderr)[-1] and "--event-of" in done.stderr


# ------------------------------------------------------------------- on a hub

def ask(hub, payload):
    before = len(hub.events("life"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(payload, ("127.0.0.1", hub.port("tally")))
        hub.until(lambda: len(hub.events("life")) > before)


@pytest.fixture
def keeping(start, tmp_path, backend):
    """keeping(N) -> Hub and the directory where it keeps N cores."""
    def make(n):
        state = tmp_path / "state"
        hub = start(service(TALLY, "udp: [127.0.0.1:0]", f"backend: {backend}",
                            "limits: {failures: 0}"),
                    head=f"state: {state}\ncores: {n}\n")
        return hub, state / "cores"
    return make


def test_a_hub_keeps_a_core_that_gdb_opens_and_that_runs_again(keeping, mayfly, backend):
    hub, cores = keeping(3)
    ask(hub, b"fine\n")
    assert not cores.exists()
    ask(hub, b"!a\n\n")
    kept = hub.until(lambda: list(cores.glob("tally-*.core")))
    assert f"its core is {kept[0]}" in hub.said() and "poke" in hub.said()
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(cores.stat().st_mode) == 0o700
    assert kept[0].name == f"tally-{hub.events('life', result='crashed')[0]['id']}.core"
    said = gdb(kept[0], "backtrace", "print tally", "x/s 0x40000000 + ev->payload.off", "frame 2",
               "print ev->payload.len")
    for words in ("poke (at=0x20, value=2)", "in fall (t=", "in mf_main (ev=", "in mf_boot ()",
                  "lines = 2, longest = 2", '"payload"', "= 4"):
        assert words in said, said
    again = mayfly("run", TALLY, "--event-of", kept[0], "--backend", backend)
    assert again.returncode == 1 and "touched    0x20" in again.stderr
    ask(hub, b"fine\n")
    hub.until(lambda: hub.events("life")[-1]["result"] == "ok")


def test_the_oldest_cores_go(keeping):
    hub, cores = keeping(2)
    cores.parent.mkdir(exist_ok=True)
    cores.mkdir(exist_ok=True)
    for i in range(4):
        (cores / f"older-{i}.core").write_bytes(b"x" * i)
        os.utime(cores / f"older-{i}.core", (1000 + i, 1000 + i))
    (cores / "note").write_text("somebody's own")
    ask(hub, b"!a\n\n")
    kept = hub.until(lambda: list(cores.glob("tally-*.core")))
    assert sorted(each.name for each in cores.iterdir()) == ["note", "older-3.core", kept[0].name]


def test_the_cores_of_others_stay(keeping):
    """One that crashes all the time takes the place of its own: those of a service that crashed once stay,
    though they are older."""
    hub, cores = keeping(3)
    cores.parent.mkdir(exist_ok=True)
    cores.mkdir(exist_ok=True)
    for i, name in enumerate(("rare", "tally", "tally")):
        (cores / f"{name}-{i}.core").write_bytes(b"x")
        os.utime(cores / f"{name}-{i}.core", (1000 + i, 1000 + i))
    ask(hub, b"!a\n\n")
    kept = hub.until(lambda: list(cores.glob("tally-*????.core")))
    assert sorted(each.name for each in cores.iterdir()) == sorted(["rare-0.core", "tally-2.core", kept[0].name])


def test_symbols_that_would_keep_a_hub_waiting(start, tmp_path, backend):
    """A pipe that nobody writes to, in the place of NAME.debug: the crash is told without names."""
    shutil.copy(TALLY, tmp_path / "tally.mfy")
    os.mkfifo(tmp_path / "tally.debug")
    hub = start(service(tmp_path / "tally.mfy", "udp: [127.0.0.1:0]", f"backend: {backend}"))
    ask(hub, b"!a\n")
    hub.until(lambda: "crashed: page fault at 0x" in hub.said())
    ask(hub, b"fine\n")
    hub.until(lambda: hub.events("life")[-1]["result"] == "ok")


def test_a_hub_keeps_none_unless_it_is_asked_to(start, tmp_path, backend):
    hub = start(service(TALLY, "udp: [127.0.0.1:0]", f"backend: {backend}"),
                head=f"state: {tmp_path}/state\n")
    ask(hub, b"!a\n")
    assert not (tmp_path / "state/cores").exists() and "core is" not in hub.said()


def test_what_cannot_be_kept_is_said(keeping):
    hub, cores = keeping(2)
    cores.write_text("not a directory")
    ask(hub, b"!a\n")
    hub.until(lambda: "its core can't be kept in" in hub.said())
    ask(hub, b"fine\n")
    hub.until(lambda: hub.events("life")[-1]["result"] == "ok")


@pytest.mark.parametrize("head, words", [
    ("cores: 3\n", "hub.yaml:2:8: cores: they are kept in the state directory"),
    ("state: s\ncores: many\n", "hub.yaml:3:8: cores:"),
    ("state: s\ncores: 101\n", "hub.yaml:3:8: cores:"),
])
def test_configurations_that_are_refused(tmp_path, head, words):
    (tmp_path / "hub.yaml").write_text(hub_yaml(service(TALLY, "udp: [127.0.0.1:0]"), head=head))
    done = run(BUILD / "mayflyd", "-c", tmp_path / "hub.yaml", "--check")
    assert done.returncode == 2 and words in done.stderr, done.stderr
