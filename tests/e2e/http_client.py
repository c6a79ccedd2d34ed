"""A client that sends exactly the bytes it is given, and reads answers strictly."""

import contextlib
import socket
import threading
from dataclasses import dataclass

from conftest import PATIENCE


@dataclass
class Answer:
    status: int
    reason: str
    headers: dict  # names in lower case
    body: bytes


class Client:
    def __init__(self, port, host="127.0.0.1", seconds=20, tls=None):
        self.socket = socket.create_connection((host, port), seconds * PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.methods = []  # of requests without an answer
        self.left = b""
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, method, path, body=b"", headers=None):
        """Sends a request and returns its answer."""
        headers = {"Host": "localhost", **(headers or {})}
        if body:
            headers["Content-Length"] = str(len(body))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        self.send(head.encode() + b"\r\n" + body)
        return self.answer(bodiless=method == "HEAD")

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"the connection ended after {self.left!r}")
        self.left += data

    def answer(self, bodiless=False):
        while b"\r\n\r\n" not in self.left:
            self.fill()
        head, _, self.left = self.left.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, reason = first.split(" ", 2)
        assert version == "HTTP/1.1", first
        headers = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon and name.lower() not in headers, line
            headers[name.lower()] = value
        size = 0 if bodiless else int(headers.get("content-length", 0))
        while len(self.left) < size:
            self.fill()
        body, self.left = self.left[:size], self.left[size:]
        return Answer(int(status), reason, headers, body)

    def ended(self):
        """Was nothing left, and did the hub close the connection?"""
        try:
            return not self.left and self.socket.recv(1) == b""
        except ConnectionResetError:
            return not self.left


@contextlib.contextmanager
def served(port, short=False, tls=None, headers=None):
    """Another client asks all the time; each of its requests is answered. Where the hub's patience
    is `short` a slow machine may make it miss its time between two requests: then it comes again."""
    done, asked, wrong = threading.Event(), [], []

    def ask_on():
        with Client(port, tls=tls) as other:
            while not done.is_set() or not asked:
                asked.append(other.ask("GET", "/", headers=headers).status)

    def ask():
        try:
            while not done.is_set() or not asked:
                with contextlib.suppress(*([EOFError, ConnectionError] if short else [])):
                    ask_on()
        except Exception as e:  # pylint: disable=broad-except
            wrong.append(e)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert not wrong and asked and set(asked) == {200}, wrong


def listener(address="127.0.0.1:0", tls=None):
    """The `http` of a hub.yaml with one listener."""
    text = f"http:\n  - listen: {address}\n"
    if tls:
        text += f"    tls: {{certificate: {tls[0]}, key: {tls[1]}}}\n"
    return text
