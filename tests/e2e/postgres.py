"""PostgreSQL on a Unix socket in a directory of its own: started, killed, started again. `import postgres` and take
`postgres.Server()`; or the fixture of a module: `from postgres import server`, which is one for all of its tests."""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from conftest import ROOT

# installed, or unpacked by mk/need.sh, which takes care not to start one
PLACES = [Path("/usr/lib/postgresql"), ROOT / "build/postgresql/usr/lib/postgresql"]
CLIENTS = [Path("/usr/lib/postgresql"), ROOT / "build/postgresql-client/usr/lib/postgresql"]
NOBODY = 65534
schemas = itertools.count(1)


def newest(places, name):
    found = [path for place in places for path in place.glob(f"*/bin/{name}")]
    return max(found, default=None, key=lambda path: int(path.parent.parent.name))


INITDB, PSQL = newest(PLACES, "initdb"), newest(CLIENTS, "psql")


def as_nobody():
    """PostgreSQL refuses to be root."""
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.getuid() == 0 else []


def missing():
    """Why there can't be one here, or None."""
    if not INITDB or not PSQL:
        return "there is no PostgreSQL: apt-get install postgresql"
    done = subprocess.run([*as_nobody(), str(INITDB), "--version"], capture_output=True, text=True)
    if done.returncode != 0:
        return f"PostgreSQL can't be started as a user of its own: {done.stderr.strip()[:200]}"
    return None


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Server:
    """Processes are one group. What is committed is on the disk as on any other, so it may be killed; `options` are lines
    of postgresql.conf."""

    def __init__(self, *options):
        reason = missing()
        if reason:
            pytest.skip(reason)
        self.path = Path(tempfile.mkdtemp(prefix="mayfly-pg-")) # pytest's own are root's alone
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
        self.process, self.log = None, self.path / "log"
        if os.getuid() == 0:
            os.chown(self.path, NOBODY, NOBODY)
        subprocess.run([*as_nobody(), INITDB, "-D", self.path / "data", "-U", "mayfly", "-A", "trust", "-E", "UTF8",
                        "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd=self.path, timeout=300, env=self.env)
        with open(self.path / "data/postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write("\n".join(["listen_addresses = ''", f"unix_socket_directories = '{self.path}'", "jit = off",
                                  "log_min_messages = warning", "shared_buffers = 16MB", "timezone = 'GMT'",
                                  "log_timezone = 'GMT'", *options, ""]))
        self.start()

    @property
    def url(self):
        """libpq's, of the database `postgres`."""
        return f"postgresql://mayfly@/postgres?host={self.path}"

    def schema(self):
        """The URL of a schema of its own: as good as a database, and quicker made."""
        name = f"own{next(schemas)}"
        self.sql(f"CREATE SCHEMA {name}")
        return f"{self.url}&options=-csearch_path%3D{name}"

    def sql(self, *texts, where=None):
        """What psql answers, columns with | between."""
        return subprocess.run([PSQL, "-qAtX", "-v", "ON_ERROR_STOP=1", where or self.url], input=";".join(texts), text=True,
                              check=True, capture_output=True, timeout=120).stdout

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*map(str, as_nobody()), str(INITDB.parent / "postgres"), "-D", str(self.path / "data")], cwd=self.path,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, start_new_session=True)
        end = time.monotonic() + 60
        while subprocess.run([PSQL, "-qAtX", "-c", "SELECT 1", self.url], capture_output=True).returncode != 0:
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def children(self):
        """Each is a session of its own."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid and fields[0] != "Z":
                found.append(int(stat.parent.name))
        return found

    def kill(self):
        """All of its processes at once, as a loss of power would, but for what the kernel has still to write."""
        os.kill(self.process.pid, signal.SIGSTOP)  # so that there are no new ones
        left = self.children()
        for pid in [*left, self.process.pid]:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(30)
        while any(alive(pid) for pid in left):
            time.sleep(0.01)

    def restart(self):
        self.kill()
        self.start()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)  # at once, but it tidies up
            self.process.wait(60)
        shutil.rmtree(self.path, ignore_errors=True)


@pytest.fixture(scope="module")
def server():
    """One whose commits are flushed to nowhere: for what isn't about a loss of power."""
    it = Server("fsync = off")
    yield it
    it.stop()
