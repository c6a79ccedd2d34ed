"""A mosquitto for one test, and what talks to it: mosquitto_pub, mosquitto_sub, mosquitto_rr."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import ROOT, free_port, run

PATH = os.environ["PATH"] + os.pathsep + os.pathsep.join(
    [str(ROOT / "build/mosquitto/usr/sbin"), str(ROOT / "build/mosquitto/usr/bin"), "/usr/sbin"])


def program(name):
    found = shutil.which(name, path=PATH)
    if not found:
        pytest.skip(f"there is no {name} here")
    return found


class Broker:
    """mosquitto on a port of the loopback. It keeps sessions and messages in `directory`, so that what it has
    acknowledged is there after a restart."""

    def __init__(self, directory, *lines):
        directory.mkdir()
        self.directory, self.port = directory, free_port()
        self.config, self.log = directory / "mosquitto.conf", directory / "log"
        self.config.write_text("\n".join([
            f"listener {self.port} 127.0.0.1", "persistence true", "autosave_interval 1",
            "autosave_on_changes true", f"persistence_location {directory}/", "log_type all",
            *(["user root"] if os.getuid() == 0 else []), *(lines or ["allow_anonymous true"])]) + "\n")
        self.process, self.options = None, []
        self.start()

    @property
    def uri(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([program("mosquitto"), "-c", str(self.config)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < end, self.log.read_text()
                time.sleep(0.02)

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(10)

    def said(self):
        return self.log.read_text(errors="replace")

    def client(self, name, *args, **options):
        """Runs mosquitto_pub and the like to its end."""
        return run(program(name), "-h", "127.0.0.1", "-p", self.port, *self.options, *args, **options)

    def publish(self, topic, text, *args, qos=1):
        result = self.client("mosquitto_pub", "-t", topic, "-m", text, "-q", qos, *args)
        assert result.returncode == 0, result.stderr

    def publish_lines(self, topic, lines, qos=1):
        """Many, by one client."""
        result = self.client("mosquitto_pub", "-t", topic, "-l", "-q", qos,
                             input="".join(f"{line}\n" for line in lines))
        assert result.returncode == 0, result.stderr

    def ask(self, topic, text, *args, answer="answers/here", seconds=10):
        """Request and response of MQTT 5; what came back, or an empty text."""
        return self.client("mosquitto_rr", "-V", "5", "-t", topic, "-e", answer, "-m", text, "-q", "1",
                           "-W", seconds, *args).stdout.strip()


class Listener:
    """A mosquitto_sub in the background, and the lines that it has printed."""

    def __init__(self, broker, topic, *args):
        command = ["stdbuf", "-oL", program("mosquitto_sub"), "-h", "127.0.0.1", "-p", str(broker.port),
                   *broker.options, "-t", topic, "-q", "1", "-d", *args]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.all = []
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    def read(self):
        for line in self.process.stdout:
            if "received SUBACK" in line:
                self.ready.set()
            if not line.startswith(("Client ", "Subscribed ")):
                self.all.append(line.rstrip("\n"))

    def until(self, count, seconds=15):
        end = time.monotonic() + seconds
        while len(self.all) < count:
            assert time.monotonic() < end, self.all[-5:]
            time.sleep(0.01)
        return list(self.all)

    def stop(self):
        self.process.kill()  # SIGTERM just when it begins to wait is lost on mosquitto_sub
        self.process.wait(10)


class OldBroker:
    """What stands before a broker and speaks no MQTT 5: it says so as MQTT 3.1.1 does, or, `silent`, closes."""

    def __init__(self, broker, silent=False):
        self.broker, self.silent, self.refused, self.taken = broker, silent, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def uri(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(client,), daemon=True).start()

    def pass_on(self, client):
        head = client.recv(4096)
        level = head[head.index(b"MQTT") + 4]
        if level == 5:
            self.refused += 1
            if not self.silent:
                client.sendall(b"\x20\x02\x00\x01")
            client.close()
            return
        self.taken += 1
        upstream = socket.create_connection(("127.0.0.1", self.broker.port))
        upstream.sendall(head)
        threading.Thread(target=copy, args=(upstream, client), daemon=True).start()
        copy(client, upstream)

    def stop(self):
        self.listener.close()


class Cable:
    """What lies between a hub and a broker, and can be pulled: then nobody is there, and what was there is gone. Its port is
    its own all the time, so nobody else is there either."""

    def __init__(self, broker, plugged=True):
        self.broker, self.ends = broker, []
        self.listener = self.bound(0)
        self.port = self.listener.getsockname()[1]
        if plugged:
            self.plug()

    @staticmethod
    def bound(port):
        """Where nobody listens."""
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        return s

    @property
    def uri(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def plug(self):
        self.listener.listen()
        threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def serve(self, listener):
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            other = socket.create_connection(("127.0.0.1", self.broker.port))
            self.ends += [one, other]
            threading.Thread(target=copy, args=(one, other), daemon=True).start()
            threading.Thread(target=copy, args=(other, one, self.said), daemon=True).start()

    def said(self, data):
        """What the broker says, as it comes out at the other end."""
        return data

    def pull(self):
        for end in [self.listener, *self.ends]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()
        self.ends = []


class FullBroker(Cable):
    """A broker that takes the first message, and says that it doesn't: no more of them now."""
    full = True

    def said(self, data):
        if self.full and data[0] == 0x40:  # PUBACK (MQTT 5, 3.4)
            self.full = False
            return b"\x40\x03" + data[2:4] + b"\x97" + data[2 + data[1]:]
        return data


def copy(a, b, change=lambda data: data):
    try:
        while data := a.recv(65536):
            b.sendall(change(data))
    except OSError:
        pass
    for each in (a, b):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
