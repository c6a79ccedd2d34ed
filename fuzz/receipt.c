/*
 * fuzz/receipt.c - receipts and keys of a center, as somebody sends them. What is read as a receipt is written as the same
 * bytes; nothing but what was signed has a right signature; a key is one letter by letter.
 */
/* libfuzzer: -max_len=2048 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "market/key.h"
#include "market/receipt.h"

static uint8_t secret[RECEIPT_SECRET], public[RECEIPT_KEY];
static char right[RECEIPT_MOST];
static int right_n;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = "a fuzzer's seed, known to all";
	struct receipt r = {.account = "anna",
		.event = "\"one\"",
		.service = "linalg",
		.version = "1.0",
		.unit = "flop",
		.currency = "EUR",
		.quantity = 54000000,
		.price = 108};

	(void)argc, (void)argv;
	MUST(sodium_init() >= 0);
	MUST(crypto_sign_seed_keypair(public, secret, seed) == 0);
	MUST(receipt_sign(&r, secret) == 0);
	right_n = receipt_text(&r, right);
	MUST(right_n > 0);
	return 0;
}

static void try_text(const uint8_t *p, size_t n)
{
	char error[RECEIPT_ERROR_MAX] = "", again[RECEIPT_MOST];
	struct receipt r;

	if (receipt_read(mf_str_of(p, n), &r, error) < 0) {
		MUST(error[0] != '\0' && strlen(error) < sizeof(error));
		return;
	}
	MUST(receipt_text(&r, again) == (int)n && memcmp(again, p, n) == 0);
	MUST(r.price >= 0 && r.at >= 0);
	if (receipt_is_signed(&r, public))
		MUST((int)n == right_n && memcmp(p, right, n) == 0);
}

/* Some bytes of the right one are others. */
static void try_change(struct feed *feed)
{
	uint8_t *changed = fuzz_copy(right, (size_t)right_n);

	while (feed->n > 2) {
		uint16_t at = feed_16(feed);

		changed[at % (unsigned)right_n] ^= feed_8(feed);
	}
	try_text(changed, (size_t)right_n);
	free(changed);
}

static void try_key(const uint8_t *p, size_t n)
{
	char shown[MARKET_KEY_SHOWN];

	if (!market_key_is_one(mf_str_of(p, n)))
		return;
	MUST(n == MARKET_KEY_LETTERS && memcmp(p, "mfy_", 4) == 0);
	market_key_show(mf_str_of(p, n), shown);
	MUST(strlen(shown) == MARKET_KEY_SHOWN - 1 && memcmp(shown, p, MARKET_KEY_SHOWN - 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};
	unsigned what = feed_below(&feed, 8);
	uint8_t *bytes = fuzz_copy(feed.p, feed.n);

	if (what == 0)
		try_change(&feed);
	else if (what == 1)
		try_key(bytes, feed.n);
	else
		try_text(bytes, feed.n);
	free(bytes);
	return 0;
}
