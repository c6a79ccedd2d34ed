/* hub/history.c - see history.h */
#include "hub/history.h"

#include <stdlib.h>
#include <string.h>

#include "hub/call.h"
#include "hub/database.h"
#include "image/capsule.h"
#include "sys/clock.h"

static struct mf_str text(const char *s)
{
	return mf_str_of(s, s ? strlen(s) : 0);
}

/* How long it stood still. */
static uint64_t called_ns(const struct task *task)
{
	struct capsule_call call;
	uint64_t ns = 0;

	for (unsigned i = 0; call_answer(task, i, &call); i++)
		ns += call.took_ns;
	return ns;
}

/* What it got in its area, unless that is too large to be kept. */
static struct mf_str input_of(const struct task *task)
{
	const uint64_t n = task->head.input_bytes;

	if (n == 0 || n > HISTORY_INPUT)
		return mf_str_of(NULL, 0);
	return mf_str_of(areas_input(task->service->areas, task->area), n);
}

static struct capsule capsule_of(const struct task *task, const struct mfw_message *m,
	struct mf_str calls, struct mf_str effects, const struct history_end *end)
{
	const struct service *s = task->service;
	uint64_t ran = m->birth_ns + m->run_ns + called_ns(task);
	uint64_t all = clock_mono_ns() - task->accepted_ns;
	struct capsule c = {
		.result = end->result,
		.denied = end->denied,
		.times = {all > ran ? all - ran : 0, m->birth_ns, m->run_ns, 0},
		.service = text(s->name),
		.release = text(s->manifest.version),
		.why = text(end->why),
		.event = mf_str_of(task->writer.base, call_event(task).bytes),
		.answers = calls,
		.input = input_of(task),
		.effects = effects,
	};

	memcpy(c.image, s->digest, sizeof(c.image));
	memcpy(c.snapshot, s->snapshot, sizeof(c.snapshot));
	return c;
}

/* Its calls and what they were answered, `*n` bytes; the caller's. NULL: none, or with *n > 0 no memory. */
static uint8_t *gather_calls(const struct task *task, size_t *n)
{
	struct capsule_call call;
	uint8_t *to;
	size_t at = 0;

	*n = 0;
	for (unsigned i = 0; call_answer(task, i, &call); i++)
		*n += capsule_call_size(&call);
	to = *n > 0 ? malloc(*n) : NULL;
	for (unsigned i = 0; to && call_answer(task, i, &call); i++) {
		capsule_call_write(&call, to + at);
		at += capsule_call_size(&call);
	}
	return to;
}

static struct mf_str write_capsule(struct task *task, struct store_tx *tx, const struct capsule *c)
{
	struct mf_event head = call_event(task);
	size_t n = capsule_size(c), event = capsule_event_at(c);
	uint8_t *to;

	if (n > HISTORY_LARGE)
		return MF_STR("");
	to = store_room(tx, n);
	if (!to)
		return mf_str_of(NULL, 0);
	capsule_write(c, to);
	/* the header is ours: the slot's can be written by the worker */
	memcpy(to + event, &head, sizeof(head));
	task->subject = mf_str_of(to + event + head.subject.off, head.subject.len);
	return mf_str_of(to, n);
}

struct mf_str history_capsule(struct task *task, struct store_tx *tx,
	const struct mfw_message *message, struct mf_str effects, const struct history_end *end)
{
	struct mf_str bytes = mf_str_of(NULL, 0);
	struct capsule c;
	size_t n;
	uint8_t *calls = gather_calls(task, &n);

	if (calls || n == 0) {
		c = capsule_of(task, message, mf_str_of(calls, n), effects, end);
		bytes = write_capsule(task, tx, &c);
	}
	free(calls);
	return bytes;
}

void history_keep(struct task *task, struct store_tx *tx, struct mf_str capsule)
{
	struct hub *hub = task->service->hub;

	task->life = store_number(hub->store, STORE_HISTORY);
	store_life(tx,
		&(struct store_life){.number = task->life,
			.service = database_service(task->service),
			.wall_ns = task->head.time_ns,
			.id = text(task->id),
			.capsule = capsule});
}

bool history_add(struct task *task, struct store_tx *tx, const struct mfw_message *message,
	struct mf_str effects, const struct history_end *end)
{
	struct mf_str capsule = history_capsule(task, tx, message, effects, end);

	if (capsule.n > 0)
		history_keep(task, tx, capsule);
	return capsule.p && store_sound(tx);
}

void history_forget(struct task *task)
{
	task->life = 0;
	task->subject = mf_str_of(NULL, 0);
}

void history_add_failed(struct task *task, const struct mfw_message *message, struct mf_str effects,
	const struct history_end *end)
{
	struct hub *hub = task->service->hub;
	struct store_tx *tx;

	if (!hub->store || database_down(hub) || database_full(hub))
		return;
	tx = store_begin(hub->store, STORE_BATCH, database_unheard, hub);
	if (!tx)
		return;
	if (history_add(task, tx, message, effects, end) && task->life > 0) {
		store_submit(tx);
	} else {
		history_forget(task);
		store_drop(tx);
	}
	task->subject = mf_str_of(NULL, 0); /* its event still lies in its slot */
}
