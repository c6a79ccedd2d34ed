"""hub.yaml and the files that it names: what is wrong is said in one line, with its place."""

import json
import re
import signal
import socket
import subprocess

import pytest
from conftest import run, udp_ask
from hubs import Hub, hub_yaml, service

HTTP = "http: [{listen: 127.0.0.1:0}]\n"


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
    config = tmp_path / "hub.yaml"
    config.write_text(hub_yaml(service(echo, "udp: [127.0.0.1:0]")))
    with subprocess.Popen([build / "mayflyd", "-c", config, "-o", "json", "--trace"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as hub:
        try:
            port, event = None, ""
            while event != "ready":
                line = json.loads(hub.stdout.readline())
                event = line["event"]
                port = line["port"] if event == "listening" else port
            hub.stdout.close()
            for _ in range(3):
                assert udp_ask(port, b"x") == b"x"
            hub.send_signal(signal.SIGINT)
            assert hub.wait(5) == 0
        finally:
            hub.kill()


# ----------------------------------------------------------------------- HTTP


@pytest.fixture
def greeter(build):
    """greeter(NAME, lines...): answers its name at /greeting."""
    return lambda name, *lines: service(build / "guest/config.mfy", f"name: {name}",
                                        f"config: {{greeting: {name}}}", *lines)


@pytest.fixture
def start(tmp_path):
    hubs = []

    def make(*services, head=HTTP):
        hubs.append(Hub(tmp_path / f"hub{len(hubs)}", hub_yaml(*services, head=head)))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.stop()


def curl(port, path, *options):
    """(status, body) of a request."""
    done = run("curl", "-sS", "-o", "-", "-w", "\n%{http_code}", "--max-time", "10", *options,
               f"http://127.0.0.1:{port}{path}")
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def test_two_services_for_one_route(refused, greeter):
    said = refused(hub_yaml(greeter("one"), greeter("two"), head=HTTP), 2, "hub.yaml:7:5: http: ",
                   "any method /greeting on 127.0.0.1:0: one at ", "hub.yaml:4:5 has it already",
                   "give one of them another path, host or listener")
    assert said.count("hub.yaml") == 2
    refused(hub_yaml(greeter("one", "http: [{path: /a}, {path: /a}]"), head=HTTP), 2,
            "hub.yaml:7:24: http: any method /a on 127.0.0.1:0: one has it twice: give each")
    refused(hub_yaml(greeter("one", "http: [{method: GET, host: h.test}]"),
                     greeter("two", "http: [{method: GET, host: H.TEST}]"), head=HTTP), 2,
            "GET of http://H.TEST/greeting on 127.0.0.1:0: one at ")


def test_services_that_share_a_listener(start, greeter):
    hub = start(greeter("one", "http: [{path: /one}]"), greeter("two", "http: [{host: two.test}]"),
                greeter("three"))
    port = hub.port(None, "http")
    assert curl(port, "/one") == (200, "one")
    assert curl(port, "/greeting") == (200, "three")
    assert curl(port, "/greeting", "-H", "Host: two.test") == (200, "two")
    assert curl(port, "/two")[0] == 404
    routes = {(e["service"], e.get("host"), e["path"]) for e in hub.events("route")}
    assert routes == {("one", None, "/one"), ("two", "two.test", "/greeting"),
                      ("three", None, "/greeting")}


def test_commands_to_copy(start, greeter, build):
    hub = start(greeter("one", "http: [{host: one.test}]"), greeter("two", "http: [{method: PUT}]"),
                service(build / "services/button.mfy"))
    commands = re.findall(r"try: (curl .*)", hub.said())
    assert len(commands) == 4
    for command, answer in zip(commands, ["one", "two", "<!doctype html>", "x: short"]):
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30,
                              check=True)
        assert answer in done.stdout, command


def test_listeners_of_their_own(start, greeter):
    hub = start(greeter("one", "http: [{listen: '127.0.0.2:0'}]"),
                greeter("two", "http: [{listen: 127.0.0.1:0, method: POST}]"),
                greeter("three", "udp: [127.0.0.1:0]", "http: []"),
                head="http: [{listen: 127.0.0.1:0}, {listen: 127.0.0.2:0}]\n")
    ports = {e["address"]: e["port"] for e in hub.events("listening", transport="http")}
    assert curl(ports["127.0.0.1"], "/greeting", "-X", "POST") == (200, "two")
    assert curl(ports["127.0.0.1"], "/greeting")[0] == 405
    done = run("curl", "-sS", f"http://127.0.0.2:{ports['127.0.0.2']}/greeting")
    assert done.stdout == "one"
    assert not hub.events("route", service="three")
    assert "nothing listens" not in hub.said() and "no service answers" not in hub.said()


def test_a_listener_that_is_not_there(refused, greeter):
    refused(hub_yaml(greeter("one", "http: [{listen: 127.0.0.1:80}]"), head=HTTP), 2,
            "hub.yaml:7:21:", "no entry of 'http' at the top of the file has the address")


def test_routes_for_a_service_without_triggers(refused, echo):
    refused(hub_yaml(service(echo, "http: [{path: /a}]"), head=HTTP), 2, "hub.yaml:5:12:",
            "http: echo has no trigger of that type", "triggers: [{type: http, path: /...}]")


def test_nobody_answers(start, echo, greeter):
    hub = start(service(echo, "udp: [127.0.0.1:0]"))
    assert "hub.yaml:2:8: http: no service answers on 127.0.0.1:" in hub.said()
    assert curl(hub.port(None, "http"), "/")[0] == 404
    hub = start(greeter("one"), head="")
    assert "hub.yaml:3:5: one has triggers of type http, but nothing listens" in hub.said()


def test_certificates(refused, greeter, tmp_path):
    tls = "http: [{{listen: 127.0.0.1:0, tls: {{certificate: {}, key: {}}}}}]\n"
    text = hub_yaml(greeter("one"), head=tls.format("a.pem", "b.pem"))
    refused(text, 3, "hub.yaml:2:8: http: tls: ", f'"{tmp_path}/a.pem": No such file')
    (tmp_path / "a.pem").write_text("no certificate")
    (tmp_path / "b.pem").write_text("no key")
    (tmp_path / "b.pem").chmod(0o600)
    refused(text, 1, "hub.yaml:2:8: http: tls: ", "a.pem")


def test_http_ports_in_use(refused, greeter):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        for head in (f"http: [{{listen: 127.0.0.1:{port}}}]\n", f"metrics: 127.0.0.1:{port}\n"):
            refused(hub_yaml(greeter("one"), head=head), 1, "hub.yaml:2:",
                    f"can't listen on 127.0.0.1:{port}: Address already in use")


def test_metrics_have_an_address_of_their_own(start, greeter):
    hub = start(greeter("one"), head=HTTP + "metrics: 127.0.0.1:0\n")
    shared, own = hub.port(None, "http"), hub.events("ready")[0]["metrics"]["port"]
    assert curl(shared, "/greeting") == (200, "one")
    assert curl(shared, "/metrics")[0] == 404
    assert curl(own, "/greeting")[0] == 404
    status, text = curl(own, "/metrics")
    assert status == 200 and "mayfly_" in text


# ---------------------------------------------------------------------- state


def test_a_state_directory_is_made_and_locked(start, refused, echo, tmp_path):
    state = tmp_path / "var"
    hub = start(service(echo, "udp: [127.0.0.1:0]"), head=f"state: {state}\n")
    assert state.stat().st_mode & 0o7777 == 0o700
    refused(hub_yaml(service(echo), head="state: var\n"), 1,
            f'state: "{state}" is in use by another hub, process {hub.pid}: end it')
    hub.stop()
    hub = start(service(echo, "udp: [127.0.0.1:0]"), head=f"state: {state}\n")
    hub.process.kill()
    hub.process.wait()
    start(service(echo, "udp: [127.0.0.1:0]"), head=f"state: {state}\n")


def test_state_directories_that_cannot_be(refused, echo, tmp_path):
    (tmp_path / "file").write_text("")
    refused(hub_yaml(service(echo), head="state: file\n"), 1, "state: ", "Not a directory")
    refused(hub_yaml(service(echo), head="state: a/b\n"), 3, "state: ", "No such file",
            "only the last directory of the path is made")


# --------------------------------------------------------- mayfly config check


def test_config_check(mayfly, echo, greeter, tmp_path):
    file = tmp_path / "hub.yaml"
    state = tmp_path / "var"
    file.write_text(hub_yaml(greeter("one"), head=HTTP + f"state: {state}\n"))
    done = mayfly("config", "check", file)
    assert done.returncode == 0 and f'"{file}" can be used' in done.stderr and not done.stdout
    assert not state.exists()
    file.write_text(hub_yaml(service(echo, "udq: []")))
    done = mayfly("config", "check", file)
    assert done.returncode == 2 and "hub.yaml:4:5: unknown key 'udq'" in done.stderr
    assert mayfly("config", "check", tmp_path / "nonesuch").returncode == 3
    for args in ([], ["chekc"], ["check"], ["check", "a", "b"], ["check", "-x"]):
        assert mayfly("config", *args).returncode == 2
    assert "usage: mayfly config check" in mayfly("config", "--help").stdout


def test_config_check_beside_a_hub_that_runs(mayfly, start, greeter, tmp_path, port):
    text = dict(head=f"http: [{{listen: 127.0.0.1:{port}}}]\nstate: {tmp_path}/var\n")
    hub = start(greeter("one", f"udp: [127.0.0.1:{port}]"), **text)
    done = mayfly("config", "check", hub.config)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("fine if that is a hub which will be told to reload") == 3
    assert curl(port, "/greeting") == (200, "one")


# ---------------------------------------------------------------------- trust


def test_unsigned_images(refused, make_hub, mayfly, echo, greeter, tmp_path):
    text = hub_yaml(service(echo, "udp: [127.0.0.1:0]"), greeter("one"), trust="")
    refused(text, 4, "hub.yaml:3:5: image: ", "it is not signed", "trust: {allow_unsigned: true}")
    warning = "allow_unsigned: nobody vouches for the images of echo, one"
    hub = make_hub(text + "trust: {allow_unsigned: true}\n")
    assert hub.said().count(warning) == 1
    done = mayfly("config", "check", hub.config)
    assert done.returncode == 0 and warning in done.stderr
    assert hub.reload(text)["event"] == "not_reloaded"  # files that were read before are judged anew
    assert hub.reload(text + "trust: {allow_unsigned: true}\n")["event"] == "reloaded"
    assert hub.said().count(warning) == 2
