"""hub.yaml's trust: whose images a hub runs, and which releases of them."""

import json
import shutil
import socket

import pytest
from conftest import BUILD, run, udp_ask
from hubs import hub_yaml, service

UDP = "udp: [127.0.0.1:0]"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    for name in ("release", "other"):
        assert run(BUILD / "mayfly", "keygen", name, "-W", "-o", directory).returncode == 0
    return directory


def sign(keys, image, *options, key="release"):
    done = run(BUILD / "mayfly", "sign", "--key", keys / f"{key}.key", *options, image)
    assert done.returncode == 0, done.stderr


def trust(keys, *lines, key="release"):
    """trust: with one key, and more about it; it goes last in the file."""
    return "".join(["trust:\n  keys:\n", f"    - key: {keys}/{key}.pub\n",
                    *(f"      {line}\n" for line in lines)])


@pytest.fixture
def image(tmp_path, keys):
    """echo, signed by release with counter 5."""
    copy = tmp_path / "echo.mfy"
    shutil.copy(BUILD / "services/echo.mfy", copy)
    sign(keys, copy, "--counter", "5")
    return copy


@pytest.fixture
def refused(refused):
    """refused(TEXT, words...): with 4, if nothing else is said."""
    return lambda text, *words, status=4: refused(text, status, *words)


def test_a_key_that_is_trusted(make_hub, mayfly, keys, image, tmp_path):
    text = hub_yaml(service(image, UDP), head=f"admin: {tmp_path}/admin.sock\n",
                    trust=trust(keys, "name: release"))
    hub = make_hub(text)
    assert udp_ask(hub.port("echo"), b"hello") == b"hello"
    assert "allow_unsigned" not in hub.said() and "there is no 'state' directory" in hub.said()
    shown = json.loads(mayfly("ps", "-o", "json", "--hub", f"{tmp_path}/admin.sock").stdout)
    assert shown["services"][0]["signed_by"] == "release" and shown["services"][0]["counter"] == 5
    done = mayfly("config", "check", hub.config)
    assert done.returncode == 0 and "echo: signed by release, counter 5" in done.stderr
    base64 = (keys / "release.pub").read_text().splitlines()[1]
    hub = make_hub(hub_yaml(service(image, UDP), trust=f"trust: {{keys: [{{key: {base64}}}]}}\n"))
    assert udp_ask(hub.port("echo"), b"hello") == b"hello"


def test_who_may_not(refused, keys, image):
    refused(hub_yaml(service(BUILD / "services/echo.mfy"), trust=trust(keys)), "hub.yaml:3:5: image: ",
            "it is not signed: sign it with mayfly sign", "allow_unsigned: true")
    refused(hub_yaml(service(image), trust=trust(keys, key="other")), "is not under 'trust'")
    refused(hub_yaml(service(image), trust=""), "is not under 'trust'")
    refused(hub_yaml(service(image), trust=trust(keys, "name: x", "revoked: true")),
            "key x signed it, which is revoked: see ", "hub.yaml:6:7")
    refused(hub_yaml(service(image), trust=trust(keys, "name: x", "services: [dns, web-*]")),
            "key x signed it, which may not sign 'echo'")
    # nor may it be called otherwise here
    refused(hub_yaml(service(image, "name: lock"), trust=trust(keys, "services: [e*o]")),
            "which may not sign 'lock'")
    refused(hub_yaml(service(image), trust=trust(keys, "services: []")), "may not sign 'echo'")


def test_what_was_altered(refused, keys, image):
    whole = image.read_bytes()
    text = hub_yaml(service(image), trust=trust(keys, "name: x"))
    for old, new, words in [
            (b"name: echo", b"name: ecco", "it was altered after key x signed it"),
            (b"counter:5", b"counter:6", "its signature's trusted comment was altered"),
            (b"counter:5", b"counter:0", "its signature says counter 0, the image itself 1"),
            (b"service:echo", b"service:ecco", "its signature is for ecco, the image is echo"),
            (b"service:echo", b"service:Echo", "begins as mayfly's and goes on otherwise"),
            (b"untrusted comment", b"Untrusted comment", "its first line does not begin"),
            (b"mayfly image", b"mayfly Image", "not written as mayfly sign writes it")]:
        assert whole.count(old) == 1
        image.write_bytes(whole.replace(old, new))
        for allow in ("", "  allow_unsigned: true\n"):  # that is no excuse
            refused(text + allow, "echo.mfy", words)
    image.write_bytes(whole[:-1])
    refused(text, "belong to nothing", status=1)
    image.write_bytes(whole + whole[-400:])
    refused(text, status=1)


def test_unsigned_or_unknown_is_the_same_where_it_is_allowed(make_hub, keys, image):
    hub = make_hub(hub_yaml(service(image, UDP)))  # signed, by nobody that is known
    assert "nobody vouches for the image of echo" in hub.said()
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    hub = make_hub(hub_yaml(service(image, UDP), trust=trust(keys) + "  allow_unsigned: true\n"))
    assert "all images are signed: take it out" in hub.said()


@pytest.mark.parametrize("lines, status, words", [
    ("keys: [{key: none.pub}]", 3, 'none.pub": No such file'),
    ("keys: [{key: hub.yaml}]", 2, "it is not a public key"),
    ("keys: [{name: x}]", 2, "'key' is missing"),
    ("keys: [{key: a, services: [A]}]", 2, "'A' is not a service's name"),
    ("keys: [{key: a, revoked: maybe}]", 2, "'maybe' is not known"),
    ("key: a", 2, "unknown key 'key'; did you mean 'keys'?"),
])
def test_a_trust_that_is_wrong(refused, image, lines, status, words):
    refused(hub_yaml(service(image), trust=f"trust: {{{lines}}}\n"), words, "hub.yaml:4:", status=status)


def test_a_secret_key_and_one_twice(refused, keys, image):
    text = hub_yaml(service(image), trust=trust(keys))
    refused(text.replace("release.pub", "release.key"), "it is a secret key", status=2)
    refused(text + f"    - key: {keys}/release.pub\n", "stands there already, at ", status=2)


def test_trust_is_read_again(make_hub, keys, image):
    """A reload judges also what it finds unchanged, and a refusal leaves all as it was."""
    plain, revoked = (hub_yaml(service(image, UDP), trust=trust(keys, *lines))
                      for lines in ([], ["revoked: true"]))
    hub = make_hub(plain)
    port = hub.port("echo")
    assert udp_ask(port, b"x") == b"x"
    workers = hub.workers()
    said = hub.reload(revoked)
    assert said["event"] == "not_reloaded" and "which is revoked" in said["why"]
    assert udp_ask(port, b"x") == b"x" and hub.workers() == workers
    said = hub.reload(hub_yaml(service(image, UDP), trust=trust(keys, key="other")))
    assert "is not under 'trust'" in said["why"]
    said = hub.reload(hub_yaml(service(image, UDP), trust=trust(keys, "services: [echo]")))
    assert said["event"] == "reloaded" and said["kept"] == 1 and hub.workers() == workers
    # the key's file counts, not only its name
    key = hub.config.parent / "a.pub"
    shutil.copy(keys / "release.pub", key)
    text = hub_yaml(service(image, UDP), trust="trust: {keys: [{key: a.pub}]}\n")
    assert hub.reload(text)["event"] == "reloaded"
    shutil.copy(keys / "other.pub", key)
    assert "is not under 'trust'" in hub.reload(text)["why"]
    assert udp_ask(port, b"x") == b"x" and hub.workers() == workers


def test_rollbacks(make_hub, refused, keys, image, tmp_path):
    state = tmp_path / "var"
    plain = hub_yaml(service(image, UDP), head=f"state: {state}\n", trust=trust(keys))
    hub = make_hub(plain)
    port = hub.port("echo")
    assert (state / "counters").read_text() == "mayfly counters 1\necho 5\n"
    assert (state / "counters").stat().st_mode & 0o777 == 0o600
    assert "there is no 'state' directory" not in hub.said()
    sign(keys, image, "--counter", "4")
    said = hub.reload(plain)
    assert said["event"] == "not_reloaded"
    assert "its counter is 4, and echo ran here with 5 already: a rollback" in said["why"]
    assert udp_ask(port, b"x") == b"x"
    sign(keys, image, "--counter", "6")
    assert hub.reload(plain)["event"] == "reloaded"
    assert (state / "counters").read_text() == "mayfly counters 1\necho 6\n"
    hub.stop()
    sign(keys, image, "--counter", "5")
    refused(plain, "say allow_rollback: 5 there")  # another process
    meant = hub_yaml(service(image, UDP, "allow_rollback: 5"), head=f"state: {state}\n",
                     trust=trust(keys))
    hub = make_hub(meant)
    assert (state / "counters").read_text() == "mayfly counters 1\necho 6\n"
    sign(keys, image, "--counter", "4")
    assert "a rollback" in hub.reload(meant)["why"]  # only as far as it says
    assert "a rollback" in hub.reload(plain)["why"]
    assert sorted(p.name for p in state.iterdir()) == ["counters", "lock"]


def test_without_a_directory_rollbacks_are_refused_too(make_hub, keys, image):
    text = hub_yaml(service(image, UDP), trust=trust(keys))
    hub = make_hub(text)
    sign(keys, image, "--counter", "2")
    assert "a rollback" in hub.reload(text)["why"]
    hub.stop()
    make_hub(text)  # as was said


def test_counters_that_cannot_be_kept(make_hub, refused, keys, image, tmp_path):
    state = tmp_path / "var"
    text = hub_yaml(service(image, UDP), head=f"state: {state}\n", trust=trust(keys))
    state.mkdir()
    (state / "counters.new").mkdir()
    refused(text, "can't write down which releases run here: Is a directory", status=1)
    (state / "counters.new").rmdir()
    hub = make_hub(text)
    (state / "counters.new").mkdir()
    sign(keys, image, "--counter", "9")
    said = hub.reload(text)
    assert said["event"] == "not_reloaded" and "can't write down" in said["why"]
    assert udp_ask(hub.port("echo"), b"x") == b"x"
    (state / "counters.new").rmdir()
    hub.stop()
    for damaged in ("", "mayfly counters 2\n", "mayfly counters 1\necho five\n"):
        (state / "counters").write_text(damaged)
        refused(text, f'"{state}/counters": line ', "is damaged", status=1)


def test_check_writes_nothing(make_hub, mayfly, keys, image, tmp_path):
    state, config = tmp_path / "var", tmp_path / "hub.yaml"
    text = hub_yaml(service(image, UDP), head=f"state: {state}\n", trust=trust(keys))
    config.write_text(text)
    assert mayfly("config", "check", config).returncode == 0
    assert not state.exists()
    make_hub(text)
    sign(keys, image, "--counter", "7")
    assert mayfly("config", "check", config).returncode == 0  # beside the hub that runs
    assert (state / "counters").read_text() == "mayfly counters 1\necho 5\n"
    sign(keys, image, "--counter", "3")
    done = mayfly("config", "check", config)
    assert done.returncode == 4 and "a rollback" in done.stderr


def test_what_was_checked_is_what_runs(make_hub, keys, image):
    """Between the look at a file and the first event somebody writes into it."""
    hub = make_hub(hub_yaml(service(image, UDP), trust=trust(keys)))
    whole = image.read_bytes()
    other = bytearray((BUILD / "guest/counter.mfy").read_bytes())
    write_into(image, (BUILD / "guest/counter.mfy").read_bytes())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("127.0.0.1", hub.port("echo")))
        hub.until(lambda: "can't start: its image changed on disk: reload the hub to use it" in hub.said())
    assert not hub.events("worker_started")
    write_into(image, whole)
    hub.until(lambda: answers(hub), 30)


def write_into(path, data):
    """The same file, not another one in its place."""
    with open(path, "r+b") as f:
        f.write(data)
        f.truncate()


def answers(hub):
    try:
        return udp_ask(hub.port("echo"), b"x", seconds=0.5) == b"x"
    except OSError:
        return False


def test_up_is_loud(up, image):
    started = up(image)
    started.wait_for("ready")
    assert started.text().count("allow_unsigned") == 1
