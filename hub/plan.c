/* hub/plan.c - see plan.h */
#include "hub/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/accelerator.h"
#include "hub/cache.h"
#include "hub/canary.h"
#include "hub/coap/watch.h"
#include "hub/in_timer.h"
#include "hub/failed.h"
#include "hub/schedule.h"
#include "hub/database.h"
#include "hub/deploy.h"
#include "hub/emit.h"
#include "hub/mqtt/mqtt.h"
#include "hub/setup.h"
#include "store/blobs.h"

/* ----------------------------------------------------------------- services */

static int check_name(const struct plan *plan, unsigned n, char error[static HUB_ERROR_MAX])
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(plan->services[i]->name, plan->services[n]->name) == 0)
			return setup_bad(plan->config->services[n].place, error, SETUP_USAGE,
				"name: '%s' is taken by another service: give this one a name of "
				"its own",
				plan->services[n]->name);
	return 0;
}

static void keep(struct plan *plan, unsigned i, struct service *s, struct service **cursor)
{
	plan->counts.kept++;
	plan->services[i] = s;
	s->kept = true;
	*cursor = s->next;
}

/* What was on trial is to take its place. */
static void promote(struct plan *plan, unsigned i, struct service *s)
{
	plan->counts.changed++;
	plan->services[i] = s;
	s->kept = true;
}

static struct service *named(struct service *list, const char *name)
{
	while (list && strcmp(list->name, name) != 0)
		list = list->next;
	return list;
}

/* An entry that didn't change, of files that didn't: there is nothing to load. */
static struct service *printed(struct service *s, const uint8_t print[static FINGERPRINT])
{
	while (s && memcmp(s->print, print, FINGERPRINT) != 0)
		s = s->next;
	return s;
}

static bool find_unchanged(
	struct plan *plan, unsigned i, const struct config_service *config, struct service **cursor)
{
	uint8_t print[FINGERPRINT];
	struct service *s = *cursor;

	if (!fingerprint(config, plan->trust.print, print))
		return false;
	if (!s || memcmp(s->print, print, sizeof(print)) != 0)
		s = printed(plan->hub->services, print);
	if (!s && (s = printed(plan->hub->canaries, print)) && !s->kept) {
		promote(plan, i, s);
		return true;
	}
	if (!s || s->kept)
		return false;
	keep(plan, i, s, cursor);
	return true;
}

/* A service that is the same as the one of its name which is there isn't needed. */
static void find_there(struct plan *plan, unsigned i, struct service **cursor)
{
	struct service *made = plan->services[i], *there;

	there = named(plan->hub->canaries, made->name);
	if (there && !there->kept && setup_same(made, there)) {
		memcpy(there->print, made->print, sizeof(there->print));
		promote(plan, i, there);
		service_close(made);
		return;
	}
	there = named(*cursor, made->name); /* mostly the next one in the order of before */
	if (!there)
		there = named(plan->hub->services, made->name);
	if (there)
		*cursor = there->next;
	if (!there) {
		plan->counts.added++;
	} else if (setup_same(made, there)) {
		memcpy(there->print, made->print, sizeof(there->print));
		there->verdict = made->verdict;
		keep(plan, i, there, cursor);
		service_close(made);
	} else {
		plan->counts.changed++;
	}
}

static int make_service(
	struct plan *plan, unsigned i, struct service **cursor, char error[static HUB_ERROR_MAX])
{
	struct deploy_entry deployed;
	const struct config_service *config =
		deploy_entry(plan->hub, &plan->config->services[i], &deployed);
	int status;

	if (find_unchanged(plan, i, config, cursor))
		return check_name(plan, i, error);
	status = setup_service(plan->hub, config, &plan->trust, &plan->services[i], error);
	if (status == 0)
		status = check_name(plan, i, error);
	if (status == 0)
		find_there(plan, i, cursor);
	return status;
}

static int make_services(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	const struct config *config = plan->config;
	struct service *cursor = plan->hub->services;
	int status = 0;

	for (struct service *s = plan->hub->services; s; s = s->next) {
		s->kept = false;
		plan->counts.removed++;
	}
	for (struct service *s = plan->hub->canaries; s; s = s->next)
		s->kept = false;
	for (struct deployed *r = plan->hub->deployments.list; r; r = r->next)
		r->stale = false;
	plan->services = calloc(config->services_count + 1, sizeof(struct service *));
	plan->routed = calloc(config->services_count + 1, sizeof(bool));
	plan->coap_routed = calloc(config->services_count + 1, sizeof(bool));
	if (!plan->services || !plan->routed || !plan->coap_routed) {
		snprintf(error, HUB_ERROR_MAX, "no memory");
		return SETUP_FAILED;
	}
	for (unsigned i = 0; i < config->services_count && status == 0; i++)
		status = make_service(plan, i, &cursor, error);
	plan->counts.removed -= plan->counts.kept + plan->counts.changed;
	return status;
}

/* Effects are copied there before they are believed. */
static int make_scratch(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	size_t most = 1;

	for (unsigned i = 0; i < plan->config->services_count; i++)
		if (MFW_ROUND(plan->services[i]->head.effects_area) > most)
			most = MFW_ROUND(plan->services[i]->head.effects_area);
	if (most <= plan->hub->scratch_size)
		return 0;
	plan->scratch = malloc(most);
	plan->scratch_size = most;
	if (plan->scratch)
		return 0;
	snprintf(error, HUB_ERROR_MAX, "no memory");
	return SETUP_FAILED;
}

int plan_make(struct plan *plan, struct hub *hub, const struct config *config,
	char error[static HUB_ERROR_MAX])
{
	int status;

	*plan = (struct plan){.hub = hub, .config = config};
	status = trust_open(&plan->trust, &config->trust, &hub->counters, error);
	if (status == 0)
		status = make_services(plan, error);
	if (status == 0)
		status = make_scratch(plan, error);
	if (status == 0)
		status = wants_make(plan, error);
	if (status == 0)
		status = timers_make(plan, error);
	if (status == 0)
		status = mqtt_plan_make(plan, error);
	if (status == 0)
		status = upstream_plan_make(plan, error);
	if (status == 0)
		status = emit_plan_make(plan, error);
	if (status == 0)
		status = trust_prepare(plan, error);
	if (status == 0)
		status = database_wanted(plan, error);
	plan->cache = status == 0 && cache_wanted(plan);
	return status;
}

/* ------------------------------------------------------------- take its place */

static void announce(const struct service *s, const struct config_service *config)
{
	if (config->backend == MFW_BACKEND_AUTO && s->hub->kvm_fd < 0)
		log_about(LOG_WARN, s->name, NULL,
			"backend process instead of kvm: /dev/kvm can't be opened: %s",
			strerror(s->hub->kvm_error));
}

/* Whose events come before those of the service that takes the place of `old` (NULL: of none). A quiet
 * `old` may itself have waited for one before it, that isn't done. Among those that leave the newest
 * comes first, and has waited for the others. NULL: nobody's. */
static struct service *still_at_work(const struct hub *hub, struct service *old, const char *name)
{
	if (old && !service_quiet(old))
		return old;
	for (struct service *s = hub->leaving; s; s = s->next)
		if (strcmp(s->name, name) == 0 && !service_quiet(s))
			return s;
	return NULL;
}

static void take_services(struct plan *plan)
{
	struct hub *hub = plan->hub;
	struct service *before = hub->services, *next, **end = &hub->services;

	for (unsigned i = 0; i < plan->config->services_count; i++) {
		struct service *s = plan->services[i], *old;

		const bool new = !s->kept || s->stable;

		if (!s->kept)
			announce(s, &plan->config->services[i]);
		old = new ? named(before, s->name) : NULL;
		if (s->stable)
			canary_promoted(hub, s->stable);
		if (old)
			service_inherit(s, old);
		if (new && s->keyed)
			s->after = still_at_work(hub, old, s->name);
	}
	for (struct service *s = before; s; s = next) {
		next = s->next;
		if (s->kept)
			continue;
		s->next = hub->leaving;
		hub->leaving = s;
	}
	for (unsigned i = 0; i < plan->config->services_count; i++) {
		*end = plan->services[i];
		end = &plan->services[i]->next;
	}
	*end = NULL;
}

static void take_scratch(struct plan *plan)
{
	if (!plan->scratch)
		return;
	free(plan->hub->scratch);
	plan->hub->scratch = plan->scratch;
	plan->hub->scratch_size = plan->scratch_size;
}

void plan_commit(struct plan *plan)
{
	struct hub *hub = plan->hub;

	wants_commit(plan);
	mqtt_plan_commit(plan);
	upstream_plan_commit(plan);
	emit_plan_commit(plan);
	take_services(plan);
	watch_reload(hub);
	take_scratch(plan);
	timers_commit(plan);
	schedule_look(hub);
	failed_look(hub);
	trust_commit(plan);
	trust_close(&plan->trust);
	hub->connections_most = plan->config->connections;
	hub->held.most = plan->config->memory;
	hub->waiting.most = plan->config->waiting;
	if (hub->blobs)
		blobs_limit(hub->blobs, plan->config->blobs);
	hub->http = plan->config->limits;
	hub->cores = plan->config->cores;
	accelerator_least(hub, plan->config->accelerator.least);
	free(plan->services);
	free(plan->routed);
	free(plan->coap_routed);
	deploys_look(hub);
	hub_ended(hub);
}

void plan_drop(struct plan *plan)
{
	upstream_plan_drop(plan);
	mqtt_plan_drop(plan);
	emit_plan_drop(plan);
	wants_drop(plan);
	timers_drop(plan);
	counters_drop(&plan->hub->counters);
	trust_close(&plan->trust);
	for (unsigned i = 0; plan->services && i < plan->config->services_count; i++)
		if (plan->services[i] && !plan->services[i]->kept)
			service_close(plan->services[i]);
	free(plan->services);
	free(plan->routed);
	free(plan->coap_routed);
	free(plan->scratch);
}
