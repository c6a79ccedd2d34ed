/*
 * market/ledger_verify.c - see ledger.h. Two passes: entries with their postings, in the order of the chain; charges, each
 * with its entry. What was summed up on the way is compared with what stands in accounts, keys and days.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "market/ledger_inner.h"

#define SUMS_MOST (1 << 24) /* accounts and keys: numbers are given out one by one */

struct verify {
	struct ledger *ledger;
	struct ledger_verified *v;
	const char *(*receipt)(struct mf_str text, void *context);
	void *context;
	uint8_t hash[CHAIN_HASH]; /* of the entry before */
	uint64_t charges;         /* entries of that kind */
	int64_t postings, rows;   /* seen, and there */
	int64_t accounts, keys;   /* highest numbers */
	int64_t *balance, *spent; /* by number */
	uint64_t days;            /* days_sum of all charges, less that of what is in spent */
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct verify *v, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (v->v->wrong[0] == '\0')
		(void)vsnprintf(v->v->wrong, sizeof(v->v->wrong), format, args);
	va_end(args);
	return false;
}

#define N(number) ((unsigned long long)(number))

/* --------------------------------------------------------------------- entries */

static bool add_posting(
	struct verify *v, const struct chain_entry *e, const struct chain_posting *p)
{
	if (p->book == CHAIN_SALES && __builtin_add_overflow(v->v->sales, p->amount, &v->v->sales))
		return wrong(v, "entry %llu: sales sum up to too much", N(e->number));
	if (p->book != CHAIN_BALANCE)
		return true;
	if (p->account == 0 || p->account > (uint64_t)v->accounts)
		return wrong(
			v, "entry %llu: there is no account %llu", N(e->number), N(p->account));
	if (__builtin_add_overflow(v->balance[p->account], p->amount, &v->balance[p->account]))
		return wrong(v, "entry %llu: account %llu sums up to too much", N(e->number),
			N(p->account));
	return true;
}

static bool look_at_entry(
	const struct chain_entry *e, const uint8_t hash[static CHAIN_HASH], void *context)
{
	struct verify *v = context;
	uint8_t right[CHAIN_HASH];

	if (e->number != v->v->entries + 1)
		return wrong(
			v, "behind entry %llu comes entry %llu", N(v->v->entries), N(e->number));
	chain_hash(e, v->hash, right);
	if (memcmp(hash, right, CHAIN_HASH) != 0)
		return wrong(v,
			"entry %llu: its hash isn't that of its content and of the entry before",
			N(e->number));
	if (!chain_balanced(e))
		return wrong(v, "entry %llu: its postings don't sum up to zero", N(e->number));
	for (unsigned i = 0; i < e->postings; i++)
		if (!add_posting(v, e, &e->posting[i]))
			return false;
	v->postings += e->postings;
	v->charges += e->kind == CHAIN_CHARGE;
	v->v->entries++;
	memcpy(v->hash, right, CHAIN_HASH);
	return true;
}

static int look_at_entries(struct verify *v)
{
	int e = ledger_entries(v->ledger, 0, look_at_entry, v);

	if (e == -EUCLEAN) {
		(void)wrong(v, "behind entry %llu: a row that is none", N(v->v->entries));
		e = v->ledger->error = 0;
	}
	if (e < 0 || v->v->wrong[0])
		return e;
	memcpy(v->v->head, v->hash, CHAIN_HASH);
	if (v->v->entries != v->ledger->number)
		(void)wrong(v, "there are %llu entries, there were %llu", N(v->v->entries),
			N(v->ledger->number));
	else if (memcmp(v->hash, v->ledger->hash, CHAIN_HASH) != 0)
		(void)wrong(v, "the last entry isn't the one that was written last");
	else if (v->postings != v->rows)
		(void)wrong(v, "there are postings of no entry");
	return 0;
}

/* --------------------------------------------------------------------- charges */

/* One number for what was spent on all days: the sum of each amount times an odd number that its account, key and day
 * make. Another amount, key or day of one row makes another sum. */
static uint64_t days_sum(uint64_t account, uint64_t key, int64_t day, int64_t amount)
{
	uint64_t x = account * 0x9e3779b97f4a7c15 + key * 0xbf58476d1ce4e5b9 +
		(uint64_t)day * 0x94d049bb133111eb;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9; /* splitmix64's */
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return ((x ^ x >> 31) | 1) * (uint64_t)amount;
}

static bool take_charge(const struct sql_value *row, struct chain_charge *c)
{
	static const enum sql_kind kinds[] = {SQL_INT, SQL_INT, SQL_INT, SQL_BYTES, SQL_BYTES,
		SQL_INT, SQL_INT, SQL_INT, SQL_TEXT, SQL_BYTES, SQL_BYTES};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (row[i].kind != kinds[i])
			return false;
	*c = (struct chain_charge){(uint64_t)row[1].n, (uint64_t)row[2].n, row[5].n, row[6].n,
		(uint64_t)row[7].n, row[3].s, row[4].s, row[8].s, row[9].s, row[10].s};
	return true;
}

/* Its entry says the same. */
static bool agrees(const struct sql_value *row, const struct chain_charge *c)
{
	uint8_t digest[CHAIN_HASH], sealed[CHAIN_HASH];

	chain_digest(c, digest);
	return ledger_take_hash(&row[11], sealed) && memcmp(sealed, digest, CHAIN_HASH) == 0 &&
		row[12].n == (int64_t)c->account && row[13].n == CHAIN_CHARGE &&
		row[14].n == c->at && row[15].kind == SQL_INT && row[15].n == c->amount;
}

static bool look_at_charge(void *context, const struct sql_value *row)
{
	struct verify *v = context;
	struct chain_charge c;
	const char *why;

	if (!take_charge(row, &c) || !agrees(row, &c))
		return wrong(v, "entry %llu: its charge isn't what was charged", N(row[0].n));
	if (c.key == 0 || c.key > (uint64_t)v->keys)
		return wrong(v, "entry %llu: there is no key %llu", N(row[0].n), N(c.key));
	if (__builtin_add_overflow(v->spent[c.key], c.amount, &v->spent[c.key]))
		return wrong(v, "entry %llu: key %llu sums up to too much", N(row[0].n), N(c.key));
	why = v->receipt ? v->receipt(c.receipt, v->context) : NULL;
	if (why)
		return wrong(v, "entry %llu: its receipt: %s", N(row[0].n), why);
	v->days += days_sum(c.account, 0, c.at / LEDGER_DAY_NS, c.amount) +
		days_sum(c.account, c.key, c.at / LEDGER_DAY_NS, c.amount);
	v->v->charges++;
	return true;
}

/* ---------------------------------------------------------------- what it makes */

static void look_at_account(const struct ledger_account *a, void *context)
{
	struct verify *v = context;

	v->v->accounts++;
	if (a->number > (uint64_t)v->accounts || a->balance != v->balance[a->number])
		(void)wrong(
			v, "account \"%s\": its balance isn't the sum of its postings", a->name);
}

static void look_at_key(const struct ledger_key *k, void *context)
{
	struct verify *v = context;

	if (k->number > (uint64_t)v->keys || k->spent != v->spent[k->number])
		(void)wrong(
			v, "key %llu: what was spent isn't the sum of its charges", N(k->number));
}

static bool look_at_day(void *context, const struct sql_value *row)
{
	struct verify *v = context;

	v->days -= days_sum((uint64_t)row[0].n, (uint64_t)row[1].n, row[2].n, row[3].n);
	return true;
}

static int look_at_sums(struct verify *v)
{
	int e = ledger_accounts(v->ledger, look_at_account, v);

	if (e >= 0)
		e = ledger_keys(v->ledger, 0, look_at_key, v);
	if (e >= 0)
		e = sql_each(v->ledger->sql, SPENT_ALL, NULL, 0, look_at_day, v);
	if (e >= 0 && v->days != 0)
		(void)wrong(v, "what was spent on each day isn't the sum of its charges");
	return e < 0 ? e : 0;
}

static int look_at_all(struct verify *v)
{
	int e = look_at_entries(v);

	if (e == 0 && v->v->wrong[0] == '\0')
		e = sql_each(v->ledger->sql, CHARGES, NULL, 0, look_at_charge, v);
	if (e >= 0 && v->v->wrong[0] == '\0' && v->v->charges != v->charges)
		(void)wrong(v, "%llu entries are charges, and there are %llu", N(v->charges),
			N(v->v->charges));
	if (e >= 0 && v->v->wrong[0] == '\0')
		e = look_at_sums(v);
	return e < 0 ? e : 0;
}

/* ------------------------------------------------------------------------------ */

static int count(struct verify *v)
{
	struct sql_value row[3];
	int e = ledger_one(v->ledger, COUNTS, NULL, 0, row, 3);

	if (e <= 0)
		return e < 0 ? e : -EUCLEAN;
	v->rows = row[0].n;
	v->accounts = row[1].kind == SQL_INT ? row[1].n : 0;
	v->keys = row[2].kind == SQL_INT ? row[2].n : 0;
	if (v->accounts < 0 || v->accounts > SUMS_MOST || v->keys < 0 || v->keys > SUMS_MOST) {
		(void)wrong(v, "accounts or keys have numbers that were never given out");
		return 0;
	}
	v->balance = calloc((size_t)v->accounts + 1, sizeof(*v->balance));
	v->spent = calloc((size_t)v->keys + 1, sizeof(*v->spent));
	return v->balance && v->spent ? 0 : -ENOMEM;
}

int ledger_verify(struct ledger *ledger, const char *(*receipt)(struct mf_str text, void *context),
	void *context, struct ledger_verified *verified)
{
	struct verify v = {.ledger = ledger, .v = verified, .receipt = receipt, .context = context};
	int e;

	*verified = (struct ledger_verified){0};
	e = ledger_look(ledger);
	if (e < 0)
		return e;
	e = count(&v);
	if (e == 0 && verified->wrong[0] == '\0')
		e = look_at_all(&v);
	ledger_rollback(ledger);
	free(v.balance);
	free(v.spent);
	return e;
}
