/*
 * hub/http/router.h - who answers a request, by host, path and method. Pure: no I/O, no hub.
 *
 * A path pattern is parts between slashes: a part as it is, '+' for any one part, '#' as the
 * last for all that follow, none included (as in topics and grants). Of the patterns that
 * fit the more exact one is taken, part by part from the left: a literal part before '+'
 * before '#'. A route with a host comes before one without. GET answers HEAD too.
 *
 * A router belongs to one listener, is filled when a configuration is taken, and replaced
 * whole when another is.
 */
#ifndef HUB_HTTP_ROUTER_H
#define HUB_HTTP_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "hub/http/page.h"

struct access;
struct router;
struct service;

/* Strings are copied; service and headers must outlive the router. */
struct route {
	const char *host;   /* without port; NULL: any */
	const char *method; /* NULL: any */
	const char *path;
	struct service *service; /* who answers; or NULL: */
	page_answer *page;       /* the hub itself does */
	bool blobs;              /* or its disk cache (http/blobs.h) */
	bool jobs;               /* or its jobs (http/jobs.h) */
	bool changes;            /* such a page changes the hub, others only show it */
	struct access *access; /* who may ask (http/access.h), held by the router; NULL: anybody */
	/* Request headers that the event carries as attributes, names in any case. */
	const char *const *headers;
	unsigned headers_count;
	const char *place; /* "hub.yaml:7:5", for whoever collides with it */
};

enum router_result { ROUTER_FOUND, ROUTER_NO_PATH, ROUTER_NO_METHOD };

#define ROUTER_ALLOW_MAX 128

int router_open(struct router **router);
void router_close(struct router *router); /* NULL is fine */
/* 0; -EEXIST: *other is there already for the same host, path and method; -EINVAL: not a path
 * pattern; -ENOMEM. */
int router_add(struct router *router, const struct route *route, const struct route **other);
/* `host` may have a port, which is not looked at; `path` is without query, not decoded. When
 * the path has routes but none for the method, `allow` says which methods there are. */
enum router_result router_find(const struct router *router, struct mf_str host,
	struct mf_str method, struct mf_str path, const struct route **route,
	char allow[static ROUTER_ALLOW_MAX]);
/* The i-th route, in the order in which they were added; NULL: there are no more. */
const struct route *router_at(const struct router *router, size_t i);
/* How many services there are, if each one's routes were added one after another. */
unsigned router_services(const struct router *router);

#endif
