"""`mayfly up`: services from the command line, a command to copy that works, Ctrl-C."""

import json
import re
import signal
import socket
import subprocess
import time

import pytest
from conftest import free_port, run, talk, tcp_ask, udp_ask
from hubs import alive, children


@pytest.fixture
def echo(build):
    return build / "services/echo.mfy"


@pytest.fixture
def zone(root):
    return root / "services/dns/example.test.zone"


def test_addresses_and_a_command_to_copy(up, build, zone):
    port = free_port()
    u = up(build / "services/dns.mfy", "--udp", f"127.0.0.1:{port}", "--tcp", f"127.0.0.1:{port}",
           "--data", zone)
    u.wait_for("ready")
    said = u.text()
    assert f"dns: listens on udp 127.0.0.1:{port}" in said
    assert f"dns: listens on tcp 127.0.0.1:{port}" in said
    command = re.search(r"try: (dig .*)", said).group(1)
    assert command == f"dig @127.0.0.1 -p {port} www.example.test"
    asked = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30,
                           check=True)
    assert "192.0.2.80" in asked.stdout
    u.wait_for("worker")
    assert u.stop() == 0


def test_nothing_said_listens_on_free_ports(up, echo):
    u = up(echo, "-o", "json")
    u.wait_for('"ready"')
    lines = [json.loads(line) for line in u.out.read_text().splitlines()]
    ports = {e["transport"]: e["port"] for e in lines if e["event"] == "listening"}
    assert set(ports) == {"udp", "tcp"}
    assert udp_ask(ports["udp"], b"u") == b"u"
    assert tcp_ask(ports["tcp"], b"t") == b"t"


def test_http_for_whoever_has_it(up, build):
    u = up(build / "services/button.mfy", "-o", "json")
    u.wait_for('"ready"')
    lines = [json.loads(line) for line in u.out.read_text().splitlines()]
    routes = [line for line in lines if line["event"] == "route"]
    assert [r["method"] for r in routes] == ["GET", "POST"]
    asked = subprocess.run(routes[1]["try"], shell=True, capture_output=True, text=True,
                           timeout=30, check=True)
    assert asked.stdout == "x: short\n"


def test_http_where_it_is_said(up, build, tmp_path):
    pem, key, port = tmp_path / "a.pem", tmp_path / "a.key", free_port()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-subj", "/CN=a.test", "-keyout", key, "-out", pem)
    u = up(build / "services/button.mfy", "--http", f"127.0.0.1:{port}", "--http", "127.0.0.1:0",
           "--tls", f"{pem},{key}")
    u.wait_for("ready")
    assert f"http on 127.0.0.1:{port}" in u.text()
    commands = re.findall(r"try: (curl .*)", u.text())
    assert len(commands) == 4 and sum("https://" in c for c in commands) == 2
    for command in commands:
        subprocess.run(command, shell=True, capture_output=True, timeout=30, check=True)


def test_http_with_tokens(up, build, mayfly, tmp_path):
    """At the --http before it and no other; a file that others may read is refused in up's own words."""
    file = tmp_path / "tokens"
    token = mayfly("token", "new", "door", "--tokens", file).stdout.split()[-1]
    open_, closed = free_port(), free_port()
    args = ["--http", f"127.0.0.1:{open_}", "--http", f"127.0.0.1:{closed}", "--tokens", file]
    u = up(build / "services/button.mfy", *args)
    u.wait_for("ready")

    def status(port, *more):
        return run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *more,
                   f"http://127.0.0.1:{port}/button/hall").stdout

    assert status(open_) == status(closed, "-H", f"Authorization: Bearer {token}") == "200"
    assert status(closed) == "401"
    assert status(closed, "-H", "Authorization: Bearer " + "0" * len(token)) == "401"
    u.stop()
    file.chmod(0o644)
    u = up(build / "services/button.mfy", *args)
    assert u.process.wait(20) == 4
    assert f'tokens "{file}": others may read or change it' in u.text() and "hub.yaml" not in u.text()


def test_http_that_cannot_be(up, build):
    for words, args in [("belongs behind an --http", ["--tls", "a,b"]),
                        ("belongs behind an --http", ["--tokens", "a"]),
                        ("--tokens \"/nonesuch\": No such file", ["--http", "127.0.0.1:0", "--tokens", "/nonesuch"]),
                        ("write it as CERTIFICATE,KEY", ["--http", "127.0.0.1:0", "--tls", "a"]),
                        ("No such file", ["--http", "127.0.0.1:0", "--tls", "/nonesuch,b"]),
                        ("'8080' is not an address", ["--http", "8080"])]:
        u = up(build / "services/button.mfy", *args)
        assert u.process.wait(20) in (2, 3)
        assert words in u.text()


def test_options_belong_to_the_image_before_them(up, echo, build):
    one, two = free_port(), free_port()
    u = up("--backend", "process", "--trace", echo, "--udp", f"127.0.0.1:{one}", "--name", "first",
           build / "guest/config.mfy", "--udp", f"127.0.0.1:{two}", "--config", "greeting=a=b\"c\n",
           "--idle", "300ms")
    u.wait_for("ready")
    assert udp_ask(one, b"x") == b"x"
    assert udp_ask(two, b"x") == b"a=b\"c\n"
    u.wait_for("config: worker")
    assert "backend process" in u.text()
    u.wait_for("ended, no event came for a while")
    lives = [json.loads(line) for line in u.out.read_text().splitlines() if '"life"' in line]
    assert {e["service"] for e in lives} == {"first", "config"}


def test_a_directory_is_built_first(up, mayfly, tmp_path):
    assert mayfly("new", "hello", cwd=tmp_path).returncode == 0
    u = up(tmp_path / "hello", "-o", "json")
    u.wait_for('"ready"', 60)
    for line in u.out.read_text().splitlines():
        json.loads(line)  # what the build said is no data
    port = next(e["port"] for e in map(json.loads, u.out.read_text().splitlines())
                if e["event"] == "listening")
    assert udp_ask(port, b"world\n")
    source = tmp_path / "hello" / "main.c"
    u.stop()
    source.write_text("not C\n")
    broken = up(tmp_path / "hello")
    assert broken.process.wait(60) == 1
    assert "main.c" in broken.text()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_all_that_it_started(up, echo, how):
    port = free_port()
    u = up(echo, "--udp", f"127.0.0.1:{port}")
    u.wait_for("ready")
    assert udp_ask(port, b"x") == b"x"
    started = children(u.process.pid)
    assert started
    began = time.monotonic()
    assert u.stop(how) == 0
    assert time.monotonic() - began < 1.5
    assert not any(alive(pid) for pid in started)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", port))  # free again


@pytest.mark.parametrize("args, status, words", [
    (["--udp", "x"], 2, "'x' is not an address"),
    (["--idle", "5x"], 2, "limits.idle: '5x' is not a time"),
    (["--backend", "vkm"], 2, "vkm"),
    (["--threads", "0"], 2, "'0' is out of bounds"),
    (["--data", "a=nonesuch"], 3, '"nonesuch": No such file'),
    (["--data", "a=/dev/null"], 2, "takes no data of the name 'a'"),
    (["--config", "greeting"], 2, "KEY=VALUE"),
    (["--config", "a=b"], 2, "has no config of the name 'a'"),
    (["--udp", "192.0.2.1:53"], 1, "can't listen on 192.0.2.1:53"),
    (["--name", "A"], 2, "'A'"),
    (["--bogus"], 2, '"--bogus"'),
    (["--udp"], 2, '"--udp"'),
    (["-o", "xml"], 2, '"xml"'),
])
def test_what_is_wrong_is_said(mayfly, echo, args, status, words):
    done = mayfly("up", echo, *args, timeout=20)
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    said = talk(done.stderr)
    assert len(said) == 1 and said[0].startswith("mayfly: up: ")
    assert "/proc/" not in done.stderr


def test_no_such_image(mayfly, tmp_path):
    done = mayfly("up", tmp_path / "nonesuch.mfy")
    assert done.returncode == 3 and "nonesuch.mfy" in done.stderr
    assert mayfly("up").returncode == 2
    (tmp_path / "empty").mkdir()
    done = mayfly("up", tmp_path / "empty")
    assert done.returncode == 3 and "mayfly.yaml" in done.stderr


def test_missing_data_is_said_as_an_option(mayfly, build):
    done = mayfly("up", build / "services/dns.mfy")
    assert done.returncode == 3
    assert "--data" in done.stderr and "*.zone" in done.stderr


def test_help(mayfly):
    done = mayfly("up", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: mayfly up")


def test_mayflyd_is_found_in_path(build, tmp_path, echo):
    """Beside mayfly it is preferred; without one there PATH is searched."""
    (tmp_path / "mayfly").write_bytes((build / "mayfly").read_bytes())
    (tmp_path / "mayfly").chmod(0o755)
    done = run("env", "PATH=/nonexistent", tmp_path / "mayfly", "up", echo)
    assert done.returncode == 3 and "mayflyd" in done.stderr
