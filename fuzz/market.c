/*
 * fuzz/market.c - what comes to a center's book from outside: receipts that somebody shows, invoices, questions to the desk. A receipt that
 * is read is written again and must be the same bytes; what is refused says why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "market/desk.h"
#include "market/invoice.h"

static void read_receipt(struct mf_str text)
{
	char error[RECEIPT_ERROR_MAX] = "", again[RECEIPT_MOST];
	uint8_t *copy = fuzz_copy(text.p, text.n);
	struct receipt r;
	int n;

	if (receipt_read(mf_str_of(copy, text.n), &r, error) < 0) {
		MUST(error[0] != '\0');
	} else {
		n = receipt_text(&r, again);
		MUST(n >= 0 && (size_t)n == text.n && memcmp(again, text.p, text.n) == 0);
		MUST(r.price >= 0 && r.at >= 0);
	}
	free(copy);
}

static json_t *json_of(struct mf_str text)
{
	return json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
}

/* Against an invoice without receipts. */
static void check_invoice(struct mf_str text)
{
	char error[INVOICE_ERROR_MAX] = "";
	json_t *json = json_of(text);
	struct invoice v;

	MUST(invoice_open(&v, "anna", "2026-11", "EUR") == 0 && invoice_end(&v) == 0);
	if (json && invoice_check(json, &v, error) < 0)
		MUST(error[0] != '\0');
	json_decref(json);
	invoice_close(&v);
}

static void ask_desk(struct feed *feed)
{
	const struct desk_word *word = desk_at(feed_below(feed, 32));
	json_t *json = json_of(feed_rest(feed));
	char error[DESK_ERROR_MAX] = "";
	struct desk_ask ask;

	if (word && json_is_object(json) && desk_read(word, json, "--", &ask, error) < 0)
		MUST(error[0] != '\0');
	else if (word && json_is_object(json))
		MUST(ask.word == word && strlen(ask.name) <= LEDGER_NAME &&
			strlen(ask.note) <= CHAIN_NOTE && ask.credit >= 0 &&
			ask.rate <= 1000000000);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};

	switch (feed_below(&feed, 3)) {
	case 0: read_receipt(feed_rest(&feed)); break;
	case 1: check_invoice(feed_rest(&feed)); break;
	default: ask_desk(&feed);
	}
	return 0;
}
