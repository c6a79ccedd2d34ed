/* hub/recent.c - see recent.h */
#include "hub/recent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub.h"
#include "sys/clock.h"

static struct recent_event *slot(const struct recent *r, uint64_t number)
{
	return &r->ring[number % RECENT_MOST];
}

void recent_close(struct recent *recent)
{
	free(recent->ring);
	*recent = (struct recent){0};
}

/* Room for one more; NULL: no memory. */
static struct recent_event *add(struct recent *r, const struct service *s)
{
	struct recent_event *e;

	if (!r->ring)
		r->ring = calloc(RECENT_MOST, sizeof(*r->ring));
	if (!r->ring)
		return NULL;
	e = slot(r, ++r->number);
	memset(e, 0, sizeof(*e));
	e->number = r->number;
	e->times = 1;
	snprintf(e->service, sizeof(e->service), "%s", s->name);
	memcpy(e->image, s->digest, sizeof(e->image));
	return e;
}

static void copy_subject(struct recent_event *e, const struct task *task)
{
	struct mf_str s = task->subject;

	if (!s.p && (task->slot >= 0 || task->bytes))
		s = mf_str_of(task->writer.base + task->head.subject.off, task->head.subject.len);
	if (s.p && s.n > 0)
		memcpy(e->subject, s.p, s.n < RECENT_SUBJECT ? s.n : RECENT_SUBJECT);
}

void recent_end(struct recent *recent, const struct task *task, const struct ending *ending)
{
	struct recent_event *e = add(recent, task->service);

	if (!e)
		return;
	memcpy(e->id, task->id, sizeof(e->id));
	copy_subject(e, task);
	e->source = task->origin->source;
	e->result = ending->result;
	e->refused = ending->refused;
	e->wall_ns = task->head.time_ns;
	e->birth_ns = ending->birth_ns;
	e->run_ns = ending->run_ns;
	e->total_ns = clock_mono_ns() - task->accepted_ns;
	e->life = task->life;
	e->attempt = task->attempt;
	e->races = task->races;
	e->cold = task->cold;
}

void recent_turned_away(struct recent *recent, const struct service *service, enum refusal why)
{
	struct recent_event *e = recent->ring ? slot(recent, recent->number) : NULL;

	if (e && e->number > 0 && !e->source && e->result == refusal_names[why] &&
		strcmp(e->service, service->name) == 0) {
		e->times++;
		e->wall_ns = clock_wall_ns();
		return;
	}
	e = add(recent, service);
	if (!e)
		return;
	e->result = refusal_names[why];
	e->refused = true;
	e->wall_ns = clock_wall_ns();
}

const struct recent_event *recent_next(const struct recent *recent, uint64_t after)
{
	uint64_t oldest = recent->number > RECENT_MOST ? recent->number - RECENT_MOST + 1 : 1;
	uint64_t next = after + 1 > oldest ? after + 1 : oldest;

	return recent->ring && next <= recent->number ? slot(recent, next) : NULL;
}

const struct recent_event *recent_find(const struct recent *recent, struct mf_str id)
{
	uint64_t n = recent->number;

	for (; n > 0 && n + RECENT_MOST > recent->number; n--) {
		const struct recent_event *e = slot(recent, n);

		if (e->id[0] && mf_str_is(id, e->id))
			return e;
	}
	return NULL;
}
