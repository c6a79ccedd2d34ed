"""mayfly new: what it writes builds and runs as it is; what it refuses."""

import re
import shlex

import pytest

from conftest import talk


def test_builds_and_runs_at_once(mayfly, tmp_path):
    made = mayfly("new", "hello", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    steps = [line.split() for line in made.stdout.splitlines() if line.startswith("  mayfly ")]
    assert [s[1] for s in steps] == ["build", "run"]
    for step in steps:  # what it says to type next
        done = mayfly(*step[1:], cwd=tmp_path)
        assert (done.returncode, talk(done.stderr)) == (0, []), step
    assert done.stdout == "hello, world\n"
    readme = (tmp_path / "hello/README.md").read_text()
    assert readme.startswith("# hello\n") and "hello.mfy" in readme
    assert (tmp_path / "hello/.gitignore").read_text() == "*.mfy\n*.debug\n"


def test_one_for_http(mayfly, tmp_path):
    made = mayfly("new", "--http", "hello", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    steps = [shlex.split(line) for line in made.stdout.splitlines() if line.startswith("  mayfly ")]
    built, ran = [mayfly(*step[1:], cwd=tmp_path) for step in steps]
    assert (built.returncode, talk(built.stderr)) == (0, [])
    assert ran.returncode == 0 and ran.stdout == "hello, world\n"
    assert talk(ran.stderr) == ["mayfly: run: hello: 200 text/plain; charset=utf-8"]
    asked = mayfly("run", "hello/hello.mfy", "--http", "GET /hello?name=a%20b+%26", cwd=tmp_path)
    assert asked.stdout == "hello, a b &\n"
    asked = mayfly("run", "hello/hello.mfy", "--http", "GET /hello?name=%", cwd=tmp_path)
    assert '"status":400,"detail":"name: expected' in asked.stdout
    for step in re.findall(r"^    (mayfly (?:run|bench) .*?)(?:  +#.*)?$",
                           (tmp_path / "hello/README.md").read_text(), re.M):
        argv = shlex.split(step.split("#")[0])[1:]
        done = mayfly(*argv, *(["-n", "100"] if argv[0] == "bench" else []), cwd=tmp_path / "hello")
        assert done.returncode == 0, step


def test_takes_a_path(mayfly, tmp_path):
    assert mayfly("new", "deep-1/", cwd=tmp_path).returncode == 0
    assert mayfly("new", tmp_path / "deep-1/x9").returncode == 0
    built = mayfly("build", tmp_path / "deep-1/x9")
    assert built.returncode == 0 and built.stdout.startswith("x9  ")


@pytest.mark.parametrize("name", ["Hello", "9lives", "a_b", "", "..", "x" * 64, "é"])
def test_refuses_what_is_no_name(mayfly, tmp_path, name):
    made = mayfly("new", name, cwd=tmp_path)
    assert made.returncode == 2
    assert made.stderr.startswith("mayfly: new: ") and made.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_never_overwrites(mayfly, tmp_path):
    (tmp_path / "there").mkdir()
    made = mayfly("new", "there", cwd=tmp_path)
    assert made.returncode == 2
    assert made.stderr == 'mayfly: new: "there": is there already; choose another name\n'
    assert list((tmp_path / "there").iterdir()) == []


def test_says_where_it_cannot_write(mayfly, tmp_path):
    made = mayfly("new", "none/x", cwd=tmp_path)
    assert made.returncode == 1 and '"none/x": No such file or directory' in made.stderr


def test_help_and_mistakes(mayfly):
    assert "usage: mayfly new [--http] NAME" in mayfly("new", "--help").stdout
    assert mayfly("new").returncode == 2
    assert mayfly("new", "a", "b").returncode == 2
    assert '"--nmae": unknown' in mayfly("new", "--nmae").stderr


COMMANDS = ["new", "build", "inspect", "audit", "keygen", "sign", "verify", "quote", "run", "bench", "up", "doctor", "version",
            "help"]


def test_the_list_of_commands(mayfly):
    page = mayfly("--help")
    assert page.returncode == 0 and page.stderr == ""
    for command in COMMANDS:
        assert f"\n  {command} " in page.stdout
    assert mayfly("help").stdout == page.stdout
    bare = mayfly()
    assert (bare.returncode, bare.stdout, bare.stderr) == (2, "", page.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_page(mayfly, command):
    page = mayfly(command, "--help")
    assert page.returncode == 0 and page.stderr == "" and "usage: mayfly" in page.stdout
    assert mayfly("help", command).stdout == page.stdout


@pytest.mark.parametrize("typed, meant", [("biuld", "build"), ("insp", "inspect"), ("rn", "run")])
def test_an_unknown_command_suggests_the_nearest(mayfly, typed, meant):
    for done in (mayfly(typed), mayfly("help", typed)):
        assert done.returncode == 2
        assert done.stderr == f'mayfly: unknown command: "{typed}": did you mean "{meant}"?\n'
    assert "see mayfly --help" in mayfly("xyzzy").stderr


def test_version(mayfly):
    assert mayfly("--version").stdout == mayfly("version").stdout
    assert mayfly("version").stdout.startswith("mayfly 0.1.0 (guest ABI 1, ")
    assert mayfly("version", "x").returncode == 2
