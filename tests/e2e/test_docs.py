"""What the documentation says to type works, and what it links to is there."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from broker import PATH, Broker
from conftest import BUILD, PATIENCE, ROOT, free_port, run
from hubs import children, command

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("services/*/README.md"),
                *ROOT.glob("examples/*/README.md")])


def anchors(page):
    """Of its headings, as they are made of them where Markdown is shown."""
    heads = re.findall(r"^#+ +(.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), link
        assert not anchor or anchor in anchors(to), link


def blocks(text):
    """The indented ones, each a list of lines."""
    return [[line[4:] for line in block.splitlines()] for block in re.findall(r"(?:^    .*\n)+", text, re.M)]


def test_the_readme_is_short_and_its_commands_work(tmp_path, mayfly):
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) < 120
    for commands in re.findall(r"^\| (`mayfly.*?) \|", text, re.M):
        for command in re.findall(r"`(?:mayfly )?([a-z]+)[^`]*`", commands):
            if command != "mayflyd":
                assert mayfly(command, "--help").returncode == 0, command
    typed = next(block for block in blocks(text) if block[0].startswith("PATH="))
    (tmp_path / "build").mkdir()
    for program in ("mayfly", "mayflyd", "mayfly-worker"):
        shutil.copy(BUILD / program, tmp_path / "build")
    (tmp_path / "build/lib").symlink_to(ROOT / "build/lib")
    done = run("sh", "-e", "-c", "\n".join(typed), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("hello, world\n")


# ----------------------------------------------------------------- docs/home.md

STAYS = re.compile(r"mosquitto -c|mosquitto_sub|mayfly up|mayflyd")  # until Ctrl-C


class Terminal:
    """A shell that is typed into, and all that it and its programs have printed."""

    def __init__(self, directory, name, environment):
        self.file, self.seen = directory / f"{name}.terminal", 0
        with open(self.file, "wb") as out:
            self.shell = subprocess.Popen(["bash"], cwd=directory, env=environment, text=True, start_new_session=True,
                                          stdin=subprocess.PIPE, stdout=out, stderr=out)
        self.lines = 0

    def type(self, line):
        self.lines += 1
        self.shell.stdin.write(f"{{ {line}\n}} </dev/null; echo status {self.lines} $?\n")
        self.shell.stdin.flush()
        if not STAYS.match(line):
            before = self.seen
            assert self.expect(f"status {self.lines} ...").endswith(" 0"), (line, self.text())
            self.seen = before  # what it printed is looked at next

    def text(self):
        return self.file.read_text(errors="replace")

    def expect(self, line, seconds=60):
        """Waits for it behind what was expected before; the line as it is there."""
        pattern = re.compile(r"^.*?" + r"\s+".join(
            ".*?".join(re.escape(part) for part in word.split("...")) for word in line.split()) + r"[^\n]*$", re.M)
        end = time.monotonic() + seconds * PATIENCE
        while not (found := pattern.search(self.text(), self.seen)):
            assert time.monotonic() < end, f"{line!r} isn't in\n{self.text()[self.seen:]}"
            time.sleep(0.02)
        self.seen = found.end()
        return found.group()

    def interrupt(self):
        """Ctrl-C: for the program, not for its shell."""
        for child in children(self.shell.pid):
            os.kill(child, signal.SIGINT)
        self.expect(f"status {self.lines} ...")

    def close(self):
        while pids := children(self.shell.pid):
            for pid in pids:
                os.kill(pid, signal.SIGKILL if command(pid) == "mosquitto_sub" else signal.SIGINT)
            time.sleep(0.05)
        self.shell.stdin.close()
        self.shell.wait(30)


@pytest.fixture
def terminals(tmp_path):
    """terminals("hub"): the one of that name, in a directory that looks as a clone does where it was built."""
    (tmp_path / "build").mkdir()
    for name in ("mayfly", "mayflyd", "mayfly-worker", "lib", "services"):
        (tmp_path / "build" / name).symlink_to(BUILD / name)
    (tmp_path / "services").symlink_to(ROOT / "services")
    (tmp_path / "run").mkdir()
    environment = {**os.environ, "PATH": PATH, "HOME": str(tmp_path), "RUNTIME_DIRECTORY": str(tmp_path / "run")}
    environment.pop("XDG_STATE_HOME", None)
    there = {}

    def get(name):
        if name not in there:
            there[name] = Terminal(tmp_path, name, environment)
        return there[name]

    yield get
    for each in there.values():
        each.close()


def heard(text, words, times=1):
    end = time.monotonic() + 30 * PATIENCE
    while text().count(words) < times:
        assert time.monotonic() < end, text()
        time.sleep(0.02)


def test_the_tour_of_a_home(terminals, tmp_path):
    """docs/home.md, typed as it stands there but for ports that may be taken here, and whose user root is."""
    home = Broker(tmp_path / "home")
    center = free_port()
    told, name, known, first = 0, None, set(), []

    def local(line):
        line = line.replace("1884", str(center)).replace("--mqtt mqtt://127.0.0.1", f"--mqtt {home.uri}")
        line = re.sub(r"mosquitto_(pub|sub) (?!-p)", rf"mosquitto_\1 -p {home.port} ", line)
        return line.replace("printf '%s\\n' ", "printf '%s\\n' 'user root' ") if os.getuid() == 0 else line

    for line in (ROOT / "docs/home.md").read_text().splitlines():
        named = re.search(r"\*\*(\w+)\*\* terminal", line)
        if named:
            name = named.group(1)
        if not line.startswith("    "):
            continue
        line, told = line[4:], told + 1
        if not name:
            first.append(line)  # in each terminal
            continue
        terminal = terminals(name)
        for each in first if name not in known else []:
            terminal.type(each)
        known.add(name)
        if line.startswith("$ mayfly ") and name != "hub":  # others may run here
            terminal.type("export MAYFLY_HUB=$(echo $RUNTIME_DIRECTORY/*.sock)")
        if line.startswith("$ mosquitto_pub"):  # the lamp hears, and the hub
            heard(home.said, "Sending SUBACK", 2)
        if line.startswith("$ "):
            terminal.type(local(line[2:]))
            if line.startswith("$ mosquitto_sub"):  # nothing may come before it hears
                heard(home.said if name == "lamp" else terminals("center").text,
                      "Sending SUBACK" if name == "lamp" else "as archive")
        elif line == "^C":
            terminal.interrupt()
        else:
            terminal.expect(local(line))
    assert told > 30
    home.stop()


# --------------------------------------------------------------- docs/market.md

def steps(text):
    """Files that are shown, and what is typed: ("file", NAME, CONTENT), ("console", LINES)."""
    for block in re.finditer(r"(?:^`([\w./]+)`:\n\n)?^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        name, kind, content = block.groups()
        if kind == "console":
            yield "console", content.splitlines()
        elif name:
            yield "file", (name, content)


def walk(terminals, directory, text, port):
    """Types it; what stays runs in a terminal of its own."""
    for kind, content in steps(text):
        if kind == "file":
            name, content = content
            (directory / name).write_text(content.replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
            continue
        terminal = terminals("specialist")
        for line in content:
            line = line.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
            if not line.startswith("$ "):
                terminal.expect(line)
                continue
            terminal = terminals("hub" if STAYS.match(line[2:]) else "specialist")
            terminal.type(line[2:])


def test_the_market_from_both_sides(terminals, tmp_path):
    """docs/market.md, typed as it stands there: a specialist sets all up, a subscriber asks, the specialist writes an invoice."""
    text = (ROOT / "docs/market.md").read_text()
    specialist, subscriber = re.search(r"^## A specialist:(.*?)^## A subscriber:(.*?)^## ", text, re.M | re.S).groups()
    before, after = specialist.split("Now the subscriber works")
    asks, sums_up = subscriber.split("An invoice is the sum")
    port = free_port()
    for name in ("specialist", "hub"):
        terminals(name).type("PATH=$PWD/build:$PATH")
    for part in (before, asks, after, sums_up):
        walk(terminals, tmp_path, part, port)
    assert "<h1>Invoice anna-" in (tmp_path / "invoice.html").read_text()
    terminals("hub").interrupt()
