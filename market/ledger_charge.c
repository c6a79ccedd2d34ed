/* market/ledger_charge.c - see ledger.h: what paid work may cost, and what it did. */
#include "market/ledger_inner.h"

const struct ledger_meaning ledger_meanings[LEDGER_VERDICTS] = {
	[LEDGER_DONE] = {200, "done"},
	[LEDGER_AGAIN] = {200, "was charged before"},
	[LEDGER_CONFLICT] = {409, "this idempotency key was used with another request"},
	[LEDGER_UNDER_WAY] = {409, "the same request is being worked at"},
	[LEDGER_UNKNOWN] = {401, "no such key"},
	[LEDGER_REVOKED] = {401, "this key is revoked"},
	[LEDGER_EXPIRED] = {401, "this key has expired"},
	[LEDGER_CLOSED] = {403, "the account is closed"},
	[LEDGER_SCOPE] = {403, "this key isn't for that service"},
	[LEDGER_BALANCE] = {402, "more than the account's balance and credit"},
	[LEDGER_KEY_MOST] = {402, "more than may be charged to this key"},
	[LEDGER_KEY_DAY] = {402, "more than may be charged to this key on a day"},
	[LEDGER_ACCOUNT_DAY] = {402, "more than may be charged to the account on a day"},
};

struct hold {
	bool there;
	uint8_t body[CHAIN_HASH];
	int64_t amount;
	uint64_t key;
};

/* How a key and its account stand today, and what is known of an idempotency key: one question for all of it. */
struct standing {
	struct ledger_key key;
	int64_t balance, held, credit, day_most;
	int64_t account_today, key_today;
	bool closed;
	struct hold hold;
	bool charged;
	struct mf_str body; /* of what was charged */
	struct ledger_first first;
};

static int64_t day_of(int64_t at)
{
	return at / LEDGER_DAY_NS;
}

static bool take_hold(const struct sql_value *row, struct hold *hold)
{
	*hold = (struct hold){
		.there = row[0].kind != SQL_NULL, .amount = row[1].n, .key = (uint64_t)row[2].n};
	return !hold->there || ledger_take_hash(&row[0], hold->body);
}

static void take_charge(const struct sql_value *row, struct standing *s)
{
	s->charged = row[1].kind != SQL_NULL;
	s->body = row[0].s;
	s->first = (struct ledger_first){.entry = (uint64_t)row[1].n,
		.amount = row[2].n,
		.status = (uint64_t)row[3].n,
		.type = row[4].s,
		.answer = row[5].s,
		.receipt = row[6].s};
}

/* 1, 0: no such key, -errno */
static int standing_of(
	struct ledger *l, uint64_t key, struct mf_str id, int64_t now, struct standing *s)
{
	struct sql_value row[25];
	int e = ledger_one(l, STANDING,
		LEDGER_IN(sql_int(day_of(now)), sql_bytes(id.p, id.n), sql_int((int64_t)key)), row,
		25);

	if (e <= 0)
		return e;
	*s = (struct standing){.key = {.number = key,
				       .account = (uint64_t)row[0].n,
				       .expires = row[2].n,
				       .revoked = row[3].n,
				       .most = row[4].n,
				       .day_most = row[5].n,
				       .spent = row[6].n,
				       .held = row[7].n},
		.balance = row[8].n,
		.held = row[9].n,
		.closed = row[10].n != 0,
		.credit = row[11].n,
		.day_most = row[12].n,
		.account_today = row[13].n,
		.key_today = row[14].n};
	take_charge(row + 18, s);
	return ledger_take_text(&row[1], s->key.services, LEDGER_SERVICES) &&
			take_hold(row + 15, &s->hold)
		? 1
		: ledger_note(l, -EUCLEAN);
}

/* Is a + b + c within `most`, without an overflow? */
static bool within(int64_t a, int64_t b, int64_t c, int64_t most)
{
	int64_t sum;

	return !__builtin_add_overflow(a, b, &sum) && !__builtin_add_overflow(sum, c, &sum) &&
		sum <= most;
}

static enum ledger_verdict admit(
	const struct standing *s, struct mf_str service, int64_t amount, int64_t now)
{
	const struct ledger_key *k = &s->key;

	if (k->revoked)
		return LEDGER_REVOKED;
	if (k->expires && k->expires <= now)
		return LEDGER_EXPIRED;
	if (s->closed)
		return LEDGER_CLOSED;
	if (!ledger_key_may(k, service))
		return LEDGER_SCOPE;
	if (!within(amount, s->held, -s->balance, s->credit))
		return LEDGER_BALANCE;
	if (!within(amount, k->held, k->spent, k->most))
		return LEDGER_KEY_MOST;
	if (!within(amount, k->held, s->key_today, k->day_most))
		return LEDGER_KEY_DAY;
	if (!within(amount, s->held, s->account_today, s->day_most))
		return LEDGER_ACCOUNT_DAY;
	return LEDGER_DONE;
}

/* Was it charged before? LEDGER_DONE: it wasn't. */
static enum ledger_verdict before(
	const struct standing *s, const uint8_t body[static CHAIN_HASH], struct ledger_first *first)
{
	if (!s->charged)
		return LEDGER_DONE;
	if (s->body.n != CHAIN_HASH || memcmp(s->body.p, body, CHAIN_HASH) != 0)
		return LEDGER_CONFLICT;
	*first = s->first;
	return LEDGER_AGAIN;
}

static bool is_sound(struct mf_str id, int64_t amount)
{
	return id.p && id.n > 0 && id.n <= LEDGER_ID && amount >= 0 && amount <= LEDGER_AMOUNT_MOST;
}

/* The balance of an account, and what is held of it and of a key, change by so much. */
static int change_account(struct ledger *l, uint64_t account, int64_t balance, int64_t held)
{
	return ledger_put(l, BALANCE_HELD,
		LEDGER_IN(sql_int(balance), sql_int(held), sql_int((int64_t)account)));
}

static int change_key(struct ledger *l, uint64_t key, int64_t spent, int64_t held)
{
	return ledger_put(
		l, SPENT_HELD, LEDGER_IN(sql_int(spent), sql_int(held), sql_int((int64_t)key)));
}

/* ----------------------------------------------------------------------- holds */

static int add_hold(struct ledger *l, uint64_t account, const struct ledger_ask *ask)
{
	int e = change_account(l, account, 0, ask->amount);

	if (e == 0)
		e = change_key(l, ask->key, 0, ask->amount);
	if (e == 0)
		e = ledger_put(l, HOLD_ADD,
			LEDGER_IN(sql_int((int64_t)account),
				sql_bytes(ask->idempotency.p, ask->idempotency.n),
				sql_int((int64_t)ask->key), sql_bytes(ask->body, CHAIN_HASH),
				sql_int(ask->amount), sql_int(ask->until)));
	return e < 0 ? e : LEDGER_DONE;
}

int ledger_hold(struct ledger *l, const struct ledger_ask *ask, struct ledger_first *first)
{
	struct standing s;
	int e = is_sound(ask->idempotency, ask->amount)
		? standing_of(l, ask->key, ask->idempotency, ask->now, &s)
		: -EINVAL;

	if (e <= 0)
		return e < 0 ? e : LEDGER_UNKNOWN;
	/* what was paid for is answered again, though the money is all gone; but not to a key that is no good */
	e = admit(&s, ask->service, 0, ask->now);
	if (e >= LEDGER_REVOKED && e <= LEDGER_SCOPE)
		return e;
	e = before(&s, ask->body, first);
	if (e != LEDGER_DONE)
		return e;
	if (s.hold.there)
		return memcmp(s.hold.body, ask->body, CHAIN_HASH) == 0 ? LEDGER_UNDER_WAY
								       : LEDGER_CONFLICT;
	e = admit(&s, ask->service, ask->amount, ask->now);
	return e == LEDGER_DONE ? add_hold(l, s.key.account, ask) : e;
}

int ledger_hold_until(struct ledger *l, uint64_t account, struct mf_str id, int64_t until)
{
	int e = ledger_do(l, HOLD_UNTIL,
		LEDGER_IN(sql_int(until), sql_int((int64_t)account), sql_bytes(id.p, id.n)));

	return e < 0 ? e : e > 0;
}

int ledger_release(struct ledger *l, uint64_t account, struct mf_str id)
{
	struct sql_value row[2];
	int e = ledger_one(l, HOLD_REMOVE,
		LEDGER_IN(sql_int((int64_t)account), sql_bytes(id.p, id.n)), row, 2);

	if (e <= 0)
		return e;
	e = change_account(l, account, 0, -row[0].n);
	if (e == 0)
		e = change_key(l, (uint64_t)row[1].n, 0, -row[0].n);
	return e < 0 ? e : 1;
}

int ledger_release_old(struct ledger *l, int64_t now)
{
	struct sql_value row[2];
	uint8_t id[LEDGER_ID];
	int count = 0, e;

	while ((e = ledger_one(l, HOLDS_OLD, LEDGER_IN(sql_int(now)), row, 2)) > 0) {
		if (row[1].s.n > sizeof(id))
			return ledger_note(l, -EUCLEAN);
		memcpy(id, row[1].s.p, row[1].s.n);
		e = ledger_release(l, (uint64_t)row[0].n, mf_str_of(id, row[1].s.n));
		if (e < 0)
			return e;
		count++;
	}
	return e < 0 ? e : count;
}

/* --------------------------------------------------------------------- charges */

static int add_charge(
	struct ledger *l, uint64_t account, const struct ledger_charge *c, uint64_t number)
{
	int e = ledger_put(l, CHARGE_ADD,
		LEDGER_IN(sql_int((int64_t)number), sql_int((int64_t)account),
			sql_int((int64_t)c->key), sql_bytes(c->idempotency.p, c->idempotency.n),
			sql_bytes(c->body, CHAIN_HASH), sql_int(c->amount), sql_int(c->at),
			sql_int((int64_t)c->status), sql_text(c->type),
			sql_bytes(c->answer.p, c->answer.n),
			sql_bytes(c->receipt.p, c->receipt.n)));

	return e < 0 ? e
		     : ledger_put(l, SPENT_ADD,
			       LEDGER_IN(sql_int((int64_t)account), sql_int(day_of(c->at)),
				       sql_int(c->amount), sql_int((int64_t)c->key)));
}

/* Balance and counters; the hold is gone, which may have been another key's. */
static int count_charge(struct ledger *l, const struct standing *s, const struct ledger_charge *c)
{
	const struct hold *hold = &s->hold;
	const bool same = hold->there && hold->key == c->key;
	int e = ledger_is_balance(s->balance, -c->amount) ? 0 : ledger_note(l, -EOVERFLOW);

	if (e == 0)
		e = change_account(l, s->key.account, -c->amount, hold->there ? -hold->amount : 0);
	if (e == 0)
		e = change_key(l, c->key, c->amount, same ? -hold->amount : 0);
	if (e == 0 && hold->there && !same)
		e = change_key(l, hold->key, 0, -hold->amount);
	if (e == 0 && hold->there)
		e = ledger_put(l, HOLD_REMOVE,
			LEDGER_IN(sql_int((int64_t)s->key.account),
				sql_bytes(c->idempotency.p, c->idempotency.n)));
	return e;
}

/* Entry, charge, counters. Nobody waits for them but who commits. */
static int book(struct ledger *l, const struct standing *s, const struct ledger_charge *c,
	struct ledger_first *first)
{
	const uint64_t account = s->key.account;
	struct chain_charge sealed = {account, c->key, c->amount, c->at, c->status, c->idempotency,
		mf_str_of(c->body, CHAIN_HASH), c->type, c->answer, c->receipt};
	struct chain_entry entry = {.at = c->at,
		.kind = CHAIN_CHARGE,
		.account = account,
		.note = MF_STR(""),
		.posting = {{CHAIN_BALANCE, account, -c->amount}, {CHAIN_SALES, 0, c->amount}},
		.postings = 2};
	int e;

	chain_digest(&sealed, entry.charge);
	e = ledger_write(l, &entry);
	if (e == 0)
		e = add_charge(l, account, c, entry.number);
	if (e == 0)
		e = count_charge(l, s, c);
	if (e < 0)
		return e;
	*first = (struct ledger_first){
		entry.number, c->amount, c->status, c->type, c->answer, c->receipt};
	return LEDGER_DONE;
}

static bool fits(const struct ledger_charge *c)
{
	return is_sound(c->idempotency, c->amount) && c->at >= 0 && c->type.p && c->answer.p &&
		c->receipt.p && c->type.n <= LEDGER_TYPE &&
		(c->type.n == 0 || !memchr(c->type.p, '\0', c->type.n)) &&
		c->answer.n <= LEDGER_ANSWER && c->receipt.n <= LEDGER_RECEIPT;
}

int ledger_charge(struct ledger *l, const struct ledger_charge *c, struct ledger_first *first)
{
	struct standing s;
	int e = fits(c) ? standing_of(l, c->key, c->idempotency, c->at, &s) : -EINVAL;

	if (e <= 0)
		return e < 0 ? e : LEDGER_UNKNOWN;
	e = before(&s, c->body, first);
	if (e != LEDGER_DONE)
		return e;
	if (s.hold.there && memcmp(s.hold.body, c->body, CHAIN_HASH) != 0)
		return LEDGER_CONFLICT;
	if (s.hold.there && c->amount > s.hold.amount)
		return -ERANGE;
	if (!s.hold.there)
		e = admit(&s, c->service, c->amount, c->at);
	return e == LEDGER_DONE ? book(l, &s, c, first) : e;
}
