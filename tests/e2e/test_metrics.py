"""/metrics as Prometheus reads it: its own checker, and numbers that follow what happened."""

import contextlib
import re
import shutil
import socket
import subprocess
import urllib.request

import pytest
from conftest import read_message, tcp_ask, udp_ask
from hubs import hub_yaml, service

UDP, TCP = "udp: [127.0.0.1:0]", "tcp: [127.0.0.1:0]"
SAMPLE = re.compile(r'([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)')


@pytest.fixture
def start(make_hub):
    """start(service(...), ...) -> Hub with an address for metrics"""
    def make(*services, head="metrics: 127.0.0.1:0\n", **options):
        return make_hub(hub_yaml(*services, head=head), **options)

    return make


@pytest.fixture
def promtool():
    found = shutil.which("promtool")
    if not found:
        pytest.skip("promtool is not here")
    return found


def fetch(hub, path="/metrics"):
    port = hub.events("ready")[0]["metrics"]["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return answer.read().decode()


def samples(text):
    """{(name, ((label, value), ...)): number}"""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        pairs = tuple(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', labels or ""))
        assert (name, pairs) not in found, f"twice: {line}"
        found[name, pairs] = float(value)
    return found


def value(text, wanted, **labels):
    matches = [v for (name, pairs), v in samples(text).items()
               if name == wanted and labels.items() <= dict(pairs).items()]
    assert len(matches) == 1, (wanted, labels, matches)
    return matches[0]


def check(promtool, text):
    done = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                          capture_output=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_promtool_finds_nothing_wrong(start, build, promtool):
    """Before the first event and after events of every outcome."""
    hub = start(service(build / "services/echo.mfy", UDP, TCP),
                service(build / "guest/trap.mfy", UDP))
    check(promtool, fetch(hub))
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    with pytest.raises(TimeoutError):
        udp_ask(hub.port("trap"), b"hlt", 0.5)
    hub.until(lambda: hub.events("life", service="trap"))
    check(promtool, fetch(hub))


def test_numbers_follow_what_happens(start, build):
    hub = start(service(build / "services/echo.mfy", UDP, TCP),
                service(build / "guest/trap.mfy", UDP))
    for _ in range(3):
        assert udp_ask(hub.port("echo"), b"four") == b"four"
    assert tcp_ask(hub.port("echo", "tcp"), b"seven..") == b"seven.."
    with pytest.raises(TimeoutError):
        udp_ask(hub.port("trap"), b"hlt", 0.5)
    hub.until(lambda: hub.events("life", service="trap"))
    text = fetch(hub)
    assert value(text, "mayfly_events_accepted_total", service="echo") == 4
    assert value(text, "mayfly_events_replied_total", service="echo") == 4
    assert value(text, "mayfly_events_cold_total", service="echo") == 1
    assert value(text, "mayfly_lives_total", service="echo", result="ok") == 4
    assert value(text, "mayfly_lives_total", service="trap", result="crashed") == 1
    assert value(text, "mayfly_refusals_total", service="trap", reason="failed") == 1
    assert value(text, "mayfly_worker_starts_total", service="echo") == 1
    assert value(text, "mayfly_worker_state", service="echo", state="ready") == 1
    assert value(text, "mayfly_worker_resident_bytes", service="echo") > 100000
    assert value(text, "mayfly_listener_received_bytes_total", service="echo",
                 transport="udp") == 12
    assert value(text, "mayfly_listener_sent_bytes_total", service="echo", transport="tcp") == 7
    assert value(text, "mayfly_listener_connections_total", service="echo", transport="tcp") == 1
    for name in ("mayfly_life_birth_seconds", "mayfly_life_run_seconds",
                 "mayfly_event_queue_seconds", "mayfly_event_duration_seconds"):
        assert value(text, f"{name}_count", service="echo") == 4
        assert value(text, f"{name}_bucket", service="echo", le="+Inf") == 4
    parts = sum(value(text, f"mayfly_{part}_seconds_sum", service="echo")
                for part in ("event_queue", "life_birth", "life_run"))
    whole = value(text, "mayfly_event_duration_seconds_sum", service="echo")
    assert parts == pytest.approx(whole, rel=0.01)


def test_lives_add_up(start, build):
    """Of each service: its lives by result, and its events by how they ended."""
    hub = start(service(build / "guest/trap.mfy", UDP, "limits: {failures: 0}"))
    for word in (b"hlt", b"no such word", b"hlt", b"no such word"):
        try:
            udp_ask(hub.port("trap"), word, 0.3)
        except TimeoutError:
            pass
    hub.until(lambda: len(hub.events("life")) == 4)
    found = samples(fetch(hub))
    lives = {dict(pairs)["result"]: v for (name, pairs), v in found.items()
             if name == "mayfly_lives_total" and v}
    assert lives == {"ok": 2, "crashed": 2}
    refused = sum(v for (name, _), v in found.items() if name == "mayfly_refusals_total")
    text = fetch(hub)
    assert refused + value(text, "mayfly_events_replied_total") == \
        value(text, "mayfly_events_accepted_total")


def test_http_listeners(start, build, promtool):
    """What is shared has no service; what is refused before it is an event is counted."""
    hub = start(service(build / "services/button.mfy"),
                head="metrics: 127.0.0.1:0\nhttp:\n  - listen: 127.0.0.1:0\n")
    at = hub.events("listening")[0]["port"]
    urllib.request.urlopen(f"http://127.0.0.1:{at}/button/hall", timeout=10).close()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://127.0.0.1:{at}/nonesuch", timeout=10)
    text = fetch(hub)
    here = {"transport": "http", "address": f"127.0.0.1:{at}"}
    assert value(text, "mayfly_listener_requests_total", **here) == 2
    assert value(text, "mayfly_listener_events_total", **here) == 1
    assert value(text, "mayfly_listener_bad_total", **here) == 1
    assert value(text, "mayfly_listener_connections_total", **here) == 2
    assert value(text, "mayfly_lives_total", service="button", result="ok") == 1
    assert not any(dict(pairs).get("address") == here["address"] and "service" in dict(pairs)
                   for _, pairs in samples(text))
    check(promtool, text)


def test_the_manual_names_all(start, build, root):
    hub = start(service(build / "services/echo.mfy", UDP))
    udp_ask(hub.port("echo"), b"x")
    manual = set(re.findall(r"[a-z_]{4,}", (root / "man/mayflyd.8").read_text()))
    for name in re.findall(r"# TYPE (\S+)", fetch(hub)):
        assert name in manual or name.removeprefix("mayfly_listener_") in manual, name


def test_the_hub_and_its_process(start, build):
    hub = start(service(build / "services/echo.mfy", UDP))
    text = fetch(hub)
    assert value(text, "mayfly_build_info") == 1
    resident = value(text, "process_resident_memory_bytes")
    # the kernel counts pages per processor, and adds them up now and then
    assert resident == pytest.approx(hub.resident_kib() * 1024, rel=0.2, abs=1 << 20)
    assert value(text, "process_open_fds") == pytest.approx(hub.descriptors(), abs=1)
    assert value(text, "mayfly_held_limit_bytes") >= value(text, "mayfly_held_bytes")
    assert value(text, "mayfly_service_info", service="echo") == 1


def test_nothing_else_is_there(start, build):
    hub = start(service(build / "services/echo.mfy", UDP))
    for path in ("/", "/v1/services", "/v1/logs", "/metrics/"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(hub, path)
        assert refused.value.code == 404
    port = hub.events("ready")[0]["metrics"]["port"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", data=b"x", timeout=10)
    assert refused.value.code == 405


def test_a_crowd(start, build):
    """Whoever only comes to look takes no client's connection: idle ones make room for each other."""
    hub = start(service(build / "services/echo.mfy", TCP),
                head="metrics: 127.0.0.1:0\nlimits: {connections: 100}\n")
    where = ("127.0.0.1", hub.events("ready")[0]["metrics"]["port"])
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(socket.create_connection(
            ("127.0.0.1", hub.port("echo", "tcp")), 5))
        for _ in range(200):
            stack.enter_context(socket.create_connection(where, 5)).sendall(b"GET")
        text = fetch(hub)
        port = where[1]
        assert value(text, "mayfly_listener_connections", address=f"127.0.0.1:{port}") <= 64
        assert tcp_ask(hub.port("echo", "tcp"), b"x") == b"x"
        client.sendall(b"\0\1x")
        assert read_message(client) == b"x"


def test_the_address_is_taken(start, build):
    first = start(service(build / "services/echo.mfy", UDP))
    port = first.events("ready")[0]["metrics"]["port"]
    second = start(service(build / "services/echo.mfy", UDP),
                   head=f"metrics: 127.0.0.1:{port}\n", wait=False)
    assert second.process.wait(15) == 1
    assert re.search(rf"hub.yaml:2:\d+: metrics: can't listen on 127.0.0.1:{port}: "
                     r"Address already in use", second.said())
    assert udp_ask(first.port("echo"), b"x") == b"x"
