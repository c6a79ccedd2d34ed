/* hub/deploy.c - see deploy.h */
#include "hub/deploy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/canary.h"
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

static struct deploy *find(const struct hub *hub, const char *name)
{
	struct deploy *d = hub->deploys;

	while (d && strcmp(d->name, name) != 0)
		d = d->next;
	return d;
}

static struct service *service_of(const struct hub *hub, const char *name)
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

static void mark(struct deploy *d)
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

__attribute__((format(printf, 2, 3))) static void go_back(struct deploy *d, const char *format, ...)
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
		go_back(d, "the list of deployed versions: %s", strerror(-rc));
		return false;
	}
	d->taking = true;
	status = hub_reload(d->hub, error);
	d->taking = false;
	if (status != 0) {
		(void)deployed_put(&d->hub->deployments, &before);
		go_back(d, "it can't take its place: %.200s", error);
		return false;
	}
	if (service_of(d->hub, d->name) != d->new) {
		if (d->old->canary == d->new)
			canary_end(d->old);
		end(d, DEPLOY_BACK, "hub.yaml says something else of it now, which runs");
		return false;
	}
	d->old = NULL;
	mark(d);
	d->was_old = was;
	return true;
}

static int make(struct deploy *d, char error[static HUB_ERROR_MAX]);

/* The version that it replaced comes again. */
static void return_from_watch(struct deploy *d, const char *why)
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
	if (make(d, error) != 0)
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
	mark(d);
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
		go_back(d, "its worker can't start: mayfly logs says why");
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
		go_back(d, "%s", why);
	else if (worse)
		return_from_watch(d, why);
	else if (!is_enough(d, &new))
		return;
	else if (d->phase == DEPLOY_WATCH)
		end(d, DEPLOY_DONE, "%s", "");
	else if (d->at + 1 < d->options.steps)
		share(d, d->at + 1);
	else
		placed(d);
}

static void tick(struct loop_timer *timer)
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
		go_back(d, "no memory");
}

/* ---------------------------------------------------------------------- begin */

static struct config_service *entry_of(struct config *config, const struct service *s)
{
	for (unsigned i = 0; i < config->services_count; i++) {
		struct config_service *c = &config->services[i];

		if (c->name ? strcmp(c->name, s->name) == 0
			    : strcmp(c->image, s->entry ? s->entry : "") == 0)
			return c;
	}
	return NULL;
}

/* A line of the list, as it is or as a first one. */
static int line_of(struct deploy *d, const struct config_service *entry, struct deployed *r,
	char error[static HUB_ERROR_MAX])
{
	const struct deployed *there = deployed_find(&d->hub->deployments, d->name);
	uint8_t base[DEPLOYED_DIGEST];
	int rc = deployed_digest_of(entry->image, base);

	if (rc < 0)
		return setup_bad(entry->place, error, SETUP_FAILED, "image: \"%s\": %s",
			entry->image, strerror(-rc));
	if (there && !same(there->base, base))
		return setup_bad(entry->place, error, SETUP_USAGE,
			"image: \"%s\" isn't what it was when %s was deployed before: mayfly "
			"reload first, which makes it the one that runs",
			entry->image, d->name);
	if (there) {
		*r = *there;
		return 0;
	}
	*r = (struct deployed){0};
	if (strlen(entry->image) >= sizeof(r->image))
		return setup_bad(entry->place, error, SETUP_FAILED, "image: its path is too long");
	snprintf(r->name, sizeof(r->name), "%s", d->name);
	snprintf(r->image, sizeof(r->image), "%s", entry->image);
	memcpy(r->base, base, sizeof(base));
	memcpy(r->now, base, sizeof(base));
	return 0;
}

/* What comes of the image under the service's entry. */
static int make_service(struct deploy *d, const struct config *config,
	const struct config_service *entry, const struct deployed *r,
	char error[static HUB_ERROR_MAX])
{
	struct config_service told = *entry;
	char path[PATH_MAX];
	struct trust trust;
	int status = trust_open(&trust, &config->trust, &d->hub->counters, error);

	if (!same(d->digest, r->base)) {
		(void)deployed_path(&d->hub->deployments, d->digest, path);
		told.entry = told.image;
		told.image = path;
	}
	if (d->options.rollback) {
		told.allow_rollback_given = true;
		told.allow_rollback = 0;
	}
	if (status == 0)
		status = setup_service(d->hub, &told, &trust, &d->new, error);
	trust_close(&trust);
	return status;
}

static int check_service(struct deploy *d, char error[static HUB_ERROR_MAX])
{
	const struct service *new = d->new, *old = d->old;

	if (strcmp(new->name, old->name) != 0 ||
		strcmp(new->manifest.name, old->manifest.name) != 0) {
		snprintf(error, HUB_ERROR_MAX, "the image is a '%s', and the service %s a '%s'",
			new->manifest.name, old->name, old->manifest.name);
		return SETUP_USAGE;
	}
	if (same(new->digest, old->digest)) {
		snprintf(error, HUB_ERROR_MAX, "this image of %s runs already: version %s",
			old->name, old->manifest.version);
		return SETUP_USAGE;
	}
	return 0;
}

/* Effects are copied there before they are believed. */
static int make_scratch(struct hub *hub, const struct service *s)
{
	size_t most = MFW_ROUND(s->head.effects_area);
	uint8_t *more;

	if (most <= hub->scratch_size)
		return 0;
	more = realloc(hub->scratch, most);
	if (!more)
		return -ENOMEM;
	hub->scratch = more;
	hub->scratch_size = most;
	return 0;
}

/* It is there, beside the old one, and its worker starts. */
static int put_beside(struct deploy *d, struct deployed *r, char error[static HUB_ERROR_MAX])
{
	int rc = make_scratch(d->hub, d->new);

	memcpy(r->trial, d->digest, sizeof(r->trial));
	r->has_trial = true;
	if (rc == 0)
		rc = deployed_put(&d->hub->deployments, r);
	if (rc == 0)
		rc = loop_timer_set(d->hub->loop, &d->timer, loop_now(d->hub->loop) + CLOCK_MS);
	if (rc < 0) {
		snprintf(error, HUB_ERROR_MAX, "state: the list of deployed versions: %s",
			strerror(-rc));
		return SETUP_FAILED;
	}
	canary_begin(d->old, d->new);
	d->phase = DEPLOY_BIRTH;
	(void)worker_start(d->new); /* if it can't, its figures say so */
	return 0;
}

static int make_from(struct deploy *d, struct config *config, char error[static HUB_ERROR_MAX])
{
	const struct config_service *entry = entry_of(config, d->old);
	struct deployed r;
	int status;

	if (!entry) {
		snprintf(
			error, HUB_ERROR_MAX, "hub.yaml has no such service any more: %s", d->name);
		return SETUP_NOT_FOUND;
	}
	status = line_of(d, entry, &r, error);
	if (status == 0)
		status = make_service(d, config, entry, &r, error);
	if (status == 0)
		status = check_service(d, error);
	if (status == 0)
		status = put_beside(d, &r, error);
	if (status != 0 && d->new) {
		service_close(d->new);
		d->new = NULL;
	}
	return status;
}

static int make(struct deploy *d, char error[static HUB_ERROR_MAX])
{
	struct config config;
	int status;

	d->old = service_of(d->hub, d->name);
	if (!d->old) {
		snprintf(error, HUB_ERROR_MAX, "there is no service '%s'", d->name);
		return SETUP_NOT_FOUND;
	}
	if (config_open(&config, d->hub->options.file, d->hub->options.as, error) < 0)
		return SETUP_USAGE;
	status = make_from(d, &config, error);
	config_close(&config);
	return status;
}

static void drop(struct hub *hub, struct deploy *d)
{
	struct deploy **at = &hub->deploys;

	while (*at && *at != d)
		at = &(*at)->next;
	if (*at)
		*at = d->next;
	loop_timer_clear(hub->loop, &d->timer);
	free(d);
}

static void tell(struct deploy *d)
{
	const char *why = canary_why_not(d->old, d->new);

	snprintf(d->from, sizeof(d->from), "%.31s", d->old->manifest.version);
	snprintf(d->to, sizeof(d->to), "%.31s", d->new->manifest.version);
	d->at_once = why != NULL;
	snprintf(d->why_once, sizeof(d->why_once), "%s", why ? why : "");
	log_about(LOG_INFO, d->name, NULL, "version %s is to take the place of %s%s%s", d->to,
		d->from, why && d->options.steps > 0 ? " at once: " : "",
		why && d->options.steps > 0 ? why : "");
	mark(d);
}

static int check_hub(const struct hub *hub, const char *name, char error[static HUB_ERROR_MAX])
{
	const struct deploy *d = find(hub, name);

	if (hub->stopping)
		snprintf(error, HUB_ERROR_MAX, "the hub is stopping");
	else if (!hub->state)
		snprintf(error, HUB_ERROR_MAX,
			"the hub has nowhere to keep an image: name a directory as 'state' in its "
			"hub.yaml");
	else if (d && deploy_is_under_way(d))
		snprintf(error, HUB_ERROR_MAX,
			"version %s of %s is being deployed: wait, or end that with mayfly "
			"rollback %s",
			d->to, name, name);
	else
		return 0;
	return SETUP_USAGE;
}

int deploy_begin(struct hub *hub, const char *name, const uint8_t digest[static DEPLOYED_DIGEST],
	const struct deploy_options *options, char error[static HUB_ERROR_MAX])
{
	int status = check_hub(hub, name, error);
	struct deploy *d = status == 0 ? calloc(1, sizeof(*d)) : NULL, *before;

	if (status != 0)
		return status;
	if (!d) {
		snprintf(error, HUB_ERROR_MAX, "no memory");
		return SETUP_FAILED;
	}
	d->hub = hub;
	d->options = *options;
	d->began_ns = (int64_t)clock_wall_ns();
	d->timer.fire = tick;
	memcpy(d->digest, digest, sizeof(d->digest));
	snprintf(d->name, sizeof(d->name), "%.63s", name);
	status = make(d, error);
	if (status != 0) {
		loop_timer_clear(hub->loop, &d->timer);
		free(d);
		return status;
	}
	before = find(hub, name);
	if (before)
		drop(hub, before);
	d->next = hub->deploys;
	hub->deploys = d;
	tell(d);
	deployed_tidy(&hub->deployments, digest, true);
	return 0;
}

int deploy_rollback(struct hub *hub, const char *name, char error[static HUB_ERROR_MAX])
{
	static const struct deploy_options options = {.rollback = true};
	struct deploy *d = find(hub, name);
	const struct deployed *r = deployed_find(&hub->deployments, name);
	uint8_t digest[DEPLOYED_DIGEST];

	if (d && deploy_is_under_way(d) && d->old && !d->returning) {
		go_back(d, "an operator ended it");
		return 0;
	}
	if (d && d->phase == DEPLOY_WATCH) {
		return_from_watch(d, "an operator ended it");
		return 0;
	}
	if (!service_of(hub, name)) {
		snprintf(error, HUB_ERROR_MAX, "there is no service '%.80s'", name);
		return SETUP_NOT_FOUND;
	}
	if (!r || !r->has_before) {
		snprintf(error, HUB_ERROR_MAX,
			"no version of %s was deployed before the one that runs", name);
		return SETUP_USAGE;
	}
	memcpy(digest, r->before, sizeof(digest));
	return deploy_begin(hub, name, digest, &options, error);
}

/* ------------------------------------------------------------------------ hub */

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
			go_back(d,
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
		drop(hub, hub->deploys);
}
