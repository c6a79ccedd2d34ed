/* store/state.c - values by service and key. See store.h. */
#include <string.h>

#include "store/inner.h"

void store_put(struct store_tx *tx, uint32_t service, struct mf_str key, struct mf_str value,
	uint64_t version)
{
	struct op *op = tx_op(tx, OP_PUT);

	if (!op)
		return;
	op->n[0] = service;
	op->n[1] = (int64_t)version;
	tx_str(tx, op, 0, key);
	tx_str(tx, op, 1, value);
}

void store_delete(struct store_tx *tx, uint32_t service, struct mf_str key)
{
	struct op *op = tx_op(tx, OP_DELETE);

	if (!op)
		return;
	op->n[0] = service;
	tx_str(tx, op, 0, key);
}

/* The statement's first row, copied: its transaction must not stay open. */
static int first(struct store *store, enum read_kind kind, uint32_t service, struct mf_str key,
	struct store_value *value)
{
	int e;
	sqlite3_stmt *s = read_begin(store, kind, &e);

	*value = (struct store_value){0};
	if (!s)
		return e;
	(void)sqlite3_bind_int64(s, 1, service);
	(void)bind_str(s, 2, key);
	e = read_step(store, s);
	if (e == 1) {
		*value = (struct store_value){.key = read_blob(s, 0),
			.value = read_blob(s, 1),
			.version = (uint64_t)sqlite3_column_int64(s, 2)};
		if (read_keep(store, (struct mf_str *const[]){&value->key, &value->value}, 2) < 0)
			e = store_errno(NULL, SQLITE_NOMEM);
	}
	read_end(s);
	return e;
}

int store_state(struct store *store, uint32_t service, struct mf_str key, struct store_value *value)
{
	int e = first(store, READ_STATE, service, key, value);

	return e < 0 ? e : 0;
}

static int compare(struct mf_str a, struct mf_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (c != 0 || a.n == b.n)
		return c;
	return a.n < b.n ? -1 : 1;
}

int store_state_next(struct store *store, uint32_t service, struct mf_str prefix,
	struct mf_str after, struct store_value *value)
{
	bool behind = after.n > 0 && compare(after, prefix) >= 0;
	int e = first(store, behind ? READ_STATE_BEHIND : READ_STATE_FROM, service,
		behind ? after : prefix, value);

	if (e == 1 &&
		(value->key.n < prefix.n ||
			(prefix.n > 0 && memcmp(value->key.p, prefix.p, prefix.n) != 0)))
		return 0;
	return e;
}
