"""Asking a hub: mayfly ps, stats, logs, reload and stop, and curl on the same socket."""

import json
import os
import re
import socket
import stat
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from conftest import BUILD, HAS_KVM, ROOT, run, talk, tcp_ask, udp_ask
from hubs import alive, hub_yaml, service

UDP, TCP = "udp: [127.0.0.1:0]", "tcp: [127.0.0.1:0]"
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture(autouse=True)
def run_directory(tmp_path, monkeypatch):
    """Hubs and commands of a test find each other and nobody else's."""
    directory = tmp_path / "run"
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(directory))
    monkeypatch.delenv("MAYFLY_HUB", raising=False)
    return directory


@pytest.fixture
def trap(build):
    return build / "guest/trap.mfy"


def path_of(hub):
    return hub.events("ready")[0]["admin"]


@pytest.fixture
def ask(mayfly):
    """ask(HUB, "ps", ...) -> what it says as JSON"""

    def make(hub, command, *args):
        done = mayfly(command, *args, "--hub", path_of(hub), "-o", "json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return make


def only(answer):
    assert len(answer["services"]) == 1
    return answer["services"][0]


def curl(hub, page, *args):
    return run("curl", "-s", "--max-time", "10", "--unix-socket", path_of(hub), *args,
               f"http://hub{page}")


# -------------------------------------------------------------------------- ps


def test_ps_shows_a_service_from_idle_to_ready(start, echo, mayfly, ask):
    hub = start(service(echo, UDP, TCP))
    idle = only(ask(hub, "ps"))
    assert idle["state"] == "idle" and idle["worker"] is None and idle["run_p50_us"] is None
    udp_ask(hub.port("echo"), b"x")
    tcp_ask(hub.port("echo", "tcp"), b"x")
    ready = only(ask(hub, "ps"))
    assert ready["state"] == "ready" and ready["worker"]["pid"] in hub.workers()
    assert (ready["lives"], ready["replied"], ready["refused"], ready["cold"]) == (2, 2, 0, 1)
    assert 0 < ready["run_p50_us"] <= ready["run_p99_us"]
    port = hub.port("echo")
    assert ready["listeners"] == [f"udp 127.0.0.1:{port}", f"tcp 127.0.0.1:{port}"]
    done = mayfly("ps")  # the only one here
    assert done.returncode == 0
    head, line = done.stdout.splitlines()
    assert head.split() == ["SERVICE", "VERSION", "STATE", "WORKER", "BACKEND", "LIVES", "REFUSED",
                            "QUEUE", "RUN-P50", "RUN-P99", "COLD", "LISTENS"]
    assert line.split()[:3] == ["echo", ready["version"], "ready"]
    assert line.index("ready") == head.index("STATE")


def test_ps_shows_an_open_circuit(start, trap, mayfly, ask):
    hub = start(service(trap, UDP, "limits: {failures: 1}"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"hlt", ("127.0.0.1", hub.port("trap")))
    hub.until(lambda: hub.events("circuit"))
    assert only(ask(hub, "ps"))["circuit"]["openings"] == 1
    assert re.search(r"trap +\S+ +open \ds ", mayfly("ps").stdout)
    assert "circuit open" in mayfly("stats", "trap").stdout


def test_ps_names_routes(start, build, ask):
    hub = start(service(build / "services/button.mfy", "http: [{host: home.test, path: /hall}]"),
                service(build / "services/button.mfy", "name: other"),
                head="http:\n  - listen: 127.0.0.1:0\n")
    port = hub.events("listening")[0]["port"]
    services = {s["name"]: s["listeners"] for s in ask(hub, "ps")["services"]}
    assert services["button"] == [f"http 127.0.0.1:{port}/hall for home.test"]
    assert services["other"] == [f"http 127.0.0.1:{port}/button/+"]  # GET and POST


# ----------------------------------------------------------------------- stats


def test_stats(start, echo, trap, mayfly, ask):
    hub = start(service(echo, UDP), service(trap, UDP))
    udp_ask(hub.port("echo"), b"four")
    with pytest.raises(TimeoutError):
        udp_ask(hub.port("trap"), b"hlt", 0.5)
    hub.until(lambda: hub.events("life", service="trap"))
    both = ask(hub, "stats")
    assert both["hub"]["pid"] == hub.pid and both["hub"]["config"] == str(hub.config)
    assert both["hub"]["resident_bytes"] > 100000
    assert [s["name"] for s in both["services"]] == ["echo", "trap"]
    echoed, trapped = both["services"]
    assert echoed["results"] == {"ok": 1} and echoed["refusals"] == {}
    assert trapped["results"] == {"crashed": 1} and trapped["refusals"] == {"failed": 1}
    assert {name: t["count"] for name, t in echoed["times"].items()} == {
        "queue": 1, "birth": 1, "run": 1, "total": 1}
    udp = next(x for x in both["listeners"] if x["service"] == "echo")
    assert (udp["events"], udp["received_bytes"], udp["sent_bytes"]) == (1, 4, 4)
    assert only(ask(hub, "stats", "trap"))["name"] == "trap"
    done = mayfly("stats")
    assert done.returncode == 0
    assert f"hub {hub.pid}, mayfly " in done.stdout and "crashed 1" in done.stdout
    one = mayfly("stats", "echo").stdout
    assert "service echo" in one and "trap" not in one and "hub " not in one


@pytest.mark.parametrize("name", ["nonesuch", "ech", "", "a b", "../x", "echo&service=echo"])
def test_stats_of_no_service(start, echo, mayfly, name):
    start(service(echo, UDP))
    done = mayfly("stats", name)
    assert (done.returncode, done.stdout) == (3, "")
    assert name in done.stderr and len(done.stderr.splitlines()) == 1


# ------------------------------------------------------------------------ logs


def test_logs_carry_service_and_event(start, trap, mayfly):
    hub = start(service(trap, UDP), service(trap, UDP, "name: other"))
    with pytest.raises(TimeoutError):
        udp_ask(hub.port("trap"), b"hlt", 0.5)
    life = hub.until(lambda: hub.events("life", service="trap"))[0]
    lines = [json.loads(x) for x in mayfly("logs", "-o", "json").stdout.splitlines()]
    assert [x["number"] for x in lines] == list(range(1, len(lines) + 1))
    crash, = (x for x in lines if "crashed" in x["text"])
    assert (crash["service"], crash["event"], crash["level"]) == ("trap", life["id"], "warning")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", crash["time"])
    warnings = talk(mayfly("logs", "--level", "warning", "--service", "trap").stdout)
    assert len(warnings) == 1 and f"warning: trap: [{life['id']}] its life crashed" in warnings[0]
    assert "other" not in mayfly("logs", "--service", "trap").stdout
    assert mayfly("logs", "--service", "nonesuch").stdout == ""
    since = mayfly("logs", "--since", str(crash["number"] - 1), "-o", "json").stdout.splitlines()
    assert json.loads(since[0]) == crash


def follow(*args):
    return subprocess.Popen([BUILD / "mayfly", "logs", "-f", *args], cwd=ROOT, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def test_logs_follow_until_the_hub_ends(start, echo):
    hub = start(service(echo, UDP))
    process = follow("--service", "echo")
    try:
        assert "listens on udp" in process.stdout.readline()
        udp_ask(hub.port("echo"), b"x")
        line = process.stdout.readline()
        if not HAS_KVM:
            assert "backend process instead of kvm" in line
            line = process.stdout.readline()
        assert "worker" in line
        hub.process.kill()
        hub.process.wait()
        assert process.wait(20) == 6
        assert process.stderr.read() == "mayfly: logs: the hub has ended\n"
    finally:
        process.kill()
        process.communicate()


def test_logs_as_json_on_standard_error(start, trap):
    hub = start(service(trap, UDP), head="log: json\n")
    with pytest.raises(TimeoutError):
        udp_ask(hub.port("trap"), b"hlt", 0.5)
    hub.until(lambda: "crashed" in hub.said())
    lines = [json.loads(line) for line in hub.said().splitlines()]
    assert all({"time", "level", "text"} <= line.keys() for line in lines)
    crash, = (x for x in lines if "crashed" in x["text"])
    assert crash["event"] == hub.until(lambda: hub.events("life"))[0]["id"] and crash["service"] == "trap"


# ---------------------------------------------------------------- reload, stop


def test_reload(start, echo, build, mayfly, ask):
    hub = start(service(echo, UDP))
    udp_ask(hub.port("echo"), b"x")
    hub.config.write_text(hub_yaml(service(echo, UDP), service(echo, UDP, "name: second")))
    done = mayfly("reload")
    assert (done.returncode, done.stderr) == (0, "")
    assert [s["name"] for s in ask(hub, "ps")["services"]] == ["echo", "second"]
    assert ask(hub, "stats")["hub"]["reloads"] == 1


def test_reload_of_a_file_that_is_wrong(start, echo, mayfly, ask):
    hub = start(service(echo, UDP))
    hub.config.write_text(hub_yaml(service(echo, UDP), head="limits: {conections: 7}\n"))
    done = mayfly("reload")
    assert done.returncode == 1
    assert re.match(r"mayfly: reload: \S+hub.yaml:2:\d+: unknown key 'conections'; "
                    r"did you mean 'connections'\?\n$", done.stderr)
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    assert ask(hub, "stats")["hub"]["reloads_failed"] == 1


def test_reload_moves_the_hubs_own_listeners(start, echo, mayfly, tmp_path):
    first, second = tmp_path / "first.sock", tmp_path / "second.sock"
    hub = start(service(echo, UDP), head=f"admin: {first}\nmetrics: 127.0.0.1:0\n")
    metrics = hub.events("ready")[0]["metrics"]["port"]
    hub.config.write_text(hub_yaml(service(echo, UDP), head=f"admin: {second}\nlog: json\n"))
    done = mayfly("reload", "--hub", first)  # is answered where it was asked
    assert (done.returncode, done.stderr) == (0, "")
    assert not first.exists()
    assert mayfly("ps", "--hub", second).returncode == 0
    assert mayfly("ps", "--hub", first).returncode == 6
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", metrics), 5)
    said = mayfly("reload", "--hub", second)  # nothing changes
    assert (said.returncode, said.stderr) == (0, "")
    assert json.loads(hub.said().splitlines()[-1])["text"]
    assert hub.stop() == 0 and not second.exists()


def test_reload_keeps_them_if_one_cannot_move(start, echo, mayfly, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        hub = start(service(echo, UDP), head="metrics: 127.0.0.1:0\n")
        before = path_of(hub)
        hub.config.write_text(hub_yaml(
            service(echo, UDP), head=f"admin: {tmp_path}/new.sock\nmetrics: 127.0.0.1:{port}\n"))
        done = mayfly("reload")
        assert done.returncode == 1 and f"can't listen on 127.0.0.1:{port}" in done.stderr
    assert path_of(hub) == before and not (tmp_path / "new.sock").exists()
    with socket.create_connection(("127.0.0.1", hub.events("ready")[0]["metrics"]["port"]), 5):
        pass
    # and the other way round
    (tmp_path / "new.sock").write_text("a file")
    hub.config.write_text(hub_yaml(
        service(echo, UDP), head=f"admin: {tmp_path}/new.sock\nmetrics: 127.0.0.1:{port}\n"))
    done = mayfly("reload")
    assert done.returncode == 1 and "new.sock" in done.stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
    assert (tmp_path / "new.sock").read_text() == "a file"
    assert mayfly("ps").returncode == 0


def test_stop_waits_for_what_was_accepted(start, build, echo, mayfly):
    hub = start(service(build / "guest/loop.mfy", UDP, "limits: {deadline: 1500ms, cpu: 1s}"))
    path = path_of(hub)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("127.0.0.1", hub.port("loop")))
    hub.until(lambda: hub.events("worker_started"))
    done = mayfly("stop")
    assert (done.returncode, done.stdout) == (0, f"hub {hub.pid} has ended\n")
    assert hub.process.wait(5) == 0
    assert hub.events("life")[0]["result"] in ("deadline", "late")  # not: stopping
    assert hub.events("stopped") and not os.path.exists(path)


def test_stop_now(start, build, mayfly):
    hub = start(service(build / "guest/loop.mfy", UDP, "limits: {deadline: 60s, cpu: 50s}"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("127.0.0.1", hub.port("loop")))
    hub.until(lambda: hub.events("worker_started"))
    workers = hub.workers()
    done = mayfly("stop", "--now", "-o", "json", timeout=30)
    assert json.loads(done.stdout) == {"pid": hub.pid}
    assert hub.process.wait(5) == 0
    assert hub.events("life")[0]["result"] == "stopping"
    assert not any(alive(pid) for pid in workers)


# -------------------------------------------------------------------- the socket


def test_the_socket_is_ours_alone(start, echo, run_directory):
    hub = start(service(echo, UDP))
    assert path_of(hub) == f"{run_directory}/{hub.pid}.sock"
    assert stat.S_IMODE(os.stat(path_of(hub)).st_mode) == 0o600
    assert hub.stop() == 0 and not os.listdir(run_directory)


@pytest.fixture
def open_directory(monkeypatch):
    """One that everybody may look into; pytest's own is closed again and again."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        monkeypatch.setenv("RUNTIME_DIRECTORY", directory)
        yield Path(directory)


def as_nobody(*argv):
    return run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv, cwd="/")


@ROOT_ONLY
def test_another_user_is_refused(start, echo, mayfly, open_directory):
    """By the socket's mode; and by who asks, should that ever be changed."""
    hub = start(service(echo, UDP))
    path = path_of(hub)
    args = ["curl", "-sS", "--max-time", "10", "--unix-socket", path, "http://hub/v1/health"]
    done = as_nobody(*args)
    assert done.returncode == 7 and done.stdout == ""  # couldn't connect
    os.chmod(path, 0o666)
    done = as_nobody(*args)
    assert done.returncode in (7, 52, 55, 56) and done.stdout == ""  # as soon as it is noticed
    hub.until(lambda: "user 65534 was turned away" in hub.said())
    assert mayfly("ps").returncode == 0


@ROOT_ONLY
def test_another_users_command(start, echo, build, open_directory):
    hub = start(service(echo, UDP))
    program = open_directory / "mayfly"  # where anybody finds it
    program.write_bytes((build / "mayfly").read_bytes())
    program.chmod(0o755)
    for args in (["ps"], ["ps", "--hub", path_of(hub)]):
        done = as_nobody(program, *args)
        assert done.returncode == 4, done.stderr
        assert f'the hub at "{path_of(hub)}" is another user\'s' in done.stderr
    os.chmod(path_of(hub), 0o666)
    done = as_nobody(program, "ps")  # is turned away
    assert done.returncode == 4 and "another user's" in done.stderr


def test_no_hub(mayfly, tmp_path):
    for command in ("ps", "stats", "logs", "reload", "stop"):
        done = mayfly(command)
        assert (done.returncode, done.stdout) == (6, "")
        assert "no hub runs here" in done.stderr and "mayfly up" in done.stderr
        done = mayfly(command, "--hub", tmp_path / "none")
        assert done.returncode == 6 and f'"{tmp_path}/none"' in done.stderr


def test_two_hubs(start, echo, mayfly, monkeypatch):
    first, second = start(service(echo, UDP)), start(service(echo, UDP))
    done = mayfly("ps")
    assert (done.returncode, done.stdout) == (2, "")
    for hub in (first, second):
        assert f"--hub {path_of(hub)}    pid {hub.pid}, {hub.config}" in done.stderr
    assert mayfly("stop", "--hub", path_of(first)).returncode == 0
    assert mayfly("ps").returncode == 0  # there is only one now
    monkeypatch.setenv("MAYFLY_HUB", path_of(first))
    assert mayfly("ps").returncode == 6


def test_a_killed_hub_leaves_a_socket(start, echo, mayfly):
    hub = start(service(echo, UDP))
    path = path_of(hub)
    hub.process.kill()
    hub.process.wait()
    assert os.path.exists(path)
    done = mayfly("ps")
    assert done.returncode == 6 and "no hub runs here" in done.stderr
    done = mayfly("ps", "--hub", path)
    assert done.returncode == 6 and "its hub has ended" in done.stderr
    start(service(echo, UDP))
    assert not os.path.exists(path)  # the next one cleans up
    assert mayfly("ps").returncode == 0


def test_a_configured_path(start, echo, mayfly, tmp_path):
    """Its directory is made; a dead hub's socket is replaced, a living one's isn't."""
    path = tmp_path / "own" / "admin.sock"
    first = start(service(echo, UDP), head=f"admin: {path}\n")
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700
    second = start(service(echo, UDP), head=f"admin: {path}\n", wait=False)
    assert second.process.wait(15) == 1
    assert f'admin: "{path}": it is there already' in second.said()
    assert mayfly("ps", "--hub", path).returncode == 0  # the first's
    first.process.kill()
    first.process.wait()
    third = start(service(echo, UDP), head=f"admin: {path}\n")
    done = mayfly("ps", "--hub", path, "-o", "json")
    assert json.loads(done.stdout)["hub"]["pid"] == third.pid


def test_paths_that_cannot_be(start, echo, tmp_path):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "admin.sock",
                 tmp_path / "no" / "such" / "admin.sock"):
        hub = start(service(echo, UDP), head=f"admin: {path}\n", wait=False)
        assert hub.process.wait(15) == 1
        assert f'admin: "{path}"' in hub.said()
    assert (tmp_path / "file").read_text() == "mine"


def test_the_run_directory_cannot_be_used(start, echo, monkeypatch, tmp_path):
    """The hub goes on without; others could have made it before us."""
    (tmp_path / "loose").mkdir()
    os.chmod(tmp_path / "loose", 0o777)
    for directory in ("loose", "none/such"):
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / directory))
        hub = start(service(echo, UDP))
        assert "no admin socket" in hub.said() and hub.events("ready")[0]["admin"] is None
        assert udp_ask(hub.port("echo"), b"x") == b"x"


def test_no_admin_socket(start, echo, mayfly, run_directory):
    hub = start(service(echo, UDP), head="admin: none\n")
    assert hub.events("ready")[0]["admin"] is None and not run_directory.exists()
    assert mayfly("ps").returncode == 6


def test_asked_with_curl(start, echo):
    hub = start(service(echo, UDP))
    assert json.loads(curl(hub, "/v1/health").stdout)["status"] == "ok"
    done = curl(hub, "/v1/nonesuch", "-w", "\n%{http_code} %{content_type}")
    body, _, code = done.stdout.rpartition("\n")
    assert code == "404 application/problem+json" and json.loads(body)["status"] == 404
    assert curl(hub, "/v1/stop", "-o", "/dev/null", "-w", "%{http_code}").stdout == "405"
    assert curl(hub, "/v1/logs?level=loud", "-o", "/dev/null", "-w", "%{http_code}").stdout == "400"
    assert "mayfly_build_info" in curl(hub, "/metrics").stdout


def test_asked_when_the_hub_is_full(start, echo, mayfly):
    """Who looks after it gets in."""
    hub = start(service(echo, TCP), head="limits: {connections: 1}\n")
    with socket.create_connection(("127.0.0.1", hub.port("echo", "tcp")), 5) as s:
        s.sendall(b"\0\4ha")  # half a message: it isn't idle
        hub.until(lambda: mayfly("ps").returncode == 0)


@pytest.mark.parametrize("args, words", [
    (["ps", "--nonesuch"], '"--nonesuch": unknown'),
    (["ps", "-o", "yaml"], '-o "yaml": write one of text, json'),
    (["ps", "more"], '"more": one too many'),
    (["stats", "a", "b"], '"b": one too many'),
    (["logs", "--level", "loud"], '--level "loud": write one of'),
    (["logs", "--since", "-1"], '--since "-1"'),
    (["logs", "--since", "yesterday"], '--since "yesterday"'),
    (["stop", "--hub"], '"--hub": unknown, or its value is missing'),
    (["ps", "--hub", "/" + "x" * 200], "at most 107 bytes"),
])
def test_usage(mayfly, args, words):
    done = mayfly(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["ps", "stats", "logs", "reload", "stop"])
def test_help(mayfly, command):
    done = mayfly(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: mayfly {command} ")
    assert "Exit status" in done.stdout


def test_a_peer_that_is_no_hub(mayfly, tmp_path):
    path = str(tmp_path / "other.sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()
        s.settimeout(20)

        def answer():
            s.accept()[0].close()  # it looks whether somebody is there
            with s.accept()[0] as peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        thread = threading.Thread(target=answer)
        thread.start()
        done = mayfly("ps", "--hub", path)
        thread.join()
    assert done.returncode == 1 and "is no hub" in done.stderr


def test_nothing_of_curl_is_in_the_hub(build):
    """It would cost the memory that the hub is to do without; and mayfly loads it when it asks."""
    for program in ("mayfly", "mayflyd"):
        needed = run("readelf", "-d", build / program).stdout
        assert "libjansson" in needed and "curl" not in needed
