"""What bench/hub measures servers with: dnsperf, wrk, bench/ask. Each runs pinned, once, and gives a
dictionary of figures; `server.spent()` around it gives processor time a request."""

import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time

from servers import BUILD, ROOT

NAMES = ("example.test SOA", "example.test MX", "www.example.test A", "host.example.test AAAA",
         "mail.example.test A", "ns1.example.test A", "nothing.example.test A", "example.test TXT")


def query_file(directory):
    path = directory / "queries"
    path.write_text("\n".join(NAMES) + "\n")
    return path


def pinned(core, *argv):
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if done.returncode != 0:
        raise SystemExit(f"hub: {' '.join(map(str, argv))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def number(pattern, text):
    found = re.search(pattern, text)
    return float(found[1]) if found else None


def metered(server, run, requests):
    """run()'s figures, and processor time for each of figures[requests]."""
    before = server.spent()
    figures = run()
    after = server.spent()
    for who in after:
        key = f"{who}_cpu_us" if who else "cpu_us"
        figures[key] = (after[who] - before[who]) / 1e3 / max(1, figures[requests])
    return figures


def dnsperf(server, core, queries, seconds, window):
    def run():
        text = pinned(core, "dnsperf", "-s", "127.0.0.1", "-p", server.port, "-d", queries, "-l", seconds,
                      "-c", 1, "-T", 1, "-q", window, "-t", 2)
        return {"per_s": number(r"Queries per second:\s+([0-9.]+)", text),
                "lost": number(r"Queries lost:\s+([0-9]+)", text),
                "answers": number(r"Queries completed:\s+([0-9]+)", text),
                "refused": len(re.findall(r"SERVFAIL|REFUSED", text))}
    return metered(server, run, "answers")


def ask(server, core, count):
    """One query after another: www's address, which takes two aliases."""
    return metered(server, lambda: json.loads(pinned(
        core, BUILD / "bench/ask", f"127.0.0.1:{server.port}", ROOT / "services/dns/event.bin", count)), "answers")


UNIT = {"us": 1, "ms": 1e3, "s": 1e6}


def duration_us(pattern, text):
    found = re.search(pattern + r"\s+([0-9.]+)(us|ms|s)\b", text)
    return float(found[1]) * UNIT[found[2]] if found else None


def wrk(server, core, script, seconds, connections):
    def run():
        text = pinned(core, "wrk", "-t1", "-c", connections, "-d", f"{seconds}s", "--latency", "-s", script,
                      f"http://127.0.0.1:{server.port}/button/hall")
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        return {"per_s": number(r"Requests/sec:\s+([0-9.]+)", text),
                "answers": number(r"(\d+) requests in", text),
                "p50_us": duration_us("50%", text), "p99_us": duration_us("99%", text),
                "lost": (sum(map(int, errors.groups())) if errors else 0)
                + (number(r"Non-2xx or 3xx responses: (\d+)", text) or 0)}
    return metered(server, run, "answers")


def press_script(directory):
    path = directory / "press.lua"
    path.write_text('wrk.method = "POST"\n')
    return path


# -------------------------------------------------------------------------- first events

def exchange(port, request, times, wrong):
    """One request on a connection of its own; from connect to the whole answer."""
    began = time.perf_counter()
    try:
        with socket.create_connection(("127.0.0.1", port), 30) as s:
            s.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                if not (piece := s.recv(65536)):
                    break
                answer += piece
    except OSError as e:
        wrong.append(str(e))
        return
    times.append((time.perf_counter() - began) * 1e3)
    if not answer.startswith(b"HTTP/1.1 200 "):
        wrong.append(answer[:200].decode(errors="replace"))


def press(path):
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").encode()


def one_by_one(port, paths):
    times, wrong = [], []
    for path in paths:
        exchange(port, press(path), times, wrong)
    return times, wrong


def over_tls(port, paths):
    context, wrong = ssl.create_default_context(), []
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for path in paths:
        with socket.create_connection(("127.0.0.1", port), 30) as plain, context.wrap_socket(plain) as s:
            s.sendall(press(path))
            answer = s.recv(65536)
            wrong += [] if answer.startswith(b"HTTP/1.1 200 ") else [repr(answer[:200])]
    return wrong


def all_at_once(port, paths):
    """A storm: as many connections as paths, all requests sent before the first answer is read."""
    wrong, times = [], []
    sockets = []
    for path in paths:
        s = socket.create_connection(("127.0.0.1", port), 30)
        s.settimeout(30)
        sockets.append((s, press(path)))
    began = time.perf_counter()
    for s, request in sockets:
        s.sendall(request)
    readers = [threading.Thread(target=finish, args=(s, began, times, wrong)) for s, _ in sockets]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return times, wrong


def finish(s, began, times, wrong):
    try:
        answer = b""
        while piece := s.recv(65536):
            answer += piece
            if b"\r\n\r\n" in answer:
                times.append((time.perf_counter() - began) * 1e3)
                break
        if not answer.startswith(b"HTTP/1.1 200 "):
            wrong.append(answer[:200].decode(errors="replace"))
    except OSError as e:
        wrong.append(str(e))
    finally:
        s.close()
