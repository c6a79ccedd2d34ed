"""Idempotency-Key: who asks again gets the first answer and no second life (curl)."""

import socket
import threading
import uuid

import pytest
from conftest import run
from http_client import listener
from hubs import hub_yaml, service


@pytest.fixture
def start(make_hub):
    """start(service(...), ...) -> Hub with an HTTP listener"""
    def make(*services, **options):
        return make_hub(hub_yaml(*services, head=listener()), **options)

    return make


@pytest.fixture
def web(start, build):
    return start(service(build / "guest/web.mfy"))


class Answer:
    def __init__(self, text):
        head, _, self.body = text.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.splitlines()
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip()
                        for name, _, value in (line.partition(":") for line in lines)}

    @property
    def event(self):
        return self.headers["mayfly-event"]

    @property
    def replayed(self):
        return self.headers.get("idempotency-replayed") == "true"


def press(hub, key, path="/echo", body="one", method="POST", *more):
    keys = [key] if isinstance(key, str) else key
    lines = [x for k in keys for x in ("-H", f"Idempotency-Key: {k}")]
    done = run("curl", "-sS", "-i", "-X", method, *lines, "--data-binary", body, *more,
               f"http://127.0.0.1:{hub.http()}{path}")
    assert done.returncode == 0, done.stderr
    return Answer(done.stdout)


def lives(hub):
    return len(hub.events("life"))


def quoted():
    return f'"{uuid.uuid4()}"'


def test_the_same_request_again(web):
    key = quoted()
    first = press(web, key)
    assert first.status == 200 and not first.replayed and "body=one" in first.body
    for _ in range(3):
        again = press(web, key)
        assert again.replayed and again.status == 200
        assert again.body == first.body and again.event == first.event
        assert again.headers["content-type"] == first.headers["content-type"]
    assert press(web, key.strip('"')).replayed  # without quotes it is the same key
    assert lives(web) == 1
    other = press(web, quoted())
    assert other.event != first.event and not other.replayed


def test_header_lines_and_statuses_come_again(web):
    for path, body in (("/line/X-Said", "hello"), ("/as/404", "no such thing"), ("/as/201", "")):
        key = quoted()
        first, again = press(web, key, path, body), press(web, key, path, body)
        first.headers.pop("date"), again.headers.pop("date")
        assert again.headers.pop("idempotency-replayed") == "true"
        assert (first.status, first.headers, first.body) == (
            again.status, again.headers, again.body)
    key = quoted()
    assert press(web, key, "/none").status == 204  # no reply is an answer too
    assert press(web, key, "/none").replayed


def test_another_request_with_the_key(web):
    key = quoted()
    assert press(web, key).status == 200
    for path, body, method in (("/echo", "two", "POST"), ("/echo?x=1", "one", "POST"),
                               ("/echo/more", "one", "POST"), ("/echo", "one", "PUT")):
        refused = press(web, key, path, body, method)
        assert refused.status == 409
        assert refused.headers["content-type"] == "application/problem+json"
        assert "used for another request" in refused.body
    assert press(web, key).replayed
    assert web.count(1, "life") == 1


def test_keys_that_are_none(web):
    for key in ("two words", '"open', '""', '"a", "b"', "k" * 256, ["a", "b"]):
        refused = press(web, key)
        assert refused.status == 400 and "Idempotency-Key" in refused.body, key
    assert press(web, "k" * 255).status == 200
    assert web.count(1, "life") == 1


def test_methods_that_may_be_repeated(web):
    key = quoted()
    first, second = (press(web, key, "/echo", "", "GET") for _ in range(2))
    assert first.event != second.event and not second.replayed
    for method in ("PUT", "PATCH", "DELETE"):
        key = quoted()
        press(web, key, "/echo", "x", method)
        assert press(web, key, "/echo", "x", method).replayed


def test_while_the_first_is_at_work(start, build):
    """Of two at once, whichever came first runs."""
    hub = start(service(build / "guest/web.mfy", "limits: {deadline: 1s, cpu: 500ms}"))
    assert press(hub, quoted()).status == 200  # warm
    key, got = quoted(), []
    both = [threading.Thread(target=lambda: got.append(press(hub, key, "/loop"))) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    running, late = got
    assert (running.status, late.status) == (409, 504)
    assert "still at work" in running.body and int(running.headers["retry-after"]) >= 1
    assert hub.count(2, "life") == 2


def test_after_a_failure_it_runs_again(web):
    for path, status in (("/crash", 502), ("/fail", 502), ("/as/500", 500), ("/as/503", 503)):
        key, before = quoted(), lives(web)
        first, again = press(web, key, path), press(web, key, path)
        assert first.status == again.status == status
        assert not again.replayed and first.event != again.event
        web.until(lambda before=before: lives(web) == before + 2)


def test_a_client_that_left_gets_the_answer_later(web):
    """The life goes on without it, and its answer is kept."""
    key = quoted()
    with socket.create_connection(("127.0.0.1", web.http()), 20) as client:
        client.sendall(f"POST /echo HTTP/1.1\r\nHost: hub.test\r\nIdempotency-Key: {key}\r\n"
                       "Content-Length: 3\r\n\r\none".encode())
    # gone, while the first worker starts
    assert web.count(1, "life") == 1
    answer = press(web, key)
    assert answer.status == 200 and answer.replayed
    assert lives(web) == 1


def test_one_services_clients_push_out_no_others_answers(start, build):
    """What is kept has a bound; who has most makes room."""
    hub = start(service(build / "guest/web.mfy"),
                service(build / "guest/web.mfy", "name: other", "http: [{path: /other/#}]"))
    key = quoted()
    assert press(hub, key, "/other/echo").status == 200
    first = quoted()
    assert press(hub, first, "/size/100000").status == 200
    for _ in range(25):
        press(hub, quoted(), "/size/100000")
    assert not press(hub, first, "/size/100000").replayed
    assert press(hub, key, "/other/echo").replayed
