"""mayfly ledger usage: CloudEvents of charges, on stdout and POSTed to a server that fails now and then."""

import hashlib
import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler

import pytest
from books import Charges, Signer, book, ok, refused  # noqa: F401 (book is a fixture)


@pytest.fixture
def charges(book, tmp_path):  # noqa: F811
    ok(book("account", "add", "anna"))
    return Charges(book.path, Signer(tmp_path))


def ids(receipts):
    return [hashlib.sha256(text.encode()).hexdigest() for text in receipts]


def test_an_event_a_charge(book, charges):  # noqa: F811
    one = charges.put("e1")
    ok(book("account", "pay", "anna", "1"))
    two = charges.put("ä \"2\"", price="1000000", quantity="18446744073709551615", at="2026-11-23T00:00:00.000000001Z")
    first, second = [json.loads(line) for line in ok(book("ledger", "usage")).splitlines()]
    assert first == {
        "specversion": "1.0", "id": ids([one])[0], "source": "mayfly:0807060504030201", "type": "mayfly.charge",
        "subject": "anna", "time": "2026-11-22T19:42:16.123456789Z", "datacontenttype": "application/json",
        "data": {"entry": 1, "event": "e1", "service": "linalg", "version": "1.2.3", "unit": "flop",
                 "quantity": "54000000", "amount": "0.000108", "currency": "EUR", "receipt": one}}
    assert second["id"] == ids([two])[0] and second["time"] == "2026-11-23T00:00:00.000000001Z"
    assert second["data"]["receipt"] == two and second["data"]["quantity"] == "18446744073709551615"
    # from the entry behind the last one, nothing is told twice; whenever it is told it is the same
    assert ok(book("ledger", "usage", "--from", second["data"]["entry"] + 1)) == ""
    assert json.loads(ok(book("ledger", "usage", "--from", first["data"]["entry"] + 1))) == second
    assert [json.loads(line) for line in ok(book("ledger", "usage", "--batch", "1")).splitlines()] == [[first], [second]]
    assert json.loads(ok(book("ledger", "usage", "--batch", "2"))) == [first, second]
    # what was taken back has an event of its own
    charges.void(3)
    void = json.loads(ok(book("ledger", "usage", "--from", 4)))
    assert (void["type"], void["id"]) == ("mayfly.charge.voided", ids([two])[0] + ".void")
    assert void["data"] == {**second["data"], "entry": 4, "refers": 3, "quantity": "-18446744073709551615",
                            "amount": "-1.000000"}
    ok(book("account", "add", "berta"))
    assert ok(book("ledger", "usage", "--account", "berta")) == ""
    assert len(ok(book("ledger", "usage", "--account", "anna")).splitlines()) == 3
    refused(book("ledger", "usage", "--account", "nobody"), 3, "nobody")


class Server:
    """Takes batches in; does with each request what the next of `moods` says, and is well when there are none left."""

    def __init__(self, *moods):
        server, self.moods, self.taken, self.requests, self.heads = self, list(moods), [], 0, []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests += 1
                server.heads.append(dict(self.headers))
                mood = server.moods.pop(0) if server.moods else "well"
                if mood in ("well", "lost"):
                    server.taken += body
                if mood in ("drop", "lost"):
                    self.close_connection = True
                    return
                status = 204 if mood == "well" else mood
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "1")
                if status != 204:
                    self.send_header("Content-Length", "5")
                self.end_headers()
                if status != 204:
                    self.wfile.write(b"sorry")

            def log_message(self, *args):
                pass
        self.tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.tcp.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.tcp.server_address[1]}/api/v1/events"
        threading.Thread(target=self.tcp.serve_forever, daemon=True).start()

    def ids(self):
        return [event["id"] for event in self.taken]

    def close(self):
        self.tcp.shutdown()
        self.tcp.server_close()


@pytest.fixture
def serve():
    servers = []

    def start(*moods):
        servers.append(Server(*moods))
        return servers[-1]
    yield start
    for server in servers:
        server.close()


def test_pushed_until_taken(book, charges, serve, tmp_path):  # noqa: F811
    cursor = tmp_path / "cursor"
    receipts = [charges.put(f"e{n}") for n in range(7)]
    server = serve(500, "drop", "well", "lost", 429, "lost", 503)

    def push(*more):
        return book("ledger", "usage", "--to", server.url, "--cursor", cursor, "--batch", "3", *more)
    ok(push())
    # at least once, in order, none left out; what came twice is seen by its id
    assert list(dict.fromkeys(server.ids())) == ids(receipts)
    assert len(server.taken) == 7 + 3 + 3
    assert server.heads[0]["Content-Type"] == "application/cloudevents-batch+json"
    assert "Authorization" not in server.heads[0]
    assert cursor.read_text().startswith("next 8\nhash ")
    before = server.requests
    ok(push())
    assert server.requests == before
    # it goes on where it stopped
    receipts.append(charges.put("e7"))
    token = tmp_path / "token"
    token.write_text("a-token\n")
    token.chmod(0o600)
    ok(push("--token-file", token))
    assert server.ids()[-1] == ids(receipts)[-1] and server.requests == before + 1
    assert server.heads[-1]["Authorization"] == "Bearer a-token"


def test_not_taken(book, charges, serve, tmp_path):  # noqa: F811
    cursor = tmp_path / "cursor"
    receipts = [charges.put("e1"), charges.put("e2")]
    server = serve("well", 400, *[500] * 100)

    def push(*more):
        return book("ledger", "usage", "--to", server.url, "--cursor", cursor, "--batch", "1", *more)
    refused(push(), 1, "400", "sorry")  # it would be refused again, so it isn't tried again
    assert cursor.read_text().startswith("next 2\n")
    refused(push("--patience", "300ms"), 6, "500")
    assert cursor.read_text().startswith("next 2\n") and server.requests > 2
    server.moods.clear()
    ok(push())
    assert server.ids() == ids(receipts)
    # another ledger isn't gone on with
    cursor.write_text("next 3\nhash " + "12" * 32)
    refused(push(), 4, "isn't in this ledger")
    cursor.write_text("next 9\nhash " + "12" * 32)
    refused(push(), 4, "isn't in this ledger")
    cursor.write_text("seven")
    refused(push(), 4, "no cursor")
    server.close()
    cursor.unlink()
    refused(book("ledger", "usage", "--to", server.url, "--cursor", cursor, "--patience", "0"), 6, server.url)
    assert not cursor.exists()


@pytest.mark.parametrize("args", [
    ["x"], ["--to", "http://127.0.0.1:1/"], ["--cursor", "x"], ["--from", "0"], ["--batch", "0"], ["--batch", "many"],
    ["--to", "http://127.0.0.1:1/", "--cursor", "x", "--from", "1"], ["--token-file", "x"],
    ["--to", "http://127.0.0.1:1/", "--cursor", "x", "--patience", "long"], ["--to", "ftp://a/", "--cursor", "x"],
    *(["--to", f"http://{host}/", "--cursor", "x", "--token-file", "y"]
      for host in ("example.org", "localhost.example.org", "localhost@example.org", "127.0.0.1.example.org", "127.0.0.1:1@example.org",
                   "[::1].example.org"))])
def test_usage(book, args):  # noqa: F811
    ok(book("account", "add", "anna"))
    refused(book("ledger", "usage", *args), 2)
