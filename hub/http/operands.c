/* hub/http/operands.c - a request whose body is, or has, blobs that are here (Mayfly-Operands): they are read straight into the
 * service's input area, around the request's own body. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/cache.h"
#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/hub.h"
#include "wire/http_text.h"

#define OPERANDS_MOST 16u

/* It outlives its connection until what is being read is. */
struct operands {
	struct hub *hub;
	struct conn *conn; /* NULL: gone; then: */
	struct spool spool;
	unsigned count;
	struct blob *blob[OPERANDS_MOST]; /* pinned; NULL: the request's own body */
	unsigned body;                    /* which; `count`: none */
	uint8_t *base;
	unsigned next; /* to be read */
	uint64_t at;   /* and where it goes */
	uint64_t own;  /* bytes of the own body: known when it is whole, or its length was given */
	bool reading, whole, behind;
	struct blob_op op;
};

static void operands_free(struct operands *o)
{
	for (unsigned i = 0; i < o->count; i++)
		if (o->blob[i])
			blob_unpin(o->blob[i]);
	spool_end(&o->spool);
	free(o);
}

void operands_drop(struct conn *c)
{
	struct operands *o = c->operands;

	c->operands = NULL;
	if (!o)
		return;
	o->conn = NULL;
	if (!o->reading) {
		operands_free(o);
		return;
	}
	o->spool = c->spool; /* nobody else may have the area before */
	c->spool.areas = NULL;
	c->spool.hash = NULL;
}

/* --- the header */

static bool bad(struct conn *c, unsigned status, const char *detail)
{
	blob_refuse(c, status, detail, UINT64_MAX);
	return false;
}

/* One of the list. False: it was refused. */
static bool add(struct conn *c, struct operands *o, struct mf_str word)
{
	static char detail[BLOB_NAME + 32];
	uint8_t hash[BLOB_HASH];

	if (o->count == OPERANDS_MOST)
		return bad(c, 400, "Mayfly-Operands names more than 16");
	if (mf_str_is(word, "-") && o->body == OPERANDS_MOST) {
		o->body = o->count;
		o->blob[o->count++] = NULL;
		return true;
	}
	if (word.n != BLOB_NAME || !blob_name_read(word.p, hash))
		return bad(c, 400,
			"Mayfly-Operands is a list of names of blobs, with one '-' at most for the "
			"body");
	o->blob[o->count] = blobs_find(o->hub->blobs, hash);
	if (!o->blob[o->count]) {
		snprintf(detail, sizeof(detail), "blob %.*s isn't here", (int)BLOB_NAME,
			(const char *)word.p);
		return bad(c, 404, detail);
	}
	blob_pin(o->blob[o->count++]);
	return true;
}

static bool parse(struct conn *c, struct operands *o, struct mf_str list)
{
	struct mf_str word;

	while (http_list_next(&list, &word))
		if (!add(c, o, word))
			return false;
	if (o->count == 0)
		return bad(c, 400, "Mayfly-Operands names nothing");
	if (o->body == OPERANDS_MOST)
		o->body = o->count;
	return true;
}

/* Does all of it fit? */
static bool measure(
	struct conn *c, struct operands *o, const struct request *request, uint64_t most)
{
	uint64_t sum = 0;

	if (o->body == o->count && (request->chunked || request->length > 0))
		return bad(c, 400, "Mayfly-Operands has no '-', but the request has a body");
	if (request->chunked && o->body + 1 < o->count)
		return bad(c, 411, "a body in chunks must be the last of Mayfly-Operands");
	for (unsigned i = 0; i < o->count; i++)
		if (o->blob[i] && __builtin_add_overflow(sum, blob_size(o->blob[i]), &sum))
			sum = UINT64_MAX;
	if (sum > most || request->length > most - sum)
		return bad(c, 413,
			"the operands are larger than the service takes: memory.input in its "
			"mayfly.yaml");
	o->own = request->length;
	return true;
}

bool operands_admit(struct conn *c, const struct request *request, uint64_t most)
{
	struct hub *hub = c->http->input.hub;
	unsigned next = 0;
	struct mf_str list = request_header(request, "mayfly-operands", &next);
	struct operands *o;

	operands_drop(c);
	if (!list.p)
		return true;
	if (request_header(request, "mayfly-operands", &next).p)
		return bad(c, 400, "Mayfly-Operands stands there twice");
	if (!hub->blobs)
		return bad(c, 501, "this hub keeps no blobs: its hub.yaml has no state");
	o = calloc(1, sizeof(*o));
	if (!o)
		return bad(c, 503, "the hub has no memory");
	o->hub = hub;
	o->conn = c;
	o->body = OPERANDS_MOST;
	if (parse(c, o, list) && measure(c, o, request, most)) {
		c->operands = o;
		return true;
	}
	operands_free(o);
	return false;
}

/* --- reading */

static void read_on(struct operands *o);

/* All is there: the request runs. */
static void go_on(struct operands *o)
{
	struct conn *c = o->conn;

	if (!o->whole)
		return;
	c->holds++;
	intake_whole(c, c->head);
	c->holds--;
	conn_settle(c);
}

static void fail(struct operands *o, int error)
{
	struct conn *c = o->conn;

	c->holds++;
	if (c->phase == CONN_BODY)
		c->unread = true;
	upload_end(c);
	blob_refuse_error(c, error, UINT64_MAX);
	c->holds--;
	conn_settle(c);
}

static void was_read(struct blob_op *op, int error)
{
	struct operands *o = LOOP_OWNER(op, struct operands, op);
	struct blob *blob = o->blob[o->next];
	struct conn *c = o->conn;

	o->reading = false;
	cache_note(o->hub, blob, error);
	o->at += blob_size(blob);
	o->next++;
	if (!c) {
		operands_free(o);
	} else if (cache_closing(o->hub)) {
		conn_close(c);
		conn_settle(c);
	} else if (error < 0) {
		fail(o, error);
	} else {
		read_on(o);
		if (!o->reading)
			go_on(o);
	}
}

/* The next one, if its place is known: a body in chunks is the last. */
static void read_on(struct operands *o)
{
	if (o->next < o->count && o->next == o->body) {
		o->at += o->own;
		o->next++;
	}
	if (o->next == o->count)
		return;
	o->reading = true;
	o->op.done = was_read;
	blob_read(o->hub->blobs, o->blob[o->next], &o->op, 0, o->base + o->at,
		(size_t)blob_size(o->blob[o->next]));
}

/* Those from `first` to before `end` have their place in the area. */
static void place(struct conn *c, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		spool_skip(&c->spool, blob_size(c->operands->blob[i]),
			blob_hash(c->operands->blob[i]), BLOB_HASH);
}

void operands_begin(struct conn *c)
{
	struct operands *o = c->operands;
	size_t room;

	o->base = spool_room(&c->spool, &room);
	place(c, 0, o->body);
	read_on(o);
}

bool operands_wait(struct conn *c)
{
	struct operands *o = c->operands;

	o->whole = true;
	if (!o->behind && o->body < o->count)
		place(c, o->body + 1, o->count);
	o->behind = true;
	if (!o->reading)
		return false;
	conn_enter(c, CONN_WORK);
	return true;
}
