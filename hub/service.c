/* hub/service.c - events are sent to the worker, come back from one that died, and end. */
#include "hub/service.h"

#include <stdlib.h>
#include <string.h>

#include "hub/call.h"
#include "hub/canary.h"
#include "hub/coap/watch.h"
#include "hub/database.h"
#include "hub/failed.h"
#include "hub/hub.h"
#include "hub/ids.h"
#include "hub/metrics.h"
#include "hub/prepare.h"
#include "hub/service_parts.h"
#include "hub/worker.h"
#include "sys/clock.h"

/* How much work a worker is given ahead, so that it needn't wait for us between lives: about
 * this long, and at most so many. What waits here instead can still be refused or moved. */
#define AHEAD_NS   (2 * CLOCK_MS)
#define AHEAD_MOST 64u

/* Lives of one event that saw state which changed meanwhile. From the second on they run alone, so that only
 * an operator can be in their way. */
#define RACES_MOST 4u

/* ------------------------------------------------------------ to the worker */

/* How many lives the worker is given ahead. A rerun goes alone: if it is what kills
 * workers, it takes nothing else with it. */
static unsigned ahead(const struct service *s)
{
	uint64_t n = s->life_ns > 0 ? AHEAD_NS / s->life_ns : AHEAD_MOST;

	if (s->reruns > 0)
		return 1;
	if (n > AHEAD_MOST)
		n = AHEAD_MOST;
	return (unsigned)n + 2 * s->head.threads;
}

/* That of its area, where there are any; -1: none is free. */
static int slot_for(struct service *s, struct task *task)
{
	if (!s->areas)
		return service_slot(s);
	if (task->area < 0) {
		int number = areas_take(s->areas);

		task->area = number < 0 ? -1 : number;
	}
	return task->area;
}

/* How much its life gets into its input area; the worker moves what stands in the event. */
static uint64_t input_of(const struct task *task)
{
	return task->head.input_bytes > 0 ? task->head.input_bytes : task->head.payload.len;
}

/* An event from our own memory goes to a slot. False: none is free. */
static bool move_to_slot(struct service *s, struct task *task)
{
	if (task->slot >= 0)
		return true;
	task->slot = slot_for(s, task);
	if (task->slot < 0)
		return false;
	task->writer.base = link_event(s->link, task->slot);
	memcpy(task->writer.base, task->bytes, task->head.bytes);
	free(task->bytes);
	task->bytes = NULL;
	return true;
}

/* False: not now. */
static bool post(struct service *s, struct task *task, uint64_t now)
{
	if (!move_to_slot(s, task))
		return false;
	if (s->stateful && !prepare_state(s, task))
		return true; /* it is refused */
	task->head.deadline_ns = task->deadline_ns - now;
	memcpy(task->writer.base, &task->head, sizeof(task->head));
	task_unlink(&s->queue, task);
	task_append(&s->running, task);
	order_post(&s->order, task);
	task->phase = TASK_POSTED;
	s->at[task->slot] = task;
	if (s->posted++ == 0) {
		s->heard_ns = now;
		service_wake_by(s, now + s->deadline_ns + SERVICE_SILENCE_NS);
	}
	if (s->areas) {
		areas_post(s->areas, task->area);
		areas_filled(s->areas, task->area, input_of(task));
		link_birth(s->link, task->slot, task->head.bytes, areas_dirty(s->areas, task->area),
			areas_take_written(s->areas, task->area));
	} else {
		link_post(s->link, task->slot, MFW_BIRTH, task->head.bytes);
	}
	waiting_share(&s->hub->waiting, &s->shared, link_used(s->link));
	return true;
}

void service_pump(struct service *service)
{
	uint64_t now = loop_now(service->hub->loop);
	struct task *task;

	if (!order_next(&service->order) || service->worker == WORKER_ENDING || service->after)
		return;
	if (service->may_write && database_full(service->hub))
		return;
	if (service->worker == WORKER_NONE && !worker_start(service))
		return;
	while ((task = order_next(&service->order)) &&
		service->posted - service->suspended < ahead(service)) {
		if (task->deadline_ns <= now)
			service_refuse(task, REFUSED_LATE);
		else if (!post(service, task, now))
			break;
	}
	loop_later(service->hub->loop, &service->kick);
}

void service_slot_over(struct service *s, int slot, const struct task *task, bool well)
{
	if (!s->areas) {
		link_slot_return(s->link, slot);
		return;
	}
	if (task && well)
		areas_wiped(s->areas, slot, input_of(task));
	areas_over(s->areas, slot);
}

void service_wipe(struct service *service, int area, uint64_t lives)
{
	if (!service->link || service->worker == WORKER_ENDING)
		return;
	link_wipe(service->link, area, lives);
	loop_later(service->hub->loop, &service->kick);
}

static void kick(struct loop_later *later)
{
	struct service *s = LOOP_OWNER(later, struct service, kick);

	if (!s->link)
		return;
	near_handover(&s->near, link_pid(s->link), s->posted, loop_idle(s->hub->loop));
	link_kick(s->link);
}

/* ------------------------------------------------------ from a dead worker */

bool service_move_from_slot(struct task *task)
{
	uint8_t *bytes = malloc(task->head.bytes);

	if (!bytes)
		return false;
	memcpy(bytes, task->writer.base, task->head.bytes);
	memcpy(bytes, &task->head, sizeof(task->head));
	task->bytes = task->writer.base = bytes;
	task->slot = -1;
	return true;
}

static bool is_rerun(const struct task *task)
{
	return task->attempt > 0 || task->races > 0;
}

/* In its old place, to run once more; its caller notes why. */
static void back_to_queue(struct service *s, struct task *task)
{
	task_unlink(&s->running, task);
	task->phase = TASK_WAITING;
	s->reruns += !is_rerun(task);
	s->counts.reruns++;
	task->head.attempt++;
	task->head.flags |= MF_EVENT_RETRY;
	call_again(task);
	prepare_strip(task);
	task_prepend(&s->queue, task);
	order_back(&s->order, task);
}

static void take_back(struct service *s, struct task *task)
{
	if (task->attempt > 0 || !service_move_from_slot(task)) {
		service_refuse_for(task, REFUSED_FAILED,
			task->attempt > 0 ? "two workers died or were ended with it" : NULL);
		return;
	}
	back_to_queue(s, task);
	task->attempt++;
}

void service_take_back(struct service *service)
{
	struct task *next;

	for (struct task *task = service->queue.first; task; task = next) {
		next = task->next;
		if (task->slot >= 0 && !service_move_from_slot(task))
			service_refuse(task, REFUSED_BUSY);
	}
	while (service->running.last)
		take_back(service, service->running.last);
	memset(service->at, 0, sizeof(service->at));
	service->posted = service->suspended = 0;
}

/* ------------------------------------------------------------------ the end */

/* Why events are refused that are at the worker, or whose lives went well. */
static bool is_no_fault(enum refusal why)
{
	return why == REFUSED_STOPPING || why == REFUSED_STORE || why == REFUSED_BUSY;
}

/* What the end of a task says about the service. */
static enum circuit_news judge(struct service *s, const struct task *task, const struct ending *e)
{
	enum circuit_news news = CIRCUIT_NO_NEWS;

	if (task->phase == TASK_COMMITTING)
		return news; /* it was said when its life ended */
	if (task->phase == TASK_POSTED && !(e->refused && is_no_fault(e->why)))
		news = circuit_life(&s->circuit, !e->refused, task->trial, loop_now(s->hub->loop));
	else if (task->trial)
		circuit_untried(&s->circuit);
	report_circuit(&s->hub->report, s, news, e->result);
	return news;
}

/* Out of all lists but those of its input. */
static void leave(struct service *s, struct task *task)
{
	if (task->phase == TASK_COMMITTING) {
		task_unlink(&s->committing, task);
		return;
	}
	task_unlink(task->phase == TASK_POSTED ? &s->running : &s->queue, task);
	order_end(&s->order, task);
	s->reruns -= is_rerun(task);
}

/* It goes on without: a slot at the worker comes back with the worker's message. */
static bool leave_slot(struct service *s, struct task *task)
{
	int slot = task->slot;

	if (!service_move_from_slot(task))
		return false;
	if (task->phase == TASK_POSTED)
		s->at[slot] = NULL;
	else if (!s->areas)
		link_slot_return(s->link, slot);
	return true;
}

bool service_commits(struct task *task, const struct ending *ending)
{
	struct service *s = task->service;
	enum circuit_news news;

	if (task->slot >= 0 && !leave_slot(s, task))
		return false;
	news = judge(s, task, ending);
	leave(s, task);
	task->phase = TASK_COMMITTING;
	task->committing_ns = clock_mono_ns();
	task_append(&s->committing, task);
	if (news == CIRCUIT_OPENED)
		service_refuse_all(s, REFUSED_OPEN);
	return true;
}

void service_again(struct task *task, const char *why)
{
	struct service *s = task->service;
	uint64_t skipped;

	if (task->races >= RACES_MOST || !service_move_from_slot(task)) {
		if (log_allowed(&s->fails, loop_now(s->hub->loop), &skipped))
			log_about(LOG_WARN, s->name, task->id,
				"it ran %u times in vain, and is refused: %s", task->races + 1,
				why);
		service_refuse_for(task, REFUSED_BUSY, why);
		return;
	}
	back_to_queue(s, task);
	task->races++;
	s->counts.races++;
}

void service_end(struct task *task, const struct ending *ending)
{
	struct service *s = task->service;
	enum circuit_news news = judge(s, task, ending);

	call_end(task);
	leave(s, task);
	s->active_ns = loop_now(s->hub->loop);
	if (ending->refused) {
		s->counts.refused[ending->why]++;
		if (ending->kept)
			task->origin->reply(task, NULL);
		else
			task->origin->refuse(task, ending->why);
	} else {
		s->counts.replied += ending->reply != NULL;
		s->counts.errors += ending->reply && ending->reply->status >= 500;
		s->counts.silent += ending->reply == NULL;
		task->origin->reply(task, ending->reply);
		watch_lived(s->hub, task);
	}
	if (task->identity && s->hub->ids)
		ids_end(s->hub->ids, task);
	metrics_life(s, task, ending);
	recent_end(&s->hub->recent, task, ending);
	report_life(&s->hub->report, task, ending);
	if (task->phase == TASK_POSTED)
		s->at[task->slot] = NULL; /* the slot comes back with the worker's message */
	else if (task->slot >= 0 && !s->areas)
		link_slot_return(s->link, task->slot);
	waiting_give(&s->hub->waiting, &s->waiting, task->holds);
	task_put(&s->hub->tasks, task);
	hub_ended(s->hub);
	if (news == CIRCUIT_OPENED)
		service_refuse_all(s, REFUSED_OPEN);
}

/* Its input lies in an area of the service that it leaves, and goes to one of the other's. */
static void move_area(struct service *s, struct task *task, struct service *to, int number)
{
	uint64_t n = input_of(task);

	memcpy(areas_input(to->areas, number), areas_input(s->areas, task->area), n);
	areas_filled(to->areas, number, n);
	areas_release(&task->output);
	areas_drop(s->areas, task->area);
	task->area = number;
}

/* Out of its slot, with an area at the other service if it needs one. False: nothing changed. */
static bool leave_for(struct service *s, struct task *task, struct service *to)
{
	int number = task->area >= 0 ? areas_take(to->areas) : 0;

	if (number < 0)
		return false;
	if (task->slot >= 0 && !leave_slot(s, task)) {
		if (task->area >= 0)
			areas_drop(to->areas, number);
		return false;
	}
	if (task->area >= 0)
		move_area(s, task, to, number);
	return true;
}

bool service_hand_over(struct task *task, struct service *to, const struct ending *ending)
{
	struct service *s = task->service;
	struct hub *hub = s->hub;
	enum circuit_news news;

	if (!leave_for(s, task, to))
		return false;
	news = judge(s, task, ending);
	leave(s, task);
	s->active_ns = loop_now(hub->loop);
	s->counts.returned++;
	waiting_give(&hub->waiting, &s->waiting, task->holds);
	task->service = to;
	task->phase = TASK_WAITING;
	task->trial = circuit_enter(&to->circuit);
	task->attempt = task->races = 0;
	task->head.attempt++;
	task->head.flags |= MF_EVENT_RETRY;
	pricing_task(task);
	waiting_take(&hub->waiting, &to->waiting, task->holds);
	to->counts.accepted++;
	service_wake_by(to, task->deadline_ns);
	service_join(to, task);
	service_pump(to);
	hub_ended(hub);
	if (news == CIRCUIT_OPENED)
		service_refuse_all(s, REFUSED_OPEN);
	return true;
}

void service_refuse_for(struct task *task, enum refusal why, const char *detail)
{
	const struct ending ending = {
		.refused = true, .why = why, .result = refusal_names[why], .detail = detail};
	struct service *s = task->service;

	if (s->areas && task->phase == TASK_POSTED && s->at[task->slot] == task)
		link_stop(s->link, task->slot);
	if (!canary_return(task, &ending) && !failed_give_up(task, &ending))
		service_end(task, &ending);
}

void service_refuse(struct task *task, enum refusal why)
{
	const char *late = task->phase == TASK_POSTED
		? "its worker didn't end it within limits.deadline"
		: "its turn didn't come within limits.deadline";

	service_refuse_for(task, why, why == REFUSED_LATE ? late : NULL);
}

void service_refuse_all(struct service *service, enum refusal why)
{
	while (service->queue.first)
		service_refuse(service->queue.first, why);
}

bool service_quiet(const struct service *service)
{
	return !service->holding.first && !service->queue.first && !service->running.first &&
		!service->committing.first && !lend_is_out(service) && !areas_used(service->areas);
}

/* ----------------------------------------------------------- life of its own */

void service_init(struct service *service, struct hub *hub)
{
	memset(service, 0, sizeof(*service));
	service->hub = hub;
	service->image_fd = service->data_fd = service->core = service->snap.fd = -1;
	near_reset(&service->near, true);
	service->circuit.most = CIRCUIT_FAILURES;
	service->timer.fire = service_tick;
	service->kick.run = kick;
	service->crashes.burst = 3;
	service->logs.burst = 20;
	service->says.burst = 5;
	service->fails.burst = 5;
}
