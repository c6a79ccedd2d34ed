/* hub/schedule.c - see schedule.h */
#include "hub/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/database.h"
#include "hub/hub.h"
#include "sys/log.h"

/* One that is due. */
struct item {
	struct item *next;
	struct schedule *schedule;
	uint32_t service;
	struct mf_str name, type, body, id; /* of the bytes behind */
	struct task *task;                  /* NULL: it isn't at work */
	uint64_t again_ns;                  /* then it is tried */
	bool over;                          /* it is being deleted */
	uint8_t bytes[];
};

struct schedule {
	struct hub *hub;
	struct loop_timer timer;
	struct item *items; /* as they were due */
	unsigned count;
};

/* ------------------------------------------------------------------- waiting */

static void look_at(struct schedule *s, uint64_t at)
{
	if ((s->timer.place == 0 || at < s->timer.at) &&
		loop_timer_set(s->hub->loop, &s->timer, at) < 0)
		log_error("what services scheduled stands still: no memory");
}

/* When it is to look again. */
static void wait(struct schedule *s)
{
	int64_t now = database_elapsed(s->hub), due;

	loop_timer_clear(s->hub->loop, &s->timer);
	for (const struct item *i = s->items; i; i = i->next)
		if (!i->task && !i->over)
			look_at(s, i->again_ns);
	if (s->count < SCHEDULE_MOST && store_later_next(s->hub->store, now, &due) == 1)
		look_at(s, clock_mono_ns() + (uint64_t)(due - now));
}

/* ----------------------------------------------------------------- its end */

static void forget(struct item *item)
{
	struct schedule *s = item->schedule;
	struct item **at = &s->items;

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	s->count--;
	free(item);
	look_at(s, clock_mono_ns()); /* there may be room for others */
}

static void deleted(struct store_tx *tx, int error)
{
	struct item *item = store_context(tx);
	struct hub *hub = item->schedule->hub;

	forget(item); /* if it wasn't deleted, it is due again */
	database_done(hub, tx, error);
}

static void delete (struct item *item)
{
	struct hub *hub = item->schedule->hub;
	struct store_tx *tx = store_begin(hub->store, STORE_BATCH, deleted, item);

	item->task = NULL;
	item->over = true;
	if (tx)
		store_later_done(tx, item->service, item->name, item->id);
	if (tx && store_sound(tx)) {
		store_submit(tx);
		return;
	}
	if (tx)
		store_drop(tx);
	item->over = false;
	item->again_ns = clock_mono_ns() + CLOCK_S;
	look_at(item->schedule, item->again_ns);
}

static void on_reply(struct task *task, const struct reply *reply)
{
	struct item *item = task->context;

	(void)reply; /* nobody waits for it */
	if (task->phase == TASK_COMMITTING)
		forget(item); /* schedule_done */
	else
		delete (item);
}

static void refused(struct item *item, const struct service *service, enum refusal why, bool again)
{
	item->task = NULL;
	if (!again) {
		delete (item);
		return;
	}
	item->again_ns = clock_mono_ns() + service_retry_ns(service, why);
	look_at(item->schedule, item->again_ns);
}

static void on_refuse(struct task *task, enum refusal why)
{
	refused(task->context, task->service, why, task_may_come_again(task, why));
}

static const struct origin_ops origin = {
	.source = "schedule", .reply = on_reply, .refuse = on_refuse, .alone = true};

void schedule_done(struct task *task, struct store_tx *tx)
{
	const struct item *item = task->context;

	if (task->origin == &origin)
		store_later_done(tx, item->service, item->name, item->id);
}

/* ------------------------------------------------------------------- events */

static void submit(struct item *item, struct service *service)
{
	struct mf_str type = item->type.n > 0 ? item->type : MF_STR("schedule");
	enum refusal why;
	struct task *task =
		service_begin_as(service, MF_SOURCE_SCHEDULE, type, item->name, item->id, &why);

	if (!task) {
		service_refused(service, why);
		refused(item, service, why, refusal_passes(why));
		return;
	}
	task->origin = &origin;
	task->context = item;
	if (!event_span(&task->writer, &task->head.payload, item->body)) {
		service_cancel(task);
		service_refused(service, REFUSED_TOO_BIG);
		refused(item, service, REFUSED_TOO_BIG, false);
		return;
	}
	item->task = task;
	service->counts.scheduled++;
	service_submit(task);
}

static struct mf_str copy(struct item *item, size_t *at, struct mf_str from)
{
	uint8_t *to = item->bytes + *at;

	if (from.n > 0)
		memcpy(to, from.p, from.n);
	*at += from.n;
	return mf_str_of(to, from.n);
}

static bool is_here(const struct schedule *s, const struct store_later *later)
{
	const struct item *i = s->items;

	while (i && !(i->service == later->service && mf_str_eq(i->id, later->id)))
		i = i->next;
	return i != NULL;
}

/* False: enough. */
static bool take(const struct store_later *later, void *context)
{
	struct schedule *s = context;
	struct item *item, **end = &s->items;
	size_t at = 0;

	if (s->count >= SCHEDULE_MOST)
		return false;
	if (is_here(s, later) || !database_find(s->hub, later->service))
		return true;
	item = calloc(
		1, sizeof(*item) + later->name.n + later->type.n + later->body.n + later->id.n);
	if (!item)
		return false;
	item->schedule = s;
	item->service = later->service;
	item->name = copy(item, &at, later->name);
	item->type = copy(item, &at, later->type);
	item->body = copy(item, &at, later->body);
	item->id = copy(item, &at, later->id);
	while (*end)
		end = &(*end)->next;
	*end = item;
	s->count++;
	return true;
}

/* Begins one that can begin; false: none can. An event may end at once, and with it others may come and go. */
static bool begin_one(struct schedule *s)
{
	uint64_t now = clock_mono_ns();

	for (struct item *i = s->items; i; i = i->next) {
		struct service *service;

		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): forget takes it out of the list */
		if (i->task || i->over || i->again_ns > now)
			continue;
		service = database_find(s->hub, i->service);
		if (service)
			submit(i, service);
		else
			forget(i); /* a reload took it away */
		return true;
	}
	return false;
}

void schedule_look(struct hub *hub)
{
	struct schedule *s = hub->schedule;

	if (!s || hub->stopping)
		return;
	(void)store_later_due(hub->store, database_elapsed(hub), take, s);
	for (unsigned n = 0; n < 2 * SCHEDULE_MOST && begin_one(s); n++)
		;
	wait(s);
}

static void fire(struct loop_timer *timer)
{
	struct schedule *s = LOOP_OWNER(timer, struct schedule, timer);

	clocks_look(s->hub);
	schedule_look(s->hub);
}

/* One more is in the database; it may be the next. */
static void on_later(struct hub *hub, const struct store_later *later)
{
	int64_t now = database_elapsed(hub);
	uint64_t left = later->due_ns > now ? (uint64_t)(later->due_ns - now) : 0;

	if (hub->schedule->count < SCHEDULE_MOST)
		look_at(hub->schedule, clock_mono_ns() + left);
}

int schedule_open(struct hub *hub)
{
	hub->schedule = calloc(1, sizeof(*hub->schedule));
	if (!hub->schedule)
		return -ENOMEM;
	hub->schedule->hub = hub;
	hub->schedule->timer.fire = fire;
	hub->on_later = on_later;
	schedule_look(hub);
	return 0;
}

void schedule_close(struct hub *hub)
{
	if (!hub->schedule)
		return;
	hub->on_later = NULL;
	loop_timer_clear(hub->loop, &hub->schedule->timer);
	for (struct item *i = hub->schedule->items, *next; i; i = next) {
		next = i->next;
		free(i);
	}
	free(hub->schedule);
	hub->schedule = NULL;
}
