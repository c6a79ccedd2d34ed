/* store/tx.c - a transaction before it is submitted: what it will do, in memory of its own. See store.h. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "store/inner.h"

/* With malloc's own. Small ones as long as it is a life's transaction: thousands of these may wait. */
#define CHUNK_SMALL (1024 - 32)
#define CHUNK       (4096 - 32)
#define SMALL_MOST  (4u * CHUNK_SMALL)

static struct chunk *chunk_new(size_t n, size_t so_far)
{
	size_t least = (so_far < SMALL_MOST ? CHUNK_SMALL : CHUNK) - sizeof(struct chunk);
	size_t size = n > least ? n : least;
	struct chunk *chunk = size < SIZE_MAX / 2 ? malloc(sizeof(*chunk) + size) : NULL;

	if (chunk)
		*chunk = (struct chunk){.size = size};
	return chunk;
}

static void *chunk_take(struct chunk *chunk, size_t n)
{
	size_t align = _Alignof(max_align_t), start = (chunk->used + align - 1) / align * align;

	if (start > chunk->size || n > chunk->size - start)
		return NULL;
	chunk->used = start + n;
	return chunk->bytes + start;
}

static void *take(struct store_tx *tx, size_t n)
{
	void *p = chunk_take(tx->chunks, n);
	struct chunk *chunk;

	if (p)
		return p;
	chunk = chunk_new(n, tx->bytes);
	if (!chunk) {
		tx->unsound = true;
		return NULL;
	}
	tx->bytes += sizeof(*chunk) + chunk->size;
	if (n > chunk->size / 2) { /* the one before has more room */
		chunk->next = tx->chunks->next;
		tx->chunks->next = chunk;
	} else {
		chunk->next = tx->chunks;
		tx->chunks = chunk;
	}
	return chunk_take(chunk, n);
}

struct store_tx *store_begin(
	struct store *store, enum store_durability durability, store_done *done, void *context)
{
	struct chunk *chunk = store->waiting < store->options.most_bytes
		? chunk_new(sizeof(struct store_tx), 0)
		: NULL;
	struct store_tx *tx;

	if (!chunk)
		return NULL;
	tx = chunk_take(chunk, sizeof(*tx));
	*tx = (struct store_tx){
		.store = store,
		.durability = durability,
		.done = done,
		.context = context,
		.last = &tx->first,
		.chunks = chunk,
		.bytes = sizeof(*chunk) + chunk->size,
		.generation = store->generation,
	};
	return tx;
}

void tx_free(struct store_tx *tx)
{
	struct chunk *next = tx->chunks;

	while (next) {
		struct chunk *chunk = next;

		next = chunk->next;
		free(chunk);
	}
}

void store_drop(struct store_tx *tx)
{
	tx_free(tx);
}

void *store_context(const struct store_tx *tx)
{
	return tx->context;
}

bool store_sound(const struct store_tx *tx)
{
	return !tx->unsound;
}

void *store_room(struct store_tx *tx, size_t n)
{
	void *p = take(tx, n);

	if (p)
		memset(p, 0, n);
	return p;
}

struct op *tx_op(struct store_tx *tx, enum op_kind kind)
{
	struct op *op = take(tx, sizeof(*op));

	if (!op)
		return NULL;
	*op = (struct op){.kind = kind};
	*tx->last = op;
	tx->last = &op->next;
	return op;
}

static bool is_own(const struct store_tx *tx, struct mf_str s)
{
	for (const struct chunk *c = tx->chunks; c; c = c->next)
		if (s.p >= c->bytes && s.p < c->bytes + c->size)
			return true;
	return false;
}

void tx_str(struct store_tx *tx, struct op *op, unsigned i, struct mf_str s)
{
	uint8_t *copy;

	if (!op || !s.p || is_own(tx, s)) {
		if (op)
			op->s[i] = s;
		return;
	}
	copy = take(tx, s.n);
	if (!copy)
		return;
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	op->s[i] = mf_str_of(copy, s.n);
}
