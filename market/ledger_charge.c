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

/* How a key and its account stand today. */
struct standing {
	struct ledger_key key;
	int64_t balance, held, credit, day_most;
	int64_t account_today, key_today;
	bool closed;
};

static int64_t day_of(int64_t at)
{
	return at / LEDGER_DAY_NS;
}

/* 1, 0: no such key, -errno */
static int standing_of(struct ledger *l, uint64_t key, int64_t now, struct standing *s)
{
	struct sql_value row[15];
	int e = ledger_one(
		l, STANDING, LEDGER_IN(sql_int(day_of(now)), sql_int((int64_t)key)), row, 15);

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
	return ledger_take_text(&row[1], s->key.services, LEDGER_SERVICES)
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
static int before(struct ledger *l, uint64_t account, struct mf_str id,
	const uint8_t body[static CHAIN_HASH], struct ledger_first *first)
{
	struct sql_value row[7];
	int e = ledger_one(
		l, CHARGE_GET, LEDGER_IN(sql_int((int64_t)account), sql_bytes(id.p, id.n)), row, 7);

	if (e <= 0)
		return e < 0 ? e : LEDGER_DONE;
	if (row[0].s.n != CHAIN_HASH || memcmp(row[0].s.p, body, CHAIN_HASH) != 0)
		return LEDGER_CONFLICT;
	*first = (struct ledger_first){.entry = (uint64_t)row[1].n,
		.amount = row[2].n,
		.status = (uint64_t)row[3].n,
		.type = row[4].s,
		.answer = row[5].s,
		.receipt = row[6].s};
	return LEDGER_AGAIN;
}

struct hold {
	bool there;
	uint8_t body[CHAIN_HASH];
	int64_t amount;
	uint64_t key;
};

static int hold_of(struct ledger *l, uint64_t account, struct mf_str id, struct hold *hold)
{
	struct sql_value row[3];
	int e = ledger_one(
		l, HOLD_GET, LEDGER_IN(sql_int((int64_t)account), sql_bytes(id.p, id.n)), row, 3);

	*hold = (struct hold){.there = e > 0};
	if (e <= 0)
		return e;
	hold->amount = row[1].n;
	hold->key = (uint64_t)row[2].n;
	return ledger_take_hash(&row[0], hold->body) ? 0 : ledger_note(l, -EUCLEAN);
}

/* What is held of an account and a key changes by so much. */
static int change_held(struct ledger *l, uint64_t account, uint64_t key, int64_t amount)
{
	int e = ledger_do(
		l, HELD_BY_ACCOUNT, LEDGER_IN(sql_int(amount), sql_int((int64_t)account)));

	if (e >= 0)
		e = ledger_do(l, HELD_BY_KEY, LEDGER_IN(sql_int(amount), sql_int((int64_t)key)));
	return e < 0 ? e : 0;
}

static bool is_sound(struct mf_str id, int64_t amount)
{
	return id.p && id.n > 0 && id.n <= LEDGER_ID && amount >= 0 && amount <= LEDGER_AMOUNT_MOST;
}

/* ----------------------------------------------------------------------- holds */

static int add_hold(struct ledger *l, uint64_t account, const struct ledger_ask *ask)
{
	int e = change_held(l, account, ask->key, ask->amount);

	if (e == 0)
		e = ledger_do(l, HOLD_ADD,
			LEDGER_IN(sql_int((int64_t)account),
				sql_bytes(ask->idempotency.p, ask->idempotency.n),
				sql_int((int64_t)ask->key), sql_bytes(ask->body, CHAIN_HASH),
				sql_int(ask->amount), sql_int(ask->until)));
	return e < 0 ? e : LEDGER_DONE;
}

int ledger_hold(struct ledger *l, const struct ledger_ask *ask, struct ledger_first *first)
{
	struct standing s;
	struct hold hold;
	int e = is_sound(ask->idempotency, ask->amount) ? standing_of(l, ask->key, ask->now, &s)
							: -EINVAL;

	if (e <= 0)
		return e < 0 ? e : LEDGER_UNKNOWN;
	/* what was paid for is answered again, though the money is all gone; but not to a key that is no good */
	e = admit(&s, ask->service, 0, ask->now);
	if (e >= LEDGER_REVOKED && e <= LEDGER_SCOPE)
		return e;
	e = before(l, s.key.account, ask->idempotency, ask->body, first);
	if (e != LEDGER_DONE)
		return e;
	e = hold_of(l, s.key.account, ask->idempotency, &hold);
	if (e < 0)
		return e;
	if (hold.there)
		return memcmp(hold.body, ask->body, CHAIN_HASH) == 0 ? LEDGER_UNDER_WAY
								     : LEDGER_CONFLICT;
	e = admit(&s, ask->service, ask->amount, ask->now);
	return e == LEDGER_DONE ? add_hold(l, s.key.account, ask) : e;
}

int ledger_release(struct ledger *l, uint64_t account, struct mf_str id)
{
	struct hold hold;
	int e = hold_of(l, account, id, &hold);

	if (e < 0 || !hold.there)
		return e;
	e = change_held(l, account, hold.key, -hold.amount);
	if (e == 0)
		e = ledger_do(l, HOLD_REMOVE,
			LEDGER_IN(sql_int((int64_t)account), sql_bytes(id.p, id.n)));
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

static int add_spent(
	struct ledger *l, uint64_t account, uint64_t key, const struct ledger_charge *c)
{
	const int64_t day = day_of(c->at);
	int e = ledger_do(l, SPENT_BY_KEY, LEDGER_IN(sql_int(c->amount), sql_int((int64_t)key)));

	if (e >= 0)
		e = ledger_do(l, SPENT_ADD,
			LEDGER_IN(sql_int((int64_t)account), sql_int(0), sql_int(day),
				sql_int(c->amount)));
	if (e >= 0)
		e = ledger_do(l, SPENT_ADD,
			LEDGER_IN(sql_int((int64_t)account), sql_int((int64_t)key), sql_int(day),
				sql_int(c->amount)));
	return e < 0 ? e : 0;
}

static int add_charge(
	struct ledger *l, uint64_t account, const struct ledger_charge *c, uint64_t number)
{
	int e = ledger_do(l, CHARGE_ADD,
		LEDGER_IN(sql_int((int64_t)number), sql_int((int64_t)account),
			sql_int((int64_t)c->key), sql_bytes(c->idempotency.p, c->idempotency.n),
			sql_bytes(c->body, CHAIN_HASH), sql_int(c->amount), sql_int(c->at),
			sql_int((int64_t)c->status), sql_text(c->type),
			sql_bytes(c->answer.p, c->answer.n),
			sql_bytes(c->receipt.p, c->receipt.n)));

	return e < 0 ? e : add_spent(l, account, c->key, c);
}

/* Entry, charge, counters; the hold is gone. */
static int book(struct ledger *l, uint64_t account, const struct ledger_charge *c,
	struct ledger_first *first)
{
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
	e = ledger_append(l, &entry);
	if (e == 0)
		e = add_charge(l, account, c, entry.number);
	if (e == 0)
		e = ledger_release(l, account, c->idempotency);
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
	struct hold hold;
	int e = fits(c) ? standing_of(l, c->key, c->at, &s) : -EINVAL;

	if (e <= 0)
		return e < 0 ? e : LEDGER_UNKNOWN;
	e = before(l, s.key.account, c->idempotency, c->body, first);
	if (e != LEDGER_DONE)
		return e;
	e = hold_of(l, s.key.account, c->idempotency, &hold);
	if (e < 0)
		return e;
	if (hold.there && memcmp(hold.body, c->body, CHAIN_HASH) != 0)
		return LEDGER_CONFLICT;
	if (hold.there && c->amount > hold.amount)
		return -ERANGE;
	if (!hold.there)
		e = admit(&s, c->service, c->amount, c->at);
	return e == LEDGER_DONE ? book(l, s.key.account, c, first) : e;
}
