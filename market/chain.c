/* market/chain.c - see chain.h */
#include "market/chain.h"

#include <string.h>

#include "store/digest.h"

const char *const chain_kind_names[CHAIN_KINDS] = {"", "charge", "payment", "credit", "void"};
const char *const chain_book_names[CHAIN_BOOKS] = {"", "balance", "sales", "cash", "credits"};

#define ENTRY_START  "mayfly ledger entry 1"
#define CHARGE_START "mayfly ledger charge 1"

bool chain_balanced(const struct chain_entry *entry)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < entry->postings; i++)
		if (__builtin_add_overflow(sum, entry->posting[i].amount, &sum))
			return false;
	return sum == 0;
}

static uint8_t *put(uint8_t *to, uint64_t n)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (uint8_t)(n >> (56 - 8 * i));
	return to + 8;
}

static uint8_t *put_bytes(uint8_t *to, const void *p, size_t n)
{
	if (n > 0)
		memcpy(to, p, n);
	return to + n;
}

/* All in one piece: a hash of few bytes is mostly the calls. */
void chain_hash(const struct chain_entry *e, const uint8_t previous[static CHAIN_HASH],
	uint8_t hash[static CHAIN_HASH])
{
	uint8_t bytes[sizeof(ENTRY_START) + 7 * 8 + 2 * CHAIN_HASH + CHAIN_NOTE +
		CHAIN_POSTINGS * 3 * 8];
	uint8_t *p = put_bytes(bytes, ENTRY_START, sizeof(ENTRY_START));
	struct digest d;

	p = put(p, e->number);
	p = put(p, (uint64_t)e->at);
	p = put(p, e->kind);
	p = put(p, e->account);
	p = put(p, e->refers);
	p = put_bytes(p, e->charge, CHAIN_HASH);
	p = put(p, e->note.n);
	p = put_bytes(p, e->note.p, e->note.n < CHAIN_NOTE ? e->note.n : CHAIN_NOTE);
	p = put(p, e->postings);
	for (unsigned i = 0; i < e->postings; i++) {
		p = put(p, e->posting[i].book);
		p = put(p, e->posting[i].account);
		p = put(p, (uint64_t)e->posting[i].amount);
	}
	p = put_bytes(p, previous, CHAIN_HASH);
	digest_begin(&d);
	digest_add(&d, bytes, (size_t)(p - bytes));
	digest_end(&d, hash);
}

static void add_string(struct digest *d, struct mf_str s)
{
	uint8_t n[8];

	put(n, s.n);
	digest_add(d, n, sizeof(n));
	digest_add(d, s.p, s.n);
}

void chain_digest(const struct chain_charge *c, uint8_t digest[static CHAIN_HASH])
{
	uint8_t bytes[sizeof(CHARGE_START) + 5 * 8];
	uint8_t *p = put_bytes(bytes, CHARGE_START, sizeof(CHARGE_START));
	struct digest d;

	p = put(p, c->account);
	p = put(p, c->key);
	p = put(p, (uint64_t)c->amount);
	p = put(p, (uint64_t)c->at);
	put(p, c->status);
	digest_begin(&d);
	digest_add(&d, bytes, sizeof(bytes));
	add_string(&d, c->idempotency);
	add_string(&d, c->body);
	add_string(&d, c->type);
	add_string(&d, c->answer);
	add_string(&d, c->receipt);
	digest_end(&d, digest);
}
