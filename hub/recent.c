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

/* Room for one more; NULL: no memory. `s` NULL: it is nobody's. */
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
	if (!s)
		return e;
	snprintf(e->service, sizeof(e->service), "%s", s->name);
	memcpy(e->image, s->digest, sizeof(e->image));
	snprintf(e->version, sizeof(e->version), "%s",
		s->manifest.version ? s->manifest.version : "");
	return e;
}

static void set_subject(struct recent_event *e, struct mf_str s)
{
	memset(e->subject, 0, sizeof(e->subject));
	if (s.p && s.n > 0)
		memcpy(e->subject, s.p, s.n < RECENT_SUBJECT ? s.n : RECENT_SUBJECT);
}

struct mf_str recent_subject(const struct task *task)
{
	if (task->subject.p || (task->slot < 0 && !task->bytes))
		return task->subject;
	return mf_str_of(task->writer.base + task->head.subject.off, task->head.subject.len);
}

void recent_end(struct recent *recent, const struct task *task, const struct ending *ending)
{
	struct recent_event *e = add(recent, task->service);
	uint64_t now = clock_mono_ns();

	if (!e)
		return;
	memcpy(e->id, task->id, sizeof(e->id));
	set_subject(e, recent_subject(task));
	e->source = task->origin->source;
	e->kind = task->head.source;
	e->result = ending->result;
	e->refused = ending->refused;
	if (ending->detail)
		snprintf(e->why, sizeof(e->why), "%s", ending->detail);
	e->wall_ns = task->head.time_ns;
	e->birth_ns = ending->birth_ns;
	e->run_ns = ending->run_ns;
	e->commit_ns = task->phase == TASK_COMMITTING ? now - task->committing_ns : 0;
	e->total_ns = now - task->accepted_ns;
	e->life = task->life;
	e->attempt = task->attempt;
	e->races = task->races;
	e->cold = task->cold;
}

static struct recent_event *newest(const struct recent *r)
{
	return r->ring && r->number > 0 ? slot(r, r->number) : NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

void recent_note(struct recent *recent, const struct recent_note *note)
{
	struct recent_event *e = newest(recent);
	bool same = e && !e->id[0] && same_text(e->source, note->source) &&
		same_text(e->result, note->result) &&
		strcmp(e->service, note->service ? note->service->name : "") == 0;

	if (same)
		e->times += note->times;
	else
		e = add(recent, note->service);
	if (!e)
		return;
	if (!same)
		e->times = note->times;
	set_subject(e, note->subject);
	e->source = note->source;
	e->result = note->result;
	e->refused = note->refused;
	e->wall_ns = clock_wall_ns();
}

void recent_again(struct recent *recent, const struct recent_repeat *repeat)
{
	struct recent_event *e = newest(recent);

	if (e && e->again && strcmp(e->id, repeat->id) == 0) {
		e->times++;
		e->wall_ns = clock_wall_ns();
		return;
	}
	e = add(recent, repeat->service);
	if (!e)
		return;
	snprintf(e->id, sizeof(e->id), "%s", repeat->id);
	set_subject(e, repeat->subject);
	e->source = repeat->source;
	e->kind = repeat->kind;
	e->result = "duplicate";
	e->again = true;
	e->wall_ns = clock_wall_ns();
}

const struct recent_event *recent_next(const struct recent *recent, uint64_t after)
{
	uint64_t oldest = recent->number > RECENT_MOST ? recent->number - RECENT_MOST + 1 : 1;
	uint64_t next = after + 1 > oldest ? after + 1 : oldest;

	return recent->ring && next <= recent->number ? slot(recent, next) : NULL;
}

const struct recent_event *recent_find(
	const struct recent *recent, struct mf_str id, unsigned *again)
{
	const struct recent_event *found = NULL;
	uint64_t n = recent->number;

	*again = 0;
	for (; n > 0 && n + RECENT_MOST > recent->number; n--) {
		const struct recent_event *e = slot(recent, n);

		if (!e->id[0] || !mf_str_is(id, e->id))
			continue;
		*again += e->again ? e->times : 0;
		if (!found || (found->again && !e->again))
			found = e;
	}
	return found;
}
