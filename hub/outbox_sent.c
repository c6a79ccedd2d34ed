/* hub/outbox_sent.c - messages that were handed over, until their rows are deleted. See outbox_lane.h. */
#include <stdlib.h>

#include "hub/outbox_lane.h"

static void append(struct sent_list *list, struct sent *s)
{
	s->next = NULL;
	if (list->last)
		list->last->next = s;
	else
		list->first = s;
	list->last = s;
	list->count++;
}

static void cut(struct sent_list *list, struct sent *before, struct sent *s)
{
	if (before)
		before->next = s->next;
	else
		list->first = s->next;
	if (list->last == s)
		list->last = before;
	list->count--;
}

void sent_move(struct sent_list *from, struct sent_list *to)
{
	struct sent *s = from->first;

	cut(from, NULL, s);
	append(to, s);
}

static void empty(struct sent_list *list)
{
	while (list->first) {
		struct sent *s = list->first;

		cut(list, NULL, s);
		free(s);
	}
}

void sent_free(struct lane *lane)
{
	empty(&lane->under_way);
	empty(&lane->parked);
	empty(&lane->gone);
	empty(&lane->deleting);
}

void sent_lost(struct lane *lane)
{
	empty(&lane->under_way);
	empty(&lane->parked);
}

void sent_deleted(struct lane *lane, bool done)
{
	struct sent_list *list = &lane->deleting;

	while (list->first) {
		struct sent *s = list->first;

		cut(list, NULL, s);
		if (done || s->dropped)
			free(s);
		else
			append(&lane->gone, s);
	}
}

static void note_farthest(struct lane *lane)
{
	if (lane->under_way.count + lane->parked.count + lane->gone.count + lane->deleting.count ==
		0)
		lane->farthest = (struct place){.priority = UINT32_MAX};
}

static bool add(
	struct lane *lane, struct sent_list *list, const struct store_out *out, bool dropped)
{
	struct sent *s = malloc(sizeof(*s));

	if (!s)
		return false;
	s->dropped = dropped;
	note_farthest(lane);
	s->out = *out;
	s->out.id.p = s->out.name.p = s->out.type.p = s->out.body.p = NULL;
	append(list, s);
	if (place_before(lane->farthest, place_of(out)))
		lane->farthest = place_of(out);
	return true;
}

bool sent_add(struct lane *lane, const struct store_out *out)
{
	return add(lane, &lane->under_way, out, false);
}

bool sent_drop(struct lane *lane, const struct store_out *out)
{
	return add(lane, &lane->deleting, out, true);
}

void sent_take_back(struct lane *lane)
{
	struct sent *before = NULL, *s = lane->under_way.first;

	while (s != lane->under_way.last) {
		before = s;
		s = s->next;
	}
	cut(&lane->under_way, before, s);
	free(s);
}

/* NULL: it isn't there; *before is the one before it. */
static struct sent *find(const struct sent_list *list, uint64_t number, struct sent **before)
{
	struct sent *s = list->first;

	*before = NULL;
	while (s && s->out.number != number) {
		*before = s;
		s = s->next;
	}
	return s;
}

static bool list_has(const struct sent_list *list, uint64_t number)
{
	struct sent *before;

	return find(list, number, &before) != NULL;
}

bool sent_is_kept(const struct lane *lane, const struct store_out *out)
{
	if (out->number > lane->outbox->committed)
		return true;
	if (place_before(lane->farthest, place_of(out)))
		return false;
	return list_has(&lane->under_way, out->number) || list_has(&lane->gone, out->number) ||
		list_has(&lane->deleting, out->number);
}

bool sent_has(const struct lane *lane, const struct store_out *out)
{
	return sent_is_kept(lane, out) ||
		(!place_before(lane->farthest, place_of(out)) &&
			list_has(&lane->parked, out->number));
}

/* False: it isn't there. */
static bool move(struct sent_list *from, struct sent_list *to, uint64_t number)
{
	struct sent *before, *s = find(from, number, &before);

	if (!s)
		return false;
	cut(from, before, s);
	append(to, s);
	return true;
}

bool sent_arrived(struct lane *lane, uint64_t number)
{
	return move(&lane->under_way, &lane->gone, number) ||
		move(&lane->parked, &lane->gone, number);
}

void sent_park(struct lane *lane, uint64_t number)
{
	(void)move(&lane->under_way, &lane->parked, number);
}

void sent_unpark(struct lane *lane, uint64_t number)
{
	(void)move(&lane->parked, &lane->under_way, number);
}

const struct sent *sent_parked(const struct lane *lane, uint64_t number)
{
	struct sent *before;

	return find(&lane->parked, number, &before);
}

void sent_leave(struct lane *lane, uint64_t number)
{
	struct sent_list *list = list_has(&lane->parked, number) ? &lane->parked : &lane->under_way;
	struct sent *before, *s = find(list, number, &before);

	if (!s)
		return;
	cut(list, before, s);
	free(s);
}
