"""mayfly blob: a hub's disk cache from the command line; and what stats and metrics say of it."""

import json
import subprocess

import pytest
from conftest import run
from http_client import Client, listener
from hubs import service
from test_blobs import M, PATH, name_of, put, some


@pytest.fixture
def hub(start, build, tmp_path):
    return start(service(build / "guest/areas.mfy"),
                 head=f"state: {tmp_path}/state\nadmin: {tmp_path}/admin\nlimits: {{blobs: 16MiB}}\n" + listener())


def test_put_ls_get_rm(hub, ask, tmp_path):
    data, small = some(3 * M), b"small"
    (tmp_path / "data").write_bytes(data)
    (tmp_path / "small").write_bytes(small)
    done = ask("blob", "put", tmp_path / "data", tmp_path / "small")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{name_of(data)}  {tmp_path}/data\n{name_of(small)}  {tmp_path}/small\n"
    with Client(hub.http()) as c:
        assert c.ask("GET", PATH + name_of(data)).body == data
    again = json.loads(ask("blob", "put", tmp_path / "data", "-o", "json").stdout)
    assert again == {"blobs": [{"blob": name_of(data), "bytes": len(data), "file": str(tmp_path / "data")}]}
    listed = ask("blob", "ls").stdout.splitlines()
    assert listed[0].split() == ["BLOB", "BYTES", "USED", "KEPT", "UNTIL", "IN", "USE"]
    assert [line.split()[:2] for line in listed[1:]] == [[name_of(data), str(3 * M)], [name_of(small), "5"]]
    assert ask("blob", "get", name_of(data), tmp_path / "copy").returncode == 0
    assert (tmp_path / "copy").read_bytes() == data
    assert ask("blob", "get", name_of(small)).stdout == "small"
    assert ask("blob", "rm", name_of(small)).returncode == 0
    assert [b["blob"] for b in json.loads(ask("blob", "ls", "-o", "json").stdout)["blobs"]] == [name_of(data)]


def test_kept_is_shown(hub, ask):
    with Client(hub.http()) as c:
        assert put(c, b"kept", Mayfly_Keep="10m").status == 201
    assert ask("blob", "ls").stdout.splitlines()[1].split()[3].endswith("Z")
    assert json.loads(ask("blob", "ls", "-o", "json").stdout)["blobs"][0]["kept_until"] > 1e9


def test_goes_on(hub, ask, tmp_path):
    data = some(2 * M)
    (tmp_path / "data").write_bytes(data)
    with Client(hub.http()) as c:
        answer = c.ask("PUT", PATH + name_of(data), data[:M], {"Content-Range": f"bytes 0-{M - 1}/{2 * M}"})
        assert answer.status == 202
    before = json.loads(ask("stats", "-o", "json").stdout)["hub"]["blobs"]["written_bytes"]
    assert ask("blob", "put", tmp_path / "data").returncode == 0
    assert json.loads(ask("stats", "-o", "json").stdout)["hub"]["blobs"]["written_bytes"] == before + M
    with Client(hub.http()) as c:
        assert c.ask("GET", PATH + name_of(data)).body == data


@pytest.mark.parametrize("args,status,words", [
    (["blob"], 2, "say what"), (["blob", "mv"], 2, "ls, put, get, rm"), (["blob", "get"], 2, "too few"),
    (["blob", "ls", "x"], 2, "too many"), (["blob", "get", "x"], 2, "64 digits"), (["blob", "rm", "0" * 64], 3, "isn't here"),
    (["blob", "get", "0" * 64], 3, "isn't here"), (["blob", "put", "/nowhere"], 3, "No such file")])
def test_wrong(hub, ask, args, status, words):
    assert hub
    done = ask(*args)
    assert done.returncode == status
    assert words in done.stderr
    assert done.stdout == ""


def test_too_large(hub, ask, tmp_path):
    (tmp_path / "data").write_bytes(some(16 * M + 1))
    done = ask("blob", "put", tmp_path / "data")
    assert done.returncode == 1 and "limits.blobs" in done.stderr
    assert hub


def test_no_cache(start, build, echo, ask, tmp_path):
    start(service(echo, "udp: [127.0.0.1:0]"), head=f"admin: {tmp_path}/admin\n")
    done = ask("blob", "ls")
    assert done.returncode == 3 and "no disk cache" in done.stderr
    assert json.loads(ask("stats", "-o", "json").stdout)["hub"]["blobs"] is None
    (tmp_path / "x").write_text("x")
    assert ask("blob", "put", tmp_path / "x").returncode == 3
    assert run(build / "mayfly", "blob", "--help").returncode == 0


def test_stats_and_metrics(hub, ask, tmp_path):
    with Client(hub.http()) as c:
        for i in range(5):
            assert put(c, some(5 * M, i)).status == 201
        assert c.ask("GET", PATH + name_of(some(5 * M, 4))).status == 200
        assert c.ask("GET", PATH + name_of(some(5 * M, 0))).status == 404
    blobs = json.loads(ask("stats", "-o", "json").stdout)["hub"]["blobs"]
    assert (blobs["blobs"], blobs["evictions"], blobs["limit_bytes"]) == (3, 2, 16 * M)
    assert blobs["written_bytes"] == 25 * M and blobs["read_bytes"] == 5 * M
    assert "disk cache   3 blobs, 1" in ask("stats").stdout
    page = subprocess.run(["curl", "-sS", "--unix-socket", tmp_path / "admin", "http://hub/metrics"],
                          capture_output=True, text=True, check=True).stdout
    assert "\nmayfly_blobs 3\n" in page and "\nmayfly_blobs_evictions_total 2\n" in page
    assert f"\nmayfly_blobs_limit_bytes {16 * M}\n" in page



def test_only_the_hubs_user_changes_it(hub, tmp_path):
    """Over the admin socket as anywhere else: HEX is what counts, and a wrong one is refused."""
    done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", tmp_path / "admin", "-T", "-",
                           f"http://hub{PATH}{'0' * 64}"], input=b"x", capture_output=True, check=True)
    assert done.stdout == b"422"
    assert hub
