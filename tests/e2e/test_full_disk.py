"""The disk is full: who may write is refused and told when to come again, others go on, and it ends by itself."""

import subprocess

import pytest
from http_client import Client, listener
from hubs import service


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB, and a way to fill and empty it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "none", disk], check=False).returncode:
        pytest.skip("only root mounts a small disk")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def fill(disk):
    try:
        with open(disk / "ballast", "wb", buffering=0) as f:
            while True:
                f.write(b"x" * 4096)
    except OSError:
        pass


def test_the_disk_is_full_for_a_while(start, build, echo, small_disk):
    hub = start(service(build / "guest/till.mfy"), service(build / "guest/web.mfy", "http: [{path: /web}]"),
                head=f"state: {small_disk}/state\n" + listener())
    with Client(hub.http()) as client:
        assert client.ask("POST", "/add/a").body == b"1\n"
        fill(small_disk)
        done = 1
        while (answer := client.ask("POST", "/add/a")).status == 200:
            done += 1
            assert done < 2000
        assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1
        assert b"database" in answer.body
        hub.until(lambda: "can't be written: there is no space left" in hub.said())
        assert client.ask("GET", "/web").status == 200
        assert client.ask("POST", "/add/a").status == 503
        (small_disk / "ballast").unlink()
        hub.until(lambda: "the database can be written again" in hub.said())
        assert client.ask("POST", "/add/a").body == b"%d\n" % (done + 1)
