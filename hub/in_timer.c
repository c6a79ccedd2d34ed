/* hub/in_timer.c - see in_timer.h */
#include "hub/in_timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/clocks.h"
#include "hub/config.h"
#include "hub/database.h"
#include "hub/plan.h"
#include "hub/setup.h"
#include "hub/tick.h"
#include "image/units.h"

#define LATE_NS (60 * (int64_t)CLOCK_S)
/* A clock that was put back by less doesn't bring the same ticks again. */
#define BACK_NS (3 * 3600 * (int64_t)CLOCK_S)

enum missed { MISSED_SKIP, MISSED_ONCE, MISSED_ALL };

struct timer {
	struct timer *next;
	struct loop_timer wait;
	struct hub *hub;
	struct service *service;
	char *name, *text; /* "every 10s" */
	char *key;         /* of its last tick in the store: another rhythm has others */
	enum missed missed;
	struct tick_rule rule;
	int64_t last;      /* the last tick that was dealt with */
	int64_t tick;      /* the one under way */
	struct task *task; /* NULL: none is */
};

static struct mf_str text_of(const char *text)
{
	return mf_str_of(text, strlen(text));
}

/* ------------------------------------------------------------------- clocks */

/* How far this thread's local time is ahead. The C library has read its file before (clocks.c). */
static int64_t local_zone(int64_t at)
{
	time_t t = (time_t)at;
	struct tm tm;

	return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

static int64_t now_of(const struct timer *t)
{
	const struct timekept *kept = &t->hub->clocks.kept;

	return t->rule.every_ns ? (int64_t)time_elapsed(kept) : time_wall(kept);
}

static void look_soon(struct timer *t, uint64_t in_ns)
{
	if (loop_timer_set(t->hub->loop, &t->wait, clock_mono_ns() + in_ns) < 0)
		log_about(LOG_ERROR, t->service->name, NULL, "timer %s stands still: no memory",
			t->name);
}

static void wait_until(struct timer *t, int64_t tick, int64_t now)
{
	look_soon(t, tick > now ? (uint64_t)(tick - now) : 0);
}

/* -------------------------------------------------------------------- ticks */

/* So many will not come. */
static void miss(struct timer *t, unsigned ticks)
{
	if (ticks == 0)
		return;
	t->service->counts.ticks_missed += ticks;
	recent_note(&t->hub->recent,
		&(struct recent_note){.service = t->service,
			.source = "timer",
			.subject = text_of(t->name),
			.result = "missed",
			.times = ticks});
}

/* Ticks up to this one, but for itself, will not come. */
static unsigned pass(struct timer *t, int64_t tick)
{
	unsigned missed = tick_count(&t->rule, t->last, tick - 1, 1000, local_zone);

	miss(t, missed);
	return missed;
}

static void kept(struct store_tx *tx, int error)
{
	database_done(store_context(tx), tx, error);
}

/* The last tick is dealt with; if that isn't written, the next run makes it up, and its id is known. */
static void keep(struct timer *t)
{
	struct hub *hub = t->hub;
	struct store_tx *tx = NULL;

	if (t->missed != MISSED_SKIP && hub->store)
		tx = store_begin(hub->store, STORE_BATCH, kept, hub);
	if (!tx)
		return;
	store_tick(tx, database_service(t->service), text_of(t->key), t->last);
	if (store_sound(tx))
		store_submit(tx);
	else
		store_drop(tx);
}

/* What passed while the last one was under way. */
static void done(struct timer *t)
{
	int64_t now = now_of(t);

	t->task = NULL;
	t->last = t->tick;
	keep(t);
	if (t->missed == MISSED_SKIP && now > t->last) {
		miss(t, tick_count(&t->rule, t->last, now, 1000, local_zone));
		t->last = now;
	}
	look_soon(t, 0);
}

static void on_reply(struct task *task, const struct reply *reply)
{
	struct timer *t = task->context;

	(void)reply; /* nobody waits for it */
	if (t)
		done(t);
}

static void refused(struct timer *t, enum refusal why, bool again)
{
	t->task = NULL;
	if (t->missed != MISSED_SKIP && again) {
		look_soon(t, service_retry_ns(t->service, why));
		return;
	}
	miss(t, again);
	t->last = t->tick;
	keep(t);
	look_soon(t, 0);
}

static void on_refuse(struct task *task, enum refusal why)
{
	struct timer *t = task->context;

	if (t)
		refused(t, why, task_may_come_again(task, why));
}

static const struct origin_ops origin = {
	.source = "timer", .reply = on_reply, .refuse = on_refuse, .alone = true};

/* When it was due, by the wall's clock of now. */
static size_t scheduled(const struct timer *t, int64_t tick, char to[static 32])
{
	int64_t wall = time_wall(&t->hub->clocks.kept);
	int64_t due = t->rule.every_ns ? wall - (now_of(t) - tick) : tick;
	time_t seconds = (time_t)(due / (int64_t)CLOCK_S);
	struct tm tm;

	return gmtime_r(&seconds, &tm) ? strftime(to, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) : 0;
}

static bool write_tick(const struct timer *t, struct task *task, unsigned missed)
{
	char due[32], number[16];

	snprintf(number, sizeof(number), "%u", missed);
	return event_attribute(&task->writer, MF_STR("scheduled"),
		       mf_str_of(due, scheduled(t, t->tick, due))) &&
		(missed == 0 || event_attribute(&task->writer, MF_STR("missed"), text_of(number)));
}

static void submit(struct timer *t, int64_t tick, unsigned missed)
{
	const struct mf_str pieces[] = {text_of(t->key), mf_str_of(&tick, sizeof(tick))};
	enum refusal why;
	struct task *task = service_begin(
		t->service, MF_SOURCE_TIMER, MF_STR("timer.tick"), text_of(t->name), &why);

	t->tick = tick;
	if (!task) {
		service_refused(t->service, why);
		refused(t, why, refusal_passes(why));
		return;
	}
	task->origin = &origin;
	task->context = t;
	task_identify(task, pieces, 2, TASK_CHECK);
	if (!write_tick(t, task, missed)) { /* a manifest's event area can't be that small */
		service_cancel(task);
		service_refused(t->service, REFUSED_TOO_BIG);
		refused(t, REFUSED_TOO_BIG, false);
		return;
	}
	t->task = task;
	t->service->counts.ticks++;
	service_submit(task);
}

/* What is due at `now`, and how many before it don't come. */
static int64_t choose(struct timer *t, int64_t now, unsigned *missed)
{
	int64_t tick = tick_newest(&t->rule, t->last, now, local_zone);

	*missed = 0;
	if (t->missed == MISSED_ALL && tick > t->last) {
		if (tick_count(&t->rule, t->last, now, TIMER_MADE_UP + 1, local_zone) <=
			TIMER_MADE_UP)
			return tick_next(&t->rule, t->last, local_zone);
		log_about(LOG_WARN, t->service->name, NULL,
			"timer %s: more than %u ticks were missed: only the last comes", t->name,
			TIMER_MADE_UP);
	}
	*missed = pass(t, tick);
	return tick;
}

/* A clock that was put back: what ticked since then isn't due again, unless it is a matter of days. */
static void heed_back(struct timer *t, int64_t now)
{
	if (t->last > now + BACK_NS)
		t->last = now;
}

/* Does what is due, or waits for it. */
static void look(struct timer *t)
{
	int64_t now = now_of(t), tick;
	unsigned missed;

	if (t->task || t->hub->stopping)
		return;
	heed_back(t, now);
	tick = tick_next(&t->rule, t->last, local_zone);
	if (tick > now) {
		wait_until(t, tick, now);
		return;
	}
	tick = choose(t, now, &missed);
	if (t->missed == MISSED_SKIP && now - tick > LATE_NS) {
		miss(t, 1);
		t->last = tick;
		wait_until(t, tick_next(&t->rule, tick, local_zone), now);
		return;
	}
	submit(t, tick, missed);
}

static void fire(struct loop_timer *wait)
{
	struct timer *t = LOOP_OWNER(wait, struct timer, wait);

	clocks_look(t->hub);
	look(t);
}

void timers_look(struct hub *hub)
{
	for (struct timer *t = hub->timers; t; t = t->next)
		look(t);
}

/* ------------------------------------------------------------ configuration */

static void free_timer(struct timer *t)
{
	loop_timer_clear(t->hub->loop, &t->wait);
	if (t->task)
		t->task->context = NULL;
	free(t->name);
	free(t->text);
	free(t->key);
	free(t);
}

static void free_list(struct timer *list)
{
	for (struct timer *next; list; list = next) {
		next = list->next;
		free_timer(list);
	}
}

static const struct config_timer *override_of(const struct config_service *config, const char *name)
{
	for (unsigned i = 0; i < config->timers_count; i++)
		if (strcmp(config->timers[i].name, name) == 0)
			return &config->timers[i];
	return NULL;
}

static enum missed missed_named(const char *text)
{
	if (strcmp(text, "once") == 0)
		return MISSED_ONCE;
	return strcmp(text, "all") == 0 ? MISSED_ALL : MISSED_SKIP;
}

/* hub.yaml's word comes before the manifest's; both were checked. */
static bool fill(
	struct timer *t, const struct manifest_trigger *trigger, const struct config_timer *over)
{
	const char *every = trigger->every, *cron = trigger->cron, *missed = trigger->missed;
	uint64_t ns;

	if (over && (over->every || over->cron)) {
		every = over->every;
		cron = over->cron;
	}
	if (over && over->missed)
		missed = over->missed;
	t->missed = missed_named(missed);
	if (every && units_time(every, &ns))
		tick_every(&t->rule, ns, t->service->name, trigger->name);
	else
		(void)cron_parse(&t->rule.cron, cron);
	t->name = strdup(trigger->name);
	if (asprintf(&t->text, "%s %s", every ? "every" : "cron", every ? every : cron) < 0)
		t->text = NULL;
	if (asprintf(&t->key, "%s %s", trigger->name, t->text ? t->text : "") < 0)
		t->key = NULL;
	return t->name && t->text && t->key;
}

static bool make(struct plan *plan, unsigned service, const struct manifest_trigger *trigger)
{
	struct timer *t = calloc(1, sizeof(*t));

	if (!t)
		return false;
	t->hub = plan->hub;
	t->service = plan->services[service];
	t->wait.fire = fire;
	t->next = plan->timers;
	plan->timers = t;
	return fill(t, trigger, override_of(&plan->config->services[service], trigger->name));
}

static const struct manifest_trigger *trigger_named(const struct manifest *m, const char *name)
{
	for (unsigned i = 0; i < m->triggers_count; i++)
		if (m->triggers[i].type == TRIGGER_TIMER && strcmp(m->triggers[i].name, name) == 0)
			return &m->triggers[i];
	return NULL;
}

static int check(const struct config_service *config, const struct service *s,
	char error[static HUB_ERROR_MAX])
{
	for (unsigned i = 0; i < config->timers_count; i++)
		if (!trigger_named(&s->manifest, config->timers[i].name))
			return setup_bad(config->timers[i].place, error, SETUP_USAGE,
				"timers: %s has no timer '%s': its mayfly.yaml would need "
				"'triggers: [{type: timer, name: %s, ...}]'",
				s->name, config->timers[i].name, config->timers[i].name);
	return 0;
}

int timers_make(struct plan *plan, char *error)
{
	for (unsigned i = 0; i < plan->config->services_count; i++) {
		const struct manifest *m = &plan->services[i]->manifest;
		int status = check(&plan->config->services[i], plan->services[i], error);

		if (status != 0)
			return status;
		for (unsigned k = 0; k < m->triggers_count; k++)
			if (m->triggers[k].type == TRIGGER_TIMER && !make(plan, i, &m->triggers[k]))
				return setup_bad(plan->config->services[i].place, error,
					SETUP_FAILED, "no memory");
	}
	return 0;
}

static struct timer *named(struct timer *list, const struct timer *like)
{
	while (list &&
		(strcmp(list->name, like->name) != 0 ||
			strcmp(list->service->name, like->service->name) != 0))
		list = list->next;
	return list;
}

/* Where the one of before stood; what it has under way is this one's. */
static bool go_on(struct timer *t, struct timer *before)
{
	if (!before || !tick_same(&t->rule, &before->rule))
		return false;
	t->last = before->last;
	t->tick = before->tick;
	t->task = before->task;
	if (t->task)
		t->task->context = t;
	before->task = NULL;
	return true;
}

/* Where the last run stood. */
static void remember(struct timer *t)
{
	struct hub *hub = t->hub;
	int64_t now = now_of(t), tick;

	t->last = now;
	if (t->missed == MISSED_SKIP || !hub->store)
		return;
	if (store_tick_read(hub->store, database_service(t->service), text_of(t->key), &tick) ==
			1 &&
		tick < now)
		t->last = tick;
}

static void begin(struct timer *t)
{
	remember(t);
	report_timer(&t->hub->report, t->service, t->name, t->text);
}

void timers_commit(struct plan *plan)
{
	struct hub *hub = plan->hub;
	struct timer *before = hub->timers;

	hub->timers = plan->timers;
	clocks_look(hub);
	for (struct timer *t = hub->timers; t; t = t->next)
		if (!go_on(t, named(before, t)))
			begin(t);
	free_list(before);
	timers_look(hub);
}

void timers_go_on(struct hub *hub)
{
	for (struct timer *t = hub->timers; t; t = t->next)
		remember(t);
	timers_look(hub);
}

bool timers_remember(const struct plan *plan)
{
	const struct timer *t = plan->timers;

	while (t && t->missed == MISSED_SKIP)
		t = t->next;
	return t != NULL;
}

void timers_drop(struct plan *plan)
{
	free_list(plan->timers);
}

void timers_stop(struct hub *hub)
{
	for (struct timer *t = hub->timers; t; t = t->next)
		loop_timer_clear(hub->loop, &t->wait);
}

void timers_close(struct hub *hub)
{
	free_list(hub->timers);
	hub->timers = NULL;
}

size_t timers_text(
	const struct hub *hub, const struct service *service, unsigned i, char *to, size_t size)
{
	for (const struct timer *t = hub->timers; t; t = t->next)
		if (t->service == service && i-- == 0)
			return (size_t)snprintf(to, size, "timer %s %s", t->name, t->text);
	return 0;
}
