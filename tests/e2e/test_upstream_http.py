"""The upstream where it is a page: batches of CloudEvents, kept until it has taken them."""

import base64
import json
import re
import ssl
import time

import pytest

from authority import Authority
from conftest import PATIENCE, free_port
from http_client import Client
from hubs import UNSIGNED, Hub, service
from receiver import Receiver


@pytest.fixture(name="make")
def making_hubs(tmp_path, build):
    """make(URL, more keys of upstream) -> a hub; all of them with one state."""
    hubs = []

    def make(url, more=""):
        hubs.append(Hub(tmp_path / f"hub{len(hubs)}",
                        f"mayfly: 1\nstate: {tmp_path}/state\nhttp: [{{listen: 127.0.0.1:0}}]\n"
                        f"upstream: {{to: \"{url}\", client: kitchen{more}}}\n"
                        f"services:\n{service(build / 'guest/sender.mfy')}{UNSIGNED}"))
        return hubs[-1]

    yield make
    for hub in hubs:
        assert hub.stop() == 0, hub.said()


def send(hub, count, words, priority=0):
    with Client(hub.http()) as client:
        answer = client.ask("POST", "/send", f"{count} {priority} {words}".encode("latin-1"))
        assert answer.status == 200, answer


def taken(page, count):
    """The events of all posts that were answered with 2xx, when there are so many."""
    with page.change:
        assert page.change.wait_for(lambda: len(events(page)) >= count, 20 * PATIENCE), events(page)
    return events(page)


def events(page):
    return [e for p in page.posts if p.status < 300 for e in json.loads(p.body)]


def texts(found):
    return [e["data"] for e in found]


def test_a_batch(make):
    with Receiver() as page:
        hub = make(page.url("/events"))
        send(hub, 3, "meter/boiler hot", priority=7)
        found = taken(page, 3)
        assert texts(found) == ["hot 1", "hot 2", "hot 3"]
        assert len({e["id"] for e in found}) == 3
        first = dict(found[0])
        assert first.pop("id") and re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
        assert first == {"specversion": "1.0", "source": "/mayfly/kitchen/sender", "type": "mayfly.upstream",
                         "subject": "meter/boiler", "datacontenttype": "text/plain; charset=utf-8",
                         "priority": 7, "data": "hot 1"}
        post = page.posts[0]
        assert post.path == "/events"
        assert post.headers["Content-Type"] == "application/cloudevents-batch+json; charset=UTF-8"
        send(hub, 1, "meter/boiler {\"a\": 1.10}")  # and the number behind it
        send(hub, 1, "meter/boiler \xff")
        found = taken(page, 5)
        assert found[3]["data"] == "{\"a\": 1.10} 1"
        assert base64.b64decode(found[4]["data_base64"]) == b"\xff 1"


def test_what_waits_comes_first_by_priority_and_says_that_it_is_late(make):
    port = free_port()
    hub = make(f"http://127.0.0.1:{port}/")
    send(hub, 200, "meter/boiler low")
    send(hub, 100, "alarm/door high", priority=3)
    hub.until(lambda: "can't send to" in hub.said())
    assert hub.stop() == 0
    hub = make(f"http://127.0.0.1:{port}/")
    with Receiver(port) as page:
        found = taken(page, 300)
        assert texts(found) == [f"high {i + 1}" for i in range(100)] + [f"low {i + 1}" for i in range(200)]
        assert all(e["late"] >= 0 for e in found)
        assert len(page.posts) <= 20  # many at once


def test_a_page_that_can_not_now(make):
    """The same events again, none lost, none twice but those of the refused."""
    with Receiver(answers={"/": [(503, ("Retry-After", "1")), (401,)]}) as page:
        hub = make(page.url())
        send(hub, 2, "meter/boiler a")
        page.take(1)
        send(hub, 1, "meter/boiler b")
        assert texts(taken(page, 3)) == ["a 1", "a 2", "b 1"]
        assert [p.status for p in page.posts[:3]] == [503, 401, 204]
        assert hub.said().count("can't send to") == 1
        hub.until(lambda: "takes messages" in hub.said())


def test_a_message_that_is_not_wanted(make):
    """It is found by halves, and given up; the others arrive."""
    with Receiver(refuse=lambda body: 400 if b"poison 3" in body else None) as page:
        hub = make(page.url())
        send(hub, 1, "meter/boiler first")
        taken(page, 1)
        send(hub, 8, "meter/boiler poison")
        send(hub, 2, "meter/boiler last")
        assert sorted(texts(taken(page, 10))) == sorted(
            ["first 1", *[f"poison {i}" for i in (1, 2, 4, 5, 6, 7, 8)], "last 1", "last 2"])
        hub.until(lambda: "a message is dropped" in hub.said() and "answers 400 to it" in hub.said())


def test_a_page_that_refuses_all_for_a_while(make):
    """It may be the page that is at fault: what waits isn't thrown after the first two."""
    alone = []

    def refuse(body):
        if b"first" in body or (len(alone) >= 2 and time.monotonic() > alone[1] + 0.5):
            return None
        if len(json.loads(body)) == 1:
            alone.append(time.monotonic())
        return 400

    with Receiver(refuse=refuse) as page:
        hub = make(page.url())
        send(hub, 1, "meter/boiler first")
        taken(page, 1)
        send(hub, 20, "meter/boiler more")
        assert texts(taken(page, 19)) == ["first 1", *[f"more {i}" for i in range(3, 21)]]


def test_a_page_that_never_took_one(make):
    """Then it isn't the message's fault."""
    with Receiver(answers={"/": [(400,), (400,)]}) as page:
        hub = make(page.url())
        send(hub, 1, "meter/boiler only")
        assert texts(taken(page, 1)) == ["only 1"]
        assert "dropped" not in hub.said() and "answers 400: tried again" in hub.said()


def test_tls_and_who_the_hub_is(make, tmp_path):
    authority = Authority(tmp_path / "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server())
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    certificate, key = authority.make("kitchen")
    token = tmp_path / "token"
    token.write_text("of-kitchen\n")
    token.chmod(0o600)
    ours = f"certificate: {certificate}, key: {key}"
    with Receiver(tls=context) as page:
        hub = make(page.url(), f", token: {token}, tls: {{{ours}}}")
        send(hub, 1, "meter/boiler first")
        hub.until(lambda: "certificate" in hub.said())
        assert not page.posts
        assert hub.reload(hub.config.read_text().replace(
            ours, f"{ours}, authorities: {authority.file}"))["event"] == "reloaded"
        assert texts(taken(page, 1)) == ["first 1"]
        assert page.posts[0].headers["Authorization"] == "Bearer of-kitchen"
        assert "of-kitchen" not in hub.said()


def test_a_name_and_a_password(make, tmp_path):
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    with Receiver() as page:
        hub = make(page.url(), f", username: kitchen, password: {password}")
        send(hub, 1, "meter/boiler first")
        taken(page, 1)
        shown = page.posts[0].headers["Authorization"]
        assert shown == "Basic " + base64.b64encode(b"kitchen:secret").decode()


@pytest.mark.parametrize("keys, words", [
    ("to: http://127.0.0.1/, token: x", "'token' is shown to https:// only"),
    ("to: mqtts://127.0.0.1, token: x", "'token' is shown to https:// only"),
    ("to: https://127.0.0.1/, token: x, username: a", "it is either 'token' or"),
    ("to: https://127.0.0.1/../x", "'..' as a part"),
    ("to: https://user@127.0.0.1/", "a password"),
    ("to: https://127.0.0.1/, topic: x", "'topic' says nothing")])
def test_what_is_refused(refused, tmp_path, build, keys, words):
    status = 1 if ".." in keys else 2
    refused(f"mayfly: 1\nstate: {tmp_path}/state\nupstream: {{{keys}}}\nservices:\n"
            f"{service(build / 'guest/sender.mfy')}{UNSIGNED}", status, words)
