/* store/later.c - later events, timers' last ticks, metered units. See store.h. */
#include "store/inner.h"

void store_later(struct store_tx *tx, const struct store_later *later)
{
	struct op *op = tx_op(tx, OP_LATER);

	if (!op)
		return;
	op->n[0] = later->service;
	op->n[1] = later->due_ns;
	tx_str(tx, op, 0, later->name);
	tx_str(tx, op, 1, later->id);
	tx_str(tx, op, 2, later->type);
	tx_str(tx, op, 3, later->body);
}

void store_later_done(struct store_tx *tx, uint32_t service, struct mf_str name, struct mf_str id)
{
	struct op *op = tx_op(tx, OP_LATER_DONE);

	if (!op)
		return;
	op->n[0] = service;
	tx_str(tx, op, 0, name);
	tx_str(tx, op, 1, id);
}

static struct store_later read_later(sqlite3_stmt *s)
{
	return (struct store_later){
		.service = (uint32_t)sqlite3_column_int64(s, 0),
		.due_ns = sqlite3_column_int64(s, 1),
		.name = read_blob(s, 2),
		.id = read_blob(s, 3),
		.type = read_blob(s, 4),
		.body = read_blob(s, 5),
	};
}

int store_later_each(struct store *store,
	void (*each)(const struct store_later *later, void *context), void *context)
{
	int e;
	sqlite3_stmt *s = read_begin(store, READ_LATER, &e);

	if (!s)
		return e;
	while ((e = read_step(store, s)) == 1) {
		struct store_later later = read_later(s);

		each(&later, context);
	}
	read_end(s);
	return e;
}

int store_later_due(struct store *store, int64_t now_ns,
	bool (*each)(const struct store_later *later, void *context), void *context)
{
	int e;
	sqlite3_stmt *s = read_begin(store, READ_LATER_DUE, &e);

	if (!s)
		return e;
	(void)sqlite3_bind_int64(s, 1, now_ns);
	while ((e = read_step(store, s)) == 1) {
		struct store_later later = read_later(s);

		if (!each(&later, context))
			break;
	}
	read_end(s);
	return e < 0 ? e : 0;
}

int store_later_next(struct store *store, int64_t now_ns, int64_t *due_ns)
{
	int e;
	sqlite3_stmt *s = read_begin(store, READ_LATER_NEXT, &e);

	if (!s)
		return e;
	(void)sqlite3_bind_int64(s, 1, now_ns);
	e = read_step(store, s);
	if (e == 1 && sqlite3_column_type(s, 0) == SQLITE_NULL)
		e = 0;
	if (e == 1)
		*due_ns = sqlite3_column_int64(s, 0);
	read_end(s);
	return e;
}

void store_tick(struct store_tx *tx, uint32_t service, struct mf_str timer, int64_t tick_ns)
{
	struct op *op = tx_op(tx, OP_TICK);

	if (!op)
		return;
	op->n[0] = service;
	op->n[1] = tick_ns;
	tx_str(tx, op, 0, timer);
}

int store_tick_read(struct store *store, uint32_t service, struct mf_str timer, int64_t *tick_ns)
{
	int e;
	sqlite3_stmt *s = read_begin(store, READ_TICK, &e);

	if (!s)
		return e;
	(void)sqlite3_bind_int64(s, 1, service);
	(void)bind_str(s, 2, timer);
	e = read_step(store, s);
	if (e == 1)
		*tick_ns = sqlite3_column_int64(s, 0);
	read_end(s);
	return e;
}

void store_meter(struct store_tx *tx, uint32_t service, struct mf_str unit, uint64_t quantity)
{
	struct op *op = tx_op(tx, OP_METER);

	if (!op)
		return;
	op->n[0] = service;
	op->n[1] = quantity > INT64_MAX ? INT64_MAX : (int64_t)quantity;
	tx_str(tx, op, 0, unit);
}

int store_meters_each(struct store *store,
	void (*each)(uint32_t service, struct mf_str unit, uint64_t sum, void *context),
	void *context)
{
	int e;
	sqlite3_stmt *s = read_begin(store, READ_METERS, &e);

	if (!s)
		return e;
	while ((e = read_step(store, s)) == 1)
		each((uint32_t)sqlite3_column_int64(s, 0), read_blob(s, 2),
			(uint64_t)sqlite3_column_int64(s, 1), context);
	read_end(s);
	return e;
}
