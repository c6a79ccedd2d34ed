"""libmayfly: real calls of a real hub, by a program that was linked with it (tests/client/ask.c)."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from authority import Authority
from conftest import BUILD, PATIENCE, ROOT, free_port, run
from http_client import Client, listener
from hubs import hub_yaml, service
from test_access import tokens  # noqa: F401

OK, FILE, UNREACHABLE, UNTRUSTED, DEADLINE, REFUSED, TOO_LARGE = 0, 3, 4, 5, 7, 8, 9


def ask_all(*args):
    """The answers, in the order in which they came."""
    done = run(BUILD / "tests/client-ask", *args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ask(*args):
    (answer,) = ask_all(*args)
    return answer


@pytest.fixture
def start(make_hub):
    def make(*services, head=listener(), **options):
        return make_hub(hub_yaml(*services, head=head), **options)

    return make


@pytest.fixture
def web(start, build):
    hub = start(service(build / "guest/web.mfy"))
    hub.url = f"http://127.0.0.1:{hub.http()}"
    return hub


def test_what_a_life_sees_of_a_call(web):
    answer = ask("--type", "text/x", web.url, "/echo/there?a=b", "one ", "two ", "three")
    assert answer["error"] == OK and answer["status"] == 200 and answer["attempts"] == 1
    said = dict(line.split("=", 1) for line in answer["body"].splitlines())
    assert (said["method"], said["path"], said["query"], said["type"], said["body"]) == (
        "POST", "/echo/there", "a=b", "text/x", "one two three")
    assert said["id"] == answer["event"] and len(answer["id"]) == 32
    again = ask("--type", "text/x", "--id", answer["id"], web.url, "/echo/there?a=b", "one two three")
    assert again["replayed"] and again["body"] == answer["body"]
    other = ask("--id", answer["id"], web.url, "/echo/there?a=b", "another body")
    assert other["status"] == 409 and "was used for another request" in other["text"] and other["attempts"] == 1
    assert not ask("--pure", web.url, "/echo")["id"]
    assert web.count(2, "life") == 2


def test_refusals_are_quoted(web):
    refused = ask(web.url, "/as/404", "no such button")
    assert refused["error"] == REFUSED and refused["status"] == 404
    assert f"/as/404: 404 Not Found: no such button (event {refused['event']})" in refused["text"]
    failed = ask(web.url, "/crash")
    assert failed["status"] == 502 and failed["attempts"] == 3
    assert "the service failed at this request" in failed["text"] and "(asked 3 times)" in failed["text"]
    assert web.count(4, "life") == 4


def test_sizes_and_memory_of_the_callers(web):
    assert ask("--into", "3000", web.url, "/size/3000")["body"] == "x" * 3000
    assert ask("--into", "2999", web.url, "/size/3000")["error"] == TOO_LARGE
    assert [a["size"] for a in ask_all("--again", "3", web.url, "/size/50000")] == [50000] * 3


def test_a_service_that_takes_too_long(start, build):
    hub = start(service(build / "guest/web.mfy", "limits: {deadline: 2s, cpu: 1500ms}"))
    late = ask("--deadline", "400", f"http://127.0.0.1:{hub.http()}", "/loop")
    assert late["error"] == DEADLINE and "no answer within 400 ms" in late["text"]


def test_two_hundred_at_once_for_a_service_that_takes_few(start, build, tmp_path):
    """Most are refused at first (503, Retry-After), and come again: each counts once."""
    hub = start(service(build / "guest/presses.mfy", "limits: {queue: 8, deadline: 60s}"),
                head=listener() + f"state: {tmp_path / 'state'}\n")
    url = f"http://127.0.0.1:{hub.http()}"
    answers = ask_all("--at-once", "200", "--deadline", "100000", "--most", "64", url, "/presses/hall")
    assert [a["error"] for a in answers] == [OK] * 200
    assert sorted(int(a["body"]) for a in answers) == list(range(1, 201))
    assert ask("--method", "GET", url, "/presses/hall")["body"] == "200"


def test_calls_that_nobody_wants(web):
    answers = ask_all("--at-once", "5", "--cancel", "3", "--most", "1", web.url, "/echo")
    assert 2 <= len(answers) <= 3 and all(a["status"] == 200 for a in answers)
    assert ask(web.url, "/echo")["status"] == 200


# --------------------------------------------------------- what is lost on the way


class Between:
    """Takes connections for a hub. With the answer to the first request `spoil` may do what it likes: what
    it returns the client gets, and then the connection ends."""

    def __init__(self, port, spoil):
        self.port, self.spoil, self.requests = port, spoil, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                self.one(client)

    def one(self, client):
        request = b""
        while b"\r\n\r\n" not in request:
            request += client.recv(65536)
        size = int(re.search(rb"Content-Length: (\d+)", request)[1])
        while len(request.partition(b"\r\n\r\n")[2]) < size:
            request += client.recv(65536)
        self.requests.append(request)
        with Client(self.port) as hub:
            hub.send(request)
            answer = hub.answer()
        whole = (f"HTTP/1.1 {answer.status} {answer.reason}\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in answer.headers.items())).encode() + b"\r\n" + answer.body
        if self.spoil:
            spoil, self.spoil = self.spoil, None
            whole = spoil(whole)
        client.sendall(whole)


def keys(requests):
    return {re.search(rb"Idempotency-Key: (\S+)", request)[1] for request in requests}


def test_a_hub_that_is_killed_after_it_did_it(make_hub, build, tmp_path):
    """Its answer is lost with it. Started again, it gives the answer that it gave."""
    port = free_port()
    text = hub_yaml(service(build / "guest/presses.mfy", "durability: sync"),
                    head=listener(f"127.0.0.1:{port}") + f"state: {tmp_path / 'state'}\n")
    hub = make_hub(text)

    def die(answer):
        assert answer.endswith(b"\r\n\r\n1")
        assert hub.stop(signal.SIGKILL) == -signal.SIGKILL
        make_hub(text)
        return b""

    between = Between(port, die)
    answer = ask("--deadline", str(60000 * PATIENCE), between.url, "/presses/hall", "now")
    assert (answer["error"], answer["body"], answer["replayed"], answer["attempts"]) == (OK, "1", True, 2)
    assert len(between.requests) == 2 and len(keys(between.requests)) == 1
    assert ask("--method", "GET", f"http://127.0.0.1:{port}", "/presses/hall")["body"] == "1"


def test_an_answer_that_is_cut_off(web):
    between = Between(web.http(), lambda answer: answer[:-10])
    answer = ask(between.url, "/echo", "hello")
    assert answer["error"] == OK and answer["replayed"] and answer["attempts"] == 2
    assert answer["body"].endswith("body=hello\n") and web.count(1, "life") == 1


def test_once_is_not_twice(web):
    between = Between(web.http(), lambda answer: answer[:-10])
    answer = ask("--once", between.url, "/echo", "hello")
    assert answer["error"] == UNREACHABLE and answer["attempts"] == 1
    assert web.count(1, "life") == 1 and len(between.requests) == 1


def test_a_hub_that_comes_later(make_hub, build):
    port = free_port()
    asks = subprocess.Popen([BUILD / "tests/client-ask", f"http://127.0.0.1:{port}", "/echo"],
                            stdout=subprocess.PIPE, text=True)
    make_hub(hub_yaml(service(build / "guest/web.mfy"), head=listener(f"127.0.0.1:{port}")))
    assert json.loads(asks.communicate(timeout=60 * PATIENCE)[0])["status"] == 200


# ---------------------------------------------------------------------- blobs


def cuts(port, most):
    """Connections to a hub; the first that has sent so many bytes ends. Returns its address, and how many came of each, in a list."""
    to, came, limits = socket.create_server(("127.0.0.1", 0)), [], [most]

    def one(client):
        with client, socket.create_connection(("127.0.0.1", port)) as hub:
            came.append(got := [0])
            back = threading.Thread(target=lambda: [client.sendall(x) for x in iter(lambda: hub.recv(65536), b"")])
            back.start()
            while data := client.recv(65536):
                got[0] += len(data)
                hub.sendall(data)
                if limits and got[0] >= limits[0]:
                    limits.clear()
                    break
            hub.shutdown(socket.SHUT_WR)
            back.join()

    def serve():
        while True:
            threading.Thread(target=one, args=(to.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{to.getsockname()[1]}", came


def test_an_upload_that_is_cut_off_goes_on(start, build, tmp_path):
    data = bytes(i * i >> 8 & 255 for i in range(3 << 20))
    file, name = tmp_path / "data", hashlib.sha256(data).hexdigest()
    file.write_bytes(data)
    hub = start(service(build / "guest/areas.mfy"), head=f"state: {tmp_path}/state\n" + listener())
    url, came = cuts(hub.http(), 2 << 20)
    ask("--upload", file, "--method", "GET", url, f"/.well-known/mayfly/blobs/{name}")
    assert len(data) < sum(n for n, in came) < len(data) + (1 << 20), came
    with Client(hub.http()) as client:
        assert client.ask("GET", f"/.well-known/mayfly/blobs/{name}").body == data
    # and what is there isn't sent
    straight, came = cuts(hub.http(), 1 << 40)
    ask("--upload", file, "--method", "GET", straight, f"/.well-known/mayfly/blobs/{name}")
    assert sum(n for n, in came) < 4096, came


# ------------------------------------------------------------------- who asks


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("client") / "ca")


def test_whom_to_believe(start, build, ca, tmp_path):
    hub = start(service(build / "guest/web.mfy"), head=listener(tls=ca.server()))
    url = f"https://localhost:{hub.http('https')}"
    answers = ask_all("--ca", ca.file, "--again", "2", url, "/size/40000", "x" * 2000)
    assert [(a["status"], a["size"]) for a in answers] == [(200, 40000)] * 2
    other = Authority(tmp_path / "other", "another")
    for more in ((), ("--ca", other.file)):
        refused = ask(*more, url, "/echo")
        assert refused["error"] == UNTRUSTED and refused["attempts"] == 1, refused
    elsewhere = url.replace("localhost", "127.0.0.2")  # nobody there, or not by that name
    assert ask("--ca", ca.file, "--deadline", "2000", elsewhere, "/echo")["error"] in (UNREACHABLE, UNTRUSTED)


def test_a_certificate_of_ours(start, build, ca):
    certificate, key = ca.make("hall", "DNS:hall.home.test")
    server = ca.server()
    tls = f"{{certificate: {server[0]}, key: {server[1]}, clients: {ca.file}}}"
    hub = start(service(build / "guest/web.mfy"), head=f"http:\n  - listen: 127.0.0.1:0\n    tls: {tls}\n")
    url = f"https://localhost:{hub.http('https')}"
    os.chmod(key, 0o600)
    assert ask("--ca", ca.file, "--cert", certificate, "--key", key, url, "/echo")["status"] == 200
    refused = ask("--ca", ca.file, url, "/echo")
    assert refused["error"] == UNTRUSTED and refused["attempts"] == 1, refused
    locked = key.with_suffix(".locked")
    run("openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:word", "-out", locked, check=True)
    os.chmod(locked, 0o600)
    refused = ask("--ca", ca.file, "--cert", certificate, "--key", locked, url, "/echo")
    assert refused["error"] == FILE and refused["attempts"] == 1, refused


def test_a_token(start, build, ca, tokens, tmp_path):  # noqa: F811
    listed, secret = tokens("hall")
    token = tmp_path / "token"
    token.write_text(secret + "\n")
    token.chmod(0o600)
    hub = start(service(build / "guest/web.mfy"), head=listener(tls=ca.server()) + f"    tokens: {listed}\n")
    url = f"https://localhost:{hub.http('https')}"
    assert ask("--ca", ca.file, "--token", token, url, "/echo")["status"] == 200
    refused = ask("--ca", ca.file, url, "/echo")
    assert refused["status"] == 401 and refused["attempts"] == 1
    token.chmod(0o644)
    done = run(BUILD / "tests/client-ask", "--token", token, url, "/echo")
    assert done.returncode == 1 and "chmod 600" in done.stderr


# -------------------------------------------------------------- what is installed


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    to = tmp_path_factory.mktemp("client-install")
    done = run("make", "-s", "install-client", "DESTDIR=", f"PREFIX={to}", timeout=600)
    assert done.returncode == 0, done.stderr
    return to


def flags(installed, *which):
    env = {**os.environ, "PKG_CONFIG_PATH": str(installed / "lib/pkgconfig")}
    done = run("pkg-config", *which, "mayfly", env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_pages_program(installed, start, build, tmp_path):
    """docs/client.md's, compiled as it says there, and as C++ with the archive; the other pieces compile too."""
    text = (ROOT / "docs/client.md").read_text()
    program, matrix, loop, paid = re.findall(r"^```c\n(.*?)^```", text, re.M | re.S)
    (tmp_path / "press.c").write_text(program)
    strict = ("-Wall", "-Wextra", "-Werror", "-Wpedantic")
    assert "cc -o press press.c $(pkg-config --cflags --libs mayfly)" in text
    compiled = run("cc", "-std=c99", *strict, "-o", tmp_path / "press", tmp_path / "press.c",
                   *flags(installed, "--cflags", "--libs"))
    assert compiled.returncode == 0, compiled.stderr
    others = tmp_path / "others.c"
    others.write_text("#include <mayfly-client.h>\n#include <poll.h>\n#include <stdio.h>\n" + loop + paid + "void f(void);\nvoid f(void)\n{\n" +
                      matrix + "(void)body;\n}\n")
    compiled = run("cc", *strict, "-c", "-o", tmp_path / "others.o", others, *flags(installed, "--cflags"))
    assert compiled.returncode == 0, compiled.stderr
    hub = start(service(build / "services/button.mfy"))
    done = run(tmp_path / "press", f"http://127.0.0.1:{hub.http()}", env={"LD_LIBRARY_PATH": str(installed / "lib")})
    assert (done.returncode, done.stdout, done.stderr) == (0, "hall: long\n", "")
    nobody = run(tmp_path / "press", "hub.example", env={"LD_LIBRARY_PATH": str(installed / "lib")})
    assert nobody.returncode == 1 and "hub.example" in nobody.stderr


def test_the_archive(installed, tmp_path):
    """C++, and a program that has names that the library has inside."""
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler")
    (tmp_path / "main.cc").write_text(
        '#include <mayfly-client.h>\n#include <cstdio>\nextern "C" int text_add() { return 1; }\n'
        "int main() { mayfly_settings s = {}; s.url = \"ftp://x\"; mayfly_client *c; char t[MAYFLY_TEXT];\n"
        "return mayfly_open(&c, &s, t) == MAYFLY_WRONG && std::puts(t) > 0 ? 0 : 1; }\n")
    assert "-lcurl" in flags(installed, "--libs", "--static")
    done = run("c++", "-Wall", "-Wextra", "-Werror", "-o", tmp_path / "main", tmp_path / "main.cc",
               *flags(installed, "--cflags"), installed / "lib/libmayfly.a", "-lcurl", "-ljansson", "-lcrypto", "-pthread")
    assert done.returncode == 0, done.stderr
    done = run(tmp_path / "main")
    assert done.returncode == 0 and "neither http nor https" in done.stdout


def test_nothing_else_has_a_name():
    plain = ROOT / "build"
    header = re.sub(r"/\*.*?\*/", "", (ROOT / "client/c/mayfly-client.h").read_text(), flags=re.S)
    declared = set(re.findall(r"\b(mayfly_\w+)\(", header)) - {"mayfly_sink", "mayfly_done"}
    for command, file in (("-D", plain / "libmayfly.so.0"), ("-g", plain / "libmayfly.a")):
        done = run("nm", command, "--defined-only", file)
        names = {line.split()[2] for line in done.stdout.splitlines() if len(line.split()) == 3}
        assert names == declared
    pages = "".join(page.read_text() for page in ROOT.glob("man/mayfly_*.3"))
    assert all(re.search(rf"\.SH NAME\n[^\n]*\b{name}\b", pages) for name in declared)
    assert "libmayfly.so.0" in run("readelf", "-d", plain / "libmayfly.so.0").stdout
