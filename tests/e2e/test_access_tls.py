"""Client certificates over HTTP, with curl and openssl; and the admin's pages over the network."""

import grp
import json
import os
import ssl
import tempfile
from dataclasses import dataclass

import pytest
from authority import Authority
from conftest import run
from http_client import Client
from hubs import hub_yaml, service
from market import Center
from test_access import bearer, denied, lives, refused, said, tokens, who  # noqa: F401


@dataclass
class Home:
    ca: Authority
    server: tuple
    hall: tuple  # dns:hall.home.test, email, uri
    lamp: tuple  # only a common name


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    ca = Authority(tmp_path_factory.mktemp("home") / "ca")
    return Home(ca, ca.server(),
                ca.make("hall", "DNS:Hall.home.test", "email:hall@home.test", "URI:spiffe://home/hall"),
                ca.make("Hall lamp"))


def listen(home, *lines, authorities=None, **tls):
    files = {"certificate": home.server[0], "key": home.server[1],
             "clients": authorities or home.ca.file, **tls}
    text = ", ".join(f"{k}: {v}" for k, v in files.items())
    return f"http:\n  - listen: 127.0.0.1:0\n    tls: {{{text}}}\n" + "".join(f"    {x}\n" for x in lines)


def context(home, pair=None, version=None):
    c = ssl.create_default_context(cafile=str(home.ca.file))
    if version:
        c.maximum_version = version
    if pair:
        c.load_cert_chain(*pair)
    return c


def ask(hub, home, pair=None, path="/", headers=None, version=None):
    with Client(hub.http("https"), tls=context(home, pair, version)) as client:
        return client.ask("GET", path, headers=headers)


def curl(hub, home, pair, *args):
    """(exit status, what it printed, what it said)"""
    files = ("--cert", pair[0], "--key", pair[1]) if pair else ()
    done = run("curl", "-sS", "--max-time", "20", "--cacert", home.ca.file, *files, *args,
               f"https://localhost:{hub.http('https')}/")
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_is_needed(start, who, home, version):
    hub = start(service(who), head=listen(home))
    assert said(ask(hub, home, home.hall, version=version))["mayfly-client"] == "dns:hall.home.test"
    assert said(ask(hub, home, home.lamp, version=version))["mayfly-client"] == "cn:Hall lamp"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(hub, home, None, version=version)
    hub.until(lambda: denied(hub) == {"bad_certificate": 1})
    assert "bad_certificate: it showed none" in hub.said() and hub.count(2, "life") == 2


def test_certificates_that_are_refused(start, who, home, tmp_path):
    """By curl's and openssl's own words: each is told why."""
    other = Authority(tmp_path / "other", "another")
    hub = start(service(who), head=listen(home, require="false"))
    ended = ("-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
    begins = ("-startdate", "20990101000000Z", "-enddate", "20990102000000Z")
    wrong = [
        (home.ca.make("old", dates=ended), "certificate expired", "certificate has expired"),
        (home.ca.make("young", dates=begins), "bad certificate", "certificate is not yet valid"),
        (other.make("stranger"), "unknown ca", "unable to get local issuer certificate"),
        (home.ca.make("server", purpose="serverAuth"), "certificate", "unsuitable certificate purpose"),
    ]
    for pair, told, logged in wrong:
        before = len(denied(hub)) and denied(hub)["bad_certificate"]
        status, out, err = curl(hub, home, pair)
        assert status in (35, 55, 56) and not out and told in err, err
        hub.until(lambda before=before: denied(hub).get("bad_certificate") == before + 1)
        hub.until(lambda logged=logged: logged in hub.said() or "more since" in hub.said())
        done = run("openssl", "s_client", "-connect", f"localhost:{hub.http('https')}", "-tls1_2",
                   "-cert", pair[0], "-key", pair[1], "-CAfile", home.ca.file, input="")
        assert done.returncode != 0 and told in done.stderr, done.stderr
    assert "certificate has expired" in hub.said() and lives(hub) == 0
    status, out, _ = curl(hub, home, home.hall)
    assert status == 0 and "mayfly-client=dns:hall.home.test" in out
    status, out, _ = curl(hub, home, None)  # none is shown, none is needed
    assert status == 0 and "mayfly-client=(absent)" in out


def test_names_open_routes(start, who, home):
    hub = start(service(who, "http: [{path: /all, clients: ['*']}, {path: /dns, clients: ['*.home.test']}, "
                             "{path: /uri, clients: ['spiffe://home/*']}, {path: /cn, clients: ['cn:Hall lamp']}, "
                             "{path: /open}]"), head=listen(home, require="false"))
    names = {"/all": ("dns:hall.home.test", "cn:Hall lamp"), "/dns": ("dns:hall.home.test", None),
             "/uri": ("uri:spiffe://home/hall", None), "/cn": (None, "cn:Hall lamp"),
             "/open": ("dns:hall.home.test", "cn:Hall lamp")}
    for path, expected in names.items():
        for pair, name in zip((home.hall, home.lamp), expected):
            answer = ask(hub, home, pair, path)
            if name:
                assert said(answer)["mayfly-client"] == name
            else:
                refused(answer, 403, "may not ask for this", scheme=False)
        if path != "/open":
            refused(ask(hub, home, None, path), 403, "a client certificate is needed", scheme=False)
    assert denied(hub) == {"not_named": 3, "no_certificate": 4}


def test_a_token_and_a_certificate(start, who, home, tokens):
    file, token = tokens("kitchen")
    hub = start(service(who), head=listen(home, f"tokens: {file}"))
    refused(ask(hub, home, home.hall), 401, "a token is needed")
    assert said(ask(hub, home, home.hall, headers=bearer(token)))["mayfly-client"] == "token:kitchen"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(hub, home, None, headers=bearer(token))


def test_an_idempotency_key_is_one_certificates(start, who, home):
    hub = start(service(who), head=listen(home))

    def press(pair):
        with Client(hub.http("https"), tls=context(home, pair)) as client:
            return client.ask("POST", "/", b"x", {"Idempotency-Key": "same"})

    assert said(press(home.hall))["mayfly-client"] == "dns:hall.home.test"
    assert said(press(home.lamp))["mayfly-client"] == "cn:Hall lamp"
    assert "idempotency-replayed" in press(home.hall).headers and hub.count(2, "life") == 2


def test_revoked(start, who, home, tmp_path):
    """A list that is replaced counts after a reload, for connections that are open too."""
    ca = Authority(tmp_path / "ca")
    mine = Home(ca, home.server, ca.make("one"), ca.make("two"))
    text = hub_yaml(service(who), head=listen(mine, revoked=ca.revoked()))
    hub = start(service(who), head=listen(mine, revoked=ca.revoked()))
    trust = ssl.create_default_context(cafile=str(home.ca.file))
    trust.load_cert_chain(*mine.hall)
    with Client(hub.http("https"), tls=trust) as open_one, Client(hub.http("https"), tls=trust) as another:
        assert said(open_one.ask("GET", "/"))["mayfly-client"] == "cn:one"
        assert hub.reload(text)["event"] == "reloaded"
        assert open_one.ask("GET", "/").status == 200  # nothing changed
        ca.revoke(mine.hall[0])
        ca.revoked()
        assert hub.reload()["event"] == "reloaded"
        for client in (open_one, another):
            answer = client.ask("GET", "/")
            refused(answer, 403, "connect again", scheme=False)
            assert answer.headers["connection"] == "close" and client.ended()
    with pytest.raises((ssl.SSLError, ConnectionError)), Client(hub.http("https"), tls=trust) as client:
        client.ask("GET", "/")
    hub.until(lambda: denied(hub) == {"old_certificate": 2, "bad_certificate": 1})
    trust = ssl.create_default_context(cafile=str(home.ca.file))
    trust.load_cert_chain(*mine.lamp)
    with Client(hub.http("https"), tls=trust) as client:
        assert said(client.ask("GET", "/"))["mayfly-client"] == "cn:two"


def test_other_authorities_after_a_reload(start, who, home, tmp_path):
    other = Authority(tmp_path / "other", "another")
    stranger = other.make("stranger")
    both = tmp_path / "both.pem"
    both.write_bytes(home.ca.file.read_bytes())
    hub = start(service(who), head=listen(home, authorities=both))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(hub, home, stranger)
    both.write_bytes(home.ca.file.read_bytes() + other.file.read_bytes())
    assert hub.reload()["kept"] == 1
    for pair in (stranger, home.hall):
        assert ask(hub, home, pair).status == 200
    both.write_text("none\n")
    assert "it holds no certificate of an authority" in hub.reload()["why"]
    assert ask(hub, home, stranger).status == 200  # all goes on as it was


def test_files_that_cannot_be(start, who, home, tmp_path):
    (tmp_path / "junk").write_text("junk\n")
    for files, words in (({"authorities": tmp_path / "junk"}, 'junk": it holds no certificate of an authority'),
                         ({"authorities": tmp_path / "none"}, 'clients "' + str(tmp_path / "none")),
                         ({"revoked": tmp_path / "junk"}, 'junk": it holds no list of revoked'),
                         ({"revoked": home.ca.file}, "it holds no list of revoked"),
                         ({"require": "maybe"}, "require: 'maybe'")):
        hub = start(service(who), head=listen(home, **files), wait=False)
        assert hub.process.wait(20) != 0
        assert words in hub.said() and len(hub.said().splitlines()) == 1, hub.said()


def test_ciphers(start, who, home):
    """Of TLS 1.2 only those with forward secrecy and authenticated encryption; no TLS 1.1."""
    hub = start(service(who), head=listen(home, require="false"))

    def connects(*args):
        return run("openssl", "s_client", "-connect", f"localhost:{hub.http('https')}", "-CAfile",
                   home.ca.file, *args, input="").returncode == 0

    assert connects("-tls1_2", "-cipher", "ECDHE+AESGCM") and connects("-tls1_3")
    assert connects("-tls1_2", "-cipher", "ECDHE+CHACHA20")
    for cipher in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "aNULL"):
        assert not connects("-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")
    assert not connects("-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0")


# ------------------------------------------------------------ admin over the network


def network(home, *lines, clients=False, **tls):
    files = {"certificate": home.server[0], "key": home.server[1], **tls}
    if clients:
        files["clients"] = home.ca.file
    text = ", ".join(f"{k}: {v}" for k, v in files.items())
    return f"admin_listen:\n  listen: 127.0.0.1:0\n  tls: {{{text}}}\n" + "".join(f"  {x}\n" for x in lines)


@pytest.fixture
def remote(mayfly, home, tmp_path):
    """remote(HUB, "ps", ..., token=TOKEN, pair=FILES) -> CompletedProcess"""

    def make(hub, command, *args, token=None, pair=None, ca=True, host="127.0.0.1"):
        where = hub.events("ready")[0]["admin_listen"]
        args = [*args, "--hub", f"https://{host}:{where['port']}"]
        if token:
            file = tmp_path / "a.token"
            file.write_text(token + "\n")
            file.chmod(0o600)
            args += ["--token-file", file]
        args += ["--cert", pair[0], "--key", pair[1]] if pair else []
        args += ["--cacert", home.ca.file] if ca else []
        return mayfly(command, *args)

    return make


def test_admin_with_a_token(start, who, home, tokens, remote):
    file, ann, bob = tokens("ann", "bob")
    hub = start(service(who), head=network(home, f"tokens: {file}", "change: [ann]"))
    for command in ("ps", "stats", "logs"):
        for token in (ann, bob):
            done = remote(hub, command, "-o", "json", token=token)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert json.loads(remote(hub, "ps", "-o", "json", token=bob).stdout)["hub"]["pid"] == hub.pid
    for command in ("ps", "stats", "logs", "reload", "stop"):
        done = remote(hub, command)
        assert (done.returncode, done.stdout) == (4, "") and "a token is needed" in done.stderr
        done = remote(hub, command, token=ann[:-1] + ("A" if ann[-1] != "A" else "B"))
        assert done.returncode == 4 and "not known here" in done.stderr
    for command in ("reload", "stop"):
        done = remote(hub, command, token=bob)
        assert (done.returncode, done.stdout) == (4, "") and "may not ask for this" in done.stderr
    assert not hub.events("reloaded")
    assert remote(hub, "reload", token=ann).returncode == 0
    assert hub.count(1, "reloaded") == 1
    done = remote(hub, "stop", token=ann)
    assert done.returncode == 0 and f"hub {hub.pid} ends" in done.stdout
    assert hub.process.wait(15) == 0


def test_a_centers_book_over_the_network(start, home, tokens, remote, tmp_path):
    """Who may only look sees accounts and invoices; keys and money are for who may change the hub."""
    file, ann, bob = tokens("ann", "bob")
    center = Center(start, tmp_path, head=network(home, f"tokens: {file}", "change: [ann]"))
    for token in (ann, bob):
        done = remote(center.hub, "account", "ls", token=token)
        assert (done.returncode, done.stdout) == (0, center.book("account", "ls")), done.stderr
    for words in (["account", "pay", "anna", "5"], ["account", "close", "anna"], ["plan", "put", "x"], ["key", "add", "anna"],
                  ["key", "rotate", "1"], ["key", "revoke", "1"], ["ledger", "void", "1"]):
        done = remote(center.hub, *words, token=bob)
        assert (done.returncode, done.stdout) == (4, "") and "may not ask for this" in done.stderr
        done = remote(center.hub, *words)
        assert (done.returncode, done.stdout) == (4, "") and "a token is needed" in done.stderr
    assert len(center.entries()) == 1 and center.balance() == 10_000_000
    assert remote(center.hub, "account", "pay", "anna", "5", token=ann).stdout == "entry 2\n"
    key = remote(center.hub, "key", "add", "anna", token=ann).stdout.strip()
    with center.client() as client:
        assert client.ask("POST", "/x", b"1234", {"Authorization": f"Bearer {key}"}).status == 200


def test_admin_with_a_certificate(start, who, home, remote):
    hub = start(service(who), head=network(home, "clients: [hall.home.test]", clients=True))
    assert remote(hub, "ps", pair=home.hall, host="localhost").returncode == 0
    done = remote(hub, "ps", pair=home.lamp)
    assert done.returncode == 4 and "may not ask for this" in done.stderr
    done = remote(hub, "reload", pair=home.hall)  # nobody may change: it doesn't say who
    assert done.returncode == 4 and "may not ask for this" in done.stderr
    done = remote(hub, "ps")
    assert done.returncode == 6 and "certificate required" in done.stderr
    done = remote(hub, "ps", pair=home.hall, ca=False)
    assert done.returncode == 4 and "isn't believed" in done.stderr and "--cacert FILE" in done.stderr
    port = hub.events("ready")[0]["admin_listen"]["port"]
    context_ = context(home, home.hall)
    with Client(port, tls=context_) as client:  # Prometheus can do this
        assert b"mayfly_build_info" in client.ask("GET", "/metrics").body
        assert client.ask("GET", "/nothing").status == 404


def test_admin_over_the_network_comes_and_goes(start, who, home, tokens, remote):
    file, ann = tokens("ann")
    hub = start(service(who), head=network(home, f"tokens: {file}"))
    assert remote(hub, "ps", token=ann).returncode == 0
    other, eve = tokens("eve", file="other")
    hub.reload(hub_yaml(service(who), head=network(home, f"tokens: {other}")))
    assert remote(hub, "ps", token=ann).returncode == 4
    assert remote(hub, "ps", token=eve).returncode == 0
    why = hub.reload(hub_yaml(service(who), head=network(home, "tokens: nonesuch")))["why"]
    assert "admin_listen" not in why or "nonesuch" in why
    assert remote(hub, "ps", token=eve).returncode == 0  # all goes on as it was
    assert hub.reload(hub_yaml(service(who)))["event"] == "reloaded"
    assert remote(hub, "ps", token=eve).returncode == 6


def test_admin_over_the_network_never_for_all(start, who, home, tokens, tmp_path, mayfly):
    file, _ = tokens("ann")
    for text, words in (
            ("admin_listen: {listen: '127.0.0.1:0'}\n", "it needs 'tls: "),
            (f"admin_listen: {{listen: '127.0.0.1:0', tokens: {file}}}\n", "it needs 'tls: "),
            (network(home), "anybody could ask there: it needs 'tokens: FILE'"),
            (network(home, "tokens: none"), "anybody could ask there"),
            (network(home, clients=True, require="false"), "anybody could ask there"),
            (network(home, f"tokens: {file}", "change: []"), "change: an empty list lets nobody in")):
        hub = start(service(who), head=text, wait=False)
        assert hub.process.wait(20) == 2 and words in hub.said(), hub.said()
    for text, status, words in (
            (network(home, "tokens: nonesuch"), 3, "nonesuch"), ("admin_group: nonesuch\n", 1, "no such group"),
            (network(home, f"tokens: {file}", key="nonesuch"), 3, "nonesuch"),
            (network(home, f"tokens: {file}"), 0, "can be used")):
        (tmp_path / "hub.yaml").write_text(hub_yaml(service(who), head=text))
        done = mayfly("config", "check", tmp_path / "hub.yaml")
        assert done.returncode == status and words in done.stderr, done.stderr


def test_remote_usage(mayfly, tmp_path, home):
    (tmp_path / "token").write_text("mft_abcdefghijklmnopqrstuvwxyz\n")
    (tmp_path / "short").write_text("short\n")
    (tmp_path / "short").chmod(0o600)
    at = ["--hub", "https://127.0.0.1:1"]
    for status, words, args in (
            (2, "asked with https", ["--hub", "http://127.0.0.1:1"]),
            (2, "write it as https://HOST:PORT", ["--hub", "https://127.0.0.1"]),
            (2, "write it as https://HOST:PORT", ["--hub", "https://127.0.0.1:1/x"]),
            (2, "write it as https://HOST:PORT", ["--hub", "ftp://127.0.0.1:1"]),
            (2, "write it as https://HOST:PORT", ["--hub", "https://user:word@127.0.0.1:1"]),
            (2, "for a hub that is asked over the network", ["--token-file", tmp_path / "token"]),
            (2, "belong together", [*at, "--cert", home.hall[0]]),
            (3, "can't read it", [*at, "--cacert", tmp_path / "none"]),
            (3, "No such file", [*at, "--token-file", tmp_path / "none"]),
            (4, f"type chmod 600 {tmp_path}/token", [*at, "--token-file", tmp_path / "token"]),
            (2, "is no token", [*at, "--token-file", tmp_path / "short"]),
            (6, "does not answer", at)):
        done = mayfly("ps", *args)
        assert (done.returncode, done.stdout) == (status, "") and words in done.stderr, (args, done.stderr)
        assert len(done.stderr.splitlines()) == 1 and "abcdefghijkl" not in done.stderr


# ----------------------------------------------------------------- the socket's group

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
NOBODY, GROUP = 65534, "games"


@ROOT_ONLY
def test_a_group_may_look(start, who):
    """Another user's process, by the kernel's word: in the group, out of it, and what it may."""
    gid = grp.getgrnam(GROUP).gr_gid
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = f"{directory}/admin.sock"
        head = f"admin: {path}\nadmin_group: {GROUP}\n"
        hub = start(service(who), head=head)
        assert os.stat(path).st_gid == gid and os.stat(path).st_mode & 0o777 == 0o660

        def curl_as(groups, method, page):
            def become():
                os.setgroups(groups)
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            return run("curl", "-sS", "-w", "\n%{http_code}", "-X", method, "--max-time", "10",
                       "--unix-socket", path, f"http://hub{page}", preexec_fn=become)

        assert curl_as([gid], "GET", "/v1/services").stdout.endswith("\n200")
        done = curl_as([gid], "POST", "/v1/stop")
        assert done.stdout.endswith("\n403") and "only root and the hub's own user" in done.stdout
        assert curl_as([gid], "POST", "/v1/reload").stdout.endswith("\n403")
        assert curl_as([], "GET", "/v1/services").returncode != 0
        os.chmod(path, 0o666)  # its mode is not all that keeps others out
        assert curl_as([], "GET", "/v1/services").returncode != 0
        assert "user 65534 was refused at /v1/stop: not_ours" in hub.said() and not hub.events("reloaded")
        why = hub.reload(hub_yaml(service(who), head=f"admin: {path}\nadmin_group: nonesuch\n"))["why"]
        assert "admin_group: 'nonesuch': there is no such group" in why
        assert curl_as([gid], "GET", "/v1/services").stdout.endswith("\n200")  # all goes on as it was
        assert hub.reload(hub_yaml(service(who), head=f"admin: {path}\n"))["event"] == "reloaded"
        assert curl_as([gid], "GET", "/v1/services").returncode != 0
