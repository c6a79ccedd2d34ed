"""hub.yaml and the files that it names: what is wrong is said in one line, with its place."""

import signal
import socket

import pytest
from conftest import run
from hubs import Hub, hub_yaml, service


@pytest.fixture
def refused(build, tmp_path):
    """refused(TEXT, status, words...) : mayflyd -c says so, in one line, and ends."""

    def check(text, status, *words):
        config = tmp_path / "hub.yaml"
        config.write_text(text)
        done = run(build / "mayflyd", "-c", config, timeout=20)
        assert done.returncode == status, done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith("mayflyd: error: ")
        for word in words:
            assert word in last
        return last

    return check


@pytest.fixture
def echo(build):
    return build / "services/echo.mfy"


def test_unknown_key(refused, echo):
    refused(hub_yaml(service(echo, "udq: [127.0.0.1:0]")), 2, "hub.yaml:4:5:",
            "unknown key 'udq'; did you mean 'udp'?")


def test_no_such_image(refused, tmp_path):
    refused(hub_yaml(service("nonesuch.mfy")), 3, "hub.yaml:3:5:",
            f'"{tmp_path}/nonesuch.mfy"', "No such file", "mayfly build")


def test_damaged_image(refused, echo, tmp_path):
    (tmp_path / "cut.mfy").write_bytes(echo.read_bytes()[:1000])
    refused(hub_yaml(service("cut.mfy")), 1, "hub.yaml:3:5:", "cut.mfy")
    (tmp_path / "text.mfy").write_text("hello")
    refused(hub_yaml(service("text.mfy")), 1, "text.mfy")


def test_port_in_use(refused, echo):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        refused(hub_yaml(service(echo, f"udp: [127.0.0.1:{port}]")), 1,
                f"udp: can't listen on 127.0.0.1:{port}: Address already in use",
                "choose another port")


def test_two_services_for_one_port(refused, echo):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    both = [service(echo, f"name: {n}", f"tcp: [127.0.0.1:{port}]") for n in ("one", "two")]
    refused(hub_yaml(*both), 1, "hub.yaml:6:5:", "Address already in use")


def test_two_services_of_one_name(refused, echo):
    refused(hub_yaml(service(echo), service(echo)), 2, "hub.yaml:4:5:", "'echo' is taken")


def test_bad_name(refused, echo):
    refused(hub_yaml(service(echo, 'name: "No Good"')), 2, "'No Good'")


def test_no_such_trigger(refused, build):
    refused(hub_yaml(service(build / "guest/loop.mfy", "tcp: [127.0.0.1:0]")), 2,
            "loop has no trigger of that type")


def test_data(refused, echo, build, tmp_path):
    refused(hub_yaml(service(build / "services/dns.mfy")), 3, "*.zone", "data:")
    refused(hub_yaml(service(build / "services/dns.mfy", "data: {a.zone: nonesuch}")), 3,
            f"{tmp_path}/nonesuch", "No such file")
    refused(hub_yaml(service(echo, "data: {a: hub.yaml}")), 2, "takes no data of the name 'a'")


def test_config(refused, build):
    refused(hub_yaml(service(build / "guest/config.mfy", "config: {greting: hi}")), 2,
            "has no config of the name 'greting'", "greeting")


def test_config_reaches_the_service(build, tmp_path):
    from conftest import udp_ask
    hub = Hub(tmp_path / "hub", hub_yaml(
        service(build / "guest/config.mfy", "name: plain", "udp: [127.0.0.1:0]"),
        service(build / "guest/config.mfy", "udp: [127.0.0.1:0]", "config: {greeting: moin}")))
    try:
        assert udp_ask(hub.port("plain"), b"") == b"hello"
        assert udp_ask(hub.port("config"), b"") == b"moin"
    finally:
        hub.stop()


def test_no_worker_program(build, echo, tmp_path):
    (tmp_path / "hub.yaml").write_text(hub_yaml(service(echo)))
    done = run("env", "MAYFLY_WORKER=/nonexistent", build / "mayflyd", "-c", tmp_path / "hub.yaml")
    assert done.returncode == 3
    assert '"/nonexistent": No such file or directory' in done.stderr


def test_usage(build, tmp_path):
    for args in ([], ["-c"], ["--bogus"], ["-c", "x", "y"]):
        assert run(build / "mayflyd", *args).returncode == 2
    assert run(build / "mayflyd", "-c", tmp_path / "nonesuch").returncode == 3
    done = run(build / "mayflyd", "-c", "x", "-o", "xml")
    assert done.returncode == 2 and '"xml"' in done.stderr
    assert "usage: mayflyd" in run(build / "mayflyd", "--help").stdout


def test_check(build, echo, tmp_path):
    (tmp_path / "hub.yaml").write_text(hub_yaml(service(echo, "udp: [127.0.0.1:0]")))
    assert run(build / "mayflyd", "--check", "-c", tmp_path / "hub.yaml").returncode == 0


def test_a_reader_of_the_trace_that_goes_away(build, echo, tmp_path):
    import subprocess
    from conftest import udp_ask
    config = tmp_path / "hub.yaml"
    config.write_text(hub_yaml(service(echo, "udp: [127.0.0.1:0]")))
    with subprocess.Popen([build / "mayflyd", "-c", config, "-o", "json", "--trace"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as hub:
        import json
        port = json.loads(hub.stdout.readline())["port"]
        hub.stdout.readline()
        hub.stdout.close()
        for _ in range(3):
            assert udp_ask(port, b"x") == b"x"
        hub.send_signal(signal.SIGINT)
        assert hub.wait(5) == 0
