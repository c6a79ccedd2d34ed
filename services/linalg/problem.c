/* problem.c - what a client is told when something is wrong: see linalg.h */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "linalg.h"

bool wrong(struct call *c, unsigned status, const char *format, ...)
{
	va_list list;

	if (c->problem.status)
		return false;
	c->problem.status = status;
	va_start(list, format);
	vsnprintf(c->problem.detail, sizeof(c->problem.detail), format, list);
	va_end(list);
	return false;
}

static void shape_text(const struct matrix *m, char *to, size_t size)
{
	unsigned long long rows = m->rows, columns = m->columns;

	if (m->dims == 2)
		snprintf(to, size, "(%llu, %llu)", rows, columns);
	else if (m->dims == 1)
		snprintf(to, size, "(%llu,)", rows);
	else
		snprintf(to, size, "()");
}

bool wrong_shape(struct call *c, unsigned i, const char *wanted, ...)
{
	struct problem *p = &c->problem;
	va_list list;

	if (p->status)
		return false;
	p->argument = (char)('a' + i);
	shape_text(&c->in[i], p->found, sizeof(p->found));
	va_start(list, wanted);
	vsnprintf(p->wanted, sizeof(p->wanted), wanted, list);
	va_end(list);
	return wrong(c, 422, "%c has the shape %s, not %s", p->argument, p->found, p->wanted);
}

bool wrong_pivot(struct call *c, unsigned i, int32_t info, const char *what)
{
	if (c->problem.status)
		return false;
	c->problem.argument = (char)('a' + i);
	c->problem.pivot = (unsigned)info;
	return wrong(c, 422, "%c is %s: pivot %d", 'a' + (int)i, what, (int)info);
}

/* -------------------------------------------------------------------------- JSON */

struct text {
	char *p;
	size_t n, size;
};

static void put(struct text *t, const char *s)
{
	for (; *s && t->n + 1 < t->size; s++)
		t->p[t->n++] = *s;
	t->p[t->n] = '\0';
}

/* As a string; what is no printable ASCII becomes '?', for it may be quoted from what somebody sent. */
static void put_member(struct text *t, const char *name, struct mf_str value)
{
	char c[3];

	put(t, ",\"");
	put(t, name);
	put(t, "\":\"");
	for (size_t i = 0; i < value.n; i++) {
		bool plain = value.p[i] >= ' ' && value.p[i] <= '~';
		bool escaped = value.p[i] == '"' || value.p[i] == '\\';

		snprintf(c, sizeof(c), "%s%c", escaped ? "\\" : "", plain ? value.p[i] : '?');
		put(t, c);
	}
	put(t, "\"");
}

static struct mf_str of(const char *s)
{
	return mf_str_of(s, strlen(s));
}

static const char *title(unsigned status)
{
	switch (status) {
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 413: return "Content Too Large";
	case 415: return "Unsupported Media Type";
	case 422: return "Unprocessable Content";
	default: return "Internal Server Error";
	}
}

size_t problem_text(const struct problem *p, struct mf_str id, char *to, size_t size)
{
	struct text t = {to, 0, size};
	char number[32];

	put(&t, "{\"type\":\"about:blank\"");
	put_member(&t, "title", of(title(p->status)));
	snprintf(number, sizeof(number), ",\"status\":%u", p->status);
	put(&t, number);
	put_member(&t, "detail", of(p->detail));
	if (p->argument)
		put_member(&t, "argument", mf_str_of(&p->argument, 1));
	if (p->found[0])
		put_member(&t, "found", of(p->found));
	if (p->wanted[0])
		put_member(&t, "wanted", of(p->wanted));
	snprintf(number, sizeof(number), ",\"pivot\":%u", p->pivot);
	if (p->pivot)
		put(&t, number);
	put_member(&t, "id", id);
	put(&t, "}\n");
	return t.n;
}
