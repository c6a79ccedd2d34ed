"""Servers that bench/hub measures: each is started on a loopback port, pinned to cores while it is
measured, and its processor time read."""

import glob
import os
import pwd
import signal
import socket
import subprocess
import time
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("MAYFLY_BUILD", ROOT / "build"))
ZONE = ROOT / "services/dns/example.test.zone"
TICK = os.sysconf("SC_CLK_TCK")
PATHS = os.environ["PATH"] + ":/usr/sbin:/sbin"


def find(program, borrowed=""):
    """In PATH, or where mk/need.sh unpacked its package; None."""
    for directory in [*PATHS.split(":"), str(BUILD / borrowed / "usr/sbin")]:
        if os.access(f"{directory}/{program}", os.X_OK):
            return f"{directory}/{program}"
    return None


def tree(pid):
    """The process and all that came from it."""
    pids = [pid]
    for each in pids:
        for path in glob.glob(f"/proc/{each}/task/*/children"):
            try:
                with open(path, encoding="ascii") as f:
                    pids += [int(word) for word in f.read().split()]
            except OSError:
                pass
    return pids


def is_worker(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
            return f.read().strip() == "mayfly-worker"
    except OSError:
        return False


def workers(pid):
    """Of a hub, and their gated processes: all that came from it but the nursery, which stays."""
    return [each for each in tree(pid)[1:] if is_worker(each)]


def own_ns(pid):
    """Processor time of one process, to the nanosecond."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path, encoding="ascii") as f:
                total += int(f.read().split()[0])
        except OSError:
            pass
    return total


def ended_ns(pid):
    """Of its children that ended, in ticks of 10 ms."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[13]) + int(fields[14])) * 1_000_000_000 // TICK


def status_kib(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key + ":"))


def heap_kib(pid):
    """Resident memory of its heap: [heap] and anonymous mappings."""
    total, counts = 0, False
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as f:
        for line in f:
            words = line.split()
            if "-" in words[0] and not words[0].endswith(":"):
                counts = len(words) < 6 or words[5] == "[heap]"
            elif words[0] == "Rss:" and counts:
                total += int(words[1])
    return total


class Server:
    """A program on a port. `udp`, `http`: what it serves there."""

    def __init__(self, name, directory, *argv, port=None, env=None):
        self.name, self.port, self.log = name, port, directory / f"{name.replace(' ', '-')}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(a) for a in argv], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "PATH": PATHS, **(env or {})}, start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def pin(self, cores):
        for pid in tree(self.pid):
            for task in glob.glob(f"/proc/{pid}/task/*"):
                try:
                    os.sched_setaffinity(int(task.rpartition("/")[2]), cores)
                except OSError:
                    pass  # it ended

    def spent(self):
        """Processor time so far, by process: {"": all}, and what a server tells apart."""
        return {"": sum(own_ns(pid) + ended_ns(pid) for pid in tree(self.pid))}

    def wait_port(self, seconds=10):
        end = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise SystemExit(f"hub: {self.name} doesn't answer:\n{self.log.read_text()}") from None
                time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.process.wait()


# ---------------------------------------------------------------------- name servers

KNOT = """server:
    listen: 127.0.0.1@{port}
    rundir: {directory}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {directory}
zone:
  - domain: example.test
    file: {zone}
    journal-content: none
    zonefile-sync: -1
"""
NSD = """server:
  ip-address: 127.0.0.1@{port}
  do-ip6: no
  username: ""
  chroot: ""
  database: ""
  server-count: 1
  zonesdir: "{directory}"
  pidfile: ""
  zonelistfile: "{directory}/zone.list"
  xfrdfile: "{directory}/xfrd.state"
  xfrdir: "{directory}"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "example.test"
  zonefile: "{zone}"
"""


def knot(directory):
    port = free_port()
    (directory / "knot.conf").write_text(KNOT.format(port=port, directory=directory, zone=ZONE))
    program = find("knotd", "knot")
    return program and Server("knot", directory, program, "-c", directory / "knot.conf", port=port,
                              env=libraries("knot")).wait_port()


def nsd(directory):
    port = free_port()
    (directory / "nsd.conf").write_text(NSD.format(port=port, directory=directory, zone=ZONE))
    program = find("nsd", "nsd")
    return program and Server("nsd", directory, program, "-d", "-c", directory / "nsd.conf", port=port,
                              env=libraries("nsd")).wait_port()


def libraries(borrowed):
    path = BUILD / borrowed / "usr/lib/x86_64-linux-gnu"
    return {"LD_LIBRARY_PATH": str(path)} if path.is_dir() else {}


# ------------------------------------------------------------------------ web servers

NGINX = """daemon off;
user {user};
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream cgi {{ server unix:{directory}/cgi.sock; keepalive 32; }}
    server {{
        listen 127.0.0.1:{port};
        location /button/ {{
            fastcgi_pass cgi;
            fastcgi_keep_conn on;
            fastcgi_param SCRIPT_FILENAME {program};
            fastcgi_param PATH_INFO $uri;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
        }}
    }}
}}
"""


class NginxCgi(Server):
    """nginx, and fcgiwrap behind it, which starts the CGI program."""

    def __init__(self, directory):
        port, sock = free_port(), directory / "cgi.sock"
        (directory / "nginx.conf").write_text(
            NGINX.format(port=port, directory=directory, program=BUILD / "bench/press_cgi",
                         user=pwd.getpwuid(os.getuid()).pw_name))
        # one process takes one request at a time, so as many as there are connections
        self.wrap = Server("fcgiwrap", directory, find("fcgiwrap", "fcgiwrap"), "-c", "32",
                           "-s", f"unix:{sock}", env=libraries("fcgiwrap"))
        while not sock.exists() and self.wrap.process.poll() is None:
            time.sleep(0.05)
        super().__init__("nginx with CGI", directory, find("nginx", "nginx"), "-p", directory,
                         "-c", directory / "nginx.conf", port=port, env=libraries("nginx"))
        self.wait_port()

    def pin(self, cores):
        super().pin(cores)
        self.wrap.pin(cores)

    def spent(self):
        return {"": super().spent()[""] + self.wrap.spent()[""]}

    def stop(self):
        super().stop()
        os.killpg(self.wrap.pid, signal.SIGTERM)
        self.wrap.process.wait()


def percall(directory):
    port = free_port()
    return Server("a process a request", directory, BUILD / "bench/percall", f"127.0.0.1:{port}",
                  BUILD / "bench/press_cgi", port=port).wait_port()


def resident(directory):
    port = free_port()
    return Server("resident, no birth", directory, BUILD / "bench/resident", f"127.0.0.1:{port}",
                  port=port).wait_port()


# --------------------------------------------------------------------------------- hubs

class Hub(Server):
    """mayflyd on a hub.yaml text; ready when made."""

    def __init__(self, name, directory, text, port=None):
        config = directory / f"{name.replace(' ', '-')}.yaml"
        config.write_text(text)
        super().__init__(name, directory, BUILD / "mayflyd", "-c", config, port=port)
        end = time.monotonic() + 20
        while "ready;" not in self.log.read_text(errors="replace"):
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit(f"hub: mayflyd doesn't start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def spent(self):
        hub, pids = own_ns(self.pid), tree(self.pid)
        workers = ended_ns(self.pid) + sum(own_ns(pid) + ended_ns(pid) for pid in pids[1:])
        return {"": hub + workers, "hub": hub, "worker": workers}


def service(image, *lines):
    return "".join([f"  - image: {BUILD}/services/{image}.mfy\n", *(f"    {line}\n" for line in lines)])


def hub_yaml(*services, head=""):
    return "mayfly: 1\ntrust: {allow_unsigned: true}\n" + head + "services:\n" + "".join(services)


def dns_hub(directory, backend, handed):
    port = free_port()
    lines = [f"backend: {backend}", f"udp: ['127.0.0.1:{port}']", f"data: {{example.test.zone: {ZONE}}}",
             "limits: {idle: 1h, queue: 4096}"] + (["socket: worker"] if handed else [])
    name = f"mayfly {backend}" + (", socket handed over" if handed else "")
    return Hub(name, directory, hub_yaml(service("dns", *lines)), port)


def button_hub(directory, backend):
    port = free_port()
    text = hub_yaml(service("button", f"backend: {backend}", "limits: {idle: 1h, queue: 4096}"),
                    head=f"http: [{{listen: '127.0.0.1:{port}'}}]\n")
    return Hub(f"mayfly {backend}", directory, text, port)
