"""mayfly token: what it makes, where it goes, what it refuses."""

import hashlib
import json
import stat

import pytest


def test_a_new_one(mayfly):
    done = mayfly("token", "new", "kitchen")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    token, line = first.removeprefix("token: "), second.removeprefix("line:  ")
    assert token.startswith("mft_") and len(token) == 47
    assert line == f"kitchen sha256:{hashlib.sha256(token.encode()).hexdigest()}"
    assert mayfly("token", "new", "kitchen").stdout != done.stdout
    found = json.loads(mayfly("token", "new", "kitchen", "-o", "json").stdout)
    assert list(found) == ["name", "token", "line"] and found["line"].startswith("kitchen sha256:")


def test_into_a_file(mayfly, tmp_path):
    file = tmp_path / "tokens"
    tokens = [mayfly("token", "new", name, "--tokens", file).stdout for name in ("one", "two")]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == "".join(
        f"{name} sha256:{hashlib.sha256(token.strip().encode()).hexdigest()}\n"
        for name, token in zip(("one", "two"), tokens))
    assert all(len(token) == 48 for token in tokens)
    file.write_text("# without an end of line")
    assert mayfly("token", "new", "three", "--tokens", file).returncode == 0
    assert file.read_text().splitlines()[1].startswith("three sha256:")
    file.chmod(0o644)
    done = mayfly("token", "new", "four", "--tokens", file)
    assert (done.returncode, done.stdout) == (4, "")
    assert f"type chmod 600 {file}" in done.stderr and "four" not in file.read_text()
    done = mayfly("token", "new", "five", "--tokens", tmp_path / "none/tokens")
    assert (done.returncode, done.stdout) == (1, "") and "No such file" in done.stderr


def test_of_a_token_that_is_there(mayfly):
    token = "a-token.of~somebody+else/0123456789=="
    done = mayfly("token", "hash", "other", input=token + "\n")
    assert done.stdout == f"other sha256:{hashlib.sha256(token.encode()).hexdigest()}\n"
    for text in ("", "short", "x" * 21, "x" * 513, "two words of enough letters", "x" * 600):
        done = mayfly("token", "hash", "other", input=text)
        assert (done.returncode, done.stdout) == (2, "") and "is no token" in done.stderr
        assert not text or text not in done.stderr


@pytest.mark.parametrize("args", [[], ["new"], ["old", "x"], ["new", "a b"], ["new", "a", "b"], ["new", ""],
                                  ["new", "n" * 64], ["new", "x", "-o", "xml"], ["new", "x", "--nope"]])
def test_usage(mayfly, args):
    done = mayfly("token", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mayfly: ") and done.stderr.count("\n") == 1


def test_help(mayfly):
    assert mayfly("token", "--help").stdout.startswith("usage: mayfly token new")
