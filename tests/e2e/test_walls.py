"""What stands round a worker and round the hub, as the kernel sees it; what happens where it can't be
had; and that nothing lives on when a part of it dies."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import SANITIZED, udp_ask
from hubs import alive, children, command, hub_yaml, nursery_of, service, workers

UDP = "udp: [127.0.0.1:0]"
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can give user ids away")
PLAIN_ONLY = pytest.mark.skipif(SANITIZED, reason="sanitizers need files and system calls of their own")
RIGHTS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Groups", "Uid", "Gid")
SPACES = ("pid", "ipc", "net", "mnt", "uts", "user", "cgroup")
FIRST_ID, LAST_ID = 0x70000000, 0x7fffffff
NOBODY = ["setpriv", "--reuid=64321", "--regid=64321", "--clear-groups"] if os.getuid() == 0 else []


@pytest.fixture
def start(make_hub):
    return make_hub


def status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.split() for key, _, value in (line.partition(":") for line in lines)}


def spaces(pid):
    return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in SPACES}


def needs(hub, *what):
    """Is there something that this machine doesn't permit even root?"""
    for each in what:
        if f"{each} (" in hub.said():
            pytest.skip(f"this machine has no {each}")


def two_workers(start, echo, backend):
    """A hub and its two workers, which have lived."""
    hub = start(hub_yaml(service(echo, UDP, f"backend: {backend}", "limits: {idle: 1h}"),
                         service(echo, UDP, f"backend: {backend}", "name: other", "limits: {idle: 1h}"),
                         head="metrics: 127.0.0.1:0\n"))
    for name in ("echo", "other"):
        assert udp_ask(hub.port(name), b"x") == b"x"
    return hub, hub.workers()


# ------------------------------------------------------------------------ as root


@ROOT_ONLY
def test_a_worker(start, echo, backend):
    """No capabilities, a user id that nobody has, namespaces of its own, no privileges to gain."""
    hub, both = two_workers(start, echo, backend)
    needs(hub, "namespaces of their own for workers", "a user id of its own for each worker")
    assert len(both) == 2
    ids = set()
    for pid in both:
        is_ = status(pid)
        assert all(int(is_[name][0], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
        assert is_["NoNewPrivs"] == ["1"] and is_["Groups"] == []
        assert len(set(is_["Uid"])) == len(set(is_["Gid"])) == 1
        assert FIRST_ID < int(is_["Uid"][0]) <= LAST_ID and is_["Uid"] == is_["Gid"]
        assert is_["NSpid"] == [str(pid), "1"]
        ids.add(is_["Uid"][0])
        its = children(pid)
        assert sorted(map(command, its)) == (["mayfly-gated", "mayfly-maker"] if backend == "process" else [])
        for child in map(status, its):
            assert not [key for key in RIGHTS if child[key] != is_[key]]
        own, hubs = spaces(pid), spaces(hub.pid)
        assert not [name for name in SPACES if own[name] == hubs[name]]
    assert len(ids) == 2
    # each its own; the others, which hold nothing that could be changed, are shared
    assert len({spaces(pid)[name] for pid in both for name in ("pid", "ipc")}) == 4


@ROOT_ONLY
@PLAIN_ONLY
def test_a_worker_sees_no_file(start, echo, backend):
    hub, both = two_workers(start, echo, backend)
    needs(hub, "an empty root directory for workers")
    for pid in both:
        root = f"/proc/{pid}/root/"
        assert os.listdir(root) == []
        assert os.statvfs(root).f_flag & os.ST_RDONLY
        assert len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines()) == 1
        for each in [pid, *children(pid)]:
            assert status(each)["Seccomp"] == ["2"]


@ROOT_ONLY
def test_a_worker_has_limits(start, echo, backend):
    hub, both = two_workers(start, echo, backend)
    limits = Path(f"/proc/{both[0]}/limits").read_text()
    lines = {line[:26].strip(): line[26:].split() for line in limits.splitlines()}
    assert lines["Max core file size"][0] == "0"
    assert int(lines["Max open files"][1]) < 200
    if not SANITIZED:
        assert int(lines["Max address space"][1]) < 1 << 30
    assert hub.stop() == 0


def group(pid):
    """Its control group of version 2; None where there are none."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return next((line[3:] for line in lines if line.startswith("0::")), None)


def test_workers_have_groups_of_their_own_or_it_is_said(start, echo, backend):
    """With a limit of memory, beside the hub's group, which holds the hub alone; else where the hub is."""
    hub, both = two_workers(start, echo, backend)
    groups = [group(pid) for pid in both]
    with urllib.request.urlopen(f"http://127.0.0.1:{hub.events('ready')[0]['metrics']['port']}/metrics",
                                timeout=20) as page:
        metrics = page.read().decode()
    if "a limit of memory for workers (" in hub.said():
        assert 'mayfly_wall{wall="memory"} 0' in metrics
        assert groups == [group(hub.pid)] * 2
        return
    assert 'mayfly_wall{wall="memory"} 1' in metrics
    above = group(hub.pid).removesuffix("/hub")
    assert sorted(groups) == [f"{above}/workers/0", f"{above}/workers/1"]


@ROOT_ONLY
def test_the_hub_is_not_root(start, echo, backend):
    """What it keeps: ports, and files below the directories that Landlock leaves it."""
    hub, _ = two_workers(start, echo, backend)
    is_ = status(hub.pid)
    ports, files = 1 << 10, 1 << 1 | 1 << 2
    assert "0" not in is_["Uid"] and is_["Groups"] == []
    assert int(is_["CapEff"][0], 16) & ~(ports | files) == 0 and int(is_["CapBnd"][0], 16) == 0
    assert is_["NoNewPrivs"] == ["1"]
    if not SANITIZED:
        assert is_["Seccomp"] == ["2"]
    assert "goes on as user " in hub.said()
    needs(hub, "namespaces of their own for workers")
    nursery = status(hub.nursery())
    assert "0" not in nursery["Uid"] and int(nursery["CapBnd"][0], 16) == 0
    assert spaces(hub.nursery())["user"] != spaces(hub.pid)["user"]


@ROOT_ONLY
def test_a_user_that_is_named(start, echo):
    hub = start(hub_yaml(service(echo, UDP), head="user: daemon\n"))
    assert status(hub.pid)["Uid"][0] == "1"
    assert "goes on as user daemon" in hub.said()
    hub = start(hub_yaml(service(echo, UDP), head="user: nonesuch\n"), wait=False)
    assert hub.process.wait(15) == 3
    assert 'user: there is no user "nonesuch" here' in hub.said()
    hub = start(hub_yaml(service(echo, UDP), head="user: root\n"))
    assert status(hub.pid)["Uid"][0] == "0"
    assert "a user of its own for the hub" in hub.said()
    assert udp_ask(hub.port("echo"), b"x") == b"x"


@ROOT_ONLY
def test_secrets_of_the_user_that_it_becomes(start, build, mayfly, place):
    """A file of tokens and a key that belong to daemon: a hub that becomes daemon takes them, at its start
    and when it reads them again; another one doesn't, nor does it take somebody else's."""
    tokens, pem, key = place / "tokens", place / "a.pem", place / "a.key"
    token = mayfly("token", "new", "door", "--tokens", tokens).stdout.split()[-1]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=a.test", "-keyout", key, "-out", pem], check=True, capture_output=True)
    daemon = pwd.getpwnam("daemon").pw_uid
    for file in (tokens, key):
        file.chmod(0o600)
        os.chown(file, daemon, -1)
    tls = f"http: [{{listen: '127.0.0.1:0', tokens: {tokens}, tls: {{certificate: {pem}, key: {key}}}}}]\n"
    button = service(build / "services/button.mfy")
    hub = start(hub_yaml(button, head="user: daemon\n" + tls))

    def answer(*more):
        done = subprocess.run(["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", *more,
                               f"https://127.0.0.1:{hub.http('https')}/button/hall"], capture_output=True, text=True,
                              timeout=30, check=True)
        return done.stdout

    assert answer() == "401" and answer("-H", f"Authorization: Bearer {token}") == "200"
    hub.process.send_signal(signal.SIGHUP)
    hub.until(lambda: hub.events("reloaded"))
    assert answer() == "401" and answer("-H", f"Authorization: Bearer {token}") == "200"
    assert hub.stop() == 0
    hub = start(hub_yaml(button, head=tls), wait=False)
    assert hub.process.wait(20) == 4 and f"belongs to user {daemon}" in hub.said()
    os.chown(tokens, 12345, -1)
    hub = start(hub_yaml(button, head="user: daemon\n" + tls), wait=False)
    assert hub.process.wait(20) == 4 and "belongs to user 12345" in hub.said()


def free_low_port():
    for port in range(600, 1024):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    return pytest.skip("no port below 1024 is free")


@ROOT_ONLY
def test_a_reload_opens_a_port_of_root(start, echo):
    hub = start(hub_yaml(service(echo, UDP)))
    port = free_low_port()
    assert hub.reload(hub_yaml(service(echo, f"udp: [127.0.0.1:{port}]")))["event"] == "reloaded"
    assert udp_ask(port, b"low") == b"low"


@ROOT_ONLY
def test_a_reload_reads_only_what_was_named(start, echo, tmp_path):
    """Only root may read the image: the hub may below the directories that it named, nowhere else."""
    for place in ("hub0", "elsewhere"):
        (tmp_path / place).mkdir()
        shutil.copy(echo, tmp_path / place / "other.mfy")
        (tmp_path / place / "other.mfy").chmod(0o600)
    hub = start(hub_yaml(service(echo, UDP)))
    needs(hub, "Landlock for the hub")
    said = hub.reload(hub_yaml(service(tmp_path / "elsewhere/other.mfy", UDP)))
    assert said["event"] == "not_reloaded"
    assert "Permission denied" in said["why"] and "start it again" in said["why"]
    assert hub.reload(hub_yaml(service("other.mfy", UDP)))["event"] == "reloaded"
    assert udp_ask(hub.events("listening")[-1]["port"], b"x") == b"x"


# ------------------------------------------------------------------ as a plain user


@pytest.fixture
def place():
    """A directory for everybody."""
    path = Path(tempfile.mkdtemp(prefix="mayfly-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def become(place, build, before=(), head=""):
    """A hub that somebody without rights started."""
    for name in ("mayflyd", "mayfly-worker", "services/echo.mfy"):
        shutil.copy(build / name, place)
    (place / "hub.yaml").write_text(hub_yaml(
        service("echo.mfy", UDP, "backend: process"), head="admin: none\nmetrics: 127.0.0.1:0\n" + head))
    with open(place / "said", "wb") as said:
        hub = subprocess.Popen([*NOBODY, *before, place / "mayflyd", "-c", "hub.yaml"], cwd=place,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
    for _ in range(1000):
        if "ready;" in (place / "said").read_text() or hub.poll() is not None:
            break
        time.sleep(0.01)
    return hub, (place / "said").read_text()


def address(said, before):
    return int(said.partition(before + "127.0.0.1:")[2].partition(";")[0].partition("/")[0])


def test_somebody_without_rights(build, place):
    hub, said = become(place, build)
    try:
        assert udp_ask(address(said, "udp "), b"x") == b"x"
        worker, = workers(hub.pid)
        is_ = status(worker)
        assert is_["Uid"] == status(hub.pid)["Uid"] and int(is_["CapEff"][0], 16) == 0
        assert is_["NoNewPrivs"] == ["1"]
        if "namespaces of their own" not in said:  # where the kernel permits them
            assert is_["NSpid"][1:] == ["1"]
        assert "a user id of its own for each worker (" in said
        with urllib.request.urlopen(f"http://127.0.0.1:{address(said, 'http://')}/metrics", timeout=10) as page:
            assert 'mayfly_wall{wall="user"} 0' in page.read().decode()
        hub.kill()
        hub.wait(15)
        for _ in range(1500):
            if not alive(worker):
                break
            time.sleep(0.01)
        assert not alive(worker)
    finally:
        hub.kill()
        hub.wait(15)


def test_no_namespaces_at_all(build, place):
    """As in a container that forbids them: all works, and what is missing is said."""
    forbid = ["unshare", "--user", "--map-root-user", "sh", "-c",
              'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh"]
    if subprocess.run([*NOBODY, *forbid, "true"], check=False, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("can't forbid them")
    hub, said = become(place, build, forbid)
    try:
        assert udp_ask(address(said, "udp "), b"x") == b"x"
        assert "namespaces of their own for workers (" in said
        worker, = workers(hub.pid)
        assert int(status(worker)["CapEff"][0], 16) == int(status(worker)["CapBnd"][0], 16) == 0
    finally:
        hub.terminate()
        assert hub.wait(15) == 0


def test_strict(build, place):
    hub, said = become(place, build, head="strict: true\n")
    assert hub.wait(15) == 4
    assert "strict: there is no wall 'user'" in said
    assert "start mayflyd as root, or with CAP_SETUID and CAP_SETGID" in said
    assert "ready" not in said and not children(hub.pid)


@ROOT_ONLY
@PLAIN_ONLY
def test_strict_where_all_walls_stand(start, echo):
    needs(start(hub_yaml(service(echo, UDP))), "namespaces of their own for workers",
          "a user id of its own for each worker", "Landlock for workers", "a limit of memory for workers")
    hub = start(hub_yaml(service(echo, UDP), head="strict: true\n"))
    assert "walls that are missing" not in hub.said()
    assert udp_ask(hub.port("echo"), b"x") == b"x"


def test_strict_is_yes_or_no(start, echo):
    hub = start(hub_yaml(service(echo, UDP), head="strict: perhaps\n"), wait=False)
    assert hub.process.wait(15) == 2
    assert "strict" in hub.said() and "perhaps" in hub.said()


# ---------------------------------------------------------------------- a part dies


def test_the_hub_is_killed(start, echo, backend):
    hub, both = two_workers(start, echo, backend)
    all_ = [*both, hub.nursery()]
    hub.process.kill()
    hub.process.wait(15)
    for _ in range(1500):
        if not any(alive(pid) for pid in all_):
            break
        time.sleep(0.01)
    assert not [pid for pid in all_ if alive(pid)]


def test_the_nursery_is_killed(start, echo, backend):
    """No worker can be started any more: the hub ends, says why, and isn't taken for well."""
    hub, both = two_workers(start, echo, backend)
    os.kill(hub.nursery(), signal.SIGKILL)
    assert hub.process.wait(15) == 1
    assert "the process that starts workers is gone" in hub.said()
    assert not [pid for pid in both if alive(pid)]


def test_the_nursery_is_stopped(start, echo):
    """It doesn't answer: the hub serves whoever has a worker, says why others have none, and knows each
    worker when it goes on; stopped once more, it ends with the hub."""
    hub = start(hub_yaml(*(service(echo, f"name: {name}", UDP) for name in ("one", "two", "three"))))
    assert udp_ask(hub.port("one"), b"x", 20) == b"x"
    os.kill(hub.nursery(), signal.SIGSTOP)
    for name in ("two", "three"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"x", ("127.0.0.1", hub.port(name)))
        hub.until(lambda: f"{name}: can't start: " in hub.said())
        assert udp_ask(hub.port("one"), b"x", 20) == b"x"
    assert "the process that starts workers doesn't answer" in hub.said()
    os.kill(hub.nursery(), signal.SIGCONT)
    for name in ("three", "two"):
        for _ in range(100):
            try:
                assert udp_ask(hub.port(name), b"x", 0.5) == b"x"
                break
            except TimeoutError:  # its circuit is open still
                pass
    started = {e["service"]: e["pid"] for e in hub.events("worker_started")}
    assert sorted(started) == ["one", "three", "two"]
    hub.until(lambda: set(hub.workers()) == set(started.values()))
    for name, pid in started.items():
        with open(f"/proc/{pid}/cmdline", encoding="ascii") as f:
            assert f.read().split("\0")[1] == name
    os.kill(hub.nursery(), signal.SIGSTOP)
    assert hub.stop() == 0


@ROOT_ONLY
def test_what_the_nursery_holds(start, echo, backend):
    """Nothing of the hub's but a socket and the worker's program."""
    hub, _ = two_workers(start, echo, backend)
    nursery = nursery_of(hub.pid)
    assert command(nursery) == "mayfly-nursery"
    held = {n: os.readlink(f"/proc/{nursery}/fd/{n}") for n in os.listdir(f"/proc/{nursery}/fd")}
    assert sorted(held) == ["0", "1", "2", "3", "4"]
    assert [held[n] for n in "012"] == ["/dev/null"] * 3
    assert held["3"].startswith("socket:") and "mayfly-worker" in held["4"]
