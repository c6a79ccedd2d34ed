"""services/page over HTTP, asked by curl: whole files, parts of them, and files that are refused."""

import gzip
import json
import os
import random

import pytest

from conftest import talk
from http_client import Client
from hubs import hub_yaml, service
from web import Web

BIG = random.Random(3).randbytes(1_000_000)
CSS = b"body { margin: 0 }\n" * 500


def make_site(directory):
    (directory / "docs").mkdir(parents=True)
    (directory / "css").mkdir()
    (directory / ".git").mkdir()
    files = {"index.html": b"<p>home\n", "docs/index.html": b"<p>docs\n", "404.html": b"<p>none\n",
             "css/site.css": CSS, "css/site.css.gz": gzip.compress(CSS, mtime=0),
             "big.bin": BIG,
             "a b \u00e9.txt": b"spaces\n", ".git/config": b"private\n", ".hidden": b"private\n"}
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return directory


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def web(tmp_path_factory, site, build_directory):
    image = build_directory / "services/page.mfy"
    web = Web(tmp_path_factory.mktemp("page"),
              service(image, f"data: {{.: {site}}}", "config: {cache: 60}"),
              service(image, "name: under", f"data: {{.: {site}}}", "config: {prefix: /site}",
                      "http: [{path: /site/#}]"))
    yield web
    assert web.hub.stop() == 0, web.hub.said()


FILES = {
    "/": ("text/html; charset=utf-8", b"<p>home\n"),
    "/index.html?x=/..": ("text/html; charset=utf-8", b"<p>home\n"),
    "/docs/": ("text/html; charset=utf-8", b"<p>docs\n"),
    "/css/site.css": ("text/css; charset=utf-8", CSS),
    "/css/site.css.gz": ("application/gzip", gzip.compress(CSS, mtime=0)),
    "/a%20b%20%C3%A9.txt": ("text/plain; charset=utf-8", b"spaces\n"),
    "/big.bin": ("application/octet-stream", BIG),
    "/site/docs/": ("text/html; charset=utf-8", b"<p>docs\n"),
}


@pytest.mark.parametrize("path", FILES)
def test_files(web, path):
    content_type, body = FILES[path]
    status, headers, got = web.ask(path)
    assert (status, headers["content-type"]) == (200, content_type)
    assert got == body
    assert headers["accept-ranges"] == "bytes" and headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == ("no-cache" if "site/" in path else "public, max-age=60")
    status, head, _ = web.ask(path, "-I")
    assert status == 200
    assert (head["content-length"], head["etag"]) == (headers["content-length"], headers["etag"])


@pytest.mark.parametrize("path, status", [
    ("/nothing", 404), ("/css/", 404), ("/css", 404), ("/.hidden", 404), ("/.git/config", 404),
    ("/../etc/passwd", 400), ("/%2e%2e/etc/passwd", 400), ("/docs/../index.html", 400),
    ("/docs/%2e%2e%2findex.html", 400), ("/..%5cindex.html", 400), ("/%00", 400), ("/%zz", 400),
    ("//example.org/docs", 400), ("/sites", 404),
])
def test_what_is_not_served(web, path, status):
    got, headers, body = web.ask(path, "--path-as-is")
    assert got == status
    assert b"private" not in body and b"root:" not in body
    assert (body == b"<p>none\n") == (status == 404)
    if status != 404:
        assert json.loads(body)["status"] == status
        assert headers["content-type"] == "application/problem+json"


def test_a_long_path(web):
    assert web.ask("/" + "x" * 1023)[0] == 404
    assert web.ask("/" + "x" * 1024)[0] == 414


def test_directories(web):
    status, headers, _ = web.ask("/docs?q=1")
    assert (status, headers["location"]) == (308, "/docs/?q=1")
    assert web.curl("/docs", "-L") == "<p>docs\n"
    assert web.curl("/site/docs", "-L") == "<p>docs\n"
    assert web.curl("/site", "-L") == "<p>home\n"


def test_methods(web):
    for method in "POST", "PUT", "DELETE":
        status, headers, _ = web.ask("/", "-X", method)
        assert (status, headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_ranges(web):
    chance = random.Random(5)
    for _ in range(30):
        first = chance.randrange(len(BIG))
        last = first + chance.randrange(1, 50_000)
        status, headers, body = web.ask("/big.bin", "-r", f"{first}-{last}")
        assert (status, body) == (206, BIG[first:last + 1])
        assert headers["content-range"] == (
            f"bytes {first}-{min(last, len(BIG) - 1)}/{len(BIG)}")
    assert web.ask("/big.bin", "-r", "-7")[2] == BIG[-7:]
    assert web.ask("/big.bin", "-r", "999990-")[2] == BIG[-10:]
    status, headers, _ = web.ask("/big.bin", "-r", "1000000-")
    assert (status, headers["content-range"]) == (416, "bytes */1000000")
    assert web.ask("/big.bin", "-r", "0-1,5-6")[::2] == (200, BIG)
    status, headers, _ = web.ask("/big.bin", "-I", "-r", "0-1")
    assert (status, headers["content-length"]) == (200, "1000000")


def test_a_download_is_resumed(web, tmp_path):
    part = tmp_path / "part"
    for have in 0, 1, 123_456, len(BIG) - 1:
        part.write_bytes(BIG[:have])
        web.curl("/big.bin", "-C", "-", "-o", part)
        assert part.read_bytes() == BIG


def test_if_range(web):
    etag = web.ask("/big.bin", "-I")[1]["etag"]
    assert web.ask("/big.bin", "-r", "5-9", "-H", f"If-Range: {etag}")[::2] == (206, BIG[5:10])
    for other in '"x"', f"W/{etag}", "Sat, 29 Oct 1994 19:43:31 GMT":
        assert web.ask("/big.bin", "-r", "5-9", "-H", f"If-Range: {other}")[::2] == (200, BIG)


def test_etags(web, tmp_path):
    """As curl does it: it saves the tag and asks with it."""
    options = ["--etag-save", tmp_path / "etag", "--etag-compare", tmp_path / "etag"]
    (tmp_path / "etag").write_text("")
    assert web.ask("/css/site.css", *options)[::2] == (200, CSS)
    tag = (tmp_path / "etag").read_text().strip()
    status, headers, body = web.ask("/css/site.css", *options)
    assert (status, headers["etag"], body) == (304, tag, b"")
    assert headers["vary"] == "Accept-Encoding" and "content-type" not in headers
    assert web.ask("/site/css/site.css", "-I")[1]["etag"] == tag  # of the content
    assert web.ask("/css/site.css", "-H", 'If-Match: "x"')[0] == 412


def test_compressed(web):
    plain = web.ask("/css/site.css")[1]
    status, headers, body = web.ask("/css/site.css", "-H", "Accept-Encoding: gzip, deflate, br")
    assert (status, gzip.decompress(body)) == (200, CSS)
    assert headers["content-encoding"] == "gzip" and headers["vary"] == "Accept-Encoding"
    assert headers["content-type"] == plain["content-type"] and headers["etag"] != plain["etag"]
    assert web.curl("/css/site.css", "--compressed", text=False) == CSS
    assert "content-encoding" not in web.ask("/css/site.css", "-H", "Accept-Encoding: gzip;q=0")[1]
    assert "vary" not in web.ask("/big.bin", "-H", "Accept-Encoding: gzip")[1]


def test_a_file_that_fits_no_reply(mayfly, build, tmp_path):
    (tmp_path / "movie.mp4").write_bytes(bytes(2 << 20))
    done = mayfly("run", build / "services/page.mfy", "--data", tmp_path / "movie.mp4",
                  "--http", "GET /movie.mp4")
    assert done.returncode == 1 and done.stdout == ""
    assert ("movie.mp4: 2097152 bytes, and a reply can have 1080256: raise memory.effects"
            in done.stderr)


def test_the_example_site(mayfly, build, root):
    site = root / "services/page/site"
    for path, name in ("/", "index.html"), ("/docs/", "docs/index.html"), ("/style.css", "style.css"):
        done = mayfly("run", build / "services/page.mfy", "--data", site, "--http", f"GET {path}")
        assert done.stdout == (site / name).read_text()
        assert "page: info: 4 files, 2 KiB" in done.stderr


# ------------------------------------------------------------------ directories as data

def run_page(mayfly, build, *data):
    args = [each for item in data for each in ("--data", item)]
    return mayfly("run", build / "services/page.mfy", *args, "--http", "GET /x/docs/")


def test_a_directory_under_a_name(mayfly, build, site):
    assert run_page(mayfly, build, f"x={site}/").stdout == "<p>docs\n"


def test_two_directories(mayfly, build, site, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/more.txt").write_text("more\n")
    done = run_page(mayfly, build, tmp_path / "other", f"x={site}")
    assert done.stdout == "<p>docs\n" and "8 files" in done.stderr
    done = run_page(mayfly, build, f"x={tmp_path / 'other'}", f"x/more.txt={site}/index.html")
    assert done.returncode == 2 and '"x/more.txt": given twice' in done.stderr


def test_only_what_the_manifest_takes(mayfly, build, root, tmp_path):
    done = mayfly("run", build / "services/dns.mfy", "--data", root / "services/dns",
                  "--event", root / "services/dns/event.bin", text=False)
    assert done.returncode == 0  # of that directory one file is a zone
    done = mayfly("run", build / "services/dns.mfy", "--data", tmp_path)
    assert done.returncode == 2 and "it holds no file that dns takes" in done.stderr


@pytest.mark.parametrize("make, words", [
    (lambda d: os.symlink("..", d / "loop"), "a link to a directory"),
    (lambda d: os.mkfifo(d / "pipe"), "neither a file nor a directory"),
    (lambda d: (d / "a=b").write_text(""), "can't be attached under this name"),
    (lambda d: (d / "a\nb").write_text(""), "can't be attached under this name"),
    (lambda d: os.symlink("nowhere", d / "dangling"), "No such file"),
    (lambda d: os.makedirs(d / "/".join("d" * 18)), "File name too long"),
])
def test_directories_that_are_refused(mayfly, build, tmp_path, make, words):
    (tmp_path / "index.html").write_text("x")
    make(tmp_path)
    done = run_page(mayfly, build, tmp_path)
    assert done.returncode != 0 and words in done.stderr
    assert len(talk(done.stderr)) == 1, done.stderr


def test_a_hub_reads_nothing_outside_of_the_directory(start, refused, build, tmp_path):
    """Whoever may write there gives away what he may read himself, not what the hub may."""
    site, key = tmp_path / "site", tmp_path / "key.pem"
    (site / "more").mkdir(parents=True)
    key.write_text("secret")
    (site / "real.txt").write_text("inside")
    (site / "more/link.txt").symlink_to("../real.txt")
    page = service(build / "services/page.mfy", f"data: {{.: {site}}}")
    hub = start(page, head="http: [{listen: 127.0.0.1:0}]\n")
    with Client(hub.http()) as client:
        assert client.ask("GET", "/more/link.txt").body == b"inside"
    for target in (key, "../key.pem", "/proc/self/environ"):
        (site / "out.txt").symlink_to(target)
        refused(hub_yaml(page), 1, f'can\'t read "{site}/out.txt": it is a link that leads out')
        said = hub.reload()
        assert said["event"] == "not_reloaded" and "out.txt" in said["why"]
        (site / "out.txt").unlink()
    os.mkfifo(site / "out.txt")
    assert hub.reload()["event"] == "not_reloaded"


def test_links_to_files_are_followed(mayfly, build, site, tmp_path):
    (tmp_path / "docs").mkdir()
    os.symlink(site / "docs/index.html", tmp_path / "docs/index.html")
    assert run_page(mayfly, build, f"x={tmp_path}").stdout == "<p>docs\n"
