/* hub/ids.c - see ids.h: open addressing, by a hash with a secret seed. */
#include "hub/ids.h"

#include <errno.h>
#include <sodium/crypto_shorthash.h>
#include <stdlib.h>
#include <string.h>

#include "sys/random.h"

#define LEAST 256u
#define PARTS 256u /* of the table of events at work */

struct slot {
	uint64_t hash, number; /* number 0: free */
};

struct ids {
	struct store *store;
	struct slot *slots;
	size_t size, used;
	uint64_t newest;
	struct task *at_work[PARTS];
	uint8_t seed[crypto_shorthash_KEYBYTES];
};

static uint64_t hash_of(const struct ids *ids, struct mf_str id)
{
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, id.p, id.n, ids->seed);
	return hash;
}

/* ------------------------------------------------------------------ numbers */

/* The one of this hash, or a free one. */
static struct slot *find(struct slot *slots, size_t size, uint64_t hash)
{
	size_t at = hash & (size - 1);

	while (slots[at].number != 0 && slots[at].hash != hash)
		at = (at + 1) & (size - 1);
	return &slots[at];
}

/* Into a table for `n`; those that the store doesn't have any more, for it keeps the newest, stay behind. */
static bool move(struct ids *ids, size_t n)
{
	size_t size = LEAST, used = 0;
	struct slot *slots;

	while (4 * n > 3 * size)
		size *= 2;
	slots = calloc(size, sizeof(*slots));
	if (!slots)
		return false;
	for (size_t i = 0; i < ids->size; i++) {
		const struct slot *slot = &ids->slots[i];

		if (slot->number == 0 || slot->number + IDS_MOST <= ids->newest)
			continue;
		*find(slots, size, slot->hash) = *slot;
		used++;
	}
	free(ids->slots);
	ids->slots = slots;
	ids->size = size;
	ids->used = used;
	return true;
}

static size_t still_there(const struct ids *ids)
{
	size_t n = 0;

	for (size_t i = 0; i < ids->size; i++)
		n += ids->slots[i].number != 0 && ids->slots[i].number + IDS_MOST > ids->newest;
	return n;
}

/* Three quarters of it are used at most. */
static bool have_room(struct ids *ids)
{
	if (4 * (ids->used + 1) <= 3 * ids->size)
		return true;
	/* half as many more as must stay: IDS_MOST fill half of a table, not a quarter of the next larger one */
	return move(ids, 3 * still_there(ids) / 2);
}

/* Without memory for it, it is as if it were too old. */
void ids_done(struct ids *ids, struct mf_str id, uint64_t number)
{
	uint64_t hash = hash_of(ids, id);
	struct slot *slot;

	if (number > ids->newest)
		ids->newest = number;
	if (!have_room(ids))
		return;
	slot = find(ids->slots, ids->size, hash);
	ids->used += slot->number == 0;
	*slot = (struct slot){hash, number};
}

static void note(const struct store_id *id, void *context)
{
	ids_done(context, id->id, id->number);
}

int ids_open(struct ids **out, struct store *store)
{
	struct ids *ids = calloc(1, sizeof(*ids));
	int rc;

	if (!ids)
		return -ENOMEM;
	ids->store = store;
	random_bytes(ids->seed, sizeof(ids->seed));
	rc = store_ids_each(store, note, ids);
	if (rc < 0) {
		ids_close(ids);
		return rc;
	}
	*out = ids;
	return 0;
}

void ids_close(struct ids *ids)
{
	if (ids)
		free(ids->slots);
	free(ids);
}

size_t ids_count(const struct ids *ids)
{
	return ids->used;
}

/* ------------------------------------------------------------------ at work */

static struct task **part_of(struct ids *ids, const char *id)
{
	return &ids->at_work[hash_of(ids, mf_str_of(id, strlen(id))) % PARTS];
}

void ids_begin(struct ids *ids, struct task *task)
{
	struct task **at = part_of(ids, task->id);

	task->same = *at;
	*at = task;
}

void ids_end(struct ids *ids, struct task *task)
{
	struct task **at = part_of(ids, task->id);

	while (*at && *at != task)
		at = &(*at)->same;
	if (*at)
		*at = task->same;
}

enum ids_found ids_find(struct ids *ids, struct mf_str id, struct store_id *done)
{
	uint64_t hash = hash_of(ids, id);
	const struct slot *slot;

	for (const struct task *t = ids->at_work[hash % PARTS]; t; t = t->same)
		if (mf_str_is(id, t->id))
			return IDS_RUNNING;
	if (!ids->slots)
		return IDS_NEW;
	slot = find(ids->slots, ids->size, hash);
	if (slot->number == 0 || store_id_read(ids->store, slot->number, done) <= 0)
		return IDS_NEW;
	return mf_str_eq(done->id, id) ? IDS_DONE : IDS_NEW;
}

/* ------------------------------------------------------------------ answers */

struct head {
	uint8_t request[32];
	uint32_t empty, status, n[3];
};

static void pieces_of(const struct reply *reply, struct mf_str piece[static 3])
{
	piece[0] = reply->content_type;
	piece[1] = reply->headers;
	piece[2] = reply->body;
}

size_t ids_answer_bytes(const struct reply *reply)
{
	size_t n = sizeof(struct head);
	struct mf_str piece[3];

	if (!reply)
		return n;
	pieces_of(reply, piece);
	for (unsigned i = 0; i < 3; i++) {
		if (piece[i].n > IDS_ANSWER_MOST)
			return 0;
		n += piece[i].n;
	}
	return n <= IDS_ANSWER_MOST ? n : 0;
}

void ids_answer_write(const struct task *task, const struct reply *reply, uint8_t *to)
{
	struct head head = {.empty = !reply, .status = reply ? reply->status : 0};
	struct mf_str piece[3] = {0};

	if (reply)
		pieces_of(reply, piece);
	memcpy(head.request, task->request, sizeof(head.request));
	for (unsigned i = 0; i < 3; i++)
		head.n[i] = (uint32_t)piece[i].n;
	memcpy(to, &head, sizeof(head));
	to += sizeof(head);
	for (unsigned i = 0; i < 3; to += piece[i++].n)
		if (piece[i].n > 0)
			memcpy(to, piece[i].p, piece[i].n);
}

bool ids_answer_read(struct mf_str bytes, struct ids_answer *answer)
{
	struct mf_str piece[3];
	struct head head;
	size_t at = sizeof(head);

	if (bytes.n < sizeof(head))
		return false;
	memcpy(&head, bytes.p, sizeof(head));
	for (unsigned i = 0; i < 3; at += head.n[i++]) {
		if (head.n[i] > bytes.n - at)
			return false;
		piece[i] = mf_str_of(bytes.p + at, head.n[i]);
	}
	*answer = (struct ids_answer){
		.request = bytes.p,
		.empty = head.empty != 0,
		.reply = {head.status, piece[0], piece[1], piece[2]},
	};
	return at == bytes.n;
}
