/* hub/failed.c - see failed.h */
#include "hub/failed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hub/call.h"
#include "hub/database.h"
#include "hub/history.h"
#include "hub/hub.h"
#include "hub/ids.h"
#include "hub/schedule.h"
#include "image/capsule.h"
#include "sys/log.h"

#define WAIT_MOST (3600 * CLOCK_S) /* between two tries, however often they failed */
#define WAIT_GONE (60 * CLOCK_S)   /* until it is looked again if the service is back */
#define DOUBLINGS 20u

/* A try that waits, or is at work. */
struct item {
	struct item *next;
	struct failed *failed;
	uint64_t number;   /* of its row */
	uint64_t again_ns; /* by CLOCK_MONOTONIC */
	unsigned tries;    /* that failed */
	struct task *task; /* NULL: it waits */
	bool over;         /* its row is being deleted */
};

struct failed {
	struct hub *hub;
	struct loop_timer timer;
	struct item *items;
	unsigned count;
};

/* What is being kept of a life, in its transaction's room. */
struct failing {
	struct ending ending; /* its detail is a copy */
	struct store_failed row;
	uint64_t id; /* of its row among the ids; 0: none */
	bool dead;
};

/* ------------------------------------------------------------------- waiting */

static void look_at(struct failed *f, uint64_t at)
{
	if ((f->timer.place == 0 || at < f->timer.at) &&
		loop_timer_set(f->hub->loop, &f->timer, at) < 0)
		log_error("events that are to be tried again stand still: no memory");
}

static void wait_until(struct item *item, uint64_t at)
{
	item->again_ns = at;
	look_at(item->failed, at);
}

static void add_item(struct failed *f, const struct store_failed *row)
{
	int64_t left = row->due_ns - database_elapsed(f->hub);
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return; /* the next start finds it */
	*item = (struct item){
		.next = f->items, .failed = f, .number = row->number, .tries = row->attempt};
	f->items = item;
	f->count++;
	wait_until(item, clock_mono_ns() + (left > 0 ? (uint64_t)left : 0));
}

static void forget(struct item *item)
{
	struct item **at = &item->failed->items;

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	item->failed->count--;
	free(item);
}

/* --------------------------------------------------------------- a try's end */

static void deleted(struct store_tx *tx, int error)
{
	struct item *item = store_context(tx);
	struct hub *hub = item->failed->hub;

	item->over = false;
	if (error == 0)
		forget(item);
	else
		wait_until(item, clock_mono_ns() + CLOCK_S);
	database_done(hub, tx, error);
}

/* Its life went well and wrote nothing. */
static void delete_row(struct item *item)
{
	struct hub *hub = item->failed->hub;
	struct store_tx *tx = store_begin(hub->store, STORE_BATCH, deleted, item);

	if (tx) {
		store_failed_done(tx, STORE_RETRIES, item->number);
		item->over = store_sound(tx);
	}
	if (item->over) {
		store_submit(tx);
		return;
	}
	if (tx)
		store_drop(tx);
	wait_until(item, clock_mono_ns() + CLOCK_S);
}

static void on_reply(struct task *task, const struct reply *reply)
{
	struct item *item = task->context;

	(void)reply; /* nobody waits for it */
	item->task = NULL;
	if (task->phase == TASK_COMMITTING)
		forget(item); /* failed_done */
	else
		delete_row(item);
}

static void refused(struct item *item, const struct service *service, enum refusal why)
{
	uint64_t wait = service_retry_ns(service, why);

	item->task = NULL;
	wait_until(item, clock_mono_ns() + (wait > CLOCK_S ? wait : CLOCK_S));
}

static void on_refuse(struct task *task, enum refusal why)
{
	refused(task->context, task->service, why);
}

static const struct origin_ops origin = {
	.source = "retry", .reply = on_reply, .refuse = on_refuse, .alone = true};

void failed_done(struct task *task, struct store_tx *tx)
{
	const struct item *item = task->context;

	if (task->origin == &origin)
		store_failed_done(tx, STORE_RETRIES, item->number);
}

/* --------------------------------------------------------------------- a try */

static bool copy_attributes(struct task *task, const struct capsule *c, const struct mf_event *e)
{
	struct mf_str left = capsule_text(c, e->attributes);
	struct mf_record r;

	for (uint32_t n = e->attributes_count; n > 0; n--) {
		memcpy(&r, left.p, sizeof(r));
		if (!event_attribute(&task->writer, mf_str_of(left.p + sizeof(r), r.name_len),
			    mf_str_of(left.p + sizeof(r) + r.name_len, r.value_len)))
			return false;
		left = mf_str_of(left.p + r.size, left.n - r.size);
	}
	return true;
}

/* All that the event was, but for the state, which is attached anew. */
static bool copy_event(struct task *task, const struct capsule *c, const struct mf_event *e)
{
	struct event_writer *w = &task->writer;
	struct mf_event *head = &task->head;

	head->flags = (uint16_t)(e->flags | MF_EVENT_RETRY | MF_EVENT_LATE);
	task->wall_ns = e->time_ns;
	return event_span(w, &head->method, capsule_text(c, e->method)) &&
		event_span(w, &head->query, capsule_text(c, e->query)) &&
		event_span(w, &head->peer, capsule_text(c, e->peer)) &&
		event_span(w, &head->content_type, capsule_text(c, e->content_type)) &&
		copy_attributes(task, c, e) &&
		event_span(w, &head->payload, capsule_text(c, e->payload));
}

static void submit(struct item *item, struct service *s, const struct capsule *c)
{
	struct mf_event e = capsule_event(c);
	enum refusal why;
	struct task *task = service_begin_as(s, (enum mf_source)e.source, capsule_text(c, e.type),
		capsule_text(c, e.subject), capsule_text(c, e.id), &why);

	if (!task) {
		service_refused(s, why);
		refused(item, s, why);
		return;
	}
	task->identity = 0; /* its id was written when it failed for the first time */
	task->named = true;
	task->origin = &origin;
	task->context = item;
	task->tries = item->tries;
	if (!copy_event(task, c, &e)) {
		service_cancel(task);
		service_refused(s, REFUSED_TOO_BIG);
		refused(item, s, REFUSED_TOO_BIG);
		return;
	}
	task->head.attempt = (uint16_t)item->tries;
	item->task = task;
	service_submit(task);
}

static void begin(struct item *item)
{
	struct hub *hub = item->failed->hub;
	struct store_failed row;
	struct service *s;
	struct capsule c;
	int rc = store_failed_read(hub->store, STORE_RETRIES, item->number, &row);

	if (rc == 0) {
		forget(item);
		return;
	}
	s = rc == 1 ? database_find(hub, row.service) : NULL;
	if (!s || capsule_read(&c, row.capsule.p, row.capsule.n)) {
		wait_until(item, clock_mono_ns() + WAIT_GONE);
		return;
	}
	submit(item, s, &c);
}

static void fire(struct loop_timer *timer)
{
	failed_look(LOOP_OWNER(timer, struct failed, timer)->hub);
}

void failed_look(struct hub *hub)
{
	struct failed *f = hub->retries;
	uint64_t now = clock_mono_ns();
	struct item *next;

	if (!f || hub->stopping)
		return;
	for (struct item *i = f->items; i; i = next) {
		next = i->next; /* beginning one frees no other */
		if (!i->task && !i->over && i->again_ns <= now)
			begin(i);
		else if (!i->task && !i->over)
			look_at(f, i->again_ns);
	}
}

/* -------------------------------------------------------------------- keeping */

static void tell(const struct task *task, const struct failing *f)
{
	struct service *s = task->service;
	uint64_t skipped;

	if (f->dead) {
		s->counts.dead++;
		if (log_allowed(&s->fails, loop_now(s->hub->loop), &skipped))
			log_about(LOG_WARN, s->name, task->id,
				"it failed, and is dead letter %" PRIu64
				": mayfly dlq show %" PRIu64,
				f->row.number, f->row.number);
		return;
	}
	s->counts.retries++;
}

static void kept(struct store_tx *tx, int error)
{
	struct task *task = store_context(tx);
	const struct failing *f = task->failing;
	struct hub *hub = task->service->hub;
	struct ending ending = f->ending;

	database_done(hub, tx, error);
	ending.kept = error == 0;
	if (error == 0) {
		if (f->id)
			ids_done(hub->ids, mf_str_of(task->id, strlen(task->id)), f->id);
		tell(task, f);
		if (!f->dead && hub->retries)
			add_item(hub->retries, &f->row);
	} else {
		ending.why = REFUSED_STORE;
	}
	service_end(task, &ending);
}

/* When it is to be tried again. */
static int64_t due(const struct task *task)
{
	unsigned doublings = task->tries < DOUBLINGS ? task->tries : DOUBLINGS;
	uint64_t wait = task->service->manifest.retry.wait_ns << doublings;

	return database_elapsed(task->service->hub) +
		(int64_t)(wait < WAIT_MOST ? wait : WAIT_MOST);
}

static void fill_row(const struct task *task, const struct history_end *how, struct failing *f)
{
	struct service *s = task->service;
	struct hub *hub = s->hub;

	f->dead = how->denied || task->tries >= s->manifest.retry.times ||
		hub->retries->count >= FAILED_WAITING;
	f->row = (struct store_failed){
		.number = store_number(hub->store, f->dead ? STORE_DEAD : STORE_RETRIES),
		.service = database_service(s),
		.attempt = task->tries + 1,
		.due_ns = f->dead ? 0 : due(task),
		.wall_ns = time_wall(&hub->clocks.kept),
		.id = mf_str_of(task->id, strlen(task->id)),
		.why = mf_str_of(how->why, how->why ? strlen(how->why) : 0),
	};
}

static void add_id(struct task *task, struct store_tx *tx, struct failing *f)
{
	struct hub *hub = task->service->hub;

	if (!(task->identity & TASK_IDENTITY))
		return;
	f->id = store_number(hub->store, STORE_IDS);
	store_id(tx,
		&(struct store_id){.number = f->id,
			.id = f->row.id,
			.service = f->row.service,
			.at_ns = (int64_t)task->head.elapsed_ns});
}

static bool oldest(const struct store_failed *row, void *context)
{
	*(uint64_t *)context = row->number;
	return false;
}

/* Room for one more dead letter. */
static void make_room(struct hub *hub, struct store_tx *tx)
{
	uint64_t number = 0;

	if (store_failed_count(hub->store, STORE_DEAD) < FAILED_DEAD)
		return;
	(void)store_failed_each(hub->store, STORE_DEAD, 0, 1, oldest, &number);
	if (number == 0)
		return;
	store_failed_done(tx, STORE_DEAD, number);
	log_warn("over %u dead letters: the oldest, %" PRIu64 ", is dropped", FAILED_DEAD, number);
}

static bool fill(struct task *task, struct store_tx *tx, const struct mfw_message *message,
	struct mf_str effects, const struct history_end *how)
{
	struct hub *hub = task->service->hub;
	struct failing *f = task->failing;

	fill_row(task, how, f);
	f->row.capsule = history_capsule(task, tx, message, effects, how);
	if (f->row.capsule.n == 0)
		return false; /* no memory, or too large to be kept */
	history_keep(task, tx, f->row.capsule);
	if (f->dead)
		make_room(hub, tx);
	store_failed(tx, f->dead ? STORE_DEAD : STORE_RETRIES, &f->row);
	add_id(task, tx, f);
	schedule_done(task, tx);
	failed_done(task, tx);
	return store_sound(tx);
}

/* Nothing can be written now: it isn't dealt with, and comes again. */
static void refuse_now(struct task *task, const struct ending *ending)
{
	struct ending now = *ending;

	now.why = REFUSED_STORE;
	service_end(task, &now);
}

/* Into the transaction's room; NULL: no memory, so nothing is said of it. */
static const char *copy_text(struct store_tx *tx, const char *text)
{
	size_t n = text ? strlen(text) + 1 : 0;
	char *to = n > 0 ? store_room(tx, n) : NULL;

	if (to)
		memcpy(to, text, n);
	return to;
}

bool failed_keep(struct task *task, const struct mfw_message *message, struct mf_str effects,
	const struct history_end *how, const struct ending *ending)
{
	struct service *s = task->service;
	struct hub *hub = s->hub;
	struct store_tx *tx = NULL;

	if (!task->origin->alone || !hub->retries || task->head.input_bytes > 0)
		return false;
	if (!database_down(hub))
		tx = store_begin(hub->store,
			s->durability == DURABILITY_SYNC ? STORE_SYNC : STORE_BATCH, kept, task);
	if (!tx) {
		refuse_now(task, ending);
		return true;
	}
	task->failing = store_room(tx, sizeof(*task->failing));
	if (task->failing) {
		task->failing->ending = *ending;
		task->failing->ending.detail = copy_text(tx, ending->detail);
	}
	if (task->failing && fill(task, tx, message, effects, how) &&
		service_commits(task, ending)) {
		store_submit(tx);
		return true;
	}
	history_forget(task);
	store_drop(tx);
	return false;
}

bool failed_give_up(struct task *task, const struct ending *ending)
{
	static const struct mfw_message no_word;
	struct history_end how = {.result = MFW_ERR_CRASHED, .why = "its workers died of it"};

	if (!task->origin->alone || task->phase == TASK_COMMITTING ||
		task_may_come_again(task, ending->why))
		return false;
	if (ending->why == REFUSED_LATE)
		how = (struct history_end){.result = MFW_ERR_CPU, .why = "its worker hung"};
	else if (ending->why == REFUSED_TOO_BIG)
		how = (struct history_end){
			.result = MFW_ERR_EVENT, .why = "with its state it is too large"};
	else if (ending->why != REFUSED_FAILED)
		how.why = refusal_names[ending->why];
	call_leave(task);
	return failed_keep(task, &no_word, mf_str_of(NULL, 0), &how, ending);
}

/* --------------------------------------------------------------- dead letters */

/* A dead letter that moves, in its transaction's room. */
struct moving {
	struct hub *hub;
	struct store_failed row;
};

static void moved_to_tries(struct store_tx *tx, int error)
{
	struct moving *m = store_context(tx);
	struct hub *hub = m->hub;
	struct store_failed row = m->row;

	database_done(hub, tx, error);
	if (error == 0 && hub->retries)
		add_item(hub->retries, &row);
	free(m);
}

static int submit_or_drop(struct store_tx *tx)
{
	if (store_sound(tx)) {
		store_submit(tx);
		return 0;
	}
	store_drop(tx);
	return -EAGAIN;
}

int failed_remove(struct hub *hub, uint64_t number)
{
	struct store_failed row;
	struct store_tx *tx;
	int rc = hub->retries ? store_failed_read(hub->store, STORE_DEAD, number, &row) : 0;

	if (rc != 1)
		return rc < 0 ? rc : -ENOENT;
	tx = database_down(hub) ? NULL : store_begin(hub->store, STORE_SYNC, database_unheard, hub);
	if (!tx)
		return -EAGAIN;
	store_failed_done(tx, STORE_DEAD, number);
	return submit_or_drop(tx);
}

int failed_again(struct hub *hub, uint64_t number)
{
	struct store_failed row;
	struct moving *m;
	struct store_tx *tx;
	int rc = hub->retries ? store_failed_read(hub->store, STORE_DEAD, number, &row) : 0;

	if (rc != 1)
		return rc < 0 ? rc : -ENOENT;
	if (hub->retries->count >= FAILED_WAITING || database_down(hub))
		return -EAGAIN;
	m = calloc(1, sizeof(*m));
	tx = m ? store_begin(hub->store, STORE_SYNC, moved_to_tries, m) : NULL;
	if (!tx) {
		free(m);
		return -EAGAIN;
	}
	row.number = store_number(hub->store, STORE_RETRIES);
	row.attempt = 0;
	row.due_ns = database_elapsed(hub);
	*m = (struct moving){.hub = hub, .row = {.number = row.number, .due_ns = row.due_ns}};
	store_failed(tx, STORE_RETRIES, &row);
	store_failed_done(tx, STORE_DEAD, number);
	rc = submit_or_drop(tx);
	if (rc < 0)
		free(m);
	return rc;
}

/* --------------------------------------------------------------- open and close */

static bool load(const struct store_failed *row, void *context)
{
	struct failed *f = context;

	add_item(f, row);
	return f->count < 2 * FAILED_WAITING;
}

int failed_open(struct hub *hub)
{
	struct failed *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	f->hub = hub;
	f->timer.fire = fire;
	hub->retries = f;
	rc = store_failed_each(hub->store, STORE_RETRIES, 0, 2 * FAILED_WAITING, load, f);
	return rc < 0 ? rc : 0;
}

void failed_close(struct hub *hub)
{
	struct failed *f = hub->retries;

	if (!f)
		return;
	loop_timer_clear(hub->loop, &f->timer);
	while (f->items) {
		struct item *item = f->items;

		f->items = item->next;
		free(item);
	}
	free(f);
	hub->retries = NULL;
}
