/* store/failed.c - events whose lives failed: retries and dead letters. See store.h. */
#include <errno.h>

#include "store/inner.h"

void store_failed(struct store_tx *tx, enum store_table table, const struct store_failed *failed)
{
	struct op *op = tx_op(tx, table == STORE_DEAD ? OP_DEAD : OP_RETRY);

	if (!op)
		return;
	op->n[0] = (int64_t)failed->number;
	op->n[1] = failed->service;
	op->n[2] = failed->attempt;
	op->n[3] = failed->due_ns;
	op->n[4] = failed->wall_ns;
	tx_str(tx, op, 0, failed->id);
	tx_str(tx, op, 1, failed->why);
	tx_str(tx, op, 2, failed->capsule);
}

void store_failed_done(struct store_tx *tx, enum store_table table, uint64_t number)
{
	struct op *op = tx_op(tx, table == STORE_DEAD ? OP_DEAD_DONE : OP_RETRY_DONE);

	if (op)
		op->n[0] = (int64_t)number;
}

static struct store_failed failed_of(sqlite3_stmt *s)
{
	return (struct store_failed){
		.number = (uint64_t)sqlite3_column_int64(s, 0),
		.service = (uint32_t)sqlite3_column_int64(s, 1),
		.attempt = (uint32_t)sqlite3_column_int64(s, 2),
		.due_ns = sqlite3_column_int64(s, 3),
		.wall_ns = sqlite3_column_int64(s, 4),
		.id = read_blob(s, 5),
		.why = read_blob(s, 6),
		.capsule = read_blob(s, 7),
	};
}

int store_failed_each(struct store *store, enum store_table table, uint64_t behind, unsigned most,
	bool (*each)(const struct store_failed *failed, void *context), void *context)
{
	int e, count = 0;
	sqlite3_stmt *s = read_begin(store, table == STORE_DEAD ? READ_DEAD : READ_RETRIES, &e);

	if (!s)
		return e;
	(void)sqlite3_bind_int64(s, 1, behind > INT64_MAX ? INT64_MAX : (int64_t)behind);
	(void)sqlite3_bind_int64(s, 2, most);
	while ((e = read_step(store, s)) == 1) {
		struct store_failed failed = failed_of(s);

		count++;
		if (!each(&failed, context))
			break;
	}
	read_end(s);
	return e < 0 ? e : count;
}

int store_failed_read(
	struct store *store, enum store_table table, uint64_t number, struct store_failed *failed)
{
	int e;
	sqlite3_stmt *s = read_begin(store, table == STORE_DEAD ? READ_DEAD_ONE : READ_RETRY, &e);

	if (!s)
		return e;
	(void)sqlite3_bind_int64(s, 1, (int64_t)number);
	e = read_step(store, s);
	if (e == 1) {
		*failed = failed_of(s);
		if (read_keep(store,
			    (struct mf_str *const[]){&failed->id, &failed->why, &failed->capsule},
			    3) < 0)
			e = -ENOMEM;
	}
	read_end(s);
	return e;
}

uint64_t store_failed_count(const struct store *store, enum store_table table)
{
	return store->now.totals.failed[table];
}
