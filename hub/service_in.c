/* hub/service_in.c - events come in: they are taken or refused, and join the queue. */
#include <stdlib.h>
#include <string.h>

#include "hub/accelerator.h"
#include "hub/canary.h"
#include "hub/database.h"
#include "hub/hub.h"
#include "hub/ids.h"
#include "hub/paid.h"
#include "hub/prepare.h"
#include "hub/service.h"
#include "hub/service_parts.h"
#include "sys/clock.h"
#include "sys/random.h"

/* When the hub has no room: it has some again after a few lives, of whatever service. */
#define FULL_RETRY_NS (100 * CLOCK_MS)

/* Slots that were never used before, and that a worker gets even where there is no room for them: what it needs to
 * have a life at work, and one to follow, on each thread. */
static unsigned slots_least(const struct service *s)
{
	return 2 + 2 * s->head.threads;
}

int service_slot(struct service *s)
{
	if (link_slots_used(s->link) >= slots_least(s) && link_slot_is_new(s->link) &&
		!waiting_slot(&s->hub->waiting, s->shared))
		return -1;
	return link_slot_take(s->link);
}

static bool place_in_slot(struct service *s, struct task *task)
{
	if (s->worker != WORKER_STARTING && s->worker != WORKER_READY)
		return false;
	if (s->areas) /* its slot is that of its area */
		return false;
	if (s->hub->till && pricing_has(s)) /* a worker may go while the till looks at it */
		return false;
	if (order_next(&s->order)) /* what already waits has the first claim */
		return false;
	task->slot = service_slot(s);
	return task->slot >= 0;
}

/* Where the event is written: a slot if one is free, else memory of our own. */
static bool place_event(struct service *s, struct task *task, enum mf_source source)
{
	size_t room = s->note.event_bytes;
	void *to;

	if (place_in_slot(s, task)) {
		to = link_event(s->link, task->slot);
	} else {
		task->bytes = malloc(room);
		to = task->bytes;
	}
	return to && event_begin_apart(&task->writer, &task->head, to, room, source);
}

enum refusal service_open_why(const struct service *service)
{
	return service->circuit.by_workers ? REFUSED_DOWN : REFUSED_OPEN;
}

/* While the hub stops, or has no room for more, what it accepted is finished, calls and all. */
bool service_accepts(struct service *s, enum mf_source source, enum refusal *why)
{
	if (s->hub->stopping && source != MF_SOURCE_CALL)
		*why = REFUSED_STOPPING;
	else if (!circuit_lets_in(&s->circuit, loop_now(s->hub->loop)))
		*why = service_open_why(s);
	else if (s->queue.count + s->holding.count >= s->queue_most)
		*why = REFUSED_BUSY;
	else if (s->may_write && database_down(s->hub))
		*why = REFUSED_STORE;
	else if (source != MF_SOURCE_CALL && !waiting_event(&s->hub->waiting, s->waiting))
		*why = REFUSED_FULL;
	else
		return true;
	return false;
}

uint64_t service_retry_ns(const struct service *service, enum refusal why)
{
	uint64_t wait = circuit_wait(&service->circuit, loop_now(service->hub->loop));

	if (why == REFUSED_BUSY) /* until half of what waits has had its turn */
		wait = service->queue.count * service->life_ns / (2ull * service->head.threads);
	if (why == REFUSED_STOPPING || why == REFUSED_STORE)
		wait = CLOCK_S;
	if (why == REFUSED_FULL) /* others than its own may have to end */
		wait = FULL_RETRY_NS;
	return wait > CLOCK_MS ? wait : CLOCK_MS;
}

void service_refused(struct service *service, enum refusal why)
{
	service->counts.refused[why]++;
	service->counts.turned_away++;
	recent_note(&service->hub->recent,
		&(struct recent_note){.service = service,
			.result = refusal_names[why],
			.refused = true,
			.times = 1});
}

/* What all events have and what comes before the payload. `id` NULL: a random one. */
static bool write_start(
	struct task *task, struct mf_str id, struct mf_str type, struct mf_str subject)
{
	struct event_writer *w = &task->writer;

	if (id.n > STORE_ID_MAX)
		return false;
	if (id.p) {
		memcpy(task->id, id.p, id.n);
		task->id[id.n] = '\0';
		task->identity = TASK_IDENTITY | TASK_CHECK;
	} else {
		task_make_id(task->id);
	}
	return event_span(w, &task->head.id, mf_str_of(task->id, strlen(task->id))) &&
		event_span(w, &task->head.type, type) &&
		event_span(w, &task->head.subject, subject);
}

struct task *service_begin(struct service *service, enum mf_source source, struct mf_str type,
	struct mf_str subject, enum refusal *why)
{
	return service_begin_as(service, source, type, subject, mf_str_of(NULL, 0), why);
}

struct task *service_begin_as(struct service *service, enum mf_source source, struct mf_str type,
	struct mf_str subject, struct mf_str id, enum refusal *why)
{
	struct task *task;

	if (service->canary && !service->areas) /* who fills an area has chosen */
		service = canary_choose(service, source, id);
	if (!service_accepts(service, source, why))
		return NULL;
	*why = REFUSED_BUSY;
	if (service->ordered && !order_keyed(&service->order, service->queue_most))
		return NULL;
	task = task_get(&service->hub->tasks);
	if (!task)
		return NULL;
	task->service = service;
	if (place_event(service, task, source)) {
		if (write_start(task, id, type, subject)) {
			task->trial = circuit_enter(&service->circuit);
			return task;
		}
		*why = REFUSED_TOO_BIG;
	}
	service_cancel(task);
	return NULL;
}

void service_cancel(struct task *task)
{
	struct service *s = task->service;

	if (task->trial)
		circuit_untried(&s->circuit);
	if (task->slot >= 0 && !s->areas)
		link_slot_return(s->link, task->slot);
	if (task->holds > 0) /* paid.c: it was submitted */
		waiting_give(&s->hub->waiting, &s->waiting, task->holds);
	task_put(&s->hub->tasks, task);
}

/* An event in memory of our own takes no more of it than it needs. */
static void shrink(struct task *task)
{
	uint8_t *less;

	if (!task->bytes)
		return;
	less = realloc(task->bytes, task->head.bytes);
	if (less)
		task->bytes = task->writer.base = less;
}

/* The address without its port. */
static struct mf_str host_of(struct mf_str peer)
{
	size_t n = peer.n;

	while (n > 0 && peer.p[n - 1] != ':')
		n--;
	return mf_str_of(peer.p, n > 0 ? n - 1 : peer.n);
}

static struct mf_str text_of(const struct task *task, struct mf_span span)
{
	return mf_str_of(task->writer.base + span.off, span.len);
}

/* Datagrams and messages have no path: their key is what the manifest says, or none; with state, they all
 * have one. */
static uint64_t key_of(const struct service *s, const struct task *task)
{
	const struct key_event event = {
		.subject = text_of(task, task->head.subject),
		.peer = host_of(text_of(task, task->head.peer)),
	};
	bool no_path = task->head.source == MF_SOURCE_UDP || task->head.source == MF_SOURCE_TCP;

	if (!s->ordered || (no_path && !s->key.given && !s->stateful))
		return 0;
	return order_hash(s->hub->order_seed, &s->key, &event);
}

/* Into its order; one that stands behind another of its key needs no slot before its turn. */
void service_join(struct service *s, struct task *task)
{
	int slot = task->slot;

	task_append(&s->queue, task);
	order_add(&s->order, task, key_of(s, task));
	if (task->order.state == ORDER_BEHIND && slot >= 0 && service_move_from_slot(task))
		link_slot_return(s->link, slot);
}

bool service_only_answers(const struct service *service)
{
	const uint32_t harmless =
		MFI_GRANT(MF_EFFECT_REPLY) | MFI_GRANT(MF_EFFECT_LOG) | MFI_GRANT(MF_EFFECT_METER);

	return (service->note.grants & ~harmless) == 0;
}

void service_submit(struct task *task)
{
	if (task->paid) {
		shrink(task); /* others wait for the ledger, too */
		pricing_task(task);
		paid_hold(task);
	} else {
		service_go_on(task);
	}
}

void service_go_on(struct task *task)
{
	struct service *s = task->service;
	struct mf_event *head = &task->head;

	if (task->identity && prepare_is_duplicate(s, task))
		return;
	if (task->identity && s->hub->ids)
		ids_begin(s->hub->ids, task);
	clocks_look(s->hub);
	head->time_ns = task->wall_ns ? task->wall_ns : time_wall(&s->hub->clocks.kept);
	head->elapsed_ns = time_elapsed(&s->hub->clocks.kept);
	random_bytes(head->seed, sizeof(head->seed));
	head->accelerator = s->areas ? accelerator_worth(s) : 0;
	task->accepted_ns = clock_mono_ns();
	task->deadline_ns = task->accepted_ns +
		(task->most_ns > 0 && task->most_ns < s->deadline_ns ? task->most_ns
								     : s->deadline_ns);
	task->cold = s->worker != WORKER_READY;
	shrink(task);
	if (!task->paid) { /* it has both */
		pricing_task(task);
		task->holds = sizeof(*task) + head->bytes + task->origin->keeps;
		waiting_take(&s->hub->waiting, &s->waiting, task->holds);
	}
	s->counts.accepted++;
	s->counts.cold += task->cold;
	s->active_ns = task->accepted_ns;
	service_wake_by(s, task->deadline_ns);
	service_join(s, task);
	if (task->origin->joined)
		task->origin->joined(task);
	service_pump(s);
}
