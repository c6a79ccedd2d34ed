"""A stand-in for the linear algebra service, for tests of its clients: it speaks the same wire (.npy arrays one after
another, options in the query) and computes with NumPy, slowly. It can be told to lie, to refuse, to be late or away. What
the real service answers is tested with the real one."""

import hashlib
import http.server
import io
import json
import threading
import time
import urllib.parse

import numpy as np

from conftest import PATIENCE


def read_all(body):
    stream, arrays = io.BytesIO(body), []
    while stream.tell() < len(body):
        arrays.append(np.lib.format.read_array(stream))
    return arrays


def write_all(arrays):
    stream = io.BytesIO()
    for array in arrays:
        np.lib.format.write_array(stream, array, version=(1, 0))
    return stream.getvalue()


def op(a, how):
    return {"n": a, "t": a.T, "c": a.conj().T}[how]


def fortran(a):
    return np.asfortranarray(a)


def substitute(t, b, lower, unit):
    """t x = b for a triangle t."""
    x, n = b.astype(b.dtype, copy=True), len(t)
    for i in range(n) if lower else reversed(range(n)):
        x[i] -= (t[i, :i] @ x[:i]) if lower else (t[i, i + 1:] @ x[i + 1:])
        if not unit:
            x[i] /= t[i, i]
    return x


def trsm(a, b, q):
    unit, lower, trans = q.get("diag") == "u", q["uplo"] == "lower", q["transa"]
    t = np.tril(a) if lower else np.triu(a)
    if q["side"] == "right":  # X op(A) = B: op(A)' X' = B'
        return fortran(trsm(a, b.T, dict(q, side="left", transa="n" if trans != "n" else "t")).T)
    if trans != "n":
        t, lower = t.T, not lower
    return fortran(substitute(t, b * b.dtype.type(float(q.get("alpha", 1))), lower, unit))


def lu(a):
    a, (m, n) = a.copy(), a.shape
    pivots = np.zeros(min(m, n), dtype=np.int32)
    for i in range(min(m, n)):
        p = i + int(np.argmax(abs(a[i:, i])))
        pivots[i] = p + 1
        a[[i, p]] = a[[p, i]]
        if a[i, i] != 0:
            a[i + 1:, i] /= a[i, i]
            a[i + 1:, i + 1:] -= np.outer(a[i + 1:, i], a[i, i + 1:])
    return fortran(a), pivots


def getrs(f, pivots, b, trans):
    x = b.copy()
    if trans == "n":
        for i, p in enumerate(pivots):
            x[[i, p - 1]] = x[[p - 1, i]]
        return fortran(substitute(np.triu(f), substitute(f, x, True, True), False, False))
    x = substitute(f.T, substitute(np.triu(f).T, x, True, False), False, True)
    for i, p in reversed(list(enumerate(pivots))):
        x[[i, p - 1]] = x[[p - 1, i]]
    return fortran(x)


def cholesky(a, uplo):
    whole = np.tril(a) + np.tril(a, -1).T if uplo == "lower" else np.triu(a) + np.triu(a, 1).T
    try:
        factor = np.linalg.cholesky(whole)
    except np.linalg.LinAlgError as error:
        raise Problem(422, "a is not positive definite", pivot=1) from error
    return fortran(factor if uplo == "lower" else factor.T)


def potrs(f, b, uplo):
    low = np.tril(f) if uplo == "lower" else np.triu(f).T
    return fortran(substitute(low.T, substitute(low, b, True, False), False, False))


def qr(a):
    h, tau = np.linalg.qr(a, mode="raw")
    return fortran(h.T), tau


def eigh(a, q):
    w, v = np.linalg.eigh(a, UPLO=q["uplo"][0].upper())
    return (w, fortran(v)) if q["vectors"] == "1" else (w,)


def svd(a, q):
    if q["vectors"] == "0":
        return (np.linalg.svd(a, compute_uv=False),)
    u, s, vt = np.linalg.svd(a, full_matrices=q["full"] == "1")
    return fortran(u), s, fortran(vt)


def scaled(product, q):
    return fortran(product * product.dtype.type(float(q.get("alpha", 1))))


OPS = {
    "multiply": lambda x, q: (scaled(op(x[0], q.get("transa", "n")) @ op(x[1], q.get("transb", "n")), q),),
    "syrk": lambda x, q: ((np.tril if q["uplo"] == "lower" else np.triu)(
        scaled(op(x[0], q["trans"]) @ op(x[0], q["trans"]).T, q)),),
    "trsm": lambda x, q: (trsm(x[0], x[1], q),),
    "lu": lambda x, q: lu(x[0]),
    "getrs": lambda x, q: (getrs(x[0], x[1], x[2], q["trans"]),),
    "cholesky": lambda x, q: (cholesky(x[0], q["uplo"]),),
    "potrs": lambda x, q: (potrs(x[0], x[1], q["uplo"]),),
    "qr": lambda x, q: qr(x[0]),
    "eigh": lambda x, q: eigh(x[0], q),
    "svd": lambda x, q: svd(x[0], q),
}


class Problem(Exception):
    def __init__(self, status, detail, **members):
        super().__init__(detail)
        self.status, self.members = status, {"status": status, "detail": detail, **members}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def do_POST(self):  # pylint: disable=invalid-name
        owner = self.server.owner
        where = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, kind, answer = 200, "application/x-npy", b""
        name = where.path.rsplit("/", 1)[1]
        owner.asked.append(name)
        owner.heard.append((name, len(body), self.headers["Mayfly-Operands"], self.headers["Mayfly-Keep"]))
        try:
            if owner.refuse:
                raise Problem(owner.refuse, "as it was told")
            body = owner.gather(self.headers, body)
            if name not in OPS:
                raise Problem(404, "no such operation")
            time.sleep(owner.late)
            results = OPS[name](read_all(body), dict(urllib.parse.parse_qsl(where.query)))
            answer = owner.change(write_all(owner.lie(name, list(results))))
        except Problem as problem:
            status, kind = problem.status, "application/problem+json"
            answer = json.dumps(problem.members).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Mayfly-Event", f"double-{len(owner.asked)}")
        if self.headers["Mayfly-Keep"] and status == 200:
            self.send_header("Mayfly-Blob", owner.keep(answer))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # a client that went away


class Double:
    """lie(op, results) -> results; change(bytes) -> bytes; refuse: a status; late: seconds; keeps: it has a disk cache;
    forgets: which is empty whenever something is wanted of it. heard: (operation, bytes of the body, Mayfly-Operands,
    Mayfly-Keep)"""

    def __init__(self, lie=None, change=None, refuse=0, late=0, port=0, keeps=True, forgets=False):
        self.lie = lie or (lambda op, results: results)
        self.change = change or (lambda answer: answer)
        self.refuse, self.late, self.asked = refuse, late, []
        self.keeps, self.forgets, self.blobs, self.heard = keeps, forgets, {}, []
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.owner = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def gather(self, headers, body):
        """The input: blobs and the body, one after another."""
        if not self.keeps and (headers["Mayfly-Keep"] or headers["Mayfly-Operands"]):
            raise Problem(501, "this hub keeps no blobs")
        pieces = []
        for name in (headers["Mayfly-Operands"] or "-").split(", "):
            if name != "-" and name not in self.blobs:
                raise Problem(404, f"blob {name} isn't here")
            pieces.append(body if name == "-" else self.blobs[name])
        return b"".join(pieces)

    def keep(self, answer):
        name = hashlib.sha256(answer).hexdigest()
        if not self.forgets:
            self.blobs[name] = answer
        return name

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10 * PATIENCE)
