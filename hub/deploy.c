/* hub/deploy.c - see deploy.h */
#include "hub/deploy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/canary.h"
#include "hub/deploy_inner.h"
#include "hub/reload.h"
#include "hub/setup.h"
#include "hub/worker.h"
#include "sys/clock.h"

#define TICK_NS  (50 * CLOCK_MS)
#define PATIENCE 10u /* a step ends after so many times its time, however few lives there were */

const char *const deploy_phases[] = {[DEPLOY_BIRTH] = "birth",
	[DEPLOY_SHARE] = "share",
	[DEPLOY_WATCH] = "watch",
	[DEPLOY_DONE] = "done",
	[DEPLOY_BACK] = "back"};

bool deploy_is_under_way(const struct deploy *d)
{
	return d->phase != DEPLOY_DONE && d->phase != DEPLOY_BACK;
}

struct deploy *deploy_find(const struct hub *hub, const char *name)
{
	struct deploy *d = hub->deploys;

	while (d && strcmp(d->name, name) != 0)
		d = d->next;
	return d;
}

struct service *deploy_service(const struct hub *hub, const char *name)
{
	struct service *s = hub->services;

	while (s && strcmp(s->name, name) != 0)
		s = s->next;
	return s;
}

/* ------------------------------------------------------------------- entries */

static bool is_of(const struct deployed *r, const struct config_service *c)
{
	return c->name ? strcmp(c->name, r->name) == 0 : strcmp(c->image, r->image) == 0;
}

static bool same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, DEPLOYED_DIGEST) == 0;
}

const struct config_service *deploy_entry(
	struct hub *hub, const struct config_service *config, struct deploy_entry *room)
{
	struct deployed *r = hub->deployments.list;
	uint8_t base[DEPLOYED_DIGEST];

	while (r && !is_of(r, config))
		r = r->next;
	if (!r)
		return config;
	r->stale = deployed_digest_of(config->image, base) < 0 || !same(base, r->base);
	if (r->stale)
		return config;
	room->config = *config;
	if (!same(r->now, r->base)) {
		if (!deployed_path(&hub->deployments, r->now, room->path))
			return config;
		room->config.entry = config->image;
		room->config.image = room->path;
	}
	if (r->allowed) {
		room->config.allow_rollback_given = true;
		room->config.allow_rollback = r->counter;
	}
	return &room->config;
}

/* -------------------------------------------------------------------- figures */

static struct weigh_side side_of(const struct service *s)
{
	struct weigh_side side = {.lives = s->counts.lives + s->counts.lost,
		.failures = s->counts.denied + s->counts.errors + s->counts.lost};

	for (unsigned i = 0; i < MFW_RESULTS; i++)
		if (i != MFW_OK)
			side.failures += s->counts.results[i];
	if (s->times)
		side.run = s->times->run;
	return side;
}

void deploy_sides(const struct deploy *d, struct weigh_side *new, struct weigh_side *old)
{
	const struct weigh_side none = {0};
	struct weigh_side now;

	*new = none;
	*old = d->was_old;
	if (d->new) {
		now = side_of(d->new);
		*new = weigh_since(&now, &d->was_new);
	}
	if (!d->old)
		return;
	now = side_of(d->old);
	*old = weigh_since(&now, &d->was_old);
	if (old->lives < d->options.limits.least) /* at 100 % it has none: what it did before */
		*old = now;
}

void deploy_mark(struct deploy *d)
{
	d->since_ns = loop_now(d->hub->loop);
	if (d->old)
		d->was_old = side_of(d->old);
	if (d->new)
		d->was_new = side_of(d->new);
}

/* ------------------------------------------------------------------------ end */

__attribute__((format(printf, 3, 4))) static void end(
	struct deploy *d, enum deploy_phase phase, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(d->why, sizeof(d->why), format, args);
	va_end(args);
	d->phase = phase;
	d->hub->deployed += phase == DEPLOY_DONE;
	d->hub->went_back += phase == DEPLOY_BACK;
	loop_timer_clear(d->hub->loop, &d->timer);
	log_about(phase == DEPLOY_DONE ? LOG_INFO : LOG_ERROR, d->name, NULL,
		phase == DEPLOY_DONE ? "version %s is deployed, it was %s%s%s"
				     : "version %s is not deployed, %s runs: %s%s",
		d->to, d->from, phase == DEPLOY_DONE && d->why[0] ? ": " : "", d->why);
	d->old = d->new = NULL;
}

/* The list no longer says that it is on trial. */
static void end_trial(struct deploy *d)
{
	const struct deployed *there = deployed_find(&d->hub->deployments, d->name);
	struct deployed r;
	int rc;

	if (!there || !there->has_trial)
		return;
	r = *there;
	r.has_trial = false;
	rc = deployed_put(&d->hub->deployments, &r);
	if (rc < 0)
		log_about(LOG_WARN, d->name, NULL, "state: the list of deployed versions: %s",
			strerror(-rc));
}

void deploy_go_back(struct deploy *d, const char *format, ...)
{
	char why[DEPLOY_WHY];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (d->old)
		canary_end(d->old);
	end_trial(d);
	end(d, DEPLOY_BACK, "%s", why);
}

/* ---------------------------------------------------------------- its own place */

/* The list says that it runs. */
static int put_in_list(struct deploy *d, struct deployed *before)
{
	const struct deployed *there = deployed_find(&d->hub->deployments, d->name);
	struct deployed r;

	if (!there)
		return -ENOENT;
	r = *before = *there;
	memcpy(r.before, r.now, sizeof(r.before));
	memcpy(r.now, d->digest, sizeof(r.now));
	r.has_before = true;
	r.has_trial = false;
	r.allowed = d->options.rollback && d->new->verdict.verified;
	r.counter = r.allowed ? d->new->verdict.counter : 0;
	return deployed_put(&d->hub->deployments, &r);
}

/* False: it went back. */
static bool take_place(struct deploy *d)
{
	char error[HUB_ERROR_MAX];
	struct deployed before;
	struct weigh_side was = side_of(d->old);
	int rc = put_in_list(d, &before), status;

	if (rc < 0) {
		deploy_go_back(d, "the list of deployed versions: %s", strerror(-rc));
		return false;
	}
	d->taking = true;
	status = hub_reload(d->hub, error);
	d->taking = false;
	if (status != 0) {
		(void)deployed_put(&d->hub->deployments, &before);
		deploy_go_back(d, "it can't take its place: %.200s", error);
		return false;
	}
	if (deploy_service(d->hub, d->name) != d->new) {
		if (d->old->canary == d->new)
			canary_end(d->old);
		end(d, DEPLOY_BACK, "hub.yaml says something else of it now, which runs");
		return false;
	}
	d->old = NULL;
	deploy_mark(d);
	d->was_old = was;
	return true;
}

/* The version that it replaced comes again. */
void deploy_return(struct deploy *d, const char *why)
{
	const struct deployed *r = deployed_find(&d->hub->deployments, d->name);
	char error[HUB_ERROR_MAX];

	snprintf(d->why, sizeof(d->why), "%s", why);
	log_about(LOG_ERROR, d->name, NULL, "version %s goes back to %s: %s", d->to, d->from, why);
	if (!r || !r->has_before) {
		end(d, DEPLOY_DONE, "it is worse (%s), but nothing is there to go back to", why);
		return;
	}
	memcpy(d->digest, r->before, sizeof(d->digest));
	d->returning = d->options.rollback = true;
	d->new = NULL;
	if (deploy_make(d, error) != 0)
		end(d, DEPLOY_DONE, "it is worse (%s), but can't go back: %.120s", why, error);
}

static void placed(struct deploy *d)
{
	char why[DEPLOY_WHY];

	if (!take_place(d))
		return;
	if (d->returning) {
		snprintf(why, sizeof(why), "%s", d->why);
		end(d, DEPLOY_BACK, "%s", why);
	} else if (d->at_once && d->options.steps > 0) {
		d->phase = DEPLOY_WATCH;
	} else {
		end(d, DEPLOY_DONE, "%s", "");
	}
}

/* ---------------------------------------------------------------------- steps */

static void share(struct deploy *d, unsigned at)
{
	d->at = at;
	d->phase = DEPLOY_SHARE;
	d->old->share = d->options.step[at];
	deploy_mark(d);
	log_about(LOG_INFO, d->name, NULL, "version %s gets %g %% of the events", d->to,
		d->options.step[at] / 100.0);
}

static void look_at_birth(struct deploy *d)
{
	if (d->new->counts.unstarted > 0 || d->new->circuit.state != CIRCUIT_CLOSED) {
		if (d->returning) {
			canary_end(d->old);
			end(d, DEPLOY_DONE, "it is worse, but the old version can't start");
			return;
		}
		deploy_go_back(d, "its worker can't start: mayfly logs says why");
	} else if (d->new->worker == WORKER_READY) {
		if (d->at_once || d->returning || d->options.steps == 0)
			placed(d);
		else
			share(d, 0);
	}
}

/* Has the step seen enough? */
static bool is_enough(const struct deploy *d, const struct weigh_side *new)
{
	uint64_t took = loop_now(d->hub->loop) - d->since_ns;

	return (took >= d->options.step_ns && new->lives >= d->options.limits.least) ||
		took / PATIENCE >= d->options.step_ns;
}

static void look_at_lives(struct deploy *d)
{
	struct weigh_side new, old;
	char why[WEIGH_WHY];
	bool worse;

	deploy_sides(d, &new, &old);
	worse = weigh_is_worse(&new, &old, &d->options.limits, why);
	if (!worse && d->new->circuit.state != CIRCUIT_CLOSED) {
		snprintf(why, sizeof(why), "its lives or workers fail in a row");
		worse = true;
	}
	if (worse && d->phase == DEPLOY_SHARE)
		deploy_go_back(d, "%s", why);
	else if (worse)
		deploy_return(d, why);
	else if (!is_enough(d, &new))
		return;
	else if (d->phase == DEPLOY_WATCH)
		end(d, DEPLOY_DONE, "%s", "");
	else if (d->at + 1 < d->options.steps)
		share(d, d->at + 1);
	else
		placed(d);
}

void deploy_tick(struct loop_timer *timer)
{
	struct deploy *d = LOOP_OWNER(timer, struct deploy, timer);

	if (d->hub->stopping)
		return;
	if (d->phase == DEPLOY_BIRTH)
		look_at_birth(d);
	else if (deploy_is_under_way(d))
		look_at_lives(d);
	if (deploy_is_under_way(d) &&
		loop_timer_set(d->hub->loop, timer, loop_now(d->hub->loop) + TICK_NS) < 0)
		deploy_go_back(d, "no memory");
}

/* ------------------------------------------------------------------------ hub */

void deploy_drop(struct hub *hub, struct deploy *d)
{
	struct deploy **at = &hub->deploys;

	while (*at && *at != d)
		at = &(*at)->next;
	if (*at)
		*at = d->next;
	loop_timer_clear(hub->loop, &d->timer);
	free(d);
}

static void say_stale(const struct deployed *r)
{
	log_about(LOG_INFO, r->name, NULL,
		"hub.yaml names another image than when a version was deployed: that runs");
}

static void say_unfinished(struct hub *hub, const struct deployed *there)
{
	struct deployed r = *there;

	log_about(LOG_WARN, r.name, NULL,
		"a version was being deployed when the hub ended: the one before runs; deploy it "
		"again");
	r.has_trial = false;
	(void)deployed_put(&hub->deployments, &r);
}

void deploys_start(struct hub *hub)
{
	for (const struct deployed *r = hub->deployments.list; r; r = r->next)
		if (r->has_trial)
			say_unfinished(hub, r);
	deployed_tidy(&hub->deployments, NULL, false);
}

static bool is_there(const struct hub *hub, const struct service *s)
{
	const struct service *one = hub->services;

	while (one && one != s)
		one = one->next;
	return one != NULL;
}

void deploys_look(struct hub *hub)
{
	int rc = deployed_forget_stale(&hub->deployments, say_stale);

	if (rc < 0)
		log_warn("state: the list of deployed versions: %s", strerror(-rc));
	for (struct deploy *d = hub->deploys; d; d = d->next) {
		if (d->taking || !deploy_is_under_way(d))
			continue;
		if (d->old && !is_there(hub, d->old))
			deploy_go_back(d,
				"the configuration was read again, and the service is another "
				"now");
		else if (!d->old && !is_there(hub, d->new))
			end(d, DEPLOY_BACK,
				"the configuration was read again, and the service is "
				"another now");
	}
}

void deploys_stop(struct hub *hub)
{
	for (struct deploy *d = hub->deploys; d; d = d->next)
		loop_timer_clear(hub->loop, &d->timer);
}

void deploys_close(struct hub *hub)
{
	while (hub->deploys)
		deploy_drop(hub, hub->deploys);
}
