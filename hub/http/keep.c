/* hub/http/keep.c - answers that become blobs (Mayfly-Keep), and needn't be sent (Prefer: return=minimal, RFC 7240). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/http/problem.h"
#include "hub/http/token.h"
#include "hub/hub.h"
#include "image/units.h"
#include "sys/clock.h"
#include "wire/http_text.h"

struct keeping {
	struct conn *conn; /* it and its input are held */
	struct areas_hold output;
	struct blob_op op;
	uint64_t ns;
	bool minimal;
	char event[TASK_ID + 1], version[MFI_VERSION_MAX + 1];
	struct reply reply;
	uint8_t bytes
		[]; /* what the reply's strings are copies in; the body too if it lies in no area */
};

/* --- the headers */

/* "return=minimal" among preferences with their parameters (RFC 7240, 2). */
static bool is_minimal(struct mf_str list)
{
	struct mf_str item;

	while (http_list_next(&list, &item)) {
		const uint8_t *end = memchr(item.p, ';', item.n);

		item.n = end ? (size_t)(end - item.p) : item.n;
		while (item.n > 0 && (item.p[item.n - 1] == ' ' || item.p[item.n - 1] == '\t'))
			item.n--;
		if (token_is(item, "return=minimal") || token_is(item, "return=\"minimal\""))
			return true;
	}
	return false;
}

static void refuse_time(struct conn *c, struct mf_str text)
{
	char detail[128], quoted[PROBLEM_WORD];

	snprintf(detail, sizeof(detail), "Mayfly-Keep: %s: it is a time from 1s to 168h, as in 10m",
		problem_word(text, quoted));
	blob_refuse(c, 400, detail, UINT64_MAX);
}

bool keep_read(struct conn *c, const struct request *request)
{
	unsigned next = 0;
	struct mf_str text = request_header(request, "mayfly-keep", &next), prefer;
	char words[24] = "";

	c->keep_ns = 0;
	c->minimal = false;
	if (!text.p)
		return true;
	if (text.n < sizeof(words))
		memcpy(words, text.p, text.n);
	if (text.n >= sizeof(words) || !units_time(words, &c->keep_ns) || c->keep_ns < CLOCK_S ||
		c->keep_ns > BLOB_KEEP_MOST_NS || request_header(request, "mayfly-keep", &next).p) {
		c->keep_ns = 0;
		refuse_time(c, text);
		return false;
	}
	if (!c->http->input.hub->blobs) {
		c->keep_ns = 0;
		blob_refuse(
			c, 501, "this hub keeps no blobs: its hub.yaml has no state", UINT64_MAX);
		return false;
	}
	next = 0;
	while ((prefer = request_header(request, "prefer", &next)).p)
		c->minimal |= is_minimal(prefer);
	return true;
}

/* --- the answer */

static void end(struct keeping *k)
{
	struct conn *c = k->conn;
	struct hub *hub = c->http->input.hub;

	areas_release(&k->output);
	free(k);
	c->http->input.tasks--;
	c->holds--;
	conn_settle(c);
	hub_ended(hub);
}

static void answer(struct keeping *k, const struct reply *reply)
{
	struct conn *c = k->conn;
	struct response r = {.status = reply->status, .event = k->event, .version = k->version};

	r.content_type = reply->content_type;
	again_keep(c, k->event, k->version, reply);
	if (c->fd < 0) {
		c->http->input.counts.unsent++;
		return;
	}
	if (k->output.areas && reply->body.n > 0)
		areas_hold_more(&c->output, &k->output);
	send_answer(c, &r, reply->headers, reply->body);
}

/* Its headers have room for what is added (keep_reply). */
static void add_line(struct mf_str *lines, const char *name, const char *value)
{
	char *to = (char *)(uintptr_t)lines->p + lines->n;

	lines->n += (size_t)sprintf(to, "%s: %s\r\n", name, value);
}

static void was_put(struct blob_op *op, int error)
{
	struct keeping *k = LOOP_OWNER(op, struct keeping, op);
	struct reply reply = k->reply;
	char name[BLOB_NAME + 1];

	if (error == 0) {
		blob_name(blob_hash(op->blob), name);
		blob_keep(op->blob, k->ns);
		blob_unpin(op->blob);
		add_line(&reply.headers, "Mayfly-Blob", name);
	}
	if (error == 0 && k->minimal) {
		add_line(&reply.headers, "Preference-Applied", "return=minimal");
		reply.status = 201;
		reply.content_type = reply.body = (struct mf_str){NULL, 0};
	}
	if (error < 0 && k->minimal) { /* what was asked for can't be had */
		again_drop(k->conn);
		if (k->conn->fd >= 0)
			blob_refuse_error(k->conn, error, UINT64_MAX);
	} else {
		answer(k, &reply);
	}
	end(k);
}

static struct mf_str copy(uint8_t **at, struct mf_str s, size_t room)
{
	struct mf_str to = mf_str_of(*at, s.n);

	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n + room;
	return to;
}

bool keep_reply(struct conn *c, const struct task *task, const struct reply *reply)
{
	const size_t added = 160, body = reply->output ? 0 : reply->body.n;
	struct keeping *k;
	uint8_t *at;

	if (c->keep_ns == 0 || reply->status < 200 || reply->status > 299 ||
		!c->http->input.hub->blobs)
		return false;
	k = calloc(1, sizeof(*k) + reply->content_type.n + reply->headers.n + added + body);
	if (!k)
		return false;
	k->conn = c;
	k->ns = c->keep_ns;
	k->minimal = c->minimal;
	k->op.done = was_put;
	memcpy(k->event, task->id, TASK_ID);
	snprintf(k->version, sizeof(k->version), "%s", task->service->manifest.version);
	at = k->bytes;
	k->reply = *reply;
	k->reply.output = NULL;
	k->reply.content_type = copy(&at, reply->content_type, 0);
	k->reply.headers = copy(&at, reply->headers, added);
	if (reply->output)
		areas_hold_more(&k->output, reply->output);
	else
		k->reply.body = copy(&at, reply->body, 0);
	blob_put(c->http->input.hub->blobs, &k->op, k->reply.body.p, k->reply.body.n);
	return true;
}
