"""A page that takes POSTs, for what hubs send over HTTP: it keeps what came, and answers as it is told."""

import http.server
import threading
import time
from dataclasses import dataclass

from conftest import PATIENCE


@dataclass
class Post:
    path: str
    headers: dict
    body: bytes
    status: int = 0  # that it was answered with

    @property
    def key(self):
        return self.headers["Idempotency-Key"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, headers = self.server.owner.came(Post(self.path, dict(self.headers), body))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # a hub that doesn't believe a certificate, or is killed


class Receiver:
    """answers: {body or path: [(status, header, ...), ...]}, each taken once; then what refuse(body) says,
    then 204."""

    def __init__(self, port=0, tls=None, answers=None, refuse=None):
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.owner = self
        self.tls = tls is not None
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.answers, self.refuse = answers or {}, refuse
        self.posts, self.change = [], threading.Condition()
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def url(self, path="/", host="127.0.0.1"):
        return f"http{'s' if self.tls else ''}://{host}:{self.port}{path}"

    def came(self, post):
        with self.change:
            status, *headers = self.answer(post)
            post.status = status
            self.posts.append(post)
            self.change.notify_all()
        return status, headers

    def answer(self, post):
        for which in (post.body.decode("latin-1"), post.path):
            if self.answers.get(which):
                return self.answers[which].pop(0)
        return ((self.refuse and self.refuse(post.body)) or 204,)

    def take(self, count, seconds=20):
        """All posts, when so many have come."""
        end = time.monotonic() + seconds * PATIENCE
        with self.change:
            while len(self.posts) < count:
                left = end - time.monotonic()
                assert left > 0, f"{len(self.posts)} of {count} came: {self.posts}"
                self.change.wait(left)
            return list(self.posts)

    def bodies(self, count, **options):
        return [post.body.decode("latin-1") for post in self.take(count, **options)]
