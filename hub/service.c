/* hub/service.c - events come in, wait, are sent to the worker, or are refused. */
#include "hub/service.h"

#include <stdlib.h>
#include <string.h>

#include "hub/coap/watch.h"
#include "hub/database.h"
#include "hub/call.h"
#include "hub/hub.h"
#include "hub/ids.h"
#include "hub/metrics.h"
#include "hub/prepare.h"
#include "hub/worker.h"
#include "sys/clock.h"
#include "sys/random.h"

/* How much work a worker is given ahead, so that it needn't wait for us between lives: about
 * this long, and at most so many. What waits here instead can still be refused or moved. */
#define AHEAD_NS   (2 * CLOCK_MS)
#define AHEAD_MOST 64u

/* The worker enforces the deadline itself and says so; only if it doesn't, we do. */
#define GRACE_NS (50 * CLOCK_MS)

/* A worker that has lives and is silent for longer than they may take has hung. */
#define SILENCE_NS (2 * CLOCK_S)

/* Lives of one event that saw state which changed meanwhile. From the second on they run alone, so that only
 * an operator can be in their way. */
#define RACES_MOST 4u

/* mf_init must end within its limit; loading, jailing and starting take some time too. */
#define START_NS (5 * CLOCK_S)

/* --------------------------------------------------------------- coming in */

static bool place_in_slot(struct service *s, struct task *task)
{
	if (s->worker != WORKER_STARTING && s->worker != WORKER_READY)
		return false;
	if (order_next(&s->order)) /* what already waits has the first claim */
		return false;
	task->slot = link_slot_take(s->link);
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

/* While the hub stops, what it accepted is finished, calls and all. */
static bool may_accept(const struct service *s, enum mf_source source, enum refusal *why)
{
	if (s->hub->stopping && source != MF_SOURCE_CALL)
		*why = REFUSED_STOPPING;
	else if (!circuit_lets_in(&s->circuit, loop_now(s->hub->loop)))
		*why = service_open_why(s);
	else if (s->queue.count >= s->queue_most)
		*why = REFUSED_BUSY;
	else if (s->may_write && database_down(s->hub))
		*why = REFUSED_STORE;
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
	return wait > CLOCK_MS ? wait : CLOCK_MS;
}

void service_refused(struct service *service, enum refusal why)
{
	service->counts.refused[why]++;
	service->counts.turned_away++;
	recent_turned_away(&service->hub->recent, service, why);
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

	if (!may_accept(service, source, why))
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
	if (task->slot >= 0)
		link_slot_return(s->link, task->slot);
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

/* The event as it was, but for what the worker may have written into its payload: that
 * can fool nobody but this service. */
static bool move_from_slot(struct task *task)
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
static void put_in_order(struct service *s, struct task *task)
{
	int slot = task->slot;

	task_append(&s->queue, task);
	order_add(&s->order, task, key_of(s, task));
	if (task->order.state == ORDER_BEHIND && slot >= 0 && move_from_slot(task))
		link_slot_return(s->link, slot);
}

void service_submit(struct task *task)
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
	task->accepted_ns = clock_mono_ns();
	task->deadline_ns = task->accepted_ns +
		(task->most_ns > 0 && task->most_ns < s->deadline_ns ? task->most_ns
								     : s->deadline_ns);
	task->cold = s->worker != WORKER_READY;
	shrink(task);
	s->counts.accepted++;
	s->counts.cold += task->cold;
	s->active_ns = task->accepted_ns;
	service_wake_by(s, task->deadline_ns);
	put_in_order(s, task);
	service_pump(s);
}

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

/* An event from our own memory goes to a slot. False: none is free. */
static bool move_to_slot(struct service *s, struct task *task)
{
	if (task->slot >= 0)
		return true;
	task->slot = link_slot_take(s->link);
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
		service_wake_by(s, now + s->deadline_ns + SILENCE_NS);
	}
	link_post(s->link, task->slot, MFW_BIRTH, task->head.bytes);
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

static void kick(struct loop_later *later)
{
	struct service *s = LOOP_OWNER(later, struct service, kick);

	if (!s->link)
		return;
	near_handover(&s->near, link_pid(s->link), s->posted, loop_idle(s->hub->loop));
	link_kick(s->link);
}

/* ------------------------------------------------------ from a dead worker */

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
	if (task->attempt > 0 || !move_from_slot(task)) {
		service_refuse(task, REFUSED_FAILED);
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
		if (task->slot >= 0 && !move_from_slot(task))
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

bool service_commits(struct task *task, const struct ending *ending)
{
	struct service *s = task->service;
	enum circuit_news news;

	if (!move_from_slot(task))
		return false;
	news = judge(s, task, ending);
	leave(s, task);
	task->phase = TASK_COMMITTING;
	task_append(&s->committing, task);
	if (news == CIRCUIT_OPENED)
		service_refuse_all(s, REFUSED_OPEN);
	return true;
}

void service_again(struct task *task, const char *why)
{
	struct service *s = task->service;
	uint64_t skipped;

	if (task->races >= RACES_MOST || !move_from_slot(task)) {
		if (log_allowed(&s->fails, loop_now(s->hub->loop), &skipped))
			log_about(LOG_WARN, s->name, task->id,
				"it ran %u times in vain, and is refused: %s", task->races + 1,
				why);
		service_refuse(task, REFUSED_BUSY);
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
	else if (task->slot >= 0)
		link_slot_return(s->link, task->slot);
	task_put(&s->hub->tasks, task);
	hub_ended(s->hub);
	if (news == CIRCUIT_OPENED)
		service_refuse_all(s, REFUSED_OPEN);
}

void service_refuse(struct task *task, enum refusal why)
{
	const struct ending ending = {.refused = true, .why = why, .result = refusal_names[why]};

	service_end(task, &ending);
}

void service_refuse_all(struct service *service, enum refusal why)
{
	while (service->queue.first)
		service_refuse(service->queue.first, why);
}

bool service_quiet(const struct service *service)
{
	return !service->queue.first && !service->running.first && !service->committing.first &&
		!lend_is_out(service);
}

/* ------------------------------------------------------------ what time brings */

void service_wake_by(struct service *service, uint64_t at)
{
	struct loop_timer *timer = &service->timer;

	/* If there is no memory for a timer the next event sets it. */
	if (timer->place == 0 || at < timer->at)
		(void)loop_timer_set(service->hub->loop, timer, at);
}

static void expire_queue(struct service *s, uint64_t now)
{
	if (!turn_begin(&s->turn, s->hub->loop))
		return;
	while (s->queue.first && s->queue.first->deadline_ns <= now && turn_goes_on(&s->turn))
		service_refuse(s->queue.first, REFUSED_LATE);
	turn_end(&s->turn);
}

/* They are few, and don't wait for a turn: the worker's messages may take each. */
static void expire_running(struct service *s, uint64_t now)
{
	while (s->running.first && s->running.first->deadline_ns + GRACE_NS <= now)
		service_refuse(s->running.first, REFUSED_LATE);
}

/* Until when the worker may go on as it is; what is wrong with it after that, or NULL:
 * nothing, but it isn't needed any more. */
static uint64_t patience(const struct service *s, const char **wrong)
{
	*wrong = "did not start in time";
	if (s->worker == WORKER_STARTING)
		return s->started_ns + s->note.init_ns + START_NS;
	*wrong = "hangs";
	if (s->posted > 0)
		return s->heard_ns + s->deadline_ns + SILENCE_NS;
	if (lend_is_out(s))
		return lend_patience(s, wrong);
	*wrong = NULL;
	return s->active_ns + s->idle_ns;
}

/* What is still to be done at `now` is done in the next round: a timer that is set to the past goes off
 * in this one, again and again. */
static void tick(struct loop_timer *timer)
{
	struct service *s = LOOP_OWNER(timer, struct service, timer);
	uint64_t now = loop_now(s->hub->loop);
	const char *wrong;

	expire_queue(s, now);
	expire_running(s, now);
	service_pump(s); /* an event that is gone may have held up others of its key */
	if (s->worker != WORKER_NONE && patience(s, &wrong) <= now) {
		if (wrong)
			worker_lost(s, wrong);
		else if (lend_is_out(s))
			lend_tick(s);
		else if (service_quiet(s))
			worker_retire(s, "no event came for a while");
		else
			s->active_ns = now;
	}
	if (s->worker != WORKER_NONE)
		service_wake_by(s, patience(s, &wrong));
	else
		kept_tick(s);
	if (s->queue.first && s->queue.first->deadline_ns > now)
		service_wake_by(s, s->queue.first->deadline_ns);
	else if (s->queue.first)
		service_wake_by(s, now + 1); /* the next round */
	if (s->running.first)
		service_wake_by(s, s->running.first->deadline_ns + GRACE_NS);
}

/* ----------------------------------------------------------- life of its own */

void service_init(struct service *service, struct hub *hub)
{
	memset(service, 0, sizeof(*service));
	service->hub = hub;
	service->image_fd = service->data_fd = service->core = service->snap.fd = -1;
	near_reset(&service->near, true);
	service->circuit.most = CIRCUIT_FAILURES;
	service->timer.fire = tick;
	service->kick.run = kick;
	service->crashes.burst = 3;
	service->logs.burst = 20;
	service->says.burst = 5;
	service->fails.burst = 5;
}
