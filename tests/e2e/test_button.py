"""services/button over HTTP, asked by curl."""

import json
import re
import time

import pytest

from hubs import service
from web import Web


@pytest.fixture(scope="module")
def web(tmp_path_factory, build_directory):
    web = Web(tmp_path_factory.mktemp("button"), service(build_directory / "services/button.mfy"))
    yield web
    assert web.hub.stop() == 0, web.hub.said()


def test_a_press(web):
    status, headers, body = web.ask("/button/hall", "-X", "POST")
    assert (status, body) == (200, b"hall: short\n")
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["mayfly-event"] and headers["vary"] == "Accept"


def test_json_and_the_clock(web):
    status, headers, body = web.ask("/button/front-door?kind=double", "-X", "POST",
                                    "-H", "Accept: application/json")
    got = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert (got["button"], got["kind"]) == ("front-door", "double")
    assert abs(got["time_ms"] / 1000 - time.time()) < 60


def test_as_a_browser(web):
    """Gets the page, sends what its form would send, gets the page again."""
    accept = ["-H", "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]
    page = web.curl("/button/hall", *accept)
    fields = re.findall(r"<button name=(\w+) value=(\w+)>", page)
    assert fields == [("kind", "short"), ("kind", "long")] and "<form method=post>" in page
    for name, value in fields:
        again = web.curl("/button/hall", *accept, "-d", f"{name}={value}",
                         "-H", "Sec-Fetch-Site: same-origin")
        assert again.startswith("<!doctype html>") and f"<p>{value}<" in again
    status, headers, _ = web.ask("/button/hall", "-I")
    assert (status, int(headers["content-length"])) == (200, len(page))
    assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path, options, status, words", [
    ("/button/hall", ["-d", "kind=loud"], 400, "short, long or double"),
    ("/button/hall", ["--json", "{}"], 415, "expected an empty body"),
    ("/button/hall", ["-X", "POST", "-H", "Accept: image/png"], 406, "text/html"),
    ("/button/hall", ["-X", "POST", "-H", "Sec-Fetch-Site: cross-site"], 403, "another site"),
    ("/button/no%20name", ["-X", "POST"], 404, "1 to 32 letters"),
    ("/button", [], 404, ""),
    ("/button/hall/more", [], 404, ""),
    ("/button/hall", ["-X", "DELETE"], 405, ""),
])
def test_refusals(web, path, options, status, words):
    got, headers, body = web.ask(path, *options)
    problem = json.loads(body)
    assert (got, headers["content-type"]) == (status, "application/problem+json")
    assert problem["status"] == status and words in problem["detail"]
    assert problem["id"] == headers["mayfly-event"]
    assert status != 405 or set(headers["allow"].split(", ")) == {
        "GET", "HEAD", "POST", "OPTIONS"}
