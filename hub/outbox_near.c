/* hub/outbox_near.c - the messages that go next, in memory; the rest is read when they are gone. See outbox_lane.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/outbox_lane.h"

#define PAGE 256u /* rows read at once */

bool place_before(struct place a, struct place b)
{
	return a.priority != b.priority ? a.priority > b.priority : a.number < b.number;
}

struct place place_of(const struct store_out *out)
{
	return (struct place){out->priority, out->number};
}

static void free_one(struct lane *lane, struct near_message *m)
{
	lane->near_bytes -= m->size;
	lane->near_count--;
	free(m);
}

void near_take(struct lane *lane)
{
	struct near_message *m = lane->first;

	lane->first = m->next;
	if (m->next)
		m->next->prev = NULL;
	else
		lane->last = NULL;
	free_one(lane, m);
}

void near_remove(struct lane *lane, uint64_t number)
{
	struct near_message *m = lane->first;

	while (m && m->out.number != number)
		m = m->next;
	if (!m)
		return;
	if (!m->prev) {
		near_take(lane);
		return;
	}
	m->prev->next = m->next;
	if (m->next)
		m->next->prev = m->prev;
	else
		lane->last = m->prev;
	free_one(lane, m);
}

void near_forget(struct lane *lane)
{
	while (lane->first)
		near_take(lane);
	lane->far = true;
	lane->read_to = (struct place){0};
}

static bool is_full(const struct lane *lane)
{
	return lane->near_bytes >= OUTBOX_NEAR || lane->near_count >= NEAR_MOST;
}

static struct near_message *copy(const struct store_out *out)
{
	struct mf_str *to[4];
	size_t n = out->id.n + out->name.n + out->type.n + out->body.n;
	struct near_message *m = malloc(sizeof(*m) + n);
	uint8_t *p;

	if (!m)
		return NULL;
	*m = (struct near_message){.out = *out, .size = sizeof(*m) + n};
	to[0] = &m->out.id;
	to[1] = &m->out.name;
	to[2] = &m->out.type;
	to[3] = &m->out.body;
	p = m->bytes;
	for (unsigned i = 0; i < 4; i++) {
		if (to[i]->n > 0)
			memcpy(p, to[i]->p, to[i]->n);
		to[i]->p = p;
		p += to[i]->n;
	}
	return m;
}

/* Behind those that go before it; it is usually the last. */
static bool insert(struct lane *lane, const struct store_out *out)
{
	struct near_message *m = copy(out), *behind = lane->last;

	if (!m)
		return false;
	while (behind && place_before(place_of(out), place_of(&behind->out)))
		behind = behind->prev;
	m->prev = behind;
	m->next = behind ? behind->next : lane->first;
	if (m->prev)
		m->prev->next = m;
	else
		lane->first = m;
	if (m->next)
		m->next->prev = m;
	else
		lane->last = m;
	lane->near_bytes += m->size;
	lane->near_count++;
	return true;
}

/* What is too much at the end is far again. */
static void shorten(struct lane *lane)
{
	struct near_message *m = lane->last;

	for (struct near_message *before; (before = m->prev) && is_full(lane); m = before) {
		before->next = NULL;
		lane->last = before;
		lane->far = true;
		lane->read_to = place_of(&before->out);
		free_one(lane, m);
	}
}

void near_add(struct lane *lane, const struct store_out *out)
{
	if (!lane->far && is_full(lane)) {
		lane->far = true;
		lane->read_to = place_of(&lane->last->out);
	}
	if (lane->far && (lane->read_to.number == 0 || !place_before(place_of(out), lane->read_to)))
		return;
	if (!insert(lane, out))
		near_forget(lane);
	else if (lane->far)
		shorten(lane);
}

/* --- from the store */

struct page {
	struct lane *lane;
	bool short_of_memory;
};

static bool each_row(const struct store_out *out, void *context)
{
	struct page *page = context;
	struct lane *lane = page->lane;

	if (!sent_has(lane, out) && !insert(lane, out)) {
		page->short_of_memory = true;
		return false;
	}
	lane->read_to = place_of(out);
	return !is_full(lane);
}

static void read_page(struct lane *lane)
{
	struct page page = {.lane = lane};
	struct store_out behind = {
		.priority = lane->read_to.priority, .number = lane->read_to.number};
	int n = store_out_read(lane->outbox->options.store, lane->to,
		lane->read_to.number ? &behind : NULL, PAGE, each_row, &page);

	if (n < 0 || page.short_of_memory)
		lane->failed = true;
	else if (n < (int)PAGE && !is_full(lane))
		lane->far = false;
}

static bool each_one(const struct store_out *out, void *context)
{
	struct near_message **m = context;

	*m = copy(out);
	return false;
}

struct near_message *near_read(struct lane *lane, struct place at, int *error)
{
	struct store_out behind = {.priority = at.priority, .number = at.number - 1};
	struct near_message *m = NULL;
	int n = store_out_read(lane->outbox->options.store, lane->to, &behind, 1, each_one, &m);

	*error = n < 0 ? n : n > 0 && !m ? -ENOMEM : 0;
	if (!m || m->out.number == at.number)
		return m;
	free(m);
	return NULL;
}

struct near_message *near_first(struct lane *lane)
{
	while (!lane->first && lane->far && !lane->failed)
		read_page(lane);
	return lane->first;
}
