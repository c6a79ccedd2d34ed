/* market/invoice_make.c - see invoice.h: one walk over an account's entries. */
#include <errno.h>
#include <string.h>

#include "market/invoice_inner.h"

struct making {
	struct invoice *v;
	char *error;
	int e;
};

static bool stop(struct making *m, const struct ledger_move *move, int e, const char *why)
{
	m->e = e;
	(void)snprintf(m->error, INVOICE_ERROR_MAX, "entry %llu: %s",
		(unsigned long long)move->number, why);
	return false;
}

static bool failed(struct making *m, const struct ledger_move *move, int e)
{
	return stop(m, move, e,
		e == -E2BIG               ? "more lines than an invoice can have"
			: e == -EOVERFLOW ? "sums that are more than a number can be"
					  : strerror(-e));
}

/* Its receipt says what was charged, then, to whom. */
static bool read_receipt(
	struct making *m, const struct ledger_move *move, int64_t at, struct receipt *r)
{
	char why[RECEIPT_ERROR_MAX];

	if (!move->receipt.p || move->receipt.n == 0)
		return stop(m, move, -EUCLEAN, "a charge without a receipt");
	if (receipt_read(move->receipt, r, why) < 0)
		return stop(m, move, -EUCLEAN, why);
	if (strcmp(r->account, m->v->account) != 0 || strcmp(r->currency, m->v->currency) != 0 ||
		r->at != at || r->price != (move->amount < 0 ? -move->amount : move->amount))
		return stop(m, move, -EUCLEAN, "its receipt is of something else");
	return true;
}

static bool add_charge(struct making *m, const struct ledger_move *move)
{
	struct receipt r;
	int e;

	if (!read_receipt(m, move, move->at, &r))
		return false;
	e = invoice_add(m->v, &r, move->receipt);
	return e == 0 || failed(m, move, e);
}

static bool take_charge_back(struct making *m, const struct ledger_move *move)
{
	struct receipt r;
	int e;

	if (!read_receipt(m, move, move->was_at, &r))
		return false;
	e = invoice_add_line(&m->v->taken_back, &r);
	return e == 0 || failed(m, move, e);
}

static bool add_other(struct making *m, const struct ledger_move *move)
{
	const uint64_t kind = move->kind == CHAIN_VOID ? move->was : move->kind;
	int64_t *sum = kind == CHAIN_PAYMENT ? &m->v->paid : &m->v->credited;
	int e = __builtin_add_overflow(*sum, move->amount, sum) ? -EOVERFLOW
								: invoice_add_row(m->v, move);

	return e == 0 || failed(m, move, e);
}

static bool next_move(const struct ledger_move *move, void *context)
{
	struct making *m = context;
	struct invoice *v = m->v;

	if (move->at >= v->to)
		return true;
	if (__builtin_add_overflow(v->closing, move->amount, &v->closing))
		return failed(m, move, -EOVERFLOW);
	if (move->at < v->from)
		return !__builtin_add_overflow(v->opening, move->amount, &v->opening) ||
			failed(m, move, -EOVERFLOW);
	if (move->kind == CHAIN_CHARGE)
		return add_charge(m, move);
	if (move->kind == CHAIN_VOID && move->was == CHAIN_CHARGE)
		return take_charge_back(m, move);
	return add_other(m, move);
}

/* ------------------------------------------------------------------------ steps */

int invoice_begin(
	struct invoice_making *making, struct ledger *l, char error[static INVOICE_ERROR_MAX])
{
	struct ledger_account found;
	int e = ledger_account_get(l, making->v.account, &found);

	if (e < 0) {
		(void)snprintf(error, INVOICE_ERROR_MAX, "\"%.64s\": %s", making->v.account,
			e == -ENOENT ? "there is none" : strerror(-e));
		return e;
	}
	making->account = found.number;
	making->next = 1;
	making->v.entries = ledger_head(l, making->v.head);
	return 0;
}

static int finish(struct invoice_making *making, char *error)
{
	const int e = invoice_end(&making->v);

	making->whole = e == 0;
	if (e < 0)
		(void)snprintf(error, INVOICE_ERROR_MAX, "a receipt stands there twice");
	return e < 0 ? -EUCLEAN : 0;
}

int invoice_step(struct invoice_making *making, struct ledger *l, uint64_t entries,
	char error[static INVOICE_ERROR_MAX])
{
	const uint64_t last = making->v.entries, left = last + 1 - making->next;
	const uint64_t to = entries < left ? making->next + entries - 1 : last;
	struct making m = {.v = &making->v, .error = error};
	int e;

	if (making->whole || making->e < 0)
		return making->e;
	e = ledger_moves(l, making->next, to, making->account, next_move, &m);
	if (e < 0 && m.e == 0)
		(void)snprintf(error, INVOICE_ERROR_MAX, "%s", strerror(-e));
	making->next = to + 1;
	making->e = m.e < 0 ? m.e : e < 0 ? e : 0;
	if (making->e == 0 && to == last)
		making->e = finish(making, error);
	return making->e;
}

static int make_all(struct invoice_making *making, struct ledger *l, char *error)
{
	int e = ledger_look(l);

	if (e < 0) {
		(void)snprintf(error, INVOICE_ERROR_MAX, "%s", strerror(-e));
		return e;
	}
	e = invoice_begin(making, l, error);
	if (e == 0)
		e = invoice_step(making, l, UINT64_MAX, error);
	ledger_rollback(l);
	return e;
}

int invoice_make(struct invoice *v, struct ledger *l, const char *account, const char *month,
	char error[static INVOICE_ERROR_MAX])
{
	struct invoice_making making = {0};
	int e = invoice_open(&making.v, account, month, ledger_currency(l));

	if (e < 0)
		(void)snprintf(error, INVOICE_ERROR_MAX,
			"month \"%.32s\": write a month as 2026-11", month);
	else
		e = make_all(&making, l, error);
	*v = making.v;
	return e;
}
