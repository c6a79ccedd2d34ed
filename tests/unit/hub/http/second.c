/* tests/unit/hub/http/second.c - see second.h */
#include "tests/unit/hub/http/second.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BODY_MOST 65536u /* of a page; exchange.c */

void second_note(struct second_seen *to, const char *method, size_t method_n, const char *target,
	size_t target_n, const uint8_t *body, size_t body_n)
{
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < body_n; i++)
		sum = (sum ^ body[i]) * 16777619u;
	to->sum = sum;
	to->n = body_n;
	snprintf(to->text, sizeof(to->text), "%.*s %.*s", (int)method_n, method, (int)target_n,
		target);
}

/* ------------------------------------------------------------------- reading */

struct reader {
	const uint8_t *p, *end;
	struct second_seen *seen;
	unsigned count;
};

/* A line without its CR LF, in which no other control stands; NULL: none, or it isn't whole. */
static const uint8_t *line_of(struct reader *r, size_t *n)
{
	const uint8_t *at = r->p;

	for (const uint8_t *p = at; p < r->end; p++) {
		if (*p == '\r' && p + 1 < r->end && p[1] == '\n') {
			*n = (size_t)(p - at);
			r->p = p + 2;
			return at;
		}
		if ((*p < ' ' && *p != '\t') || *p == 0x7f)
			return NULL;
	}
	return NULL;
}

static bool is_tchar(uint8_t c)
{
	return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is(const uint8_t *p, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp((const char *)p, word, n) == 0;
}

/* Is `word` one of those between the commas? */
static bool lists(const uint8_t *p, size_t n, const char *word)
{
	size_t from = 0;

	for (size_t i = 0; i <= n; i++) {
		size_t a = from, b = i;

		if (i < n && p[i] != ',')
			continue;
		while (a < b && (p[a] == ' ' || p[a] == '\t'))
			a++;
		while (b > a && (p[b - 1] == ' ' || p[b - 1] == '\t'))
			b--;
		if (is(p + a, b - a, word))
			return true;
		from = i + 1;
	}
	return false;
}

struct framing {
	bool length, chunked, close, keep, old;
	size_t n;
};

static bool take_length(struct framing *f, const uint8_t *p, size_t n)
{
	if (f->length || f->chunked || n == 0)
		return false;
	f->length = true;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit(p[i]) || f->n > BODY_MOST)
			return false;
		f->n = f->n * 10 + (size_t)(p[i] - '0');
	}
	return f->n <= BODY_MOST;
}

static bool take_field(struct framing *f, const uint8_t *p, size_t n)
{
	const uint8_t *colon = memchr(p, ':', n), *v, *end = p + n;
	size_t name = colon ? (size_t)(colon - p) : 0, value;

	if (name == 0)
		return false;
	for (size_t i = 0; i < name; i++)
		if (!is_tchar(p[i]))
			return false;
	for (v = colon + 1; v < end && (*v == ' ' || *v == '\t'); v++)
		;
	while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	value = (size_t)(end - v);
	if (is(p, name, "content-length"))
		return take_length(f, v, value);
	if (is(p, name, "transfer-encoding")) {
		if (f->chunked || f->length || f->old || !is(v, value, "chunked"))
			return false;
		f->chunked = true;
	}
	if (is(p, name, "connection")) {
		f->close |= lists(v, value, "close");
		f->keep |= lists(v, value, "keep-alive");
	}
	return true;
}

static uint8_t whole[BODY_MOST]; /* of a body in chunks */

static bool take_chunk(struct reader *r, size_t *n, bool *last)
{
	size_t line, size = 0, i = 0;
	const uint8_t *p = line_of(r, &line);

	for (; p && i < line && isxdigit(p[i]); i++) {
		if (size > BODY_MOST)
			return false;
		size = size * 16 + (size_t)(isdigit(p[i]) ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
	}
	if (!p || i == 0)
		return false;
	while (i < line && (p[i] == ' ' || p[i] == '\t'))
		i++;
	if (i < line && p[i] != ';')
		return false;
	*last = size == 0;
	if (*last)
		return true;
	if (*n + size > BODY_MOST || (size_t)(r->end - r->p) < size + 2 ||
		memcmp(r->p + size, "\r\n", 2) != 0)
		return false;
	memcpy(whole + *n, r->p, size);
	*n += size;
	r->p += size + 2;
	return true;
}

static bool take_chunks(struct reader *r, size_t *n)
{
	bool last = false;
	size_t line;

	*n = 0;
	while (!last)
		if (!take_chunk(r, n, &last))
			return false;
	for (;;) {
		const uint8_t *p = r->p, *end = memmem(p, (size_t)(r->end - p), "\r\n", 2);

		if (!end)
			return false;
		line = (size_t)(end - p);
		r->p = end + 2;
		if (line == 0)
			return true;
		if (*p == ' ' || *p == '\t' || memchr(p, '\n', line) || memchr(p, '\r', line) ||
			memchr(p, '\0', line))
			return false;
	}
}

/* False: no further request can be read. */
static bool read_one(struct reader *r)
{
	struct framing f = {0};
	const uint8_t *p, *first, *one, *two, *body;
	size_t n, first_n;

	while (r->end - r->p >= 2 && memcmp(r->p, "\r\n", 2) == 0)
		r->p += 2;
	first = line_of(r, &first_n);
	one = first ? memchr(first, ' ', first_n) : NULL;
	two = one ? memchr(one + 1, ' ', (size_t)(first + first_n - one - 1)) : NULL;
	if (!two || first + first_n - two != 9 ||
		(memcmp(two, " HTTP/1.1", 9) != 0 && memcmp(two, " HTTP/1.0", 9) != 0))
		return false;
	f.old = two[8] == '0';
	for (;;) {
		p = line_of(r, &n);
		if (!p)
			return false;
		if (n == 0)
			break;
		if (!take_field(&f, p, n))
			return false;
	}
	body = r->p;
	if (f.chunked) {
		if (!take_chunks(r, &f.n))
			return false;
		body = whole;
	} else {
		if ((size_t)(r->end - r->p) < f.n)
			return false;
		r->p += f.n;
	}
	if (r->count == SECOND_SEEN)
		return false;
	second_note(&r->seen[r->count++], (const char *)first, (size_t)(one - first),
		(const char *)one + 1, (size_t)(two - one - 1), body, f.n);
	return f.old ? f.keep && !f.close : !f.close;
}

unsigned second_read(const uint8_t *p, size_t n, struct second_seen seen[static SECOND_SEEN])
{
	struct reader r = {.p = p, .end = p + n, .seen = seen};

	while (read_one(&r))
		;
	return r.count;
}

/* ----------------------------------------------------------------- comparing */

/* The target of an absolute form is told without its host. */
static bool same(const struct second_seen *hub, const struct second_seen *we)
{
	const char *target = strchr(we->text, ' ');

	if (we->n != hub->n || we->sum != hub->sum)
		return false;
	return strcmp(we->text, hub->text) == 0 || (target && strncasecmp(target, " http", 5) == 0);
}

bool second_agrees(
	const struct second_seen *hub, unsigned hub_n, const struct second_seen *we, unsigned n)
{
	unsigned at = 0;

	for (unsigned i = 0; i < hub_n; i++) {
		while (at < n && !same(&hub[i], &we[at]))
			at++;
		if (at++ >= n)
			return false;
	}
	return true;
}
