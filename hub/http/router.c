/*
 * hub/http/router.c - see router.h. A tree: below its root the hosts ('+' stands for any),
 * below each the parts of paths. A search goes down it in the order of exactness and takes
 * the first place that has a route for the method, so it visits each node at most once.
 */
#include "hub/http/router.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/http/access.h"
#include "hub/http/target.h"
#include "image/pattern.h"

struct entry {
	struct route route;
	struct entry *next; /* another method at the same place */
};

struct node {
	struct mf_str part;  /* in memory behind the node */
	struct node **child; /* by part */
	size_t children;
	struct node *one, *rest; /* '+', '#' */
	struct entry *first;
};

struct router {
	struct node *root;
	struct entry **entry;
	size_t entries;
};

/* --------------------------------------------------------------------- nodes */

static struct node *node_make(struct mf_str part)
{
	struct node *n = calloc(1, sizeof(*n) + part.n);

	if (!n)
		return NULL;
	memcpy(n + 1, part.p, part.n);
	n->part = mf_str_of(n + 1, part.n);
	return n;
}

static void node_free(struct node *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->children; i++)
		node_free(n->child[i]);
	node_free(n->one);
	node_free(n->rest);
	free(n->child);
	free(n);
}

static int compare(struct mf_str a, struct mf_str b)
{
	int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* Where a child of this part is, or belongs. */
static size_t child_place(const struct node *n, struct mf_str part, bool *there)
{
	size_t low = 0, high = n->children;

	*there = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(part, n->child[middle]->part);

		if (order == 0) {
			*there = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static struct node *child_find(const struct node *n, struct mf_str part)
{
	bool there;
	size_t i = child_place(n, part, &there);

	return there ? n->child[i] : NULL;
}

/* The child of this part, made if it isn't there. NULL: no memory. */
static struct node *child_make(struct node *n, struct mf_str part)
{
	bool there;
	size_t i = child_place(n, part, &there);
	struct node **more, *child;

	if (there)
		return n->child[i];
	child = node_make(part);
	more = child ? reallocarray(n->child, n->children + 1, sizeof(*more)) : NULL;
	if (!more) {
		free(child);
		return NULL;
	}
	n->child = more;
	memmove(more + i + 1, more + i, (n->children - i) * sizeof(*more));
	more[i] = child;
	n->children++;
	return child;
}

static struct node *special_make(struct node **node)
{
	if (!*node)
		*node = node_make(MF_STR(""));
	return *node;
}

/* ---------------------------------------------------------------------- add */

/* The next part of a path, which begins with a slash; *path is what follows it. */
static struct mf_str next_part(struct mf_str *path)
{
	size_t n = 1;
	struct mf_str part;

	while (n < path->n && path->p[n] != '/')
		n++;
	part = mf_str_of(path->p + 1, n - 1);
	*path = mf_str_of(path->p + n, path->n - n);
	return part;
}

/* Parts are compared as RFC 3986 has them compared, or a route that asks for a token could be gone round
 * by another way of writing it: /%61dmin is /admin to whoever decodes it. */
#define PLAIN_MAX (PATTERN_MAX + 2u)
static struct mf_str plain(struct mf_str part, uint8_t to[static PLAIN_MAX])
{
	return target_plain(part, to, PLAIN_MAX);
}

static struct mf_str str_of(const char *text)
{
	return mf_str_of(text, strlen(text));
}

/* The place of a route; it is made, and stays if the route then isn't added. */
static struct node *place_of(struct router *r, const struct route *route)
{
	struct node *n = route->host ? child_make(r->root, str_of(route->host))
				     : special_make(&r->root->one);
	struct mf_str path = str_of(route->path);

	while (n && path.n > 0) {
		uint8_t text[PLAIN_MAX];
		struct mf_str part = plain(next_part(&path), text);

		if (mf_str_is(part, "+"))
			n = special_make(&n->one);
		else if (mf_str_is(part, "#"))
			n = special_make(&n->rest);
		else
			n = child_make(n, part);
	}
	return n;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static int copy(const char **text)
{
	if (!*text)
		return 0;
	*text = strdup(*text);
	return *text ? 0 : -ENOMEM;
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)mf_lower((uint8_t)*text);
}

static void entry_free(struct entry *e)
{
	if (!e)
		return;
	free((void *)(uintptr_t)e->route.host);
	free((void *)(uintptr_t)e->route.method);
	free((void *)(uintptr_t)e->route.path);
	free((void *)(uintptr_t)e->route.place);
	access_drop(e->route.access);
	free(e);
}

static struct entry *entry_make(const struct route *route)
{
	struct entry *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return NULL;
	e->route = *route;
	access_hold(e->route.access);
	err = copy(&e->route.host);
	/* all are copied, so that all can be freed */
	err |= copy(&e->route.method);
	err |= copy(&e->route.path);
	err |= copy(&e->route.place);
	if (err) {
		entry_free(e);
		return NULL;
	}
	if (e->route.host)
		lower((char *)(uintptr_t)e->route.host);
	return e;
}

static int insert(struct router *r, struct entry *e, const struct route **other)
{
	struct node *n = place_of(r, &e->route);
	struct entry **more;

	for (struct entry *there = n ? n->first : NULL; there; there = there->next)
		if (same(there->route.method, e->route.method)) {
			*other = &there->route;
			return -EEXIST;
		}
	more = n ? reallocarray(r->entry, r->entries + 1, sizeof(*more)) : NULL;
	if (!more)
		return -ENOMEM;
	r->entry = more;
	r->entry[r->entries++] = e;
	e->next = n->first;
	n->first = e;
	return 0;
}

int router_add(struct router *router, const struct route *route, const struct route **other)
{
	struct entry *e;
	int err;

	if (pattern_wrong(route->path))
		return -EINVAL;
	e = entry_make(route);
	if (!e)
		return -ENOMEM;
	err = insert(router, e, other);
	if (err < 0)
		entry_free(e);
	return err;
}

/* --------------------------------------------------------------------- find */

struct search {
	struct mf_str method;
	const struct route *found;
	bool fits; /* a place fits the path */
	char *allow;
};

static void allow(struct search *s, const char *method)
{
	size_t n = strlen(s->allow), m = strlen(method);
	const char *at = s->allow;

	while ((at = strstr(at, method))) {
		bool begins = at == s->allow || at[-1] == ' ';

		if (begins && (at[m] == ',' || at[m] == '\0'))
			return; /* it is named */
		at += m;
	}
	if (n + m + 3 <= ROUTER_ALLOW_MAX)
		snprintf(s->allow + n, ROUTER_ALLOW_MAX - n, "%s%s", n > 0 ? ", " : "", method);
}

/* How well a route's method fits: 0 not at all. */
static unsigned fitness(const struct route *route, struct mf_str method)
{
	if (!route->method)
		return 1;
	if (mf_str_is(method, route->method))
		return 3;
	return mf_str_is(method, "HEAD") && strcmp(route->method, "GET") == 0 ? 2 : 0;
}

/* True: the search is over. */
static bool take(const struct node *n, struct search *s)
{
	unsigned best = 0;

	for (const struct entry *e = n ? n->first : NULL; e; e = e->next) {
		unsigned fits = fitness(&e->route, s->method);

		s->fits = true;
		if (fits > best) {
			best = fits;
			s->found = &e->route;
		} else if (fits == 0) {
			allow(s, e->route.method);
			if (strcmp(e->route.method, "GET") == 0)
				allow(s, "HEAD");
		}
	}
	return s->found != NULL;
}

/* As deep as the deepest pattern, never as the path. */
static bool visit(const struct node *n, struct mf_str path, struct search *s)
{
	struct mf_str rest = path, part;
	const struct node *child;
	uint8_t text[PLAIN_MAX];

	if (!n)
		return false;
	if (path.n == 0)
		return take(n, s) || take(n->rest, s);
	part = next_part(&rest);
	child = child_find(n, plain(part, text));
	return visit(child, rest, s) || (part.n > 0 && visit(n->one, rest, s)) || take(n->rest, s);
}

/* Small letters, no port. Longer than any host that has routes: empty. */
static struct mf_str host_name(struct mf_str host, uint8_t to[static PATTERN_MAX])
{
	size_t n = 0;
	bool in_brackets = host.n > 0 && host.p[0] == '[';

	for (; n < host.n && (in_brackets || host.p[n] != ':'); n++) {
		if (n == PATTERN_MAX)
			return mf_str_of(to, 0);
		to[n] = mf_lower(host.p[n]);
		in_brackets &= host.p[n] != ']';
	}
	return mf_str_of(to, n);
}

enum router_result router_find(const struct router *router, struct mf_str host,
	struct mf_str method, struct mf_str path, const struct route **route,
	char allowed[static ROUTER_ALLOW_MAX])
{
	struct search s = {.method = method, .allow = allowed};
	uint8_t name[PATTERN_MAX];

	allowed[0] = '\0';
	if (path.n == 0 || path.p[0] != '/')
		return ROUTER_NO_PATH;
	if (visit(child_find(router->root, host_name(host, name)), path, &s) ||
		visit(router->root->one, path, &s)) {
		*route = s.found;
		allowed[0] = '\0';
		return ROUTER_FOUND;
	}
	if (!s.fits)
		return ROUTER_NO_PATH;
	allow(&s, "OPTIONS");
	return ROUTER_NO_METHOD;
}

/* ------------------------------------------------------------- open and close */

int router_open(struct router **router)
{
	struct router *r = calloc(1, sizeof(*r));

	if (r)
		r->root = node_make(MF_STR(""));
	if (!r || !r->root) {
		free(r);
		return -ENOMEM;
	}
	*router = r;
	return 0;
}

void router_close(struct router *router)
{
	if (!router)
		return;
	for (size_t i = 0; i < router->entries; i++)
		entry_free(router->entry[i]);
	free(router->entry);
	node_free(router->root);
	free(router);
}

const struct route *router_at(const struct router *router, size_t i)
{
	return i < router->entries ? &router->entry[i]->route : NULL;
}

unsigned router_services(const struct router *router)
{
	const struct service *last = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < router->entries; i++) {
		n += router->entry[i]->route.service != last;
		last = router->entry[i]->route.service;
	}
	return n;
}
