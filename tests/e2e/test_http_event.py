"""mayfly run and bench with an HTTP request as their event: --http and -H."""

import json

import pytest

from conftest import talk


@pytest.fixture
def button(build):
    return build / "services/button.mfy"


def said(done):
    return "\n".join(talk(done.stderr))


def test_a_request(mayfly, button, backend):
    done = mayfly("run", button, "--backend", backend, "--http", "POST /button/hall?kind=long",
                  "-H", "Accept: application/json", "--time", "1700000000123000000")
    assert done.returncode == 0
    assert done.stdout == '{"button":"hall","kind":"long","time_ms":1700000000123}\n'
    assert talk(done.stderr) == ["mayfly: run: button: 200 application/json", "  Vary: Accept"]


def test_body_and_content_type(mayfly, button, root):
    args = ["run", button, "--http", "POST /button/hall",
            "--event", root / "services/button/event.bin"]
    form = mayfly(*args, "--header", "content-type: application/x-www-form-urlencoded")
    assert (form.returncode, form.stdout) == (0, "hall: long\n")
    bare = mayfly(*args)
    assert bare.returncode == 0 and '"status":415' in bare.stdout  # the life ended well


def test_json_has_status_type_and_headers(mayfly, button):
    done = mayfly("run", button, "--http", "PUT /button/hall", "-o", "json")
    got = json.loads(done.stdout)
    assert (done.returncode, got["status"]) == (0, 405)
    assert got["content_type"] == "application/problem+json"
    assert got["headers"] == {"Allow": "GET, HEAD, POST"}
    assert said(done) == ""


def test_the_name_of_a_client_needs_no_line(mayfly, button, build):
    """Here whoever types it is the hub, which always says it."""
    done = mayfly("run", button, "--http", "POST /button/hall", "-H", "Mayfly-Client: token:hall")
    assert done.returncode == 0 and "doesn't get the header" not in done.stderr
    done = mayfly("run", build / "guest/who.mfy", "--http", "GET /", "-H", "Mayfly-Client: token:hall")
    assert done.returncode == 0 and done.stdout.startswith("mayfly-client=token:hall\n")


def test_only_headers_that_the_manifest_names(mayfly, button):
    done = mayfly("run", button, "--http", "POST /button/hall", "-H", "X-Other: 1",
                  "-H", "accept: text/html")
    assert done.stdout.startswith("<!doctype html>")
    assert ('button doesn\'t get the header "X-Other": no http trigger in its mayfly.yaml names it '
            "under 'headers'") in said(done)
    assert '"accept"' not in said(done)


@pytest.mark.parametrize("args, words", [
    (["--http", "GET"], '--http "GET": write it as \'GET /path?query\''),
    (["--http", "/x"], "write it as 'GET /path?query'"),
    (["--http", "GET x"], "write it as 'GET /path?query'"),
    (["--http", "GET  /x"], "write it as 'GET /path?query'"),
    (["--http", "GET /x HTTP/1.1"], "has no spaces"),
    (["--http", "GET /é"], "no bytes past ASCII"),
    (["--http", "GET /x#y"], "no '#'"),
    (["--http", "GET /", "-H", "novalue"], "-H \"novalue\": write it as 'Name: value'"),
    (["--http", "GET /", "-H", "a b: c"], "write it as 'Name: value'"),
    (["--http", "GET /", "-H", "a: b\nc: d"], "has a control byte"),
    (["--http", "GET /", *[f for i in range(33) for f in ("-H", f"a{i}: b")]],
     "more headers than 32"),
    (["--http", "GET /", "-H", "Accept: a", "-H", "accept: b"], "given twice"),
    (["--http", "GET /", "--http", "GET /x"], '--http "GET /x": given twice'),
    (["--http", "GET /", "-H", "Content-Type: a", "-H", "content-type: b"], "given twice"),
    (["-H", "Accept: */*"], "-H: only with --http"),
    (["--http", "GET /", "--source", "udp"], "and --source: give one of them"),
    (["--http", "GET /" + "x" * 9000], "and the request's head don't fit the event area"),
])
def test_mistakes(mayfly, button, args, words):
    done = mayfly("run", button, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in said(done) and said(done).count("\n") == 0


def test_bench(mayfly, button):
    done = mayfly("bench", button, "--http", "POST /button/hall", "-H", "Accept: text/plain",
                  "-n", "200")
    assert done.returncode == 0 and "every reply the same" in done.stdout
