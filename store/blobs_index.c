/* store/blobs_index.c - blobs by hash and by use; room on the disk, and who goes for it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/blobs_inner.h"
#include "sys/clock.h"

/* --- by hash */

/* Who chooses contents doesn't choose buckets. */
static struct blob **bucket(struct blobs *blobs, const uint8_t hash[static BLOB_HASH])
{
	uint64_t h;

	memcpy(&h, hash, sizeof(h));
	h = (h ^ blobs->seed) * 0x9e3779b97f4a7c15u;
	return &blobs->buckets[h >> 52];
}
_Static_assert(BUCKETS == 1u << (64 - 52), "bucket");

struct blob *index_find(struct blobs *blobs, const uint8_t hash[static BLOB_HASH])
{
	struct blob *b = *bucket(blobs, hash);

	while (b && memcmp(b->hash, hash, BLOB_HASH) != 0)
		b = b->chain;
	return b;
}

/* --- by use */

static void list_remove(struct blob *b)
{
	*(b->prev ? &b->prev->next : &b->blobs->first) = b->next;
	*(b->next ? &b->next->prev : &b->blobs->last) = b->prev;
}

static void list_add(struct blob *b)
{
	b->prev = NULL;
	b->next = b->blobs->first;
	*(b->next ? &b->next->prev : &b->blobs->last) = b;
	b->blobs->first = b;
}

void index_used(struct blob *b)
{
	b->used_ns = clock_wall_ns();
	if (b->gone || b->blobs->first == b)
		return;
	list_remove(b);
	list_add(b);
}

struct blob *index_add(struct blobs *blobs, const uint8_t hash[static BLOB_HASH], uint64_t size)
{
	struct blob **chain = bucket(blobs, hash), *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->blobs = blobs;
	b->size = size;
	b->disk.fd = -1;
	memcpy(b->hash, hash, BLOB_HASH);
	b->used_ns = clock_wall_ns();
	b->chain = *chain;
	*chain = b;
	list_add(b);
	blobs->counts.blobs++;
	blobs->counts.blob_bytes += size;
	return b;
}

static void drop(struct blob *b)
{
	b->drop.kind = OP_DROP;
	b->drop.blob = b;
	b->drop.n = !b->unlinked;
	disk_submit(b->blobs, &b->drop);
}

void index_lose(struct blob *b, bool file)
{
	struct blob **at = bucket(b->blobs, b->hash);

	if (b->gone)
		return;
	while (*at != b)
		at = &(*at)->chain;
	*at = b->chain;
	list_remove(b);
	b->blobs->counts.blobs--;
	b->blobs->counts.blob_bytes -= b->size;
	room_give(b->blobs, in_blocks(b->size));
	b->gone = true;
	b->unlinked = !file;
	if (b->pins == 0)
		drop(b);
}

void index_free(struct blob *b)
{
	free(b);
}

/* --- in use, kept */

void index_touch(struct blob *b)
{
	b->stale = b->touching;
	if (b->touching || b->gone)
		return;
	b->touching = true;
	b->touch.kind = OP_TOUCH;
	b->touch.blob = b;
	b->touch.at = (uint64_t)b->used_ns;
	b->touch.n = (size_t)b->kept_ns;
	disk_submit(b->blobs, &b->touch);
}

void blob_pin(struct blob *b)
{
	b->pins++;
}

void blob_unpin(struct blob *b)
{
	if (--b->pins > 0)
		return;
	if (b->gone)
		drop(b);
	else
		index_touch(b);
}

bool blob_pinned(const struct blob *b)
{
	return b->pins > 0;
}

static bool is_kept(const struct blob *b, uint64_t now)
{
	return b->kept_until > now;
}

void blob_keep(struct blob *b, uint64_t ns)
{
	uint64_t most = ns < BLOB_KEEP_MOST_NS ? ns : BLOB_KEEP_MOST_NS;

	if (clock_mono_ns() + most <= b->kept_until)
		return;
	b->kept_until = clock_mono_ns() + most;
	b->kept_ns = clock_wall_ns() + (int64_t)most;
	if (b->pins == 0)
		index_touch(b);
}

int64_t blob_kept_until(const struct blob *b)
{
	return is_kept(b, clock_mono_ns()) ? b->kept_ns : 0;
}

int blob_remove(struct blob *b)
{
	if (b->pins > 0)
		return -EBUSY;
	index_lose(b, true);
	return 0;
}

/* --- room */

uint64_t in_blocks(uint64_t bytes)
{
	return (bytes + BLOCK - 1) / BLOCK * BLOCK;
}

void room_give(struct blobs *blobs, uint64_t bytes)
{
	blobs->counts.bytes -= bytes;
}

/* The one that was used longest ago and may go; NULL: none may. */
static struct blob *victim(struct blobs *blobs)
{
	uint64_t now = clock_mono_ns();
	struct blob *b = blobs->last;

	while (b && (b->pins > 0 || is_kept(b, now)))
		b = b->prev;
	return b;
}

/* The same of uploads that nobody is at. */
static struct blob_writer *resting(struct blobs *blobs)
{
	struct blob_writer *found = NULL;

	for (struct blob_writer *w = blobs->parts; w; w = w->next)
		if (!w->active && (!found || w->used_ns < found->used_ns))
			found = w;
	return found;
}

static bool evict(struct blobs *blobs)
{
	struct blob *b = victim(blobs);
	struct blob_writer *w = b ? NULL : resting(blobs);

	if (b) {
		blobs->counts.evictions++;
		blobs->counts.evicted_bytes += b->size;
		index_lose(b, true);
	} else if (w) {
		writer_remove(w);
	}
	return b || w;
}

/* Is there so much that may go, or is free? So that nobody goes in vain. */
static bool can_have(struct blobs *blobs, uint64_t bytes)
{
	uint64_t now = clock_mono_ns(), held = 0;

	for (const struct blob *b = blobs->first; b; b = b->next)
		held += b->pins > 0 || is_kept(b, now) ? in_blocks(b->size) : 0;
	for (const struct blob_writer *w = blobs->parts; w; w = w->next)
		held += w->active ? w->charged : 0;
	return held + bytes <= blobs->most;
}

bool room_make(struct blobs *blobs, uint64_t bytes)
{
	uint64_t before = blobs->counts.bytes;
	bool any = false;

	while (before - blobs->counts.bytes < bytes && evict(blobs))
		any = true;
	return any;
}

int room_take(struct blobs *blobs, uint64_t bytes)
{
	if (bytes > blobs->most)
		return -EFBIG;
	if (blobs->counts.bytes + bytes > blobs->most && !can_have(blobs, bytes))
		return -ENOSPC;
	while (blobs->counts.bytes + bytes > blobs->most || blobs->counts.blobs >= BLOBS_COUNT) {
		if (!evict(blobs))
			return -ENOSPC;
	}
	blobs->counts.bytes += bytes;
	return 0;
}

void blobs_limit(struct blobs *blobs, uint64_t most)
{
	blobs->most = most;
	while (blobs->counts.bytes > most && evict(blobs))
		;
}

/* --- looking */

struct blob *blobs_find(struct blobs *blobs, const uint8_t hash[static BLOB_HASH])
{
	struct blob *b = index_find(blobs, hash);

	if (b) {
		blobs->counts.hits++;
		index_used(b);
	} else {
		blobs->counts.misses++;
	}
	return b;
}

uint64_t blob_size(const struct blob *b)
{
	return b->size;
}

const uint8_t *blob_hash(const struct blob *b)
{
	return b->hash;
}

int64_t blob_used(const struct blob *b)
{
	return b->used_ns;
}

void blobs_each(struct blobs *blobs, void (*each)(struct blob *blob, void *context), void *context)
{
	for (struct blob *b = blobs->first, *next; b; b = next) {
		next = b->next;
		each(b, context);
	}
}

void blobs_count(struct blobs *blobs, struct blobs_counts *counts)
{
	uint64_t now = clock_mono_ns();

	*counts = blobs->counts;
	counts->most = blobs->most;
	for (const struct blob *b = blobs->first; b; b = b->next) {
		counts->pinned += b->pins > 0;
		counts->kept += is_kept(b, now);
		if (b->pins > 0 || is_kept(b, now))
			counts->held_bytes += in_blocks(b->size);
	}
	for (const struct blob_writer *w = blobs->parts; w; w = w->next) {
		counts->parts++;
		counts->part_bytes += w->offset;
	}
}
