"""mayfly keygen, sign and verify: signatures at images' ends, and minisign beside them."""

import json
import os
import pty
import shutil
import stat
import subprocess

import pytest
from conftest import BUILD, run

MINISIGN = shutil.which("minisign")
FOOTER = 24


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two pairs without a password: release and other."""
    directory = tmp_path_factory.mktemp("keys")
    for name in ("release", "other"):
        assert run(BUILD / "mayfly", "keygen", name, "-W", "-o", directory).returncode == 0
    return directory


@pytest.fixture
def image(build, tmp_path):
    return shutil.copy(build / "services/echo.mfy", tmp_path / "echo.mfy")


@pytest.fixture
def signed(mayfly, keys, image):
    done = mayfly("sign", "--key", keys / "release.key", image)
    assert (done.returncode, done.stderr) == (0, "")
    return image


@pytest.fixture
def minisign():
    if not MINISIGN:
        pytest.skip("minisign isn't installed")
    return lambda *args, **options: run(MINISIGN, *args, **options)


def refused(done, status, *words):
    assert done.returncode == status, done
    assert len(done.stderr.splitlines()) == 1 and done.stdout == ""
    for word in words:
        assert word in done.stderr


# ---------------------------------------------------------------------- keygen


def test_keys_are_files_of_minisign(keys, minisign, tmp_path):
    assert stat.S_IMODE((keys / "release.key").stat().st_mode) == 0o600
    (tmp_path / "file").write_text("hello")
    assert minisign("-S", "-s", keys / "release.key", "-m", tmp_path / "file").returncode == 0
    assert minisign("-V", "-p", keys / "release.pub", "-m", tmp_path / "file").returncode == 0
    assert minisign("-V", "-p", keys / "other.pub", "-m", tmp_path / "file").returncode != 0


def test_a_password(mayfly, minisign, image, tmp_path):
    (tmp_path / "password").write_text("a long one\nand no more\n")
    (tmp_path / "wrong").write_text("a long one \n")
    done = mayfly("keygen", "locked", "-o", tmp_path, "--password-file", tmp_path / "password")
    assert done.returncode == 0, done.stderr
    key = tmp_path / "locked.key"
    refused(mayfly("sign", "--key", key, "--password-file", tmp_path / "wrong", image), 4,
            "its password is another one")
    done = mayfly("sign", "--key", key, "--password-file", tmp_path / "password", image)
    assert done.returncode == 0, done.stderr
    assert mayfly("verify", image, "--key", tmp_path / "locked.pub").returncode == 0
    done = minisign("-S", "-s", key, "-m", tmp_path / "wrong", input="a long one\n")
    assert done.returncode == 0, done.stderr


def ask(*argv, say):
    """Runs a command on a terminal of its own, where somebody types these lines."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(argv[0], [str(a) for a in argv])
    heard = b""
    for line in say:
        while not heard.endswith(b": "):
            heard += os.read(terminal, 1000)
        os.write(terminal, line.encode() + b"\n")
        heard += b"|"
    try:
        while more := os.read(terminal, 1000):
            heard += more
    except OSError:  # it ended
        pass
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return status, heard.decode()


def test_passwords_are_asked_for_on_a_terminal(keys, image, tmp_path):
    program = str(BUILD / "mayfly")
    status, heard = ask(program, "keygen", "typed", "-o", tmp_path, say=["secret", "secrets"])
    assert status == 2 and "the two passwords differ" in heard and "secrets" not in heard
    assert list(tmp_path.glob("typed*")) == []
    status, heard = ask(program, "keygen", "typed", "-o", tmp_path, say=["secret", "secret"])
    assert status == 0 and "New password of typed: " in heard
    status, heard = ask(program, "sign", "--key", tmp_path / "typed.key", image, say=["secret"])
    assert status == 0 and "Password of " in heard and "secret" not in heard.replace("typed", "")
    status, _ = ask(program, "sign", "--key", keys / "release.key", image, say=[])
    assert status == 0


def test_what_keygen_refuses(mayfly, keys, tmp_path):
    before = (keys / "release.key").read_bytes()
    refused(mayfly("keygen", "release", "-W", "-o", keys), 2, "release.key", "is there already")
    assert (keys / "release.key").read_bytes() == before
    (tmp_path / "half.pub").write_text("")
    refused(mayfly("keygen", "half", "-W", "-o", tmp_path), 2, "half.pub", "is there already")
    assert not (tmp_path / "half.key").exists()
    refused(mayfly("keygen", "a/b"), 2, '"a/b": a name, not a path')
    refused(mayfly("keygen"), 2, "name the key")
    refused(mayfly("keygen", "x", "-W", "-o", tmp_path / "none"), 3, "No such file")
    refused(mayfly("keygen", "x", "-W", "--password-file", "y"), 2, "give one of them")
    refused(mayfly("keygen", "x", "--password-file", tmp_path / "none"), 3, "No such file")
    refused(mayfly("keygen", "x", "--password-file", "/dev/null"), 2, "its first line is empty")
    refused(mayfly("keygen", "x", "-o", tmp_path, start_new_session=True), 2,
            "there is no terminal to ask on", "--password-file", "-W")


# ------------------------------------------------------------------ sign, verify


def test_a_signed_image_is_the_same_service(mayfly, build, signed, keys, tmp_path):
    plain = build / "services/echo.mfy"
    seen = {name: json.loads(mayfly("inspect", name, "-o", "json").stdout) for name in (plain, signed)}
    assert not seen[plain]["signed"] and seen[signed]["signed"]
    for same in ("digest", "image_bytes", "budget_left_bytes", "counter", "grants"):
        assert seen[plain][same] == seen[signed][same]
    assert seen[signed]["signed_counter"] == 1
    assert seen[signed]["trusted_comment"] == "mayfly service:echo counter:1"
    assert seen[signed]["key_id"] in (keys / "release.pub").read_text()
    text = mayfly("inspect", signed).stdout
    assert f"signature  by key {seen[signed]['key_id']}, counter 1" in text
    (tmp_path / "event").write_text("hello")
    ran = mayfly("run", signed, "--event", tmp_path / "event")
    assert (ran.returncode, ran.stdout) == (0, "hello")


def test_verify(mayfly, signed, image, keys):
    public = (keys / "release.pub").read_text().splitlines()[1]
    for options in (["--key", keys / "release.pub"], ["--key", public],
                    ["--key", keys / "other.pub", "--key", keys / "release.pub"]):
        done = mayfly("verify", signed, *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("echo  good  counter 1  key ")
    said = json.loads(mayfly("verify", signed, "--key", public, "-o", "json").stdout)
    assert (said["name"], said["counter"], said["key"]) == ("echo", 1, public)
    refused(mayfly("verify", signed, "--key", keys / "other.pub"), 4, said["key_id"],
            f"signed it, and not {keys}/other.pub")


def test_what_verify_refuses(mayfly, build, signed, keys, tmp_path):
    key = ["--key", keys / "release.pub"]
    refused(mayfly("verify", build / "services/dns.mfy", *key), 4, "it is not signed")
    refused(mayfly("verify", tmp_path / "none.mfy", *key), 3, "No such file")
    refused(mayfly("verify", signed), 2, "signed by whom?")
    refused(mayfly("verify", *key), 2, "give one image")
    refused(mayfly("verify", signed, "--key", keys / "none.pub"), 3, "No such file")
    refused(mayfly("verify", signed, "--key", keys / "release.key"), 2, "it is a secret key")
    refused(mayfly("verify", signed, "--key", signed), 2, "it is not a public key")
    refused(mayfly("verify", signed, "--kye", "x"), 2, '"--kye": unknown')


def test_counters(mayfly, build, keys, image):
    sign = ["sign", "--key", keys / "release.key", "-o", "json"]
    assert json.loads(mayfly(*sign, image).stdout)["counter"] == 1
    assert json.loads(mayfly(*sign, "--counter", "7", image).stdout)["counter"] == 7
    assert json.loads(mayfly(*sign, image).stdout)["counter"] == 1  # again, in the other's place
    for wrong in ("x", "-1", "1x", "", "9223372036854775808"):
        refused(mayfly(*sign, "--counter", wrong, image), 2, "write a whole number")
    refused(mayfly(*sign, "--counter", "0", image), 2, "has 1 already")
    guest = shutil.copy(build / "guest/counter.mfy", image)
    done = mayfly(*sign, guest)
    assert done.returncode == 0 and "no hub can tell that it is older" in done.stderr


def test_what_sign_refuses(mayfly, keys, image, tmp_path):
    key = ["--key", keys / "release.key"]
    refused(mayfly("sign", image), 2, "with which key?")
    refused(mayfly("sign", *key), 2, "no image")
    refused(mayfly("sign", *key, tmp_path / "none"), 3, "No such file")
    refused(mayfly("sign", *key, keys / "release.pub"), 2, "no ELF file")
    refused(mayfly("sign", "--key", keys / "release.pub", image), 2, "it is a public key")
    refused(mayfly("sign", "--key", keys / "none", image), 3, "No such file")
    refused(mayfly("sign", "--key", image, image), 2, "it is not a secret key")
    shutil.copy(keys / "release.key", tmp_path / "open.key")
    (tmp_path / "open.key").chmod(0o644)
    done = mayfly("sign", "--key", tmp_path / "open.key", image)
    assert done.returncode == 0 and "others can read this secret key" in done.stderr


def test_every_byte_counts(mayfly, signed, keys):
    """A sample of them, denser in the signature; tests/unit/hub/trust_test.c has them all."""
    whole = signed.read_bytes()
    for at in [*range(0, len(whole), 97), *range(len(whole) - 320, len(whole), 9)]:
        spoilt = bytearray(whole)
        spoilt[at] ^= 1
        signed.write_bytes(spoilt)
        refused(mayfly("verify", signed, "--key", keys / "release.pub"), 4, "echo.mfy")
    for other in (whole[:-1], whole + b"\0", whole + whole[-320:], whole[:-FOOTER], b""):
        signed.write_bytes(other)
        refused(mayfly("verify", signed, "--key", keys / "release.pub"), 4, "echo.mfy")


# ------------------------------------------------------------------- minisign


def test_minisign_checks_what_is_extracted(mayfly, minisign, build, signed, keys, tmp_path):
    bare = tmp_path / "bare"
    assert mayfly("verify", signed, "--extract", bare).returncode == 0
    assert bare.read_bytes() == (build / "services/echo.mfy").read_bytes()
    done = minisign("-V", "-p", keys / "release.pub", "-m", bare)
    assert done.returncode == 0 and "mayfly service:echo counter:1" in done.stdout
    assert minisign("-V", "-p", keys / "other.pub", "-m", bare).returncode != 0
    bare.write_bytes(bare.read_bytes()[:-1] + b"\1")
    assert minisign("-V", "-p", keys / "release.pub", "-m", bare).returncode != 0


def test_signatures_of_minisign(mayfly, minisign, image, tmp_path):
    public, secret, file = tmp_path / "m.pub", tmp_path / "m.key", tmp_path / "echo.mfy.minisig"
    assert minisign("-G", "-W", "-p", public, "-s", secret).returncode == 0
    assert minisign("-S", "-s", secret, "-m", image, "-c", "anything").returncode == 0
    take = ["sign", "--signature", file, "--key", public]
    done = mayfly(*take, image)
    assert (done.returncode, done.stderr) == (0, "")
    assert "timestamp:" in mayfly("verify", image, "--key", public).stdout
    assert mayfly(*take, image).returncode == 0  # again: of the image without its signature
    assert mayfly("sign", "--key", secret, image).returncode == 0  # minisign's key, used here
    assert mayfly("verify", image, "--key", public).returncode == 0


def test_words_that_would_play_with_a_terminal(mayfly, minisign, keys, build, tmp_path):
    """Control characters, what turns the order round, what isn't UTF-8: escaped, and JSON all the same."""
    image = tmp_path / os.fsdecode(b"a\033[31m\xff.mfy")
    shutil.copy(build / "services/echo.mfy", image)
    comment = os.fsdecode(b"x\xff\xc2\x9b1m\xe2\x80\xaey")
    assert minisign("-S", "-s", keys / "release.key", "-m", image, "-t", comment,
                    "-x", tmp_path / "its.minisig").returncode == 0
    take = ["sign", "--signature", tmp_path / "its.minisig", "--key", keys / "release.pub", image]
    verify = ["verify", image, "--key", keys / "release.pub"]
    clean = "x\\xff\\xc2\\x9b1m\\xe2\\x80\\xaey"
    assert mayfly(*take).stdout.endswith("a\\x1b[31m\\xff.mfy\n")
    assert json.loads(mayfly(*take, "-o", "json").stdout)["image"].endswith("\\xff.mfy")
    assert clean in mayfly(*verify).stdout and clean in mayfly("inspect", image).stdout
    for command in (verify, ["inspect", image]):
        done = mayfly(*command, "-o", "json")
        assert done.returncode == 0 and clean in json.dumps(json.loads(done.stdout)).replace("\\\\", "\\")


def test_signatures_of_minisign_that_are_not_taken(mayfly, minisign, keys, build, image, tmp_path):
    secret, file = keys / "release.key", tmp_path / "echo.mfy.minisig"
    take = ["sign", "--signature", file, "--key", keys / "release.pub"]
    refused(mayfly(*take, image), 3, "No such file")
    assert minisign("-S", "-l", "-s", secret, "-m", image).returncode == 0
    refused(mayfly(*take, image), 2, "legacy")
    assert minisign("-S", "-s", keys / "other.key", "-m", image).returncode == 0
    refused(mayfly(*take, image), 4, "another key made it")
    claim = "mayfly service:dns counter:1"
    assert minisign("-S", "-s", secret, "-m", image, "-t", claim).returncode == 0
    refused(mayfly(*take, image), 2, "its signature is for dns, the image is echo")
    shutil.copy(build / "services/dns.mfy", image)
    refused(mayfly(*take, image), 4, "it is not of this image")
    refused(mayfly(*take, image, image), 2, "one image only")
    refused(mayfly(*take, "--counter", "9", image), 2, "what is signed can't be changed")


@pytest.mark.parametrize("command", ["keygen", "sign", "verify"])
def test_pages(mayfly, root, command):
    page = mayfly(command, "--help")
    assert page.returncode == 0 and f"usage: mayfly {command}" in page.stdout
    manual = (root / "man/mayfly-sign.1").read_text().replace("\\-", "-")
    for option in {word.strip("[]\n") for word in page.stdout.split() if word.startswith("--")}:
        assert option in manual
    done = subprocess.run(["man", "--warnings", "-l", root / f"man/mayfly-{command}.1"],
                          capture_output=True, text=True, check=False) if shutil.which("man") else None
    assert done is None or done.returncode in (0, 16)
