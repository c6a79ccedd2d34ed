/* hub/http/intake.c - bytes become a request. */
#include <stdlib.h>
#include <string.h>

#include "hub/http/chunked.h"
#include "hub/http/conn.h"
#include "hub/hub.h"

#define LINE_MOST 8192u /* RFC 9112, 3: at least 8000 */

/* What is kept of a request while its body comes is its head, as bytes: it is read again when
 * all is there. That costs a microsecond for requests that come in pieces, and nothing has to
 * be kept in step with a buffer that moves, nor with routes that change meanwhile. */
static struct request request; /* one thread, one request at a time */

static struct bytes_total *held_of(const struct conn *c)
{
	return &c->http->input.hub->held;
}

static bool keep(struct conn *c, const void *p, size_t n)
{
	if (bytes_add(&c->in, held_of(c), p, n))
		return true;
	if (c->phase == CONN_WORK || c->phase == CONN_SEND)
		conn_close(c);
	else
		exchange_refuse(c, 503, "the hub holds as much for its clients as it may");
	return false;
}

/* What was taken is copied to where it is needed. If the connection was closed or lingers, its
 * bytes are gone already. */
static void drop_taken(struct conn *c)
{
	if (bytes_left(&c->in) >= c->taken && c->taken > 0)
		bytes_use(&c->in, held_of(c), c->taken);
	c->taken = 0;
}

/* --- bodies that somebody takes as they come */

void intake_drop(struct conn *c)
{
	if (c->sink)
		c->sink->ops->drop(c->sink);
	c->sink = NULL;
}

uint8_t *intake_room(struct conn *c, size_t *n)
{
	uint8_t *p = c->sink && c->to_come > 0 ? c->sink->ops->room(c->sink, n) : NULL;

	if (p && *n > c->to_come)
		*n = (size_t)c->to_come;
	return p;
}

bool intake_ready(const struct conn *c)
{
	size_t n;

	return c->sink && (c->chunked || c->to_come > 0) && c->sink->ops->room(c->sink, &n);
}

/* The request of the first n bytes in `in` is whole, with a body behind its head. */
static void run(struct conn *c, size_t head, size_t body)
{
	const uint8_t *p = c->in.p + c->in.at;

	conn_enter(c, CONN_WORK);
	c->taken = head + body;
	exchange_run(c, &request, mf_str_of(p + head, body));
	upload_end(c);  /* what it was for has it, or never will */
	intake_drop(c); /* another route answers now, that wants none */
	drop_taken(c);
}

/* The same after a body that came in pieces. */
static void run_again(struct conn *c, size_t body)
{
	struct request_wrong wrong;

	free(c->chunked);
	c->chunked = NULL;
	c->unread = false;
	if (c->operands && operands_wait(c))
		return;
	if (request_parse(&request, c->in.p + c->in.at, c->head, &wrong))
		run(c, c->head, body);
	else
		exchange_refuse(c, wrong.status, wrong.detail);
}

void intake_whole(struct conn *c, size_t head)
{
	c->head = head;
	run_again(c, 0);
}

/* False: it doesn't fit, or isn't wanted; then the request was answered. */
static bool feed(struct conn *c, const uint8_t *p, size_t n)
{
	while (n > 0) {
		size_t most = 0;
		uint8_t *to = c->sink->ops->room(c->sink, &most);

		if (!to) {
			exchange_refuse(c, 413, "the body is larger than the service takes");
			return false;
		}
		most = most < n ? most : n;
		memcpy(to, p, most);
		p += most;
		n -= most;
		if (!c->sink->ops->took(c->sink, c, most)) {
			intake_drop(c);
			return false;
		}
	}
	return true;
}

void intake_took(struct conn *c, size_t n)
{
	c->to_come -= n;
	if (!c->sink->ops->took(c->sink, c, n))
		intake_drop(c);
	else if (c->to_come == 0)
		run_again(c, 0);
}

/* Its head stays in `in`, and what came behind the body. */
static void begin_spool(struct conn *c, size_t head, uint64_t length)
{
	uint8_t *body = c->in.p + c->in.at + head;
	size_t there = bytes_left(&c->in) - head, n = there < length ? there : (size_t)length;

	c->head = head;
	c->to_come = length - n;
	c->unread = true;
	conn_enter(c, CONN_SPOOL);
	if (!feed(c, body, n))
		return;
	memmove(body, body + n, there - n);
	c->in.n -= n;
	if (c->to_come == 0)
		run_again(c, 0);
	else if (c->expects)
		send_continue(c);
	c->expects = false;
}

/* ---------------------------------------------------------------- bodies */

/* Where the body goes: behind the head, or into the service's area. False: it was answered. */
static bool keep_body(struct conn *c, const uint8_t *p, size_t n)
{
	if (!c->spool.areas)
		return keep(c, p, n);
	c->moved += n;
	return spool_append(&c->spool, p, n) == 0;
}

static size_t body_bytes(const struct conn *c)
{
	return c->spool.areas ? c->spool.bytes : bytes_left(&c->in) - c->head;
}

/* All of `in` behind the head is body, so what comes is added to it. */
static void take_chunks(struct conn *c, uint8_t *p, size_t n)
{
	struct chunked *d = c->chunked;
	size_t body, used = chunked_take(d, p, n, &body);

	if (d->state == CHUNKED_WRONG) {
		exchange_refuse(c, 400, d->wrong);
		return;
	}
	if (!c->sink && body_bytes(c) + body > c->most) {
		exchange_refuse_large(c);
		return;
	}
	if (!(c->sink ? feed(c, p, body) : keep_body(c, p, body)))
		return;
	if (d->state == CHUNKED_DONE) {
		body = c->sink ? 0 : bytes_left(&c->in) - c->head;
		if (keep(c, p + used, n - used))
			run_again(c, body);
	} else if (c->expects) {
		c->expects = false;
		send_continue(c);
	}
}

/* The head is whole, and the body comes in chunks; some may be there already. */
static void begin_chunks(struct conn *c, size_t head)
{
	size_t rest = bytes_left(&c->in) - head;
	uint8_t *copy = malloc(rest > 0 ? rest : 1);

	c->chunked = malloc(sizeof(*c->chunked));
	if (!c->chunked || !copy) {
		free(copy);
		exchange_refuse(c, 503, "the hub has no memory");
		return;
	}
	chunked_open(c->chunked);
	memcpy(copy, c->in.p + c->in.at + head, rest);
	c->in.n -= rest;
	c->head = head;
	c->unread = c->sink != NULL;
	conn_enter(c, c->sink ? CONN_SPOOL : CONN_BODY);
	take_chunks(c, copy, rest);
	free(copy);
}

static void begin_length(struct conn *c, size_t head, size_t length)
{
	if (bytes_left(&c->in) >= head + length) {
		run(c, head, length);
		return;
	}
	c->head = head;
	c->need = head + length;
	conn_enter(c, CONN_BODY);
	if (c->expects)
		send_continue(c);
	c->expects = false;
}

/* ------------------------------------------------------------------ heads */

/* Empty lines before a request are let pass (RFC 9112, 2.2), and begin none: half of one waits
 * for the other half as nothing would. False: nothing else is there. */
static bool skip_empty_lines(struct conn *c)
{
	size_t n = 0;

	while (bytes_left(&c->in) >= n + 2 && memcmp(c->in.p + c->in.at + n, "\r\n", 2) == 0)
		n += 2;
	if (n > 0)
		bytes_use(&c->in, held_of(c), n);
	n = bytes_left(&c->in);
	return n > 1 || (n == 1 && c->in.p[c->in.at] != '\r');
}

/* Of the n bytes that are a head or its beginning. False: it was answered. */
static bool check_size(struct conn *c, size_t n)
{
	const uint8_t *p = c->in.p + c->in.at, *feed = memchr(p, '\n', n);
	size_t line = feed ? (size_t)(feed - p) : n, most = c->http->input.hub->http.header;

	if (line > LINE_MOST || line > most)
		exchange_refuse(c, 414, "the first line of the request is too long");
	else if (n > most)
		exchange_refuse(c, 431, "the head of the request is too long");
	else
		return true;
	return false;
}

/* A bad byte is answered as soon as its line is whole, not only when all lines are. */
static const char *early(const uint8_t *p, size_t n, size_t seen)
{
	const uint8_t *end = memrchr(p + seen, '\n', n - seen);

	return end ? request_check_lines(p, (size_t)(end - p) + 1) : NULL;
}

/* `seen` bytes had come before. */
static void await_head(struct conn *c, size_t seen)
{
	const char *wrong = early(c->in.p + c->in.at, bytes_left(&c->in), seen);

	if (wrong)
		exchange_refuse(c, 400, wrong);
	else if (check_size(c, bytes_left(&c->in)))
		conn_enter(c, CONN_HEAD);
}

static void take_head(struct conn *c, size_t head)
{
	struct request_wrong wrong;
	struct service *service;

	if (!check_size(c, head))
		return;
	if (!request_parse(&request, c->in.p + c->in.at, head, &wrong)) {
		exchange_refuse(c, wrong.status, wrong.detail);
		return;
	}
	c->minor = (uint8_t)request.minor;
	c->keep_alive = request.keep_alive;
	c->bodiless = mf_str_is(request.method, "HEAD");
	c->expects = request.expects;
	c->unread = request.chunked || bytes_left(&c->in) - head < request.length;
	c->taken = c->unread ? 0 : head + (size_t)request.length;
	if (!exchange_admit(c, &request, &c->most, &service)) {
		drop_taken(c);
		return;
	}
	c->taken = 0;
	c->unread = false;
	if (request.length == 0 && !request.chunked && !c->operands)
		service = NULL;
	if (service && !upload_begin(c, &request, head, service))
		return;
	if (request.chunked)
		begin_chunks(c, head);
	else if (service)
		upload_length(c, head, (size_t)request.length);
	else if (c->sink)
		begin_spool(c, head, request.length);
	else
		begin_length(c, head, (size_t)request.length);
}

void intake(struct conn *c)
{
	size_t head, seen = c->seen;

	if (c->phase == CONN_BODY && !c->chunked && !c->spool.areas &&
		bytes_left(&c->in) >= c->need)
		run_again(c, c->need - c->head);
	if (c->phase != CONN_IDLE && c->phase != CONN_HEAD)
		return;
	if (c->phase == CONN_IDLE && !skip_empty_lines(c))
		return;
	c->bodiless = false;
	head = request_head(c->in.p + c->in.at, bytes_left(&c->in), &c->seen);
	if (head > 0) {
		c->seen = 0;
		take_head(c, head);
	} else {
		await_head(c, seen);
	}
}

void intake_bytes(struct conn *c, uint8_t *p, size_t n)
{
	if ((c->phase == CONN_BODY || c->phase == CONN_SPOOL) && c->chunked)
		take_chunks(c, p, n);
	else if (keep(c, p, n))
		intake(c);
}
