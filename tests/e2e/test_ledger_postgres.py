"""The ledger on PostgreSQL: the unit tests that run on SQLite, the command line, and a server that is killed."""

import json
import os
import re
import subprocess
import threading

import pytest

import postgres
from conftest import BUILD
from postgres import server  # noqa: F401

PROGRAMS = ["market/ledger_test", "market/killed_test", "market/desk_test", "market/invoice_test", "market/recall_test",
            "market/usage_test", "store/sql_test"]


@pytest.mark.parametrize("name", [name for name in PROGRAMS if (BUILD / f"tests/unit/{name}").exists()])
def test_the_same_tests(server, name):
    """Where unit tests are built: in ./test with sanitizers."""
    server.sql(*(f"DROP SCHEMA IF EXISTS book{i} CASCADE; CREATE SCHEMA book{i}" for i in range(1, 33)))
    done = subprocess.run([BUILD / f"tests/unit/{name}"], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "MAYFLY_TEST_POSTGRES": server.url})
    assert done.returncode == 0, done.stdout + done.stderr


class Book:
    def __init__(self, mayfly, server):
        self.mayfly, self.server, self.where = mayfly, server, server.schema()

    def __call__(self, *args):
        return self.mayfly(*args, "--state", self.where)

    def sql(self, text):
        return self.server.sql(text, where=self.where)


@pytest.fixture
def book(mayfly, server):
    return Book(mayfly, server)


def test_the_command_line(book):
    none = book("account", "ls")
    assert none.returncode == 3 and "no ledger" in none.stderr
    for args in (["plan", "put", "gold", "--credit", "5"], ["account", "add", "anna", "--plan", "gold"],
                 ["account", "pay", "anna", "12.5", "--note", "für alles"], ["account", "set", "anna", "--day", "none"],
                 ["ledger", "void", "1"], ["key", "rotate", "1"], ["key", "revoke", "1"]):
        if args[:2] == ["key", "rotate"]:
            assert re.match("mfy_live_", book("key", "add", "anna", "--services", "linalg").stdout)
        done = book(*args)
        assert (done.returncode, done.stderr) == (0, "")
    keys = json.loads(book("key", "ls", "-o", "json").stdout)["keys"]
    assert [key["state"] for key in keys] == ["revoked", "good"]
    found = json.loads(book("ledger", "verify", "-o", "json").stdout)
    assert found["entries"] == 2 and "für alles" in book("ledger", "export").stdout
    assert book("plan", "rm", "gold").returncode == 1
    book.sql("UPDATE posting SET amount = amount * 2 WHERE entry = 1")
    done = book("ledger", "verify")
    assert done.returncode == 4 and "entry 1: its hash" in done.stderr


def test_many_at_once(book):
    """One writer after the other: no entry is lost or doubled, and the chain holds."""
    assert book("account", "add", "anna").returncode == 0
    failed = []

    def pay():
        failed.extend(done.stderr for done in (book("account", "pay", "anna", "1") for _ in range(5)) if done.returncode)
    threads = [threading.Thread(target=pay) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert json.loads(book("ledger", "verify", "-o", "json").stdout)["entries"] == 20
    assert json.loads(book("account", "ls", "-o", "json").stdout)["accounts"][0]["balance"] == "20.000000"


def test_no_server(mayfly, tmp_path):
    done = mayfly("account", "ls", "--state", f"postgresql://mayfly@/postgres?host={tmp_path}")
    assert done.returncode == 1 and done.stderr.startswith("mayfly: account: PostgreSQL: ")


def wait_told(program, times):
    """Until it has said so often that something is committed."""
    for line in program.stdout:
        times -= line.startswith("told ")
        if times == 0:
            return
    raise AssertionError("it has ended")


@pytest.mark.skipif(not (BUILD / "tests/unit/market/killed_test").exists(), reason="make tests builds what charges")
def test_the_server_is_killed():
    """While a program charges: what its commits told is there, once; what a lost answer leaves open is told when it is
    asked again."""
    server = postgres.Server("fsync = off")  # what the kernel has survives its end
    server.sql("CREATE SCHEMA book1")
    with subprocess.Popen([BUILD / "tests/unit/market/killed_test", "charge"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "MAYFLY_TEST_POSTGRES": server.url}) as charging:
        try:
            for kills in range(5):
                wait_told(charging, 10 + 7 * kills)
                server.restart()
            charging.stdin.close()  # enough: it asks for everything once more, and verifies
            rest = charging.stdout.read()
            assert charging.wait(60) == 0, rest
            assert re.search(r"lost [1-9]", rest) and "sound" in rest
        finally:
            charging.kill()
            server.stop()
