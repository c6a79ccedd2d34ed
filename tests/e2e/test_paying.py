"""A center: requests with a subscriber's key, what is held, charged and refused, receipts."""

import contextlib
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import threading
import time

import pytest
from conftest import BUILD, HAS_KVM, ROOT, run
from http_client import listener
from hubs import children, command, hub_yaml, service
from market import PRICE, Center, bearer, millionths, receipt
from paying import PayingKills
from postgres import server  # noqa: F401 pylint: disable=unused-import
from test_full_disk import small_disk  # noqa: F401 pylint: disable=unused-import

ROUNDS = int(os.environ.get("MAYFLY_PAYING_REQUESTS", "300"))  # duplicated, in any order, late


@pytest.fixture
def center(start, tmp_path):
    c = Center(start, tmp_path)
    yield c
    if c.hub.process.poll() is None:
        assert c.hub.stop() == 0
    c.verify()
    assert millionths(c.account()["held"]) == 0


def ask(center, body=b"12345678", path="/x", key=None, **headers):
    with center.client() as client:
        return client.ask("POST", path, body, bearer(key or center.key, **headers))


def refused(answer, status, words, **members):
    assert answer.status == status, (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["status"] == status and words in problem["detail"], problem
    assert {k: problem[k] for k in members} == members
    assert "mayfly-receipt" not in answer.headers and "mayfly-charge" not in answer.headers


def test_from_a_plan_to_a_receipt(center, tmp_path):
    got = ask(center)
    assert (got.status, got.body) == (200, b"metered\n")
    assert got.headers["mayfly-charge"] == "0.020000 EUR"
    line, said = receipt(got)
    assert (said["account"], said["event"], said["service"], said["version"]) == (
        "anna", got.headers["mayfly-event"], "priced", "1.5")
    assert (said["unit"], said["quantity"], said["price"], said["currency"]) == ("byte", "8", str(8 * PRICE), "EUR")
    assert said["image"] == hashlib.sha256((BUILD / "guest/priced.mfy").read_bytes()).hexdigest()
    assert said["input"] == hashlib.sha256(b"12345678").hexdigest()
    assert said["output"] == hashlib.sha256(b"metered\n").hexdigest()
    (tmp_path / "receipts").write_text(line + "\n")
    assert "0.020000 EUR" in center.ok("receipt", "verify", tmp_path / "receipts", "--key", center.public)
    assert center.balance() == 10_000_000 - 8 * PRICE
    assert len(center.charges()) == 1


def test_curl(center, tmp_path):
    done = subprocess.run(["curl", "-sS", "-D", "-", "--data-binary", "12345678", "-H", f"Authorization: Bearer {center.key}",
                           f"http://127.0.0.1:{center.hub.http()}/x"], capture_output=True, text=True, timeout=60, check=True)
    assert "HTTP/1.1 200 OK" in done.stdout and "Mayfly-Receipt: " in done.stdout and done.stdout.endswith("metered\n")


def test_who_has_no_key(center):
    with center.client() as client:
        got = client.ask("POST", "/x", b"1234")
        refused(got, 401, "a key is needed")
        assert got.headers["www-authenticate"] == 'Bearer realm="mayfly"'
        # a quote is free
        assert client.ask("POST", "/x?quote", b"1234").status == 200
    for text in (center.key[:-1], center.key[:-1] + ("0" if center.key[-1] != "0" else "1"), "mfy_live_x", "secret"):
        got = ask(center, key=text)
        refused(got, 401, "no key")
        assert "invalid_token" in got.headers["www-authenticate"]
    with center.client() as client:
        refused(client.ask("POST", "/x", b"1", {"Authorization": "Basic YTpi"}), 401, "a key is needed")
        client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n" +
                    f"Authorization: Bearer {center.key}\r\n".encode() * 2 + b"\r\n1")
        refused(client.answer(), 400, "twice")
    assert not center.charges() and center.balance() == 10_000_000


def test_keys_that_are_no_good(center):
    other = center.add_key("--services", "linalg")
    refused(ask(center, key=other), 403, "isn't for that service")
    short = center.add_key("--expires", "1s")
    center.hub.until(lambda: ask(center, key=short).status == 401)
    refused(ask(center, key=short), 401, "expired")
    refused(ask(center, key=center.add_key("--test")), 403, "trying things out")
    unknown = run(BUILD / "mayfly", "key", "add", "anna", "--state", center.state).stdout.strip()
    assert ask(center, key=unknown).status == 200
    # revoked by the command line while the hub runs: at once
    number = json.loads(center.book("key", "ls", "-o", "json"))["keys"][-1]["number"]
    center.book("key", "revoke", str(number))
    refused(ask(center, key=unknown), 401, "revoked")
    center.book("account", "rm", "anna")
    refused(ask(center), 403, "closed")


def test_limits(center):
    poor = center.add_key("--most", "0.03")
    assert ask(center, key=poor).status == 200
    refused(ask(center, key=poor), 402, "more than may be charged to this key", quoted="0.020000", left="0.010000", currency="EUR")
    daily = center.add_key("--day", "0.02")
    assert ask(center, key=daily).status == 200
    refused(ask(center, key=daily), 402, "on a day", quoted="0.020000")
    refused(ask(center, b"x" * 4000), 402, "balance", quoted="10.000000", left="9.960000")
    # before the work, never after
    assert center.balance() == 10_000_000 - 2 * 8 * PRICE


def test_a_budget(center):
    refused(ask(center, Mayfly_Budget="0.019999 EUR"), 402, "Mayfly-Budget", quoted="0.020000", left="0.019999")
    assert ask(center, Mayfly_Budget="0.02 EUR").status == 200
    for text in ("0.02", "0.02 USD", "-1 EUR", "much"):
        refused(ask(center, Mayfly_Budget=text), 400, "Mayfly-Budget")


def test_what_failed_costs_nothing(center):
    assert ask(center, path="/x?meters=0").status == 200  # it metered nothing
    got = ask(center, path="/n", body=b"1")  # the formula has no value
    assert got.status == 200 and "mayfly-receipt" not in got.headers
    assert not center.charges()
    refused(ask(center, path="/n", body=b"1", key="mfy_live_"), 401, "no key")  # and needs one


def test_more_than_was_quoted_isn_t_charged(center):
    got = ask(center, path="/x?meters=1000000000000")
    assert got.headers["mayfly-charge"] == "0.020000 EUR"
    assert "metered" in center.hub.said()
    assert ask(center, path="/x?meters=1").headers["mayfly-charge"] == "0.010000 EUR"  # the minimum


def test_the_same_again(center):
    first = ask(center, Idempotency_Key='"one"')
    again = ask(center, Idempotency_Key='"one"')
    assert (again.status, again.body, again.headers["mayfly-receipt"]) == (200, first.body, first.headers["mayfly-receipt"])
    assert again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    refused(ask(center, b"other", Idempotency_Key='"one"'), 409, "used with another request")
    refused(ask(center, path="/y", Idempotency_Key='"one"'), 409, "used with another request")
    # another key of the same account means the same
    assert ask(center, key=center.add_key(), Idempotency_Key="one").headers["mayfly-receipt"] == first.headers["mayfly-receipt"]
    assert len(center.charges()) == 1
    # also after a restart
    assert center.hub.stop() == 0
    center.hub = center.open()
    assert ask(center, Idempotency_Key='"one"').headers["mayfly-receipt"] == first.headers["mayfly-receipt"]
    assert len(center.charges()) == 1
    refused(ask(center, Idempotency_Key='""'), 400, "Idempotency-Key")


# ------------------------------------------------------- a service with state, areas, and moods

SHOP = BUILD / "guest/shop.mfy"


@pytest.fixture
def shop(start, tmp_path):
    c = Center(start, tmp_path, service(SHOP), service(BUILD / "guest/priced.mfy", "http: [{path: /priced}]"), at_once=50)
    yield c
    if c.hub.process.poll() is None:
        assert c.hub.stop() == 0
    c.verify()
    assert millionths(c.account()["held"]) == 0


def sold(center, name):
    said = center.ok("state", "get", "shop", f"sold/{name}", "--hub", center.admin)
    return int(said)


def test_areas_and_headers(shop):
    got = ask(shop, b"x" * 3000)
    assert (got.status, got.body, got.headers["shop"]) == (200, b"sold\n", "open")
    assert receipt(got)[1]["input"] == hashlib.sha256(b"x" * 3000).hexdigest()
    assert got.headers["mayfly-charge"] == "3.000000 EUR"
    got = ask(shop, path="/x?large=100000", Idempotency_Key="large")
    assert len(got.body) == 100000 and receipt(got)[1]["output"] == hashlib.sha256(got.body).hexdigest()
    # too large for the ledger: computed again, and not charged again
    again = ask(shop, path="/x?large=100000", Idempotency_Key="large")
    assert again.body == got.body and again.headers["mayfly-receipt"] == got.headers["mayfly-receipt"]
    assert len(shop.charges()) == 2
    kept = ask(shop, path="/x?large=100000", Mayfly_Keep="60s", Prefer="return=minimal")
    assert (kept.status, kept.body) == (201, b"") and "mayfly-blob" in kept.headers
    assert receipt(kept)[1]["output"] == hashlib.sha256(got.body).hexdigest() == kept.headers["mayfly-blob"].removeprefix("sha256:")
    # a small one with its header lines
    first, again = (ask(shop, path="/x?large=10", Idempotency_Key="small") for _ in range(2))
    assert (again.body, again.headers["shop"]) == (first.body, "open") and again.headers["idempotency-replayed"] == "true"


def test_what_wrote_and_is_too_large_to_be_kept(shop):
    """It isn't done twice, for nothing."""
    path = "/sell/big?large=100000"
    first = ask(shop, path=path, Idempotency_Key="big")
    assert len(first.body) == 100000 and receipt(first)[1]["quantity"] == "8" and sold(shop, "big") == 1
    refused(ask(shop, path=path, Idempotency_Key="big"), 409, "done, and charged")
    assert sold(shop, "big") == 1 and len(shop.charges()) == 1


def test_refused_work_is_free(shop):
    for path, status in (("/x?status=404", 404), ("/x?status=500", 500), ("/x?crash", 502)):
        got = ask(shop, path=path, Idempotency_Key=path)
        assert got.status == status and "mayfly-receipt" not in got.headers
    assert ask(shop, path="/x?status=201").status == 201  # the keys above can be used again
    assert ask(shop, path="/x?status=404", Idempotency_Key="/x?status=404").status == 404
    assert len(shop.charges()) == 1 and shop.balance() == 10_000_000 - 8000


def test_too_much_at_once(start, tmp_path):
    center = Center(start, tmp_path, service(SHOP), at_once=1)
    answers = []
    slow = threading.Thread(target=lambda: answers.append(ask(center, path="/x?work=400")))
    slow.start()
    while slow.is_alive() and (got := ask(center)).status == 200:
        pass
    if slow.is_alive():
        refused(got, 429, "at once")
        assert got.headers["retry-after"] == "1"
    slow.join()
    # the slow one may have come second, and been refused itself
    assert len(center.charges()) >= 1 and answers[0].status in (200, 429)
    # a rate: as many as the plan has in its first second, and then they have to wait
    center.book("plan", "put", "gold", "--rate", "2", "--at-once", "0")
    got = next(a for a in (ask(center) for _ in range(1000)) if a.status != 200)
    refused(got, 429, "requests a second")
    assert int(got.headers["retry-after"]) >= 1
    assert center.hub.stop() == 0
    center.verify()


def test_duplicates_in_any_order(shop):
    """Each of them is sent several times, by several clients, with an order of their own: one charge each, one effect each."""
    names = [f"n{i}" for i in range(ROUNDS // 10)]
    seen, wrong = {}, []

    def send(seed):
        todo = names * 3
        random.Random(seed).shuffle(todo)
        with shop.client() as client:
            while todo:
                name = todo.pop()
                got = client.ask("POST", f"/sell/{name}", name.encode(), bearer(shop.key, Idempotency_Key=name))
                if got.status == 409:  # another of them is at work
                    todo.insert(0, name)
                elif got.status != 200 or seen.setdefault(name, got.headers["mayfly-receipt"]) != got.headers["mayfly-receipt"]:
                    wrong.append((name, got))

    threads = [threading.Thread(target=send, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert len(shop.charges()) == len(names) == len(seen)
    assert {sold(shop, name) for name in names[:5]} == {1}
    assert shop.balance() == 10_000_000 - 1000 * sum(map(len, names))
    # late: the hub was away
    assert shop.hub.stop() == 0
    shop.hub = shop.open()
    got = ask(shop, names[0].encode(), path=f"/sell/{names[0]}", Idempotency_Key=names[0])
    assert got.headers["mayfly-receipt"] == seen[names[0]] and sold(shop, names[0]) == 1


def test_done_and_not_charged(shop):
    """Between a life and its charge the ledger can't be written: who asks again gets what was done, and pays once."""
    answers = []

    def try_to(name):
        slow = threading.Thread(target=lambda: answers.append(ask(shop, path=f"/sell/{name}?work=300", Idempotency_Key=name)))
        slow.start()
        while book.execute("SELECT count(*) FROM hold").fetchone()[0] == 0 and slow.is_alive():
            pass
        book.execute("BEGIN IMMEDIATE")
        slow.join()
        book.execute("ROLLBACK")
        return answers[-1].status == 503

    book = shop.book_of()
    name = next(name for name in "abcdefgh" if try_to(name))  # who is too slow for it comes too late, and tries the next
    book.close()
    refused(answers[-1], 503, "database")
    while (got := ask(shop, path=f"/sell/{name}?work=300", Idempotency_Key=name)).status in (503, 409):
        pass
    assert (got.status, got.body, got.headers["shop"], got.headers["idempotency-replayed"]) == (200, b"sold\n", "open", "true")
    assert receipt(got)[1]["quantity"] == "8" and len(shop.charges()) == len(answers) and sold(shop, name) == 1


def test_who_goes_away(center):
    """What only he wanted costs him nothing; with an Idempotency-Key he can come again for it, and it is charged."""
    def go(name, **headers):
        """Leaves while it is at work; false: this was too slow."""
        before = len(center.charges())
        head = "".join(f"{k}: {v}\r\n" for k, v in bearer(center.key, **headers).items())
        with center.client() as client:
            client.send(f"POST /x?work=300&{name} HTTP/1.1\r\nHost: a\r\n{head}Content-Length: 8\r\n\r\n12345678".encode())
            center.hub.until(lambda: held() > 0 or len(center.charges()) > before)
        center.hub.until(lambda: held() == 0)
        return before

    def held():
        return millionths(center.account()["held"])

    assert any(go(name) == len(center.charges()) for name in "abcdefgh")
    assert center.hub.events("life", result="ok") and not center.hub.events("life", result="deadline")
    before = go("kept", Idempotency_Key="kept")
    assert len(center.charges()) == before + 1
    got = ask(center, path="/x?work=300&kept", Idempotency_Key="kept")
    assert (got.body, got.headers["idempotency-replayed"], len(center.charges())) == (b"metered\n", "true", before + 1)


def test_calls_are_paid_by_who_caused_them(shop):
    got = ask(shop, path="/x?call=2")
    assert got.body == b"200 200 " and got.headers["mayfly-charge"] == "0.008000 EUR"
    charges = sorted((r["event"].rpartition("/")[2], r["service"], r["price"]) for r in shop.receipts())
    event = got.headers["mayfly-event"]
    assert charges == sorted([(event, "shop", "8000"), ("1", "priced", "20000"), ("2", "priced", "20000")])
    # the budget is for all of them: 0.008, 0.02, and not enough for another 0.02
    got = ask(shop, path="/x?call=2", Mayfly_Budget="0.04 EUR")
    assert got.body == b"200 402 " and len(shop.charges()) == 5
    # one that asks for what waits for itself hears so at once
    assert ask(shop, path="/sell/round?self").body == b"508 "
    # a balance that is at an end, too
    poor = shop.add_key("--most", "0.03")
    assert ask(shop, path="/x?call=2", key=poor).body == b"200 402 "
    said = json.loads(shop.ok("stats", "-o", "json", "--hub", shop.admin))["hub"]["center"]
    assert (said["charges"], said["unpaid"], said["currency"]) == (8, 2, "EUR")


def test_without_a_signer(center):
    """Nobody pays without a receipt. Another signer can't be started behind the walls: the hub ends, in good order."""
    signer, = (p for p in children(center.hub.pid) if command(p) == "mayfly-signer")
    assert ask(center).status == 200
    os.kill(signer, signal.SIGKILL)
    assert center.hub.process.wait(60) == 1
    assert "signs receipts is gone" in center.hub.said()
    center.hub = center.open()
    assert ask(center).status == 200


# ------------------------------------------------------------------------------------- hub.yaml

def test_what_a_center_needs(tmp_path):
    state = tmp_path / "state"
    state.mkdir()

    def look(market, *services, status=2):
        config = tmp_path / "hub.yaml"
        config.write_text(hub_yaml(*(services or (service(BUILD / "guest/priced.mfy"),)),
                                   head=f"state: {state}\nmarket: {market}\n{listener()}"))
        done = run(BUILD / "mayflyd", "-c", config, "--check")
        assert done.returncode == status, done.stderr
        return done.stderr

    key = tmp_path / "center.key"
    assert f"{key}" in look(f"{{key: {key}}}", status=3)
    Center.ok("keygen", "center", "-W", "-o", tmp_path)
    key, = (p for p in tmp_path.iterdir() if p.stem == "center" and p.suffix != ".pub")
    said = look(f"{{key: {key}}}", status=3)
    assert "there is no ledger" in said and "mayfly plan put" in said
    Center.ok("plan", "put", "gold", "--currency", "USD", "--state", state)
    said = look(f"{{key: {key}}}")
    assert "priced has its price in EUR" in said and "USD" in said
    (state / "ledger.db").unlink()
    Center.ok("plan", "put", "gold", "--state", state)
    look(f"{{key: {key}}}", status=0)
    key.chmod(0o644)
    assert "chmod 600" in look(f"{{key: {key}}}", status=4)
    center_pub = tmp_path / "center.pub"
    center_pub.chmod(0o600)
    assert f'sign "{center_pub}"' in look(f"{{key: {center_pub}}}", status=1)


def test_reload(center, tmp_path):
    text = center.hub.config.read_text()
    assert center.hub.reload(text.replace("market:", "#market:"))["event"] == "not_reloaded"
    assert "market: it can't change" in center.hub.said()
    assert center.hub.reload(text)["event"] == "reloaded"
    assert ask(center).status == 200


def test_the_page(start, tmp_path):
    """docs/market.md, "Charging", typed as it stands there but for directories and port."""
    image = ROOT / "build/services/linalg.mfy"
    if not image.exists():
        pytest.skip("OpenBLAS's or LAPACK's sources are not to be had here")
    page = (ROOT / "docs/market.md").read_text().split("## Charging")[1]
    page = page.replace("/var/lib/mayfly", f"{tmp_path}/state").replace("/etc/mayfly-center", str(tmp_path))
    (tmp_path / "state").mkdir()
    for line in re.findall(r"^\$ mayfly (.*)$", page, re.M):
        said = Center.ok(*line.split())
    market = re.search(r"^market: \{.*\}", page, re.M).group()
    hub = start(service(image), head=f"state: {tmp_path}/state\n{market}\n{listener()}")
    array = b"\x93NUMPY\x01\0\x76\0" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (10, 10), }".ljust(117) + b"\n" + bytes(800)
    (tmp_path / "ab.npy").write_bytes(array * 2)
    typed, = re.findall(r"^    (curl .*)$", page, re.M)
    typed = typed.replace("http://center", f"http://127.0.0.1:{hub.http()}").replace("curl ", "curl -sS --fail -D - -o /dev/null ")
    done = subprocess.run(["sh", "-ec", typed], cwd=tmp_path, env={**os.environ, "KEY": said.strip()}, capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == 0 and "Mayfly-Charge: 0.000010 EUR" in done.stdout, done


# ------------------------------------------------------------------------------------------ faults

@pytest.mark.parametrize("backend", ["process", pytest.param("kvm", marks=pytest.mark.skipif(not HAS_KVM, reason="no /dev/kvm"))])
def test_kills(tmp_path, backend):
    """The short form of tests/faults/run-paying: what was told is what the ledger says, and what the receipts sum up to."""
    kills = PayingKills(tmp_path / "place", backend, seed=3, subscribers=3)
    try:
        for kind in ("hub", "worker", "hub", "signer", "hub"):
            time.sleep(kills.random.uniform(0.1, 0.4))
            kills.kill(kind)
        kills.settle()
        lines, wrong = kills.count()
    finally:
        kills.close()
    print("\n".join(lines))
    assert not wrong


def test_a_full_disk(start, tmp_path, small_disk):
    """Nothing is begun that couldn't be charged, nothing is charged, and it goes on by itself when there is room."""
    center = Center(start, tmp_path, service(SHOP), state=small_disk / "state")
    assert ask(center, Idempotency_Key="before").status == 200
    with open(small_disk / "ballast", "wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(b"x" * 4096)
    done = 1
    while (got := ask(center)).status == 200:
        done += 1
        assert done < 1000
    assert got.status == 503 and int(got.headers["retry-after"]) >= 1
    center.hub.until(lambda: "the ledger can't be written" in center.hub.said())
    assert ask(center).status == 503
    (small_disk / "ballast").unlink()
    center.hub.until(lambda: ask(center).status == 200)
    assert ask(center, Idempotency_Key="before").headers["idempotency-replayed"] == "true"
    assert center.hub.stop() == 0
    center.verify()
    assert millionths(center.account()["held"]) == 0
    assert len(center.charges()) == len(center.told()) >= done + 1


def test_on_postgres(start, tmp_path, server):
    """The server goes and comes: who asks meanwhile is told to come again, and what was charged is charged once."""
    center = Center(start, tmp_path, service(SHOP), server=server)
    first = ask(center, Idempotency_Key="one")
    assert first.status == 200, (first.body, center.hub.said())
    # its text is UTF-8; a type that isn't is no matter of the ledger's
    odd, again = (ask(center, path="/x?odd", Idempotency_Key="odd") for _ in range(2))
    assert (odd.status, odd.body, again.body) == (200, b"sold\n", b"sold\n")
    assert again.headers["mayfly-receipt"] == odd.headers["mayfly-receipt"]
    server.kill()
    got = ask(center, Idempotency_Key="two")
    assert got.status == 503 and int(got.headers["retry-after"]) >= 1
    server.start()
    center.hub.until(lambda: ask(center, Idempotency_Key="two").status == 200)
    assert ask(center, Idempotency_Key="one").headers["mayfly-receipt"] == first.headers["mayfly-receipt"]
    assert center.hub.stop() == 0
    center.verify()
    assert len(center.charges()) == 3
