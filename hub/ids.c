/* hub/ids.c - see ids.h: a ring of hashes by number, chained by hash; the hash has a secret seed. */
#include "hub/ids.h"

#include <errno.h>
#include <sodium/crypto_shorthash.h>
#include <stdlib.h>
#include <string.h>

#include "sys/random.h"

#define WORK_PARTS 256u /* of the table of events at work */
#define PARTS      65536u

/* Of the id with the number n, at n % IDS_MOST: each takes the place of one that is too old, so the table neither
 * grows nor moves, and what was never used costs no memory. */
struct known {
	uint32_t hash;
	uint32_t next; /* place of the one before it in the same part, + 1; 0: none */
};

struct ids {
	struct store *store;
	struct known *known;
	uint32_t first[PARTS]; /* the newest's place + 1; 0: none */
	uint64_t newest;
	struct task *at_work[WORK_PARTS];
	uint8_t seed[crypto_shorthash_KEYBYTES];
};
_Static_assert((IDS_MOST & (IDS_MOST - 1)) == 0, "a place is a number's lower bits");

static uint32_t hash_of(const struct ids *ids, struct mf_str id)
{
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, id.p, id.n, ids->seed);
	return (uint32_t)hash;
}

/* ------------------------------------------------------------------ numbers */

/* The only one that it may be of: of those that the store keeps, the newest. */
static uint64_t number_at(const struct ids *ids, uint32_t place)
{
	return ids->newest - ((ids->newest - place) & (IDS_MOST - 1));
}

/* Whatever has it; there may be none. */
static void leave(struct ids *ids, uint32_t place)
{
	uint32_t *at = &ids->first[ids->known[place].hash % PARTS];

	while (*at != 0 && *at != place + 1)
		at = &ids->known[*at - 1].next;
	if (*at != 0)
		*at = ids->known[place].next;
}

void ids_done(struct ids *ids, struct mf_str id, uint64_t number)
{
	uint32_t hash = hash_of(ids, id), place = number & (IDS_MOST - 1);
	uint32_t *first = &ids->first[hash % PARTS];

	if (number + IDS_MOST <= ids->newest)
		return;
	if (number > ids->newest)
		ids->newest = number;
	leave(ids, place);
	ids->known[place] = (struct known){hash, *first};
	*first = place + 1;
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
	ids->known = calloc(IDS_MOST, sizeof(*ids->known));
	random_bytes(ids->seed, sizeof(ids->seed));
	rc = ids->known ? store_ids_each(store, note, ids) : -ENOMEM;
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
		free(ids->known);
	free(ids);
}

/* ------------------------------------------------------------------ at work */

static struct task **part_of(struct ids *ids, const char *id)
{
	return &ids->at_work[hash_of(ids, mf_str_of(id, strlen(id))) % WORK_PARTS];
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
	uint32_t hash = hash_of(ids, id);

	for (const struct task *t = ids->at_work[hash % WORK_PARTS]; t; t = t->same)
		if (mf_str_is(id, t->id))
			return IDS_RUNNING;
	for (uint32_t at = ids->first[hash % PARTS]; at != 0; at = ids->known[at - 1].next)
		if (ids->known[at - 1].hash == hash &&
			store_id_read(ids->store, number_at(ids, at - 1), done) > 0 &&
			mf_str_eq(done->id, id))
			return IDS_DONE;
	return IDS_NEW;
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
	if (bytes.n == at + IDS_ANSWER_METERED)
		memcpy(&answer->metered, bytes.p + at, IDS_ANSWER_METERED);
	return at == bytes.n || bytes.n == at + IDS_ANSWER_METERED;
}
