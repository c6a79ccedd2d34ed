/* hub/coap/bodies.c - see bodies.h: two lists, those used last at the end. */
#include "hub/coap/bodies.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct body {
	struct body *next;
	uint64_t key, used_ns;
	struct bytes bytes;
	struct coap_message answer; /* of an answer, without its payload */
};

struct list {
	struct body *first;
	unsigned count;
};

struct bodies {
	struct bytes_total *total;
	struct list coming, going;
	struct bytes whole; /* the body that was given out last */
};

int bodies_open(struct bodies **bodies, struct bytes_total *total)
{
	*bodies = calloc(1, sizeof(**bodies));
	if (!*bodies)
		return -ENOMEM;
	(*bodies)->total = total;
	return 0;
}

/* ---------------------------------------------------------------------- lists */

static void drop(struct bodies *b, struct list *list, struct body **at)
{
	struct body *body = *at;

	*at = body->next;
	list->count--;
	bytes_free(&body->bytes, b->total);
	free(body);
}

static void expire(struct bodies *b, struct list *list, uint64_t now_ns)
{
	while (list->first && list->first->used_ns + BODIES_IDLE_NS <= now_ns)
		drop(b, list, &list->first);
}

static struct body **find(struct list *list, uint64_t key)
{
	struct body **at = &list->first;

	while (*at && (*at)->key != key)
		at = &(*at)->next;
	return at;
}

static void append(struct list *list, struct body *body, uint64_t now_ns)
{
	struct body **end = &list->first;

	while (*end)
		end = &(*end)->next;
	*end = body;
	body->next = NULL;
	body->used_ns = now_ns;
}

/* To the end of its list. */
static void touch(struct list *list, struct body **at, uint64_t now_ns)
{
	struct body *body = *at;

	*at = body->next;
	append(list, body, now_ns);
}

static struct body *make(struct bodies *b, struct list *list, uint64_t key, uint64_t now_ns)
{
	struct body *body;

	if (list->count >= BODIES_MOST && list->first->used_ns + BODIES_BUSY_NS <= now_ns)
		drop(b, list, &list->first);
	if (list->count >= BODIES_MOST)
		return NULL;
	body = calloc(1, sizeof(*body));
	if (!body)
		return NULL;
	body->key = key;
	append(list, body, now_ns);
	list->count++;
	return body;
}

/* --------------------------------------------------------------------- requests */

/* The body's memory is given to whoever takes it, until the next one. */
static struct mf_str give(struct bodies *b, struct body **at)
{
	struct body *body = *at;

	bytes_free(&b->whole, b->total);
	b->whole = body->bytes;
	body->bytes = (struct bytes){0};
	drop(b, &b->coming, at);
	if (!b->whole.p) /* blocks of nothing */
		return mf_str_of(NULL, 0);
	return mf_str_of(b->whole.p + b->whole.at, bytes_left(&b->whole));
}

static enum bodies_taken check(const struct coap_message *m, size_t most)
{
	const struct message_block *block = &m->block1;
	size_t size = BLOCK_SIZE(block->szx);

	if (block->szx > BLOCK_SZX_MOST || m->payload.n > size ||
		(block->more && m->payload.n != size))
		return BODIES_BAD;
	if ((m->given & HAS_SIZE1 && m->size1 > most) ||
		block->num * size + m->payload.n + (block->more ? 1 : 0) > most)
		return BODIES_TOO_BIG;
	return BODIES_WHOLE;
}

enum bodies_taken bodies_take(struct bodies *bodies, uint64_t key,
	const struct coap_message *request, size_t most, uint64_t now_ns, struct mf_str *body)
{
	const struct message_block *block = &request->block1;
	struct body **at = find(&bodies->coming, key);
	enum bodies_taken taken = check(request, most);
	size_t offset = block->num * BLOCK_SIZE(block->szx);

	if (*at && (taken != BODIES_WHOLE || offset == 0)) /* it is given up, or begins again */
		drop(bodies, &bodies->coming, at);
	if (taken != BODIES_WHOLE)
		return taken;
	expire(bodies, &bodies->coming, now_ns);
	at = find(&bodies->coming, key);
	if (offset > 0 &&
		(!*at || bytes_left(&(*at)->bytes) < offset ||
			(!block->more && bytes_left(&(*at)->bytes) > offset)))
		return BODIES_INCOMPLETE;
	if (!*at && !make(bodies, &bodies->coming, key, now_ns))
		return BODIES_FULL;
	touch(&bodies->coming, find(&bodies->coming, key), now_ns);
	at = find(&bodies->coming, key);
	/* a block may come again, but then it isn't the end of it */
	if (bytes_left(&(*at)->bytes) == offset &&
		!bytes_add(&(*at)->bytes, bodies->total, request->payload.p, request->payload.n)) {
		drop(bodies, &bodies->coming, at);
		return BODIES_FULL;
	}
	if (block->more)
		return BODIES_MORE;
	*body = give(bodies, at);
	return BODIES_WHOLE;
}

/* ---------------------------------------------------------------------- answers */

void bodies_keep(
	struct bodies *bodies, uint64_t key, const struct coap_message *answer, uint64_t now_ns)
{
	struct body **at = find(&bodies->going, key), *body;

	if (*at)
		drop(bodies, &bodies->going, at);
	expire(bodies, &bodies->going, now_ns);
	body = make(bodies, &bodies->going, key, now_ns);
	if (!body)
		return; /* who asks for the next block has to ask from the start */
	body->answer = *answer;
	body->answer.payload = mf_str_of(NULL, 0);
	if (!bytes_add(&body->bytes, bodies->total, answer->payload.p, answer->payload.n))
		drop(bodies, &bodies->going, find(&bodies->going, key));
}

bool bodies_find(struct bodies *bodies, uint64_t key, uint64_t now_ns, struct coap_message *answer)
{
	struct body **at, *body;

	expire(bodies, &bodies->going, now_ns);
	at = find(&bodies->going, key);
	if (!*at)
		return false;
	body = *at;
	touch(&bodies->going, at, now_ns);
	*answer = body->answer;
	answer->payload = mf_str_of(body->bytes.p + body->bytes.at, bytes_left(&body->bytes));
	return true;
}

bool bodies_cut(struct coap_message *answer, uint32_t num, uint8_t szx)
{
	size_t size = BLOCK_SIZE(szx), from = num * size, n = answer->payload.n;

	if ((from >= n && num > 0) || num > BLOCK_NUM_MOST)
		return false;
	if (num == 0) {
		answer->given |= HAS_SIZE2;
		answer->size2 = (uint32_t)n;
	}
	answer->given |= HAS_BLOCK2;
	answer->block2 = (struct message_block){num, n - from > size, szx};
	answer->payload = mf_str_of(answer->payload.p + from, n - from > size ? size : n - from);
	return true;
}

/* ---------------------------------------------------------------------- public */

uint64_t bodies_expire(struct bodies *bodies, uint64_t now_ns)
{
	const struct body *first = NULL;

	bytes_free(&bodies->whole, bodies->total);
	expire(bodies, &bodies->coming, now_ns);
	expire(bodies, &bodies->going, now_ns);
	first = bodies->coming.first;
	if (!first || (bodies->going.first && bodies->going.first->used_ns < first->used_ns))
		first = bodies->going.first;
	return first ? first->used_ns + BODIES_IDLE_NS : 0;
}

void bodies_close(struct bodies *bodies)
{
	if (!bodies)
		return;
	while (bodies->coming.first)
		drop(bodies, &bodies->coming, &bodies->coming.first);
	while (bodies->going.first)
		drop(bodies, &bodies->going, &bodies->going.first);
	bytes_free(&bodies->whole, bodies->total);
	free(bodies);
}
