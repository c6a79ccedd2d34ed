/* market/ledger_moves.c - see ledger.h: entries as an account sees them. */
#include "market/ledger_inner.h"

struct moves {
	bool (*each)(const struct ledger_move *move, void *context);
	void *context;
	bool wrong;
};

/* Columns: number, at, kind, account, refers, note, amount, name, receipt, and of what is referred to kind and at. */
static bool take_move(const struct sql_value *row, struct ledger_move *m, char *name)
{
	static const enum sql_kind kinds[] = {
		SQL_INT, SQL_INT, SQL_INT, SQL_INT, SQL_INT, SQL_TEXT, SQL_INT, SQL_TEXT};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (row[i].kind != kinds[i])
			return false;
	*m = (struct ledger_move){.number = (uint64_t)row[0].n,
		.at = row[1].n,
		.kind = (uint64_t)row[2].n,
		.account = (uint64_t)row[3].n,
		.name = name,
		.refers = (uint64_t)row[4].n,
		.was = row[9].kind == SQL_INT ? (uint64_t)row[9].n : 0,
		.was_at = row[10].kind == SQL_INT ? row[10].n : 0,
		.amount = row[6].n,
		.note = row[5].s};
	if (row[8].kind == SQL_BYTES)
		m->receipt = row[8].s;
	return ledger_take_text(&row[7], name, LEDGER_NAME);
}

static bool next_move(void *context, const struct sql_value *row)
{
	struct moves *moves = context;
	struct ledger_move move;
	char name[LEDGER_NAME + 1];

	moves->wrong = !take_move(row, &move, name);
	return !moves->wrong && moves->each(&move, moves->context);
}

int ledger_moves(struct ledger *l, uint64_t from, uint64_t to, uint64_t account,
	bool (*each)(const struct ledger_move *move, void *context), void *context)
{
	struct moves moves = {each, context, false};
	int e = sql_each(l->sql, MOVES,
		LEDGER_IN(sql_int((int64_t)from), sql_int((int64_t)to), sql_int((int64_t)account)),
		next_move, &moves);

	e = ledger_note(l, moves.wrong ? -EUCLEAN : e);
	return e < 0 ? e : 0;
}

uint64_t ledger_head(const struct ledger *l, uint8_t hash[static CHAIN_HASH])
{
	memcpy(hash, l->hash, CHAIN_HASH);
	return l->number;
}
