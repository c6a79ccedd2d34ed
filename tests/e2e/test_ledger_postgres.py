"""The ledger on PostgreSQL: the unit tests that run on SQLite, and the command line, on a server of their own."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from conftest import BUILD

BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name))
pytestmark = pytest.mark.skipif(not BIN or not (BIN / "initdb").exists() or not shutil.which("psql"),
                                reason="there is no PostgreSQL: apt-get install postgresql")


@pytest.fixture(scope="module")
def server():
    """Its URL. PostgreSQL refuses to be root, and pytest's directories are root's alone."""
    path = Path(tempfile.mkdtemp(prefix="mayfly-pg-"))
    who = []
    if os.getuid() == 0:
        who = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        os.chown(path, 65534, 65534)

    def run(*args):
        subprocess.run([*who, *map(str, args)], check=True, stdout=subprocess.DEVNULL, cwd=path, timeout=120,
                       env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    run(BIN / "initdb", "-D", path / "data", "-U", "mayfly", "-A", "trust", "-E", "UTF8", "--no-sync")
    run(BIN / "pg_ctl", "-D", path / "data", "-w", "-l", path / "log", "-o",
        f"-c listen_addresses= -c unix_socket_directories={path} -c fsync=off", "start")
    yield f"postgresql://mayfly@/postgres?host={path}"
    run(BIN / "pg_ctl", "-D", path / "data", "-m", "immediate", "stop")
    shutil.rmtree(path)


def sql(where, *texts):
    subprocess.run(["psql", "-q", where], input=";".join(texts), text=True, check=True, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("name", ["ledger_test", "killed_test"])
def test_the_same_tests(server, name):
    program = BUILD / "tests/unit/market" / name
    if not program.exists():
        pytest.skip("the unit tests aren't built: make tests")
    sql(server, *(f"DROP SCHEMA IF EXISTS book{i} CASCADE; CREATE SCHEMA book{i}" for i in range(1, 33)))
    done = subprocess.run([program], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "MAYFLY_TEST_POSTGRES": server})
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def book(mayfly, server):
    sql(server, "DROP SCHEMA IF EXISTS book CASCADE; CREATE SCHEMA book")
    where = server + "&options=-csearch_path%3Dbook"

    def run(*args):
        return mayfly(*args, "--state", where)
    run.where = where
    return run


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
    sql(book.where, "UPDATE posting SET amount = amount * 2 WHERE entry = 1")
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
