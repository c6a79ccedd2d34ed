/* hub/coap/core.c - /.well-known/core: what a listener has, as links (RFC 6690). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/coap/listener.h"
#include "hub/http/router.h"
#include "hub/service.h"

/* `?rt=lamp`, `?href=/a*`: the one filter of a query (RFC 6690, 4.1); others don't filter. */
static bool fits(struct mf_str query, const char *name, const char *value)
{
	size_t n = strlen(name), m = strlen(value);
	struct mf_str want;

	if (query.n <= n || memcmp(query.p, name, n) != 0 || query.p[n] != '=')
		return true;
	want = mf_str_of(query.p + n + 1, query.n - n - 1);
	if (want.n > 0 && want.p[want.n - 1] == '*')
		return m >= want.n - 1 && memcmp(value, want.p, want.n - 1) == 0;
	return mf_str_is(want, value);
}

static bool has_path(const struct router *router, size_t before, const struct route *route)
{
	const struct route *other;

	for (size_t i = 0; i < before && (other = router_at(router, i)); i++)
		if (other->service == route->service && strcmp(other->path, route->path) == 0)
			return true;
	return false;
}

static bool answers_get(const struct router *router, const struct route *route)
{
	const struct route *other;

	for (size_t i = 0; (other = router_at(router, i)); i++)
		if (strcmp(other->path, route->path) == 0 &&
			(!other->method || strcmp(other->method, "GET") == 0))
			return true;
	return false;
}

/* Patterns stand for paths that nobody can list. */
static bool is_pattern(const char *path)
{
	return strchr(path, '+') || strchr(path, '#');
}

char *coap_core(const struct in_coap *in, struct mf_str query, size_t *n)
{
	const struct route *route;
	char *text = NULL;
	FILE *to = open_memstream(&text, n);
	bool first = true;

	if (!to)
		return NULL;
	for (size_t i = 0; (route = router_at(in->router, i)); i++) {
		if (!route->service || is_pattern(route->path) || has_path(in->router, i, route) ||
			!fits(query, "href", route->path) ||
			!fits(query, "rt", route->service->name))
			continue;
		fprintf(to, "%s<%s>;rt=\"%s\"%s", first ? "" : ",", route->path,
			route->service->name, answers_get(in->router, route) ? ";obs" : "");
		first = false;
	}
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
