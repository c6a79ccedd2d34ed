/* store/blobs_write.c - writers, from the first byte to the blob. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/blobs_inner.h"
#include "sys/clock.h"

/* --- a writer's life */

static struct blob_writer *writer_new(struct blobs *blobs, const uint8_t *hash)
{
	struct blob_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->blobs = blobs;
	w->fd = -1;
	w->used_ns = clock_wall_ns();
	if (hash) {
		w->named = true;
		memcpy(w->hash, hash, BLOB_HASH);
	}
	return w;
}

static void name_new(struct blob_writer *w)
{
	(void)snprintf(w->file, sizeof(w->file), "%llu" NEW_SUFFIX,
		(unsigned long long)++w->blobs->numbers);
}

/* From now on it is found by its hash, and can be gone on with. */
static void list_part(struct blob_writer *w)
{
	char name[BLOB_NAME + 1];

	blob_name(w->hash, name);
	(void)snprintf(w->file, sizeof(w->file), "%s" PART_SUFFIX, name);
	w->part = true;
	w->next = w->blobs->parts;
	w->blobs->parts = w;
}

static void unlist(struct blob_writer *w)
{
	struct blob_writer **at = &w->blobs->parts;

	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
}

void writer_free(struct blob_writer *w)
{
	free(w);
}

void writer_remove(struct blob_writer *w)
{
	unlist(w);
	room_give(w->blobs, w->charged);
	w->charged = 0;
	w->unlink.kind = OP_UNLINK;
	w->unlink.writer = w;
	disk_submit(w->blobs, &w->unlink);
}

static struct blob_writer *find_part(const struct blobs *blobs, const uint8_t *hash)
{
	struct blob_writer *w = blobs->parts;

	while (w && memcmp(w->hash, hash, BLOB_HASH) != 0)
		w = w->next;
	return w;
}

int writer_found(
	struct blobs *blobs, const uint8_t hash[static BLOB_HASH], uint64_t bytes, int64_t used)
{
	struct blob_writer *w = writer_new(blobs, hash);

	if (!w)
		return -ENOMEM;
	list_part(w);
	w->size = UINT64_MAX;
	w->offset = bytes;
	w->charged = in_blocks(bytes);
	w->used_ns = used;
	blobs->counts.bytes += w->charged;
	return 0;
}

bool blobs_part(const struct blobs *blobs, const uint8_t hash[static BLOB_HASH], uint64_t *bytes,
	bool *active)
{
	const struct blob_writer *w = find_part(blobs, hash);

	if (!w)
		return false;
	*bytes = w->offset;
	*active = w->active;
	return true;
}

/* --- begin, append, break */

static int resume(struct blobs *blobs, const uint8_t *hash, uint64_t size, struct blob_writer **to)
{
	struct blob_writer *w = find_part(blobs, hash);

	if (!w)
		return -ENOENT;
	if (w->active)
		return -EBUSY;
	if (w->offset > size)
		return -EINVAL;
	w->active = true;
	w->size = size;
	*to = w;
	return 0;
}

/* Who begins anew takes the place of what was broken off; beside one who is at it he has a file of his own. */
static void name_it(struct blob_writer *w)
{
	struct blob_writer *before = w->named ? find_part(w->blobs, w->hash) : NULL;

	if (before && !before->active) {
		writer_remove(before);
		before = NULL;
	}
	if (w->named && !before)
		list_part(w);
	else
		name_new(w);
}

int blob_begin(struct blobs *blobs, const uint8_t *hash, uint64_t size, bool again,
	struct blob_writer **writer)
{
	struct blob_writer *w;

	*writer = NULL;
	if (hash && index_find(blobs, hash))
		return -EEXIST;
	if (size != UINT64_MAX && in_blocks(size) > blobs->most)
		return -EFBIG;
	if (again && hash)
		return resume(blobs, hash, size, writer);
	w = writer_new(blobs, hash);
	if (!w)
		return -ENOMEM;
	w->size = size;
	w->active = true;
	name_it(w);
	*writer = w;
	return 0;
}

uint64_t blob_written(const struct blob_writer *w)
{
	return w->offset;
}

static int charge(struct blob_writer *w, uint64_t bytes)
{
	uint64_t want = in_blocks(bytes);
	int err = want > w->charged ? room_take(w->blobs, want - w->charged) : 0;

	if (err == 0 && want > w->charged)
		w->charged = want;
	return err;
}

static void begin_op(struct blob_op *op, enum blob_op_kind kind, struct blob_writer *w)
{
	op->kind = (uint8_t)kind;
	op->writer = w;
	op->blob = NULL;
	op->moved = 0;
	op->error = 0;
}

void blob_append(struct blob_writer *w, struct blob_op *op, const void *from, size_t n)
{
	int err = n > w->size - w->offset ? -EFBIG : charge(w, w->offset + n);

	begin_op(op, OP_APPEND, w);
	op->from = from;
	op->n = n;
	if (err < 0)
		disk_refuse(w->blobs, op, err);
	else
		disk_submit(w->blobs, op);
}

void blob_drop(struct blob_writer *w)
{
	writer_remove(w);
}

static void count_parts(struct blobs *blobs)
{
	struct blob_writer *oldest = NULL;
	unsigned n = 0;

	for (struct blob_writer *w = blobs->parts; w; w = w->next) {
		if (w->active)
			continue;
		n++;
		if (!oldest || w->used_ns < oldest->used_ns)
			oldest = w;
	}
	if (n > BLOBS_PARTS)
		writer_remove(oldest);
}

void writer_close(struct blob_writer *w)
{
	w->again = w->closing;
	if (w->closing)
		return;
	w->closing = true;
	w->close.kind = OP_CLOSE;
	w->close.writer = w;
	disk_submit(w->blobs, &w->close);
}

void blob_break(struct blob_writer *w)
{
	w->active = false;
	w->used_ns = clock_wall_ns();
	if (w->placed)
		w->offset = w->size; /* as it will be found */
	if (!w->part || w->offset == 0) {
		writer_remove(w);
		return;
	}
	if (w->charged > in_blocks(w->offset)) {
		room_give(w->blobs, w->charged - in_blocks(w->offset));
		w->charged = in_blocks(w->offset);
	}
	writer_close(w);
	count_parts(w->blobs);
}

void blobs_tidy(struct blobs *blobs)
{
	int64_t now = clock_wall_ns();

	for (struct blob_writer *w = blobs->parts, *next; w; w = next) {
		int64_t age = now - w->used_ns;

		next = w->next;
		if (w->active)
			continue;
		if (age < 0) /* the clock was set back */
			w->used_ns = now;
		else if ((uint64_t)age > blobs->partial_ns) {
			blobs->counts.expired++;
			writer_remove(w);
		}
	}
}

/* --- commit: hash, then name */

void blob_commit(struct blob_writer *w, struct blob_op *op)
{
	begin_op(op, OP_HASH, w);
	if (w->placed)
		w->offset = w->size;
	if (w->size != UINT64_MAX && w->offset != w->size)
		disk_refuse(w->blobs, op, -EINVAL);
	else
		disk_submit(w->blobs, op);
}

/* It is there already: nothing more to write. */
static bool find_double(struct blobs *blobs, struct blob_op *op)
{
	struct blob *b = index_find(blobs, op->hash);

	if (!b)
		return false;
	blobs->counts.doubles++;
	index_used(b);
	blob_pin(b);
	op->blob = b;
	return true;
}

/* The blob is there from now on; its file in a moment, before the thread is asked for its bytes. */
static bool become_blob(struct blobs *blobs, struct blob_op *op)
{
	struct blob_writer *w = op->writer;
	struct blob *b = blobs->counts.blobs < BLOBS_COUNT || room_take(blobs, 0) == 0
		? index_add(blobs, op->hash, w->offset)
		: NULL;

	if (!b) {
		op->error = -ENOMEM;
		writer_remove(w);
		return true;
	}
	unlist(w);
	room_give(blobs, w->charged - in_blocks(w->offset));
	w->charged = 0; /* the blob's now */
	blob_pin(b);
	op->blob = b;
	op->kind = OP_NAME;
	op->at = (uint64_t)b->used_ns;
	disk_submit(blobs, op);
	return false;
}

bool writer_hashed(struct blobs *blobs, struct blob_op *op)
{
	struct blob_writer *w = op->writer;

	if (op->error == 0 && w->named && memcmp(op->hash, w->hash, BLOB_HASH) != 0) {
		blobs->counts.wrong++;
		op->error = -EBADMSG;
	}
	if (op->error == 0 && !find_double(blobs, op))
		return become_blob(blobs, op);
	writer_remove(w);
	return true;
}

bool writer_named(struct blobs *blobs, struct blob_op *op)
{
	struct blob *b = op->blob;

	(void)blobs;
	writer_free(op->writer);
	op->writer = NULL;
	if (op->error == 0)
		return true;
	index_lose(b, false);
	blob_unpin(b);
	op->blob = NULL;
	return true;
}

/* --- in any order */

/* What was hashed of it may be placed anew. */
static int resume_placed(
	struct blobs *blobs, const uint8_t *key, uint64_t size, struct blob_writer **to)
{
	struct blob_writer *w = find_part(blobs, key);

	if (!w || w->active || w->offset != size)
		return -ENOENT;
	w->active = true;
	w->digesting = false;
	w->digested = 0;
	*to = w;
	return 0;
}

int blob_place_begin(struct blobs *blobs, const uint8_t key[static BLOB_HASH], uint64_t size,
	bool again, struct blob_writer **writer)
{
	struct blob_writer *w = NULL;
	int err = again ? resume_placed(blobs, key, size, &w)
			: blob_begin(blobs, key, size, false, &w);

	*writer = NULL;
	if (err < 0)
		return err;
	w->placed = true;
	w->named = false; /* the key is no hash */
	w->size = size;
	w->offset = 0;
	err = charge(w, size);
	if (err < 0) {
		writer_remove(w);
		return err;
	}
	*writer = w;
	return 0;
}

void blob_place(struct blob_writer *w, struct blob_op *op, const void *from, uint64_t from_stride,
	uint64_t at, uint64_t stride, size_t row, size_t rows)
{
	begin_op(op, OP_PLACE, w);
	op->from = from;
	op->to_stride = from_stride;
	op->at = at;
	op->stride = stride;
	op->row = row;
	if (rows_are_in(w->size, at, stride, row, rows, &op->n))
		disk_submit(w->blobs, op);
	else
		disk_refuse(w->blobs, op, -EINVAL);
}

void blob_place_hash(struct blob_writer *w, struct blob_op *op, uint64_t whole)
{
	begin_op(op, OP_WHOLE, w);
	w->offset = whole < w->size ? whole : w->size;
	disk_submit(w->blobs, op);
}

/* --- from memory, at once */

void blob_put(struct blobs *blobs, struct blob_op *op, const void *from, size_t n)
{
	struct blob_writer *w = NULL;
	int err = blob_begin(blobs, NULL, n, false, &w);

	if (err == 0)
		err = charge(w, n);
	begin_op(op, OP_PUT, w);
	op->from = from;
	op->n = n;
	if (err < 0)
		disk_refuse(blobs, op, err);
	else
		disk_submit(blobs, op);
}

bool memory_written(struct blobs *blobs, struct blob_op *op)
{
	struct blob_writer *w = op->writer;

	if (op->error < 0) {
		blobs->counts.full += op->error == -ENOSPC;
		if (w)
			writer_remove(w);
		return true;
	}
	w->offset = op->n;
	blobs->counts.written += op->n;
	op->kind = OP_HASH;
	disk_submit(blobs, op);
	return false;
}
