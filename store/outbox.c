/* store/outbox.c - what must reach somebody else. See store.h. */
#include "store/inner.h"

#define NUMBER_BITS   52
#define PRIORITY_BITS 8

int64_t out_row(uint32_t destination, uint32_t priority, uint64_t number)
{
	uint64_t turned = STORE_PRIORITY_MAX -
		(priority < STORE_PRIORITY_MAX ? priority : STORE_PRIORITY_MAX);

	return (int64_t)((uint64_t)destination << (NUMBER_BITS + PRIORITY_BITS) |
		turned << NUMBER_BITS | number);
}

static uint32_t destination_of(int64_t row)
{
	return (uint32_t)((uint64_t)row >> (NUMBER_BITS + PRIORITY_BITS));
}

static int64_t bytes_of(const struct store_out *out)
{
	return (int64_t)(STORE_ROW + out->id.n + out->name.n + out->type.n + out->body.n);
}

void store_out(struct store_tx *tx, const struct store_out *out)
{
	struct op *op = out->destination < DESTINATIONS ? tx_op(tx, OP_OUT) : NULL;

	if (!op) {
		tx->unsound = true;
		return;
	}
	op->n[0] = out_row(out->destination, out->priority, out->number);
	op->n[1] = out->service;
	op->n[2] = out->flags;
	op->n[3] = out->at_ns;
	op->n[4] = out->wall_ns;
	tx_str(tx, op, 0, out->id);
	tx_str(tx, op, 1, out->name);
	tx_str(tx, op, 2, out->type);
	tx_str(tx, op, 3, out->body);
}

void store_out_done(struct store_tx *tx, const struct store_out *out)
{
	struct op *op = tx_op(tx, OP_OUT_DONE);

	if (!op)
		return;
	op->n[0] = out_row(out->destination, out->priority, out->number);
	op->n[1] = bytes_of(out);
}

/* Of the statement's, or an operation's, five numbers and four strings. */
static struct store_out out_of(const int64_t n[static 5], const struct mf_str s[static 4])
{
	uint64_t row = (uint64_t)n[0];

	return (struct store_out){
		.number = row & (((uint64_t)1 << NUMBER_BITS) - 1),
		.destination = destination_of(n[0]),
		.priority =
			(uint32_t)(STORE_PRIORITY_MAX - (row >> NUMBER_BITS & STORE_PRIORITY_MAX)),
		.service = (uint32_t)n[1],
		.flags = (uint32_t)n[2],
		.at_ns = n[3],
		.wall_ns = n[4],
		.id = s[0],
		.name = s[1],
		.type = s[2],
		.body = s[3],
	};
}

static struct store_out row_of(sqlite3_stmt *statement)
{
	int64_t n[5];
	struct mf_str s[4];

	for (int i = 0; i < 5; i++)
		n[i] = sqlite3_column_int64(statement, i);
	for (int i = 0; i < 4; i++)
		s[i] = read_blob(statement, 5 + i);
	return out_of(n, s);
}

void store_outs_each(const struct store_tx *tx,
	void (*each)(const struct store_out *out, void *context), void *context)
{
	for (const struct op *op = tx->first; op; op = op->next)
		if (op->kind == OP_OUT) {
			struct store_out out = out_of(op->n, op->s);

			each(&out, context);
		}
}

/* Rows between two, neither of them told. */
static int read_rows(struct store *store, int64_t behind, int64_t before, unsigned most,
	bool (*each)(const struct store_out *out, void *context), void *context)
{
	int e, count = 0;
	sqlite3_stmt *s = read_begin(store, READ_OUT, &e);

	if (!s)
		return e;
	(void)sqlite3_bind_int64(s, 1, behind);
	(void)sqlite3_bind_int64(s, 2, before);
	(void)sqlite3_bind_int64(s, 3, most);
	while ((e = read_step(store, s)) == 1) {
		struct store_out out = row_of(s);

		count++;
		if (!each(&out, context))
			break;
	}
	read_end(s);
	return e < 0 ? e : count;
}

int store_out_read(struct store *store, uint32_t destination, const struct store_out *behind,
	unsigned most, bool (*each)(const struct store_out *out, void *context), void *context)
{
	return read_rows(store,
		behind ? out_row(destination, behind->priority, behind->number)
		       : out_row(destination, STORE_PRIORITY_MAX, 0),
		out_row(destination + 1, STORE_PRIORITY_MAX, 0), most, each, context);
}

int store_out_oldest(struct store *store, uint32_t destination, uint32_t least_priority,
	unsigned most, bool (*each)(const struct store_out *out, void *context), void *context)
{
	int e;
	sqlite3_stmt *s;
	int64_t row = 0;

	if (least_priority > STORE_PRIORITY_MAX)
		return 0;
	s = read_begin(store, READ_OUT_LAST, &e);
	if (!s)
		return e;
	(void)sqlite3_bind_int64(s, 1, out_row(destination, STORE_PRIORITY_MAX, 0));
	(void)sqlite3_bind_int64(
		s, 2, out_row(destination, least_priority, 0) + ((int64_t)1 << NUMBER_BITS));
	e = read_step(store, s);
	if (e == 1)
		row = sqlite3_column_int64(s, 0);
	read_end(s);
	if (e != 1)
		return e;
	row = (int64_t)((uint64_t)row >> NUMBER_BITS
			<< NUMBER_BITS); /* before the first of that priority */
	return read_rows(store, row, row + ((int64_t)1 << NUMBER_BITS), most, each, context);
}

struct store_out_total store_out_total(const struct store *store, uint32_t destination)
{
	return destination < DESTINATIONS ? store->now.totals.out[destination]
					  : (struct store_out_total){0};
}

static void sub(uint64_t *from, uint64_t n)
{
	*from = *from > n ? *from - n : 0;
}

void totals_add(struct totals *totals, const struct store_tx *tx)
{
	for (const struct op *op = tx->first; op; op = op->next) {
		struct store_out_total *out = &totals->out[destination_of(op->n[0]) % DESTINATIONS];

		switch (op->kind) {
		case OP_OUT:
			out->count++;
			out->bytes += STORE_ROW + op->s[0].n + op->s[1].n + op->s[2].n + op->s[3].n;
			break;
		case OP_OUT_DONE:
			sub(&out->count, 1);
			sub(&out->bytes, (uint64_t)op->n[1]);
			break;
		case OP_RETRY: totals->failed[STORE_RETRIES]++; break;
		case OP_DEAD: totals->failed[STORE_DEAD]++; break;
		case OP_RETRY_DONE: sub(&totals->failed[STORE_RETRIES], 1); break;
		case OP_DEAD_DONE: sub(&totals->failed[STORE_DEAD], 1); break;
		default: break;
		}
	}
}
