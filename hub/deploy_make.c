/* hub/deploy_make.c - a deploy begins: what hub.yaml and the image make together is put beside what runs. See deploy.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/canary.h"
#include "hub/deploy_inner.h"
#include "hub/setup.h"
#include "hub/worker.h"
#include "sys/clock.h"

static bool same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, DEPLOYED_DIGEST) == 0;
}

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

/* What the list says of the service; NULL: nothing, or of an entry that is no more. */
static const struct deployed *find_line(const struct deploy *d, const struct config_service *entry)
{
	const struct deployed *r = deployed_find(&d->hub->deployments, d->name);

	return r && (entry->name || strcmp(r->image, entry->image) == 0) ? r : NULL;
}

/* A line of the list, as it is or as a first one. */
static int line_of(struct deploy *d, const struct config_service *entry, struct deployed *r,
	char error[static HUB_ERROR_MAX])
{
	const struct deployed *there = find_line(d, entry);
	const char *image = entry->name ? "-" : entry->image;
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
	if (strlen(image) >= sizeof(r->image))
		return setup_bad(entry->place, error, SETUP_FAILED, "image: its path is too long");
	*r = (struct deployed){0};
	memcpy(r->base, base, sizeof(base));
	memcpy(r->now, base, sizeof(base));
	if (there)
		*r = *there;
	snprintf(r->name, sizeof(r->name), "%s", d->name);
	snprintf(r->image, sizeof(r->image), "%s", image);
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

int deploy_make(struct deploy *d, char error[static HUB_ERROR_MAX])
{
	struct config config;
	int status;

	d->old = deploy_service(d->hub, d->name);
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
	deploy_mark(d);
}

static int check_hub(const struct hub *hub, const char *name, char error[static HUB_ERROR_MAX])
{
	const struct deploy *d = deploy_find(hub, name);

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
	d->timer.fire = deploy_tick;
	memcpy(d->digest, digest, sizeof(d->digest));
	snprintf(d->name, sizeof(d->name), "%.63s", name);
	status = deploy_make(d, error);
	if (status != 0) {
		loop_timer_clear(hub->loop, &d->timer);
		free(d);
		return status;
	}
	before = deploy_find(hub, name);
	if (before)
		deploy_drop(hub, before);
	d->next = hub->deploys;
	hub->deploys = d;
	tell(d);
	deployed_tidy(&hub->deployments, digest, true);
	return 0;
}

int deploy_rollback(struct hub *hub, const char *name, char error[static HUB_ERROR_MAX])
{
	static const struct deploy_options options = {.rollback = true};
	struct deploy *d = deploy_find(hub, name);
	const struct deployed *r = deployed_find(&hub->deployments, name);
	uint8_t digest[DEPLOYED_DIGEST];

	if (d && deploy_is_under_way(d) && d->old && !d->returning) {
		deploy_go_back(d, "an operator ended it");
		return 0;
	}
	if (d && d->phase == DEPLOY_WATCH) {
		deploy_return(d, "an operator ended it");
		return 0;
	}
	if (!deploy_service(hub, name)) {
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
