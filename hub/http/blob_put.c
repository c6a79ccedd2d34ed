/* hub/http/blob_put.c - uploads to the disk cache: whole, in pieces, gone on with. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/hub.h"

#define BUFFER (256u << 10) /* two of them: one fills while the other is written */
#define LEAST  65536u       /* room that there must be for what a round may bring */
/* Of one that is there already so much is read to the end before that is said. */
#define SMALL (1u << 20)

/* It outlives its connection until what is being written is. */
struct upload {
	struct sink sink;
	struct hub *hub;
	struct conn *conn;          /* NULL: gone */
	struct blob_writer *writer; /* NULL: it is there already */
	struct blob_op op;
	uint8_t hash[BLOB_HASH];
	bool writing, whole; /* an operation is under way; all that this request brings came */
	bool last;           /* with it the blob is whole */
	uint64_t keep_ns;    /* 0: it isn't kept longer than others */
	int error;
	unsigned at; /* the buffer that fills */
	size_t n[2];
	uint8_t bytes[2][BUFFER];
};

static void upload_free(struct upload *u)
{
	if (u->writer)
		blob_break(u->writer);
	u->hub->held.held -= sizeof(*u);
	free(u);
}

/* --- the answer */

static void answer(struct upload *u, unsigned status, uint64_t offset)
{
	struct response r = {.status = status};
	char id[TASK_ID + 1], name[BLOB_NAME + 1], lines[BLOB_LINES];
	int n;

	task_make_id(id);
	r.event = id;
	blob_name(u->hash, name);
	n = snprintf(lines, sizeof(lines), "Mayfly-Blob: %s\r\n", name);
	if (offset != UINT64_MAX)
		n = snprintf(lines, sizeof(lines), "Upload-Offset: %llu\r\n",
			(unsigned long long)offset);
	send_answer(u->conn, &r, mf_str_of(lines, (size_t)n), (struct mf_str){NULL, 0});
}

/* The upload has ended, well or not; so has its connection's wait. */
static void end(struct upload *u, int error)
{
	struct conn *c = u->conn;
	uint64_t offset = u->writer ? blob_written(u->writer) : UINT64_MAX;
	const bool piece = error == 0 && u->writer;

	if (u->writer && (error == -EUCLEAN || error == -EIO))
		blob_drop(u->writer);
	else if (u->writer)
		blob_break(u->writer);
	u->writer = NULL;
	if (c->fd < 0)
		;
	else if (error < 0)
		blob_refuse_error(c, error, offset);
	else if (piece)
		answer(u, 202, offset);
	else
		answer(u, u->last ? 201 : 204, UINT64_MAX);
	c->holds--;
	upload_free(u);
	conn_settle(c);
}

static void committed(struct blob_op *op, int error)
{
	struct upload *u = LOOP_OWNER(op, struct upload, op);

	if (error == 0) {
		if (u->keep_ns > 0)
			blob_keep(op->blob, u->keep_ns);
		blob_unpin(op->blob);
	}
	end(u, error);
}

static void finish(struct upload *u)
{
	struct blob_writer *w = u->writer;

	if (u->error == 0 && u->last && w) {
		u->writer = NULL;
		u->op.done = committed;
		blob_commit(w, &u->op);
	} else {
		end(u, u->error);
	}
}

/* --- bytes */

static void written(struct blob_op *op, int error);

static void write_on(struct upload *u)
{
	const unsigned full = u->at;

	if (u->writing || u->n[full] == 0)
		return;
	u->writing = true;
	u->at = !full;
	u->n[u->at] = 0;
	u->op.done = written;
	blob_append(u->writer, &u->op, u->bytes[full], u->n[full]);
}

/* What went wrong is said at once: the rest needn't be sent. */
static void fail(struct upload *u)
{
	struct conn *c = u->conn;

	c->holds++;
	c->keep_alive = false;
	c->sink = NULL;
	end(u, u->error);
}

static void written(struct blob_op *op, int error)
{
	struct upload *u = LOOP_OWNER(op, struct upload, op);
	struct conn *c = u->conn;

	u->writing = false;
	u->error = error;
	if (!c) { /* what came is kept, so that it needn't come again */
		if (error == 0 && u->n[u->at] > 0)
			write_on(u);
		else
			upload_free(u);
	} else if (u->whole) {
		if (error == 0 && u->n[u->at] > 0)
			write_on(u);
		else
			finish(u);
	} else if (error < 0) {
		fail(u);
	} else {
		write_on(u);
		if (c->tls) /* it may hold bytes that no event will tell of */
			loop_later(u->hub->loop, &c->resume);
		conn_settle(c);
	}
}

static uint8_t *room(struct sink *sink, size_t *n)
{
	struct upload *u = LOOP_OWNER(sink, struct upload, sink);

	if (!u->writer)
		u->n[u->at] = 0;
	*n = BUFFER - u->n[u->at];
	return *n < LEAST ? NULL : u->bytes[u->at] + u->n[u->at];
}

static bool took(struct sink *sink, struct conn *conn, size_t n)
{
	struct upload *u = LOOP_OWNER(sink, struct upload, sink);

	(void)conn;
	u->n[u->at] += n;
	if (u->writer)
		write_on(u);
	return true;
}

static void drop(struct sink *sink)
{
	struct upload *u = LOOP_OWNER(sink, struct upload, sink);

	u->conn = NULL;
	if (!u->writing)
		upload_free(u);
}

static const struct sink_ops sink_ops = {room, took, drop};

void blob_put_run(struct conn *c)
{
	struct upload *u = LOOP_OWNER(c->sink, struct upload, sink);

	c->sink = NULL;
	c->holds++;
	u->whole = true;
	if (!u->writing)
		finish(u);
}

/* --- may it? */

/* Where in the blob the body goes. */
struct place {
	uint64_t first, end, size; /* size UINT64_MAX: isn't known */
};

static const char *place_of(const struct request *request, struct place *p)
{
	unsigned next = 0;
	struct mf_str range = request_header(request, "content-range", &next);

	*p = (struct place){.end = request->length, .size = request->length};
	if (request->chunked)
		p->end = p->size = UINT64_MAX;
	if (!range.p)
		return NULL;
	if (request_header(request, "content-range", &next).p ||
		blob_content_range(range, &p->first, &p->end, &p->size) < 0)
		return "Content-Range is not of the form bytes 0-99/200";
	p->end++;
	if (!request->chunked && p->end - p->first != request->length)
		return "Content-Range and Content-Length don't say the same";
	return NULL;
}

static bool there_already(struct conn *c, const struct request *request)
{
	struct response r = {.status = 204};
	char id[TASK_ID + 1];

	if (!request->chunked && request->length <= SMALL)
		return true;
	task_make_id(id);
	r.event = id;
	c->keep_alive = false;
	send_answer(c, &r, (struct mf_str){NULL, 0}, (struct mf_str){NULL, 0});
	return false;
}

static bool begin(struct conn *c, struct blobs *blobs, const uint8_t *hash, const struct place *p,
	struct blob_writer **writer)
{
	uint64_t there = 0;
	bool active = false;
	int err;

	if (p->first > 0 && !blobs_part(blobs, hash, &there, &active))
		there = 0;
	if (p->first > 0 && !active && there != p->first) {
		blob_refuse(c, 416, "what is here of the blob ends elsewhere", there);
		return false;
	}
	err = blob_begin(blobs, hash, p->size, p->first > 0, writer);
	if (err == 0)
		return true;
	blob_refuse_error(c, err, p->first > 0 ? there : UINT64_MAX);
	return false;
}

bool blob_put_admit(struct conn *c, const struct request *request)
{
	struct hub *hub = c->http->input.hub;
	struct blob_writer *writer = NULL;
	uint8_t hash[BLOB_HASH];
	struct upload *u;
	struct place p;
	const char *wrong = place_of(request, &p);
	struct blob *there;

	if (!blob_of(c, request, hash) || !keep_read(c, request))
		return false;
	if (wrong) {
		blob_refuse(c, 400, wrong, UINT64_MAX);
		return false;
	}
	there = blobs_find(hub->blobs, hash);
	if (there && c->keep_ns > 0)
		blob_keep(there, c->keep_ns);
	if (there && !there_already(c, request))
		return false;
	if (!blob_hold(c, sizeof(*u)))
		return false;
	if (!there && !begin(c, hub->blobs, hash, &p, &writer)) {
		hub->held.held -= sizeof(*u);
		return false;
	}
	u = calloc(1, sizeof(*u));
	if (!u) {
		hub->held.held -= sizeof(*u);
		if (writer)
			blob_break(writer);
		blob_refuse_error(c, -ENOMEM, UINT64_MAX);
		return false;
	}
	u->sink.ops = &sink_ops;
	u->hub = hub;
	u->conn = c;
	u->writer = writer;
	u->keep_ns = c->keep_ns;
	u->last = !there && p.end == p.size;
	memcpy(u->hash, hash, BLOB_HASH);
	c->sink = &u->sink;
	return true;
}
