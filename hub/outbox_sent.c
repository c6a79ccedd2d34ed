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
	empty(&lane->gone);
	empty(&lane->deleting);
}

void sent_lost(struct lane *lane)
{
	empty(&lane->under_way);
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
	if (lane->under_way.count + lane->gone.count + lane->deleting.count == 0)
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

static bool list_has(const struct sent_list *list, uint64_t number)
{
	for (const struct sent *s = list->first; s; s = s->next)
		if (s->out.number == number)
			return true;
	return false;
}

bool sent_has(const struct lane *lane, const struct store_out *out)
{
	if (out->number > lane->outbox->committed)
		return true;
	if (place_before(lane->farthest, place_of(out)))
		return false;
	return list_has(&lane->under_way, out->number) || list_has(&lane->gone, out->number) ||
		list_has(&lane->deleting, out->number);
}

bool sent_arrived(struct lane *lane, uint64_t number)
{
	struct sent *before = NULL, *s = lane->under_way.first;

	while (s && s->out.number != number) {
		before = s;
		s = s->next;
	}
	if (!s)
		return false;
	cut(&lane->under_way, before, s);
	append(&lane->gone, s);
	return true;
}
