/* hub/http/operands.c - a request whose body is, or has, blobs that are here (Mayfly-Operands): they are read straight into the
 * service's input area, around the request's own body. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/cache.h"
#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/http/operand_list.h"
#include "hub/hub.h"

/* It outlives its connection until what is being read is. */
struct operands {
	struct hub *hub;
	struct conn *conn; /* NULL: gone; then: */
	struct spool spool;
	struct operand_list list;
	uint8_t *base;
	unsigned next; /* to be read */
	uint64_t at;   /* and where it goes */
	uint64_t own;  /* bytes of the own body: known when it is whole, or its length was given */
	bool reading, whole, behind;
	struct blob_op op;
};

static void operands_free(struct operands *o)
{
	operand_list_free(&o->list);
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

/* Does all of it fit? */
static bool measure(
	struct conn *c, struct operands *o, const struct request *request, uint64_t most)
{
	const uint64_t sum = operand_list_bytes(&o->list);

	if (request->chunked && o->list.body + 1 < o->list.count)
		return bad(c, 411, "a body in chunks must be the last of Mayfly-Operands");
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
	char detail[OPERANDS_DETAIL];
	struct operand_list list;
	struct operands *o;
	unsigned status;

	operands_drop(c);
	status = operand_list_read(&list, hub->blobs, request, detail);
	if (status != 0)
		return bad(c, status, detail);
	if (list.count == 0)
		return true;
	o = calloc(1, sizeof(*o));
	if (!o) {
		operand_list_free(&list);
		return bad(c, 503, "the hub has no memory");
	}
	o->hub = hub;
	o->conn = c;
	o->list = list;
	if (measure(c, o, request, most)) {
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
	struct blob *blob = o->list.blob[o->next];
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
	if (o->next < o->list.count && o->next == o->list.body) {
		o->at += o->own;
		o->next++;
	}
	if (o->next == o->list.count)
		return;
	o->reading = true;
	o->op.done = was_read;
	blob_read(o->hub->blobs, o->list.blob[o->next], &o->op, 0, o->base + o->at,
		(size_t)blob_size(o->list.blob[o->next]));
}

/* Those from `first` to before `end` have their place in the area. */
static void place(struct conn *c, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		spool_skip(&c->spool, blob_size(c->operands->list.blob[i]),
			blob_hash(c->operands->list.blob[i]), BLOB_HASH);
}

void operands_begin(struct conn *c)
{
	struct operands *o = c->operands;
	size_t room;

	o->base = spool_room(&c->spool, &room);
	place(c, 0, o->list.body);
	read_on(o);
}

bool operands_wait(struct conn *c)
{
	struct operands *o = c->operands;

	o->whole = true;
	if (!o->behind && o->list.body < o->list.count)
		place(c, o->list.body + 1, o->list.count);
	o->behind = true;
	if (!o->reading)
		return false;
	conn_enter(c, CONN_WORK);
	return true;
}
