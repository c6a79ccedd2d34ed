/* hub/http/blob_get.c - what the disk cache has: HEAD, GET, ranges; and a blob as an answer to anything. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/cache.h"
#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/http/problem.h"
#include "hub/hub.h"
#include "sys/log.h"
#include "wire/http_text.h"

#define BUFFER (256u << 10)

/* It outlives its connection until what is being read is. */
struct giving {
	struct stream stream;
	struct hub *hub;
	struct conn *conn; /* NULL: gone */
	struct blob *blob; /* pinned */
	struct blob_op op;
	bool reading, begun; /* the head was sent */
	uint64_t from, left; /* to read */
	size_t at, n;        /* what of the buffer is to send */
	/* the head */
	struct response response;
	char event[TASK_ID + 1], content_type[128];
	size_t lines_n;
	char *lines;
	uint8_t bytes[BUFFER];
};

static void giving_free(struct giving *g)
{
	g->hub->held.held -= sizeof(*g);
	blob_unpin(g->blob);
	free(g->lines);
	free(g);
}

static void read_on(struct giving *g)
{
	g->n = g->left < BUFFER ? (size_t)g->left : BUFFER;
	g->at = 0;
	g->reading = true;
	blob_read(g->hub->blobs, g->blob, &g->op, g->from, g->bytes, g->n);
	g->from += g->n;
	g->left -= g->n;
}

/* --- struct stream's */

static const uint8_t *next(struct stream *s, size_t *n)
{
	struct giving *g = LOOP_OWNER(s, struct giving, stream);

	*n = g->n - g->at;
	return g->reading ? NULL : g->bytes + g->at;
}

static void sent(struct stream *s, size_t n)
{
	struct giving *g = LOOP_OWNER(s, struct giving, stream);

	g->at += n;
	if (g->at == g->n && g->left > 0)
		read_on(g);
}

static void drop(struct stream *s)
{
	struct giving *g = LOOP_OWNER(s, struct giving, stream);

	g->conn = NULL;
	if (!g->reading)
		giving_free(g);
}

static const struct stream_ops stream_ops = {next, sent, drop};

/* --- from the disk */

static void begin(struct giving *g, int error)
{
	struct conn *c = g->conn;

	g->begun = true;
	if (error < 0) {
		if (c->fd >= 0)
			blob_refuse_error(c, error, UINT64_MAX);
		giving_free(g);
	} else if (c->fd >= 0) {
		send_stream(c, &g->response, mf_str_of(g->lines, g->lines_n), &g->stream);
	} else {
		c->http->input.counts.unsent++;
		giving_free(g);
	}
	c->holds--;
	conn_settle(c);
}

static void was_read(struct blob_op *op, int error)
{
	struct giving *g = LOOP_OWNER(op, struct giving, op);
	struct conn *c = g->conn;

	g->reading = false;
	cache_note(g->hub, g->blob, error);
	if (!c) {
		giving_free(g);
	} else if (!g->begun) {
		begin(g, error);
	} else if (error < 0 || cache_closing(g->hub)) {
		c->http->input.counts.unsent++;
		conn_close(c);
		conn_settle(c);
	} else {
		conn_stream(c);
	}
}

/* --- */

static void copy_head(struct giving *g, const struct response *r, struct mf_str lines)
{
	struct mf_str type = r->content_type;

	g->response = *r;
	if (r->event)
		memcpy(g->event, r->event, TASK_ID);
	else
		task_make_id(g->event);
	g->response.event = g->event;
	if (type.n > sizeof(g->content_type))
		type.n = 0;
	if (type.n > 0)
		memcpy(g->content_type, type.p, type.n);
	g->response.content_type = mf_str_of(g->content_type, type.n);
	g->lines_n = lines.n;
	if (lines.n > 0)
		memcpy(g->lines, lines.p, lines.n);
}

void blob_send(struct conn *c, const struct response *r, struct mf_str lines, struct blob *blob,
	uint64_t from, uint64_t n)
{
	struct hub *hub = c->http->input.hub;
	struct giving *g;

	if (!blob_hold(c, sizeof(*g)))
		return;
	g = calloc(1, sizeof(*g));
	if (g)
		g->lines = malloc(lines.n + 1);
	if (!g || !g->lines) {
		free(g);
		hub->held.held -= sizeof(*g);
		blob_refuse_error(c, -ENOMEM, UINT64_MAX);
		return;
	}
	copy_head(g, r, lines);
	g->stream = (struct stream){&stream_ops, n};
	g->hub = hub;
	g->conn = c;
	g->blob = blob;
	g->op.done = was_read;
	g->from = from;
	g->left = n;
	c->holds++;
	blob_pin(blob);
	read_on(g);
}

/* --- requests */

static void answer_head(struct conn *c, struct response *r, struct mf_str lines, uint64_t size);

/* Its ETag is its name: what has a name never changes. */
static struct mf_str lines_of(const struct blob *blob, uint64_t first, uint64_t last, bool part,
	char to[static BLOB_LINES])
{
	char name[BLOB_NAME + 1], range[96] = "";
	int n;

	blob_name(blob_hash(blob), name);
	if (part)
		snprintf(range, sizeof(range), "Content-Range: bytes %llu-%llu/%llu\r\n",
			(unsigned long long)first, (unsigned long long)last,
			(unsigned long long)blob_size(blob));
	n = snprintf(to, BLOB_LINES, "ETag: \"%s\"\r\nAccept-Ranges: bytes\r\n%s", name, range);
	return mf_str_of(to, (size_t)n);
}

/* If-Range (RFC 9110, 13.1.5): with another tag, or a date, all is wanted. */
static enum http_range range_of(
	const struct request *request, const struct blob *blob, uint64_t *first, uint64_t *last)
{
	char tag[BLOB_NAME + 3];
	unsigned next = 0;
	struct mf_str asked = request_header(request, "if-range", &next), range;

	tag[0] = '"';
	blob_name(blob_hash(blob), tag + 1);
	tag[BLOB_NAME + 1] = '"';
	next = 0;
	range = request_header(request, "range", &next);
	if (!range.p || !mf_str_is(request->method, "GET") ||
		(asked.p && !http_etag_named(asked, mf_str_of(tag, BLOB_NAME + 2), false)))
		return HTTP_RANGE_ALL;
	return http_range(range, blob_size(blob), first, last);
}

static void refuse_range(struct conn *c, uint64_t size)
{
	const struct problem p = {.status = 416, .detail = "nothing of the blob is in this range"};
	struct response r = {0};
	char lines[64];
	int n = snprintf(
		lines, sizeof(lines), "Content-Range: bytes */%llu\r\n", (unsigned long long)size);

	r.lines = mf_str_of(lines, (size_t)n);
	exchange_turn_away(c, &p, &r);
}

static void give(struct conn *c, const struct request *request, struct blob *blob)
{
	struct response r = {.status = 200, .content_type = MF_STR("application/octet-stream")};
	uint64_t size = blob_size(blob), first = 0, last = size - 1;
	enum http_range part = range_of(request, blob, &first, &last);
	char lines[BLOB_LINES];
	struct mf_str text;

	if (part == HTTP_RANGE_OUTSIDE) {
		refuse_range(c, size);
		return;
	}
	if (part == HTTP_RANGE_PART)
		r.status = 206;
	text = lines_of(blob, first, last, part == HTTP_RANGE_PART, lines);
	if (c->bodiless)
		answer_head(c, &r, text, size);
	else
		blob_send(c, &r, text, blob, first, last - first + 1);
}

/* HEAD looks at no file. */
static void drop_nothing(struct stream *s)
{
	(void)s;
}

static void answer_head(struct conn *c, struct response *r, struct mf_str lines, uint64_t size)
{
	static const struct stream_ops none = {.drop = drop_nothing};
	struct stream s = {&none, size};
	char id[TASK_ID + 1];

	task_make_id(id);
	r->event = id;
	send_stream(c, r, lines, &s);
}

void blob_get_run(struct conn *c, const struct request *request)
{
	struct blobs *blobs = c->http->input.hub->blobs;
	uint8_t hash[BLOB_HASH];
	uint64_t offset = UINT64_MAX;
	struct blob *blob;
	bool active;

	if (!blob_of(c, request, hash))
		return;
	blob = blobs_find(blobs, hash);
	if (blob) {
		give(c, request, blob);
		return;
	}
	(void)blobs_part(blobs, hash, &offset, &active);
	blob_refuse(c, 404,
		offset == UINT64_MAX ? "this blob isn't here" : "of this blob only a part is here",
		offset);
}
