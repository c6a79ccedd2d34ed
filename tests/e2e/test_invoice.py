"""mayfly invoice: made from a ledger, and recomputed from receipts, here without any of mayfly's code."""

import hashlib
import json
import time
from html.parser import HTMLParser

import pytest
from books import Signer, book, ok, refused  # noqa: F401 (book is a fixture)


def invoice_of(receipts, account="anna", month="2026-11"):
    """As market/invoice.h says."""
    lines = {}
    for text in receipts:
        r = json.loads(text)
        line = lines.setdefault((r["service"], r["version"], r["unit"]), [0, 0, 0])
        line[0] += int(r["quantity"])
        line[1] += int(r["price"])
        line[2] += 1

    def money(n):
        return f"{n // 10**6}.{n % 10**6:06}"
    charged = sum(line[1] for line in lines.values())
    ids = sorted(hashlib.sha256(text.encode()).digest() for text in receipts)
    return {
        "mayfly": "invoice 1", "invoice": f"{account}-{month}", "account": account, "month": month,
        "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "currency": "EUR", "opening": money(charged),
        "lines": [{"service": s, "version": v, "unit": u, "quantity": str(n), "per_unit": "0.000000000002",
                   "amount": money(p), "receipts": count} for (s, v, u), (n, p, count) in sorted(lines.items())],
        "charged": money(charged), "taken_back_lines": [], "taken_back": money(0), "entries": [], "paid": money(0),
        "credited": money(0), "closing": money(0),
        "receipts": {"count": len(receipts), "digest": hashlib.sha256(b"".join(ids)).hexdigest()},
        "ledger": {"entry": 7, "head": "00" * 32}}


def test_recomputed_from_receipts(mayfly, tmp_path):
    center, invoice, file = Signer(tmp_path), tmp_path / "invoice.json", tmp_path / "receipts"
    receipts = [center.receipt(), center.receipt(event="e2", version="1.3.0"), center.receipt(event="e3")]
    other = center.receipt(event="e4", at="2026-12-01T00:00:00.000000000Z")

    def verify(given, *lines):
        invoice.write_text(json.dumps(given))
        file.write_text("".join(line + "\n" for line in lines))
        return mayfly("invoice", "verify", invoice, file, "--key", center.public)
    right = invoice_of(receipts)
    assert ok(verify(right, *receipts)) == "anna-2026-11: 3 receipts, 0.000324 EUR\n"
    assert ok(verify(right, *reversed(receipts))) == "anna-2026-11: 3 receipts, 0.000324 EUR\n"
    done = verify(right, *receipts, other)
    assert done.returncode == 0 and "1 receipts are of other months" in done.stderr
    refused(verify(right, *receipts[:2]), 4, "charged")
    refused(verify(right, *receipts, receipts[1]), 4, "twice")
    refused(verify(right, *receipts[:2], center.receipt(event="e5")), 4, "others")
    refused(verify(right, *receipts[:2], center.receipt(account="berta")), 4, "line 3", "another account")
    refused(verify(right, *receipts[:2], receipts[2].replace("108", "109")), 4, "altered")
    refused(verify({**right, "closing": "0.000001"}, *receipts), 4, "closing")
    refused(verify({**right, "month": "2026-12"}, *receipts, other), 4, "invoice.json")
    refused(verify({"mayfly": "invoice 1"}, *receipts), 4, "no invoice")
    line = dict(right["lines"][0], quantity="1")
    refused(verify({**right, "lines": [line, right["lines"][1]]}, *receipts), 4, "line 1")
    invoice.write_text("<html>")
    refused(mayfly("invoice", "verify", invoice, file, "--key", center.public), 4, "no JSON")
    refused(mayfly("invoice", "verify", tmp_path / "no", file, "--key", center.public), 3, "no")
    refused(mayfly("invoice", "verify", invoice, file), 2, "--key")


def test_of_an_account(book):  # noqa: F811
    ok(book("account", "add", "anna"))
    ok(book("account", "pay", "anna", "12.50", "--note", "<b>transfer</b> & \"more\""))
    ok(book("account", "close", "anna"))
    month = json.loads(ok(book("ledger", "export")))["at"] // 10**9
    month = time.strftime("%Y-%m", time.gmtime(month))
    done = book("invoice", "anna", month, "-o", "json")
    shown = json.loads(done.stdout)
    assert done.stderr == f"mayfly: invoice: {month} hasn't ended: more may come to it\n"
    assert (shown["opening"], shown["paid"], shown["closing"], shown["lines"]) == ("0.000000", "12.500000", "12.500000", [])
    assert shown["receipts"] == {"count": 0, "digest": hashlib.sha256().hexdigest()}
    assert shown["ledger"]["head"] == json.loads(ok(book("ledger", "verify", "-o", "json")))["head"]
    assert shown["entries"][0]["note"] == "<b>transfer</b> & \"more\""
    text = book("invoice", "anna", month).stdout
    assert "balance after" in text and "12.500000" in text
    past = json.loads(ok(book("invoice", "anna", "2020-02", "-o", "json")))
    assert past["to"] == "2020-03-01T00:00:00Z" and past["closing"] == "0.000000" and past["entries"] == []

    class Page(HTMLParser):
        tags, data = [], []

        def handle_starttag(self, tag, attrs):
            self.tags.append(tag)

        def handle_data(self, data):
            self.data.append(data)
    page = Page()
    page.feed(book("invoice", "anna", month, "-o", "html").stdout)
    assert "b" not in page.tags and not {"script", "link", "img"} & set(page.tags)
    assert "<b>transfer</b> & \"more\"" in page.data and "12.500000" in page.data


def test_refusals(book):  # noqa: F811
    ok(book("account", "add", "anna"))
    refused(book("invoice", "berta", "2026-11"), 3, "berta")


@pytest.mark.parametrize("args", [[], ["anna"], ["anna", "november"], ["anna", "2026-13"], ["anna", "2026-11", "x"],
                                  ["verify", "x"], ["anna", "2026-11", "-o", "pdf"]])
def test_usage(book, args):  # noqa: F811
    refused(book("invoice", *args), 2)
