"""Two hubs of one center, on one PostgreSQL: one book, whoever is asked."""

import threading

from conftest import BUILD
from http_client import Client, listener
from hubs import service
from market import PRICE, Center, bearer, millionths, receipt
from postgres import server  # noqa: F401 pylint: disable=unused-import

ROUNDS = 25


class Hubs(Center):
    """The center's, and another with its ledger and key, and a state of its own."""

    def __init__(self, start, directory, **options):
        super().__init__(start, directory, **options)
        self.hubs = [self.hub, start(service(BUILD / "guest/priced.mfy"), head=(
            f"state: {directory}/other\nadmin: {directory}/other-admin\n"
            f"market: {{key: {self.secret}, ledger: \"{self.ledger}\"}}\n" + listener()))]

    def ask(self, which, body=b"12345678", **headers):
        with Client(self.hubs[which].http(), seconds=60) as client:
            return client.ask("POST", "/x", body, bearer(self.key, **headers))


def all_at_once(*functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_one_book(start, tmp_path, server):  # noqa: F811
    center = Hubs(start, tmp_path, server=server)
    answers, same = [], []

    def ask_both(which):
        for i in range(ROUNDS):
            answers.append(center.ask(which))
            same.append(center.ask(which, Idempotency_Key=f"once-{i}"))

    all_at_once(*(lambda which=which: ask_both(which) for which in (0, 1)))
    assert {got.status for got in answers} == {200}
    # of two hubs that are asked for the same at the same time one says to come again: 409
    assert {got.status for got in same} <= {200, 409}
    for i in range(ROUNDS):
        first, second = (center.ask(which, Idempotency_Key=f"once-{i}") for which in (0, 1))
        assert receipt(first)[0] == receipt(second)[0]
    charges = center.charges()
    assert len(charges) == 3 * ROUNDS
    assert center.balance() == 10_000_000 - 3 * ROUNDS * 8 * PRICE
    assert center.ask(0, body=b"another", Idempotency_Key="once-0").status == 409
    assert center.ask(1, body=b"another", Idempotency_Key="once-0").status == 409
    center.verify()
    assert millionths(center.account()["held"]) == 0


def test_a_revoked_key(start, tmp_path, server):  # noqa: F811
    """Is no good from then on, at any hub; one that was added is good at once."""
    center = Hubs(start, tmp_path, server=server)
    assert [center.ask(which).status for which in (0, 1)] == [200, 200]
    center.book("key", "revoke", "1")
    assert [center.ask(which).status for which in (0, 1)] == [401, 401]
    center.key = center.add_key()
    assert [center.ask(which).status for which in (0, 1)] == [200, 200]
    center.book("account", "close", "anna")
    assert [center.ask(which).status for which in (0, 1)] == [403, 403]


def test_one_purse(start, tmp_path, server):  # noqa: F811
    """What two hubs are asked for together is never more than there is."""
    center = Hubs(start, tmp_path, server=server, paid="0.2")  # for ten
    statuses = []
    all_at_once(*(lambda which=which: statuses.extend(center.ask(which).status for _ in range(10)) for which in (0, 1)))
    assert sorted(statuses)[:10] == [200] * 10 and set(statuses[:]) == {200, 402}
    assert center.balance() == 0 and len(center.charges()) == 10
