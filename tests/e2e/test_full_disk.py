"""The disk is full: who may write is refused and told when to come again, others go on, and it ends by itself."""

import subprocess

import pytest
from broker import Broker
from counts import Kept
from http_client import Client, listener
from hubs import UNSIGNED, service


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


def test_messages_wait_with_the_broker(make_hub, build, small_disk, tmp_path):
    """Those that come meanwhile are acknowledged when they are done, and done once; also those whose lives fail."""
    broker = Broker(tmp_path / "broker")
    hub = make_hub(f"mayfly: 1\nstate: {small_disk}/state\nmqtt: {{broker: \"{broker.uri}\"}}\n{listener()}services:\n" +
                   service(build / "guest/ledger.mfy") + service(build / "guest/errand.mfy") + UNSIGNED)
    hub.until(lambda: broker.said().count("Sending SUBACK") >= 2)
    with Client(hub.http()) as client:
        fill(small_disk)
        done = 0
        while client.ask("POST", f"/in/a{done}").status == 200:
            done += 1
            assert done < 2000
    hub.until(lambda: "can't be written: there is no space left" in hub.said())
    for name in "bcd":
        broker.publish(f"in/{name}", "now")
    broker.publish("errand", "fail")
    hub.until(lambda: "the ledger said" in hub.said())
    (small_disk / "ballast").unlink()
    hub.until(lambda: "is dead letter" in hub.said(), seconds=30)
    hub.count(done + 4, "life", service="ledger", result="ok")
    assert hub.stop() == 0
    broker.stop()
    state = Kept(small_disk / "state").state
    assert state.pop("all") == len(state) == done + 4
    assert set(state.values()) == {1}
