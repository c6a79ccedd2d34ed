/* market/ledger_entries.c - see ledger.h: entries, which are only ever added. */
#include "market/ledger_inner.h"

/* A balance stays so far from where 64 bits end that no amount brings it there. */
#define BALANCE_MOST (INT64_MAX / 4)

bool ledger_is_balance(int64_t balance, int64_t amount)
{
	int64_t sum;

	return !__builtin_add_overflow(balance, amount, &sum) && sum <= BALANCE_MOST &&
		sum >= -BALANCE_MOST;
}

static int add_posting(struct ledger *l, const struct chain_entry *entry, unsigned line)
{
	const struct chain_posting *p = &entry->posting[line];

	return ledger_put(l, POSTING_ADD,
		LEDGER_IN(sql_int((int64_t)entry->number), sql_int(line), sql_int((int64_t)p->book),
			sql_int((int64_t)p->account), sql_int(p->amount)));
}

/* Most entries have two. */
static int add_postings(struct ledger *l, const struct chain_entry *entry)
{
	const struct chain_posting *p = entry->posting;
	int e = 0;

	if (entry->postings == 2)
		return ledger_put(l, POSTINGS_ADD,
			LEDGER_IN(sql_int((int64_t)entry->number), sql_int((int64_t)p[0].book),
				sql_int((int64_t)p[0].account), sql_int(p[0].amount),
				sql_int((int64_t)p[1].book), sql_int((int64_t)p[1].account),
				sql_int(p[1].amount)));
	for (unsigned i = 0; i < entry->postings && e == 0; i++)
		e = add_posting(l, entry, i);
	return e;
}

static int change_balance(struct ledger *l, const struct chain_posting *p)
{
	struct sql_value row[1];
	int e = ledger_one(l, BALANCE_ADD,
		LEDGER_IN(sql_int(p->amount), sql_int((int64_t)p->account)), row, 1);

	if (e <= 0)
		return e < 0 ? e : ledger_note(l, -ENOENT);
	return ledger_is_balance(row[0].n, 0) ? 0 : ledger_note(l, -EOVERFLOW);
}

/* The head has come by now, or is waited for. */
static int need_head(struct ledger *l)
{
	if (!l->headed)
		(void)ledger_note(l, sql_settle(l->sql));
	if (!l->headed)
		(void)ledger_note(l, -EUCLEAN);
	return l->error;
}

int ledger_write(struct ledger *l, struct chain_entry *entry)
{
	uint8_t hash[CHAIN_HASH];
	int e;

	if (!chain_balanced(entry) || entry->note.n > CHAIN_NOTE ||
		(entry->note.n > 0 && memchr(entry->note.p, '\0', entry->note.n)))
		return ledger_note(l, -EINVAL);
	e = need_head(l);
	if (e < 0)
		return e;
	entry->number = l->number + 1;
	chain_hash(entry, l->hash, hash);
	e = ledger_put(l, ENTRY_ADD,
		LEDGER_IN(sql_int((int64_t)entry->number), sql_int(entry->at),
			sql_int((int64_t)entry->kind), sql_int((int64_t)entry->account),
			sql_int((int64_t)entry->refers), sql_bytes(entry->charge, CHAIN_HASH),
			sql_text(entry->note), sql_bytes(hash, CHAIN_HASH)));
	if (e == 0)
		e = add_postings(l, entry);
	if (e < 0)
		return e;
	l->number = entry->number;
	memcpy(l->hash, hash, sizeof(hash));
	l->added = true;
	return 0;
}

int ledger_append(struct ledger *l, struct chain_entry *entry)
{
	int e = 0;

	for (unsigned i = 0; i < entry->postings && e == 0; i++)
		if (entry->posting[i].book == CHAIN_BALANCE)
			e = change_balance(l, &entry->posting[i]);
	return e < 0 ? e : ledger_write(l, entry);
}

/* ----------------------------------------------------------------- other kinds */

static int move(struct ledger *l, enum chain_kind kind, enum chain_book from, uint64_t account,
	int64_t amount, int64_t now, struct mf_str note, uint64_t *number)
{
	struct chain_entry entry = {.at = now,
		.kind = kind,
		.account = account,
		.note = note,
		.posting = {{from, 0, -amount}, {CHAIN_BALANCE, account, amount}},
		.postings = 2};
	int e;

	if (amount == 0 || amount > LEDGER_AMOUNT_MOST || amount < -LEDGER_AMOUNT_MOST ||
		note.n > CHAIN_NOTE)
		return -EINVAL;
	e = ledger_append(l, &entry);
	if (e == 0)
		*number = entry.number;
	return e;
}

int ledger_pay(struct ledger *l, uint64_t account, int64_t amount, int64_t now, struct mf_str note,
	uint64_t *entry)
{
	return move(l, CHAIN_PAYMENT, CHAIN_CASH, account, amount, now, note, entry);
}

int ledger_credit(struct ledger *l, uint64_t account, int64_t amount, int64_t now,
	struct mf_str note, uint64_t *entry)
{
	if (amount < 0)
		return -EINVAL;
	return move(l, CHAIN_CREDIT, CHAIN_CREDITS, account, amount, now, note, entry);
}

/* ------------------------------------------------------------------------ read */

bool ledger_take_entry(
	const struct sql_value *row, struct chain_entry *entry, uint8_t hash[static CHAIN_HASH])
{
	*entry = (struct chain_entry){.number = (uint64_t)row[0].n,
		.at = row[1].n,
		.kind = (uint64_t)row[2].n,
		.account = (uint64_t)row[3].n,
		.refers = (uint64_t)row[4].n,
		.note = row[6].s};
	for (unsigned i = 0; i < 5; i++)
		if (row[i].kind != SQL_INT)
			return false;
	return row[6].kind == SQL_TEXT && row[6].s.n <= CHAIN_NOTE &&
		ledger_take_hash(&row[5], entry->charge) && ledger_take_hash(&row[7], hash);
}

/* Rows are postings; those of one entry stand together. */
struct reading {
	bool (*each)(const struct chain_entry *entry, const uint8_t hash[static CHAIN_HASH],
		void *context);
	void *context;
	struct chain_entry entry; /* postings 0 and number 0: none yet */
	uint8_t hash[CHAIN_HASH];
	char note[CHAIN_NOTE];
	bool stopped, wrong;
};

static bool give(struct reading *r)
{
	if (r->entry.number != 0)
		r->stopped = !r->each(&r->entry, r->hash, r->context);
	return !r->stopped;
}

static bool next_posting(void *context, const struct sql_value *row)
{
	struct reading *r = context;
	struct chain_entry *e = &r->entry;

	if (e->number == 0 || row[0].n != (int64_t)e->number) {
		if (!give(r))
			return false;
		r->wrong = !ledger_take_entry(row, e, r->hash);
		if (r->wrong)
			return false;
		if (e->note.n > 0)
			memcpy(r->note, e->note.p, e->note.n);
		e->note.p = (const uint8_t *)r->note;
	}
	if (row[8].kind == SQL_NULL)
		return true;
	/* lines are numbered from 0 on, without gaps */
	r->wrong = row[8].kind != SQL_INT || row[8].n != (int64_t)e->postings ||
		e->postings == CHAIN_POSTINGS || row[9].kind != SQL_INT ||
		row[10].kind != SQL_INT || row[11].kind != SQL_INT;
	if (r->wrong)
		return false;
	e->posting[e->postings++] =
		(struct chain_posting){(uint64_t)row[9].n, (uint64_t)row[10].n, row[11].n};
	return true;
}

static int read_entries(struct ledger *l, enum statement which, int64_t number, struct reading *r)
{
	int e = sql_each(l->sql, which, LEDGER_IN(sql_int(number)), next_posting, r);

	if (e >= 0 && r->wrong)
		e = -EUCLEAN;
	if (e >= 0 && !r->stopped)
		(void)give(r);
	return e < 0 ? ledger_note(l, e) : 0;
}

int ledger_entries(struct ledger *l, uint64_t from,
	bool (*each)(const struct chain_entry *entry, const uint8_t hash[static CHAIN_HASH],
		void *context),
	void *context)
{
	struct reading r = {.each = each, .context = context};

	return read_entries(l, ENTRIES, from ? (int64_t)from : INT64_MIN, &r);
}

/* ----------------------------------------------------------------------- void */

/* Its content as it is now; the note isn't needed. */
struct copy {
	struct chain_entry entry;
};

static bool copy_entry(
	const struct chain_entry *entry, const uint8_t hash[static CHAIN_HASH], void *context)
{
	struct copy *copy = context;

	(void)hash;
	copy->entry = *entry;
	copy->entry.note = mf_str_of("", 0);
	return false;
}

int ledger_void(struct ledger *l, uint64_t which, int64_t now, struct mf_str note, uint64_t *number)
{
	struct copy copy = {0};
	struct chain_entry *entry = &copy.entry;
	struct reading r = {.each = copy_entry, .context = &copy};
	struct sql_value row[1];
	int e;

	if (which == 0 || note.n > CHAIN_NOTE)
		return -EINVAL;
	e = ledger_one(l, VOID_OF, LEDGER_IN(sql_int((int64_t)which)), row, 1);
	if (e != 0)
		return e < 0 ? e : -EALREADY;
	e = read_entries(l, ENTRY_ONE, (int64_t)which, &r);
	if (e < 0)
		return e;
	if (entry->number != which)
		return -ENOENT;
	if (entry->kind == CHAIN_VOID)
		return -EPERM;
	for (unsigned i = 0; i < entry->postings; i++)
		entry->posting[i].amount = -entry->posting[i].amount;
	entry->at = now;
	entry->kind = CHAIN_VOID;
	entry->refers = which;
	entry->note = note;
	memset(entry->charge, 0, sizeof(entry->charge));
	e = ledger_append(l, entry);
	if (e == 0)
		*number = entry->number;
	return e;
}
