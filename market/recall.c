/* market/recall.c - see recall.h */
#include "market/recall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Taken back in one transaction: others wait meanwhile. */
#define AT_ONCE 200u

/* ---------------------------------------------------------------------- sets */

int recall_set_add(struct recall_set *set, uint64_t number)
{
	size_t room = set->room > 0 ? 2 * set->room : 64;
	uint64_t *more;

	if (set->count == set->room) {
		more = reallocarray(set->at, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		set->at = more;
		set->room = room;
	}
	set->at[set->count++] = number;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void recall_set_sort(struct recall_set *set)
{
	if (set->count > 0)
		qsort(set->at, set->count, sizeof(*set->at), compare);
}

bool recall_set_has(const struct recall_set *set, uint64_t number)
{
	return set->count > 0 &&
		bsearch(&number, set->at, set->count, sizeof(number), compare) != NULL;
}

void recall_set_free(struct recall_set *set)
{
	free(set->at);
	*set = (struct recall_set){0};
}

/* ---------------------------------------------------------------------- look */

struct looking {
	const struct recall_what *what;
	struct recall_set voided;
	bool (*each)(const struct recall_charge *charge, void *context);
	void *context;
	int error;
};

static bool note_void(const struct ledger_move *move, void *context)
{
	struct looking *l = context;

	if (move->kind == CHAIN_VOID && move->was == CHAIN_CHARGE)
		l->error = recall_set_add(&l->voided, move->refers);
	return l->error == 0;
}

static bool is_of(const struct recall_what *what, const struct receipt *r)
{
	return strcmp(r->service, what->service) == 0 && strcmp(r->version, what->version) == 0 &&
		(!what->image || memcmp(r->image, what->image, sizeof(r->image)) == 0) &&
		(what->from == 0 || r->at >= what->from) && (what->to == 0 || r->at < what->to);
}

static bool look(const struct ledger_move *move, void *context)
{
	char wrong[RECEIPT_ERROR_MAX];
	struct looking *l = context;
	struct receipt receipt;

	if (move->kind != CHAIN_CHARGE || move->receipt.n == 0)
		return true;
	if (receipt_read(move->receipt, &receipt, wrong) < 0) {
		l->error = -EUCLEAN;
		return false;
	}
	if (!is_of(l->what, &receipt) ||
		(l->what->kept && recall_set_has(l->what->kept, move->number)))
		return true;
	return l->each(&(struct recall_charge){.entry = move->number,
			       .account = move->name,
			       .receipt = &receipt,
			       .text = move->receipt,
			       .taken_back = recall_set_has(&l->voided, move->number)},
		l->context);
}

int recall_each(struct ledger *ledger, const struct recall_what *what,
	bool (*each)(const struct recall_charge *charge, void *context), void *context)
{
	struct looking l = {.what = what, .each = each, .context = context};
	int e = ledger_look(ledger);

	if (e < 0)
		return e;
	e = ledger_moves(ledger, 0, INT64_MAX, 0, note_void, &l);
	recall_set_sort(&l.voided);
	if (e == 0 && l.error == 0)
		e = ledger_moves(ledger, 0, INT64_MAX, 0, look, &l);
	ledger_rollback(ledger);
	recall_set_free(&l.voided);
	return e < 0 ? e : l.error;
}

/* ----------------------------------------------------------------- take back */

struct gathering {
	struct recall_set entries;
	int error;
};

static bool gather(const struct recall_charge *charge, void *context)
{
	struct gathering *g = context;

	if (!charge->taken_back && charge->receipt->price > 0)
		g->error = recall_set_add(&g->entries, charge->entry);
	return g->error == 0;
}

/* What an entry's charge was. */
static bool take_amount(const struct ledger_move *move, void *context)
{
	*(int64_t *)context = move->kind == CHAIN_VOID ? move->amount : 0;
	return false;
}

static int take_some(struct ledger *ledger, const uint64_t *entry, size_t n, struct mf_str note,
	int64_t now, struct recall_sum *sum)
{
	struct recall_sum more = {0};
	int64_t amount = 0;
	uint64_t made;
	int e = ledger_begin(ledger, true);

	for (size_t i = 0; i < n && e == 0; i++) {
		e = ledger_void(ledger, entry[i], now, note, &made);
		if (e == -EALREADY) { /* somebody else did, a moment ago */
			e = 0;
			continue;
		}
		if (e == 0)
			e = ledger_moves(ledger, made, made, 0, take_amount, &amount);
		more.charges += e == 0;
		more.amount += e == 0 ? amount : 0;
	}
	if (e == 0)
		e = ledger_commit(ledger);
	else
		ledger_rollback(ledger);
	if (e == 0) {
		sum->charges += more.charges;
		sum->amount += more.amount;
	}
	return e;
}

int recall_take_back(struct ledger *ledger, const struct recall_what *what, struct mf_str note,
	int64_t now, struct recall_sum *sum)
{
	struct gathering g = {0};
	int e = recall_each(ledger, what, gather, &g);

	*sum = (struct recall_sum){0};
	if (e == 0)
		e = g.error;
	for (size_t at = 0; at < g.entries.count && e == 0; at += AT_ONCE)
		e = take_some(ledger, g.entries.at + at,
			g.entries.count - at < AT_ONCE ? g.entries.count - at : AT_ONCE, note, now,
			sum);
	recall_set_free(&g.entries);
	return e;
}
