/* store/events.c - ids of events, and the history of lives. See store.h. */
#include "store/inner.h"

void store_id(struct store_tx *tx, const struct store_id *id)
{
	struct op *op = tx_op(tx, OP_ID);

	if (!op)
		return;
	op->n[0] = (int64_t)id->number;
	op->n[1] = id->service;
	op->n[2] = id->at_ns;
	tx_str(tx, op, 0, id->id);
	tx_str(tx, op, 1, id->answer);
}

static struct store_id id_of(sqlite3_stmt *s)
{
	return (struct store_id){
		.number = (uint64_t)sqlite3_column_int64(s, 0),
		.service = (uint32_t)sqlite3_column_int64(s, 1),
		.at_ns = sqlite3_column_int64(s, 2),
		.id = read_blob(s, 3),
	};
}

int store_ids_each(
	struct store *store, void (*each)(const struct store_id *id, void *context), void *context)
{
	int e;
	sqlite3_stmt *s = read_begin(store, READ_IDS, &e);

	if (!s)
		return e;
	while ((e = read_step(store, s)) == 1) {
		struct store_id id = id_of(s);

		each(&id, context);
	}
	read_end(s);
	return e;
}

int store_id_read(struct store *store, uint64_t number, struct store_id *id)
{
	int e;
	sqlite3_stmt *s = read_begin(store, READ_ID, &e);

	if (!s)
		return e;
	(void)sqlite3_bind_int64(s, 1, (int64_t)number);
	e = read_step(store, s);
	if (e == 1) {
		*id = id_of(s);
		id->answer = read_blob(s, 4);
		if (read_keep(store, (struct mf_str *const[]){&id->id, &id->answer}, 2) < 0)
			e = store_errno(NULL, SQLITE_NOMEM);
	}
	read_end(s);
	return e;
}

void store_life(struct store_tx *tx, const struct store_life *life)
{
	struct op *op = tx_op(tx, OP_LIFE);

	if (!op)
		return;
	op->n[0] = (int64_t)life->number;
	op->n[1] = life->service;
	op->n[2] = life->wall_ns;
	tx_str(tx, op, 0, life->id);
	tx_str(tx, op, 1, life->capsule);
}

static int keep_life(struct store *store, sqlite3_stmt *s, struct store_life *life)
{
	*life = (struct store_life){
		.number = (uint64_t)sqlite3_column_int64(s, 0),
		.service = (uint32_t)sqlite3_column_int64(s, 1),
		.wall_ns = sqlite3_column_int64(s, 2),
		.id = read_blob(s, 3),
		.capsule = read_blob(s, 4),
	};
	return read_keep(store, (struct mf_str *const[]){&life->id, &life->capsule}, 2);
}

static bool is_one(sqlite3_stmt *s, const struct store_which *which)
{
	return (which->service == 0 || sqlite3_column_int64(s, 1) == which->service) &&
		(which->id.n == 0 || mf_str_eq(read_blob(s, 3), which->id));
}

int store_life_before(struct store *store, uint64_t before, const struct store_which *which,
	unsigned most, uint64_t *seen, struct store_life *life)
{
	int e;
	sqlite3_stmt *s = read_begin(store, READ_LIFE_BEFORE, &e);

	if (!s)
		return e;
	(void)sqlite3_bind_int64(s, 1, before > INT64_MAX ? INT64_MAX : (int64_t)before);
	*seen = before;
	for (e = 0; most > 0; most--) {
		e = read_step(store, s);
		if (e != 1) {
			*seen = 0;
			break;
		}
		*seen = (uint64_t)sqlite3_column_int64(s, 0);
		if (is_one(s, which)) {
			int kept = keep_life(store, s, life);

			e = kept < 0 ? kept : 1;
			break;
		}
		e = 0;
	}
	read_end(s);
	return e;
}
