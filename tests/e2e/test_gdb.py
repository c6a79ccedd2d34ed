"""mayfly run --gdb: Debian's gdb, as its users drive it, on a life that stands still."""

import re
import shutil
import socket
import subprocess

import pytest

from conftest import BUILD, ROOT, SANITIZED, free_port, run

TALLY = BUILD / "guest/tally.mfy"
SECONDS = 60  # that anything may take


class Held:
    """A `mayfly run --gdb 0` in the background."""

    def __init__(self, event, backend, *args):
        self.process = subprocess.Popen(
            [str(BUILD / "mayfly"), "run", str(TALLY), "--event", "-", "--backend", backend,
             "--gdb", "0", *args],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.process.stdin.write(event)
        self.process.stdin.close()
        self.said = ""
        while "waits for gdb" not in self.said:
            line = self.process.stderr.readline().decode()
            assert line, self.said
            self.said += line
        self.port = int(re.search(r"target remote 127\.0\.0\.1:(\d+)", line).group(1))

    def end(self):
        """Its exit status, what it replied, what it said."""
        out = self.process.stdout.read()
        self.said += self.process.stderr.read().decode()
        return self.process.wait(SECONDS), out, self.said


@pytest.fixture
def hold(backend):
    """hold(EVENT) -> Held, on each backend; ended with the test."""
    started = []

    def start(event, *args):
        started.append(Held(event, backend, *args))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait()
        each.process.stdout.close()
        each.process.stderr.close()


def gdb(port, *commands):
    """What gdb prints for these; the life is killed when it ends, unless it was let go."""
    if SANITIZED:
        pytest.skip("gdb drives the plain build; hostile peers this one")
    argv = ["gdb", "-nx", "-q", "-batch", "-ex", "set pagination off", "-ex",
            "set confirm off", "-ex", f"directory {ROOT}/tests/guest/tally", "-ex",
            f"target remote 127.0.0.1:{port}"]
    for each in commands:
        argv += ["-ex", each]
    return run(*argv, TALLY.with_suffix(".debug"), timeout=SECONDS, capture_output=False,
               stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def in_order(text, *words):
    """Each of them, behind the one before."""
    at = 0
    for each in words:
        at = text.find(each, at)
        assert at >= 0, f"no {each!r} where it should be in:\n{text}"
        at += len(each)


# --------------------------------------------------------------- what gdb can do

def test_it_stands_at_the_first_instruction_and_goes_on_to_its_reply(hold):
    held = hold(b"a\n")
    said = gdb(held.port, "info registers rip", "continue")
    in_order(said, "mf_boot", "rip", "<mf_boot>", "exited normally")
    assert held.end()[:2] == (0, b"counted\n")


def test_breakpoints_arguments_and_backtraces(hold):
    held = hold(b"a\nbcd\n")
    said = gdb(held.port, "break mf_main", "continue", "print ev->payload.len",
               "print/x ev->abi", "break count", "continue", "print text.n", "backtrace", "finish",
               "print tally", "continue")
    in_order(said, "Breakpoint 1, mf_main (ev=", "$1 = 6", "$2 = 0x1", "Breakpoint 2, count (",
             "$3 = 6", "#0  count (", "#1 ", "in mf_main (ev=", "#2 ", "in mf_start ()",
             "#3 ", "in mf_boot ()", "{lines = 2, longest = 3, what = ", '"payload"',
             "exited normally")
    assert "Backtrace stopped" not in said
    assert held.end()[:2] == (0, b"counted\n")


def test_steps_by_line_and_by_instruction(hold):
    held = hold(b"x")
    said = gdb(held.port, "break count", "continue", "step", "stepi", "print $pc > (long)count",
               "nexti", "until 27", "info registers eflags", "delete", "continue")
    in_order(said, "Breakpoint 1, count (", "$1 = 1", "eflags", "exited normally")
    assert "TF" not in said, "the step's own flag is no business of the life"
    assert held.end()[:2] == (0, b"counted\n")


def test_a_watched_variable(hold):
    held = hold(b"a\nbc\n")
    said = gdb(held.port, "watch tally.lines", "continue", "continue", "print tally.longest",
               "delete", "continue")
    in_order(said, "watchpoint 1: tally.lines", "Old value = 0", "New value = 1",
             "Old value = 1", "New value = 2", "exited normally")
    assert held.end()[:2] == (0, b"counted\n")


def test_a_crash_shows_where_and_what_was_touched(hold):
    held = hold(b"!a\n\n\n")
    said = gdb(held.port, "continue", "print/x $fault_address", "print $fault_vector",
               "backtrace", "frame 1", "print *t", "continue")
    in_order(said, "#PF page fault: touched 0x30: page zero", "received signal SIGSEGV", "*at = value",
             "$1 = 0x30", "$2 = 14", "#0 ", "poke (at=0x30", "#1 ", "in fall (t=", "#2 ",
             "in mf_main (ev=", "in mf_boot ()", "terminated with signal SIGSEGV")
    status, out, talk = held.end()
    assert (status, out) == (1, b"")
    assert "tally: crashed: page fault" in talk and "touched    0x30" in talk


def test_what_a_debugger_changes_is_changed(hold):
    held = hold(b"!a\n")
    said = gdb(held.port, "break poke", "continue", "set var $rdi = &tally.longest",
               "set var $rsi = 77", "delete", "break mf_reply_text", "continue",
               "print tally.longest", "print $xmm1.v4_int32", "set var $xmm1.v4_int32[2] = 5",
               "stepi", "print $xmm1.v4_int32", "continue")
    in_order(said, "Breakpoint 1, poke", "Breakpoint 2, mf_reply_text", "$1 = 77",
             "{0, 0, 5, 0}", "exited normally")
    assert held.end()[:2] == (0, b"counted\n")


def test_memory_that_a_life_has_not(hold):
    held = hold(b"x")
    said = gdb(held.port, "x/gx 0", "x/gx 0x10000", "set var *(long *)0x13000 = 1",
               "x/gx 0xffffffffffffffff", "break *0x40000000", "continue")
    assert said.count("Cannot access memory") >= 5, said
    assert held.end()[0] == 1  # gdb left it standing, and took it along


def test_a_loop_is_interrupted(hold):
    held = hold(b"@")
    said = gdb(held.port, "python import os, signal, threading",
               "python key = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))",
               "python gdb.events.cont.connect(lambda event: key.is_alive() or key.start())",
               "continue", "python key.is_alive = lambda: True", "backtrace",
               "set var spinning = 0", "continue")
    in_order(said, "received signal SIGINT", "spin ()", "in mf_main (ev=", "exited normally")
    assert held.end()[:2] == (0, b"counted\n")


def test_an_interrupt_may_come_at_any_time(hold):
    held = hold(b"@")
    peer = Peer(held.port)
    for _ in range(20):
        peer.s.sendall(packet(b"vCont;c") + b"\x03")
        assert peer.hear().startswith(b"T02")
    peer.s.sendall(b"\x03")  # nothing runs: nothing to say
    assert peer.ask(b"D") == b"OK"
    assert held.end()[0] == 124


def test_detached_it_goes_on_to_its_reply_and_killed_it_does_not(hold):
    held = hold(b"x")
    assert "detached" in gdb(held.port, "break count", "continue", "detach")
    assert held.end()[:2] == (0, b"counted\n")
    held = hold(b"x")
    gdb(held.port, "break count", "continue", "kill")
    status, out, said = held.end()
    assert (status, out) == (1, b"") and "gdb ended it" in said


def test_detached_it_has_its_limits_again(hold):
    held = hold(b"@")
    gdb(held.port, "break spin", "continue", "detach")
    status, out, said = held.end()
    assert (status, out) == (124, b"") and "deadline" in said


def test_monitor_tells_of_effects_and_places(hold):
    held = hold(b"x")
    said = gdb(held.port, "monitor help", "monitor map", "monitor effects", "break mf_reply_text",
               "continue", "finish", "monitor effects", "kill")
    in_order(said, "monitor effects", "code", "event", "stack", "0 effects", "1 effects")


# ------------------------------------------------------------ a hostile peer

def packet(data):
    return b"$" + data + b"#%02x" % (sum(data) % 256)


class Peer:
    """A connection that speaks the protocol itself."""

    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), SECONDS)

    def ask(self, data):
        self.s.sendall(packet(data))
        return self.hear()

    def hear(self):
        got = b""
        while not re.search(rb"\$[^#]*#..", got):
            piece = self.s.recv(65536)
            if not piece:
                raise EOFError(got)
            got += piece
        return re.search(rb"\$([^#]*)#..", got).group(1)


def test_packets_that_are_none(hold):
    held = hold(b"x")
    peer = Peer(held.port)
    peer.s.sendall(b"noise\x03$g#00")  # a wrong checksum: '-', and it may be sent again
    assert peer.s.recv(1) == b"-"
    assert len(peer.ask(b"g")) > 500
    for bad in (b"m", b"m1", b"m1,", b"mx,1", b"m10000000000000000,1", b"p", b"pff", b"P", b"P0",
                b"P0=0", b"Z0", b"Z0,", b"z2,1", b"M14000,4:00", b"M14000,ffff:00",
                b"X14000,5:ab", b"G00", b"qXfer:features:read:other.xml:0,10",
                b"qXfer:features:read:target.xml:0", b"qRcmd,6", b"qRcmd," + b"61" * 500, b"vCont;",
                b"vCont;x", b"C", b"Cxx"):
        answer = peer.ask(bad)
        assert answer == b"" or re.fullmatch(rb"E..", answer) or bad == b"qRcmd,6", (bad, answer)
    for unknown in (b"", b"vMustReplyEmpty", b"Z3,14000,1", b"Z4,14000,1", b"R00", b"\xff\xfe"):
        assert peer.ask(unknown) == b"", unknown
    assert peer.ask(b"m14000,2").isalnum()
    assert peer.ask(b"qXfer:features:read:target.xml:0,40").startswith(b"m<?xml")
    assert peer.ask(b"qXfer:features:read:target.xml:ffffff,40") == b"l"
    assert peer.ask(b"vCont;c") == b"W00"
    assert held.end()[:2] == (0, b"counted\n")


def test_a_packet_without_end(hold):
    held = hold(b"x")
    peer = Peer(held.port)
    try:
        for _ in range(40):
            peer.s.sendall(b"$" + b"a" * 4096)
    except OSError:
        pass
    status, out, said = held.end()
    assert (status, out) == (1, b"") and "connection was lost" in said


@pytest.mark.parametrize("when", ["at once", "in a packet", "while it runs"])
def test_a_connection_that_is_lost(hold, when):
    held = hold(b"@")
    peer = Peer(held.port)
    if when == "in a packet":
        peer.s.sendall(b"$m14000,")
    if when == "while it runs":
        peer.s.sendall(packet(b"vCont;c"))
        assert peer.s.recv(1) == b"+"
    peer.s.close()
    status, out, said = held.end()
    assert (status, out) == (1, b"") and "connection was lost" in said


def test_one_debugger_at_a_time(hold):
    held = hold(b"x")
    first = Peer(held.port)
    assert first.ask(b"?").startswith(b"T05")
    with pytest.raises(OSError):
        Peer(held.port)
    assert first.ask(b"vCont;c") == b"W00"
    assert held.end()[0] == 0


# ------------------------------------------------------------------ refusals

@pytest.mark.parametrize("address, status, words", [
    ("0.0.0.0:0", 4, "--gdb-anyone"),
    ("*:0", 4, "--gdb-anyone"),
    ("192.0.2.1:1", 4, "--gdb-anyone"),
    ("[2001:db8::1]:1", 4, "--gdb-anyone"),
    ("here", 2, "127.0.0.1:1234"),
    ("70000", 2, "127.0.0.1:1234"),
    ("", 2, "127.0.0.1:1234"),
])
def test_addresses_that_are_refused(mayfly, address, status, words):
    done = mayfly("run", TALLY, "--gdb", address)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr and done.stderr.splitlines()[-1].startswith("mayfly: run: --gdb")


def test_a_port_in_use(mayfly):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = mayfly("run", TALLY, "--gdb", taken.getsockname()[1])
    assert done.returncode == 1 and "in use" in done.stderr and "port 0" in done.stderr


def test_an_open_address_that_was_asked_for(hold, backend):
    port = free_port()
    process = subprocess.Popen(
        [str(BUILD / "mayfly"), "run", str(TALLY), "--backend", backend, "--gdb", f"*:{port}",
         "--gdb-anyone"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = process.stderr.readline()
    while line and b"waits for gdb" not in line:
        line = process.stderr.readline()
    assert Peer(port).ask(b"vCont;c") == b"W00"
    assert process.communicate(timeout=SECONDS)[0] == b"counted\n"


def test_no_worker_can_be_debugged():
    """What holds lives is not in the program that a hub starts."""
    if shutil.which("nm") is None:
        pytest.skip("no nm")
    names = run("nm", BUILD / "mayfly-worker").stdout
    assert "monitor_open" in names and "debug_open" not in names and "ptrace" not in names
