/*
 * hub/routes.c - who answers which requests of HTTP: each service's triggers, on every
 * listener or as its `http` in hub.yaml says.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/http/access.h"
#include "hub/http/router.h"
#include "hub/in_http.h"
#include "hub/plan.h"
#include "hub/setup.h"

/* ------------------------------------------------------------------ one route */

static void name_route(const struct route *route, const struct want *w, char to[static 512])
{
	char text[NET_TEXT];

	net_text(w->address, text);
	snprintf(to, 512, "%s%s%s%.200s on %s", route->method ? route->method : "any method",
		route->host ? " of http://" : " ", route->host ? route->host : "", route->path,
		text);
}

static int taken(const struct want *w, const struct route *route, const struct route *other,
	char error[static HUB_ERROR_MAX])
{
	char name[512];

	name_route(route, w, name);
	if (other->service == route->service)
		return setup_bad(route->place, error, SETUP_USAGE,
			"http: %s: %s has it twice: give each of its triggers and entries "
			"another path, method or host",
			name, route->service->name);
	return setup_bad(route->place, error, SETUP_USAGE,
		"http: %s: %s at %s has it already: give one of them another path, host or "
		"listener with 'http: [{path: ...}]'",
		name, other->service->name, other->place);
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
		return setup_bad(route->place, error, SETUP_FAILED, "http: %s", strerror(-err));
	return 0;
}

/* ---------------------------------------------------------------- one service */

static const char *first(const char *a, const char *b)
{
	return a ? a : b;
}

/* What the entry says takes the place of what the trigger says. */
static int add_trigger(struct plan *plan, unsigned service, const struct config_route *entry,
	const struct manifest_trigger *t, char error[static HUB_ERROR_MAX])
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

		if (w->kind != WANT_HTTP ||
			(entry->listen_given && !net_same(&entry->listen, w->address)))
			continue;
		plan->routed[service] = true;
		status = rights_make(&plan->rights, w->listener, &entry->access, entry->place,
			&route.access, error);
		if (status == 0)
			status = add(w, &route, t->example, error);
		access_drop(route.access); /* the router holds it too */
	}
	return status;
}

static int add_service(struct plan *plan, unsigned service, char error[static HUB_ERROR_MAX])
{
	const struct config_service *config = &plan->config->services[service];
	const struct service *s = plan->services[service];
	struct config_route as_it_is = {0};
	const struct config_route *entries = config->http_given ? config->http : &as_it_is;
	unsigned count = config->http_given ? config->http_count : 1, triggers = 0;
	int status = 0;

	memcpy(as_it_is.place, config->place, sizeof(as_it_is.place));
	for (unsigned t = 0; t < s->manifest.triggers_count; t++) {
		if (s->manifest.triggers[t].type != TRIGGER_HTTP)
			continue;
		triggers++;
		for (unsigned e = 0; e < count && status == 0; e++)
			status = add_trigger(
				plan, service, &entries[e], &s->manifest.triggers[t], error);
	}
	if (status == 0 && triggers == 0 && config->http_given && count > 0)
		return setup_bad(entries[0].place, error, SETUP_USAGE,
			"http: %s has no trigger of that type: its mayfly.yaml would need "
			"'triggers: [{type: http, path: /...}]'",
			s->name);
	return status;
}

/* -------------------------------------------------------------------- public */

int routes_make(struct plan *plan, char error[static HUB_ERROR_MAX])
{
	int status = 0;

	for (struct want *w = plan->wants; w < plan->wants + plan->wants_count; w++) {
		if (w->kind != WANT_HTTP)
			continue;
		if (router_open(&w->router) < 0)
			return setup_bad(w->place, error, SETUP_FAILED, "no memory");
	}
	for (unsigned i = 0; i < plan->config->services_count && status == 0; i++)
		status = add_service(plan, i, error);
	rights_close(&plan->rights);
	return status;
}

/* ------------------------------------------------------------------- report */

/* Does what is sent there stay on this machine? */
static bool is_loopback(const struct net_address *a)
{
	if (a->any.sa_family == AF_INET)
		return (ntohl(a->v4.sin_addr.s_addr) >> 24) == 127;
	return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

static void warn_of_open_tokens(const struct want *w)
{
	const struct router *router = in_http_router(w->input);
	const struct route *route;

	if (w->listener->certificate || is_loopback(w->address))
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
	const struct router *router = in_http_router(w->input);
	const struct route *route;

	if (w->routes == 0)
		log_warn("%s: http: no service answers on %s: none has a trigger of type http, or "
			 "they name other listeners",
			w->place, w->input->text);
	for (size_t i = 0; (route = router_at(router, i)); i++)
		if (route->service && (w->opened || !route->service->kept))
			report_route(&plan->hub->report, w->input, route, w->examples[i]);
}

static bool has_trigger(const struct service *s)
{
	for (unsigned i = 0; i < s->manifest.triggers_count; i++)
		if (s->manifest.triggers[i].type == TRIGGER_HTTP)
			return true;
	return false;
}

void routes_report(const struct plan *plan)
{
	const struct config *config = plan->config;

	for (const struct want *w = plan->wants; w < plan->wants + plan->wants_count; w++)
		if (w->kind == WANT_HTTP) {
			warn_of_open_tokens(w);
			report_routes(plan, w);
		}
	for (unsigned i = 0; i < config->services_count; i++)
		if (!config->services[i].http_given && !plan->routed[i] &&
			has_trigger(plan->services[i]))
			log_warn("%s: %s has triggers of type http, but nothing listens for them: "
				 "add 'http: [{listen: 127.0.0.1:8080}]' at the top",
				config->services[i].place, plan->services[i]->name);
}
