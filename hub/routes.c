/*
 * hub/routes.c - who answers which requests of HTTP and CoAP: each service's triggers, on every
 * listener or as its `http` and `coap` in hub.yaml say.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/cache.h"
#include "hub/http/access.h"
#include "hub/http/blobs.h"
#include "hub/http/jobs.h"
#include "hub/http/router.h"
#include "hub/in_coap.h"
#include "hub/in_http.h"
#include "hub/plan.h"
#include "hub/setup.h"
#include "sys/pace.h"

/* What of a service and its entry is about one protocol. */
struct protocol {
	enum want_kind kind;
	enum manifest_trigger_type trigger;
	const char *name, *listen; /* listen: an example of an address */
};

static const struct protocol protocols[] = {
	{WANT_HTTP, TRIGGER_HTTP, "http", "127.0.0.1:8080"},
	{WANT_COAP, TRIGGER_COAP, "coap", "127.0.0.1:5683"},
};
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static const char *name_of(const struct want *w)
{
	return w->kind == WANT_COAP ? "coap" : "http";
}

static bool has_routes(const struct want *w)
{
	return w->kind == WANT_HTTP || w->kind == WANT_COAP;
}

static const struct router *router_of(const struct want *w)
{
	return w->kind == WANT_COAP ? in_coap_router(w->input) : in_http_router(w->input);
}

static bool *routed(const struct plan *plan, const struct protocol *p)
{
	return p->kind == WANT_COAP ? plan->coap_routed : plan->routed;
}

static bool is_given(const struct config_service *config, const struct protocol *p)
{
	return p->kind == WANT_COAP ? config->coap_given : config->http_given;
}

/* ------------------------------------------------------------------ one route */

static void name_route(const struct route *route, const struct want *w, char to[static 512])
{
	char text[NET_TEXT];

	net_text(w->address, text);
	snprintf(to, 512, "%s%s%s%s%s%.200s on %s", route->method ? route->method : "any method",
		route->host ? " of " : " ", route->host ? name_of(w) : "", route->host ? "://" : "",
		route->host ? route->host : "", route->path, text);
}

static int taken(const struct want *w, const struct route *route, const struct route *other,
	char error[static HUB_ERROR_MAX])
{
	char name[512];

	name_route(route, w, name);
	if (other->service == route->service)
		return setup_bad(route->place, error, SETUP_USAGE,
			"%s: %s: %s has it twice: give each of its triggers and entries "
			"another path, method or host",
			name_of(w), name, route->service->name);
	return setup_bad(route->place, error, SETUP_USAGE,
		"%s: %s: %s at %s has it already: give one of them another path, host or "
		"listener with '%s: [{path: ...}]'",
		name_of(w), name, other->service->name, other->place, name_of(w));
}

/* `example` is the trigger's; it may be NULL. */
static int add(struct want *w, const struct route *route, const char *example,
	char error[static HUB_ERROR_MAX])
{
	const char **more = reallocarray(w->examples, w->routes + 1, sizeof(*more));
	const struct route *other;
	int err = more ? router_add(w->router, route, &other) : -ENOMEM;

	if (more)
		w->examples = more;
	if (err == 0)
		more[w->routes++] = example;
	if (err == -EEXIST)
		return taken(w, route, other, error);
	if (err < 0)
		return setup_bad(
			route->place, error, SETUP_FAILED, "%s: %s", name_of(w), strerror(-err));
	return 0;
}

/* ---------------------------------------------------------------- one service */

static const char *first(const char *a, const char *b)
{
	return a ? a : b;
}

/* What the entry says takes the place of what the trigger says. */
static int add_trigger(struct plan *plan, unsigned service, const struct protocol *p,
	const struct config_route *entry, const struct manifest_trigger *t,
	char error[static HUB_ERROR_MAX])
{
	struct route route = {
		.host = first(entry->host, t->host),
		.method = first(entry->method, t->method),
		.path = first(entry->path, t->path),
		.service = plan->services[service],
		.headers = (const char *const *)t->headers,
		.headers_count = t->headers_count,
		.place = entry->place,
	};
	int status = 0;

	for (unsigned i = 0; i < plan->wants_count && status == 0; i++) {
		struct want *w = &plan->wants[i];

		if (w->kind != p->kind ||
			(entry->listen_given && !net_same(&entry->listen, w->address)))
			continue;
		routed(plan, p)[service] = true;
		if (p->kind == WANT_HTTP)
			status = rights_make(&plan->rights, w->listener, &entry->access,
				entry->place, &route.access, error);
		if (status == 0)
			status = add(w, &route, t->example, error);
		access_drop(route.access); /* the router holds it too */
	}
	return status;
}

static int add_service(struct plan *plan, unsigned service, const struct protocol *p,
	char error[static HUB_ERROR_MAX])
{
	const struct config_service *config = &plan->config->services[service];
	const struct service *s = plan->services[service];
	struct config_route as_it_is = {0};
	const struct config_route *entries = p->kind == WANT_COAP ? config->coap : config->http;
	unsigned count = p->kind == WANT_COAP ? config->coap_count : config->http_count;
	unsigned triggers = 0;
	int status = 0;

	if (!is_given(config, p)) {
		entries = &as_it_is;
		count = 1;
	}

	memcpy(as_it_is.place, config->place, sizeof(as_it_is.place));
	for (unsigned t = 0; t < s->manifest.triggers_count; t++) {
		if (s->manifest.triggers[t].type != p->trigger)
			continue;
		triggers++;
		for (unsigned e = 0; e < count && status == 0; e++)
			status = add_trigger(
				plan, service, p, &entries[e], &s->manifest.triggers[t], error);
	}
	if (status == 0 && triggers == 0 && is_given(config, p) && count > 0)
		return setup_bad(entries[0].place, error, SETUP_USAGE,
			"%s: %s has no trigger of that type: its mayfly.yaml would need "
			"'triggers: [{type: %s, path: /...}]'",
			p->name, s->name, p->name);
	return status;
}

/* ------------------------------------------------------------ the disk cache */

static bool takes_blobs(const struct router *router)
{
	const struct route *route;

	for (size_t i = 0; (route = router_at(router, i)); i++)
		if (route->service && cache_needed(route->service))
			return true;
	return false;
}

/* A service that wants such a path for itself has it. */
static int add_own(const struct want *w, struct route route, const char *const *methods,
	char error[static HUB_ERROR_MAX])
{
	const struct route *other;

	for (; *methods; methods++) {
		int err;

		route.method = *methods;
		err = router_add(w->router, &route, &other);
		if (err < 0 && err != -EEXIST)
			return setup_bad(w->place, error, SETUP_FAILED, "http: %s", strerror(-err));
	}
	return 0;
}

/* Where a service takes blobs they can be sent and fetched, and jobs asked about. */
static int add_blobs(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	static const char *const of_blobs[] = {"GET", "PUT", NULL},
				 *const of_jobs[] = {"GET", "DELETE", NULL};
	const struct route blobs = {
		.path = BLOBS_PATH "+", .blobs = true, .place = "the disk cache"};
	const struct route job = {.path = JOBS_PATH "+", .jobs = true, .place = "jobs"};
	const struct route result = {.path = JOBS_PATH "+/result", .jobs = true, .place = "jobs"};
	int status = 0;

	for (struct want *w = plan->wants; w < plan->wants + plan->wants_count; w++) {
		if (w->kind != WANT_HTTP || !plan->config->state || !takes_blobs(w->router))
			continue;
		status = add_own(w, blobs, of_blobs, error);
		if (status == 0)
			status = add_own(w, job, of_jobs, error);
		if (status == 0)
			status = add_own(w, result, of_jobs, error);
		if (status != 0)
			break;
	}
	return status;
}

/* -------------------------------------------------------------------- public */

int routes_make(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	int status = 0;

	for (struct want *w = plan->wants; w < plan->wants + plan->wants_count; w++) {
		if (!has_routes(w))
			continue;
		if (router_open(&w->router) < 0)
			return setup_bad(w->place, error, SETUP_FAILED, "no memory");
	}
	for (unsigned i = 0; i < plan->config->services_count; i++)
		for (unsigned p = 0; p < PROTOCOLS && status == 0; p++)
			status = add_service(plan, i, &protocols[p], error);
	rights_close(&plan->rights);
	return status == 0 ? add_blobs(plan, error) : status;
}

/* ------------------------------------------------------------------- report */

static void warn_of_open_tokens(const struct want *w)
{
	const struct router *router = in_http_router(w->input);
	const struct route *route;

	if (w->listener->certificate || pace_is_loopback(&w->address->any))
		return;
	for (size_t i = 0; (route = router_at(router, i)); i++)
		if (access_has_tokens(route->access)) {
			log_warn("%s: tokens are asked for on %s without tls: whoever sees them on "
				 "their way can use them",
				w->place, w->input->text);
			return;
		}
}

/* What is new: all of a new listener, and what a new service has on the others. */
static void report_routes(const struct plan *plan, const struct want *w)
{
	const struct router *router = router_of(w);
	const struct route *route;

	if (w->routes == 0)
		log_warn("%s: %s: no service answers on %s: none has a trigger of type %s, or "
			 "they name other listeners",
			w->place, name_of(w), w->input->text, name_of(w));
	for (size_t i = 0; (route = router_at(router, i)); i++)
		if (route->service && (w->opened || !route->service->kept))
			report_route(&plan->hub->report, w->input, route, w->examples[i]);
}

static bool has_trigger(const struct service *s, const struct protocol *p)
{
	for (unsigned i = 0; i < s->manifest.triggers_count; i++)
		if (s->manifest.triggers[i].type == p->trigger)
			return true;
	return false;
}

static void warn_of_nobody(const struct plan *plan, unsigned i, const struct protocol *p)
{
	const struct config_service *config = &plan->config->services[i];

	if (!is_given(config, p) && !routed(plan, p)[i] && has_trigger(plan->services[i], p))
		log_warn("%s: %s has triggers of type %s, but nothing listens for them: add '%s: "
			 "[{listen: %s}]' at the top",
			config->place, plan->services[i]->name, p->name, p->name, p->listen);
}

void routes_report(const struct plan *plan)
{
	for (const struct want *w = plan->wants; w < plan->wants + plan->wants_count; w++) {
		if (w->kind == WANT_HTTP)
			warn_of_open_tokens(w);
		if (has_routes(w))
			report_routes(plan, w);
	}
	for (unsigned i = 0; i < plan->config->services_count; i++)
		for (unsigned p = 0; p < PROTOCOLS; p++)
			warn_of_nobody(plan, i, &protocols[p]);
}
