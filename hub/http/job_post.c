/* hub/http/job_post.c - a body becomes a blob, and that a job. See jobs.h. */
#include <errno.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/callbacks.h"
#include "hub/emit.h"
#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/http/posting.h"
#include "hub/http/keys.h"
#include "hub/http/problem.h"
#include "hub/http/router.h"
#include "hub/http/token.h"
#include "hub/hub.h"
#include "hub/jobs/pay.h"
#include "hub/web/url.h"
#include "store/digest.h"
#include "wire/http_text.h"

#define LEAST 65536u /* room that there must be for what a round may bring */

_Static_assert(OPERANDS_MOST <= JOB_OPERANDS_MOST, "operands of a request");

/* ------------------------------------------------------------------------ its end */

static void committed(struct blob_op *op, int error)
{
	struct posting *p = LOOP_OWNER(op, struct posting, op);

	if (error < 0) {
		if (p->conn->fd >= 0)
			blob_refuse_error(p->conn, error, UINT64_MAX);
		posting_finish(p);
		return;
	}
	p->operands.blob[p->operands.body] = op->blob;
	if (!p->kept && posting_is_gone(p->conn)) /* a job that is kept may be looked for */
		posting_finish(p);
	else
		posting_begin(p);
}

static void body_ended(struct posting *p)
{
	struct blob_writer *w = p->writer;

	if (p->error < 0) {
		if (p->conn->fd >= 0)
			blob_refuse_error(p->conn, p->error, UINT64_MAX);
		posting_finish(p);
	} else if (w) {
		p->writer = NULL;
		p->op.done = committed;
		blob_commit(w, &p->op);
	} else {
		posting_begin(p);
	}
}

/* ---------------------------------------------------------------------- its body */

static void written(struct blob_op *op, int error);

static void write_on(struct posting *p)
{
	const unsigned full = p->at;

	if (p->writing || p->n[full] == 0)
		return;
	p->writing = true;
	p->at = !full;
	p->n[p->at] = 0;
	p->op.done = written;
	blob_append(p->writer, &p->op, p->bytes[full], p->n[full]);
}

/* The rest needn't be sent. */
static void fail(struct posting *p)
{
	struct conn *c = p->conn;

	c->holds++;
	c->keep_alive = false;
	c->sink = NULL;
	body_ended(p);
}

static void written(struct blob_op *op, int error)
{
	struct posting *p = LOOP_OWNER(op, struct posting, op);
	struct conn *c = p->conn;

	p->writing = false;
	p->error = error;
	if (!c) {
		posting_free(p);
	} else if (p->whole) {
		if (error == 0 && p->n[p->at] > 0)
			write_on(p);
		else
			body_ended(p);
	} else if (error < 0) {
		fail(p);
	} else {
		write_on(p);
		if (c->tls) /* it may hold bytes that no event will tell of */
			loop_later(p->hub->loop, &c->resume);
		conn_settle(c);
	}
}

static uint8_t *room(struct sink *sink, size_t *n)
{
	struct posting *p = LOOP_OWNER(sink, struct posting, sink);

	*n = POSTING_BUFFER - p->n[p->at];
	return *n < LEAST ? NULL : p->bytes[p->at] + p->n[p->at];
}

static bool took(struct sink *sink, struct conn *conn, size_t n)
{
	struct posting *p = LOOP_OWNER(sink, struct posting, sink);

	(void)conn;
	p->n[p->at] += n;
	write_on(p);
	return true;
}

static void drop(struct sink *sink)
{
	struct posting *p = LOOP_OWNER(sink, struct posting, sink);

	p->conn = NULL;
	if (!p->writing)
		posting_free(p);
}

static const struct sink_ops sink_ops = {room, took, drop};

bool job_post_run(struct conn *c)
{
	struct posting *p;

	if (!c->sink || c->sink->ops != &sink_ops)
		return false;
	p = LOOP_OWNER(c->sink, struct posting, sink);
	c->sink = NULL;
	c->holds++;
	p->whole = true;
	if (!p->writing)
		body_ended(p);
	return true;
}

/* --------------------------------------------------------------------- may it? */

static bool prefers_async(const struct request *request)
{
	unsigned next = 0;
	struct mf_str list, item;

	while ((list = request_header(request, "prefer", &next)).p)
		while (http_list_next(&list, &item))
			if (token_is(item, "respond-async"))
				return true;
	return false;
}

static bool may_plan(const struct service *s)
{
	for (unsigned i = 0; i < s->manifest.triggers_count; i++)
		if (s->manifest.triggers[i].type == TRIGGER_JOB)
			return true;
	return false;
}

/* Bytes of the blobs that it names and of its body; what can't be counts as nothing. */
static uint64_t size_of(const struct conn *c, const struct request *request)
{
	uint64_t sum = request->length;
	struct operand_list list;
	char detail[OPERANDS_DETAIL];

	if (operand_list_read(&list, c->http->input.hub->blobs, request, detail) != 0)
		return sum;
	if (__builtin_add_overflow(sum, operand_list_bytes(&list), &sum))
		sum = UINT64_MAX;
	operand_list_free(&list);
	return sum;
}

static bool is_planned(const struct conn *c, const struct service *s, const struct request *request)
{
	return may_plan(s) &&
		(http_parameter(request->query, "plan").p ||
			size_of(c, request) > s->note.input_bytes);
}

bool job_post_wanted(const struct conn *c, const struct route *route, const struct request *request)
{
	return route->service && route->service->note.input_bytes > 0 &&
		!quote_wanted(route, request) && jobs_can(c->http->input.hub) &&
		mf_str_is(request->method, "POST") &&
		(is_planned(c, route->service, request) ||
			(prefers_async(request) &&
				size_of(c, request) <= route->service->note.input_bytes));
}

static char *copy(struct mf_str s)
{
	return s.p && s.n > 0 ? strndup((const char *)s.p, s.n) : NULL;
}

/* Without such a header its body is all. */
static unsigned take_operands(
	struct posting *p, const struct request *request, char detail[static OPERANDS_DETAIL])
{
	unsigned status = operand_list_read(&p->operands, p->hub->blobs, request, detail);

	if (status == 0 && p->operands.count == 0)
		p->operands = (struct operand_list){.count = 1, .body = 0};
	return status;
}

static bool has_body(const struct posting *p)
{
	return p->operands.body < p->operands.count;
}

static bool turn_away(struct conn *c, struct posting *p, unsigned status, const char *detail)
{
	const struct problem problem = {.status = status, .detail = detail};
	struct response r = {0};

	posting_free(p);
	exchange_turn_away(c, &problem, &r);
	return false;
}

/* They are counted already. */
static bool take_buffers(struct posting *p)
{
	p->bytes[0] = malloc(2 * POSTING_BUFFER);
	if (!p->bytes[0]) {
		p->hub->held.held -= 2 * POSTING_BUFFER;
		return false;
	}
	p->bytes[1] = p->bytes[0] + POSTING_BUFFER;
	return true;
}

static bool fill(struct posting *p, const struct route *route, const struct request *request)
{
	unsigned next = 0;
	const struct mf_str callback = request_header(request, "mayfly-callback", &next);

	p->sink.ops = &sink_ops;
	posting_watch(p);
	p->service = strdup(route->service->name);
	p->path = copy(request->path);
	p->query = copy(request->query);
	p->type = copy(request->content_type);
	p->planned = is_planned(p->conn, route->service, request);
	p->kept = prefers_async(request);
	p->keep_ns = p->conn->keep_ns;
	p->minimal = p->conn->minimal;
	p->callback = copy(callback);
	if (callback.n > 0 && !p->callback)
		return false;
	return p->service && p->path && (request->query.n == 0 || p->query) &&
		(request->content_type.n == 0 || p->type);
}

/* What the job is; NULL: it was answered. */
static struct posting *posting_make(
	struct conn *c, const struct route *route, const struct request *request)
{
	struct hub *hub = c->http->input.hub;
	struct posting *p;

	if (!blob_hold(c, sizeof(*p)))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p) {
		hub->held.held -= sizeof(*p);
		blob_refuse_error(c, -ENOMEM, UINT64_MAX);
		return NULL;
	}
	p->hub = hub;
	p->conn = c;
	if (fill(p, route, request))
		return p;
	(void)turn_away(c, p, 503, "the hub has no memory");
	return NULL;
}

/* Two subscribers may use the same Idempotency-Key. */
static void name_key(struct posting *p, const char key[static TASK_ID + 1])
{
	uint8_t hash[DIGEST_BYTES];
	struct digest d;

	memcpy(p->key.id, key, sizeof(p->key.id));
	if (!p->pay || key[0] == '\0')
		return;
	digest_begin(&d);
	digest_add(&d, key, TASK_ID);
	digest_add(&d, p->pay->paid->paying.hash, MARKET_KEY_HASH);
	digest_end(&d, hash);
	(void)sodium_bin2hex(p->key.id, sizeof(p->key.id), hash, TASK_ID / 2);
}

/* May the hub call whom the client names? */
static unsigned callback_status(
	const struct conn *c, const struct request *request, struct mf_str to, const char **detail)
{
	const struct callbacks *callbacks = emit_settings(c->http->input.hub)->callbacks;
	struct callback found;
	struct url url;
	const char *wrong = url_parse(to, &url);

	*detail = wrong;
	if (wrong)
		return 400;
	*detail = "Mayfly-Callback: it is for who doesn't wait: Prefer: respond-async";
	if (!prefers_async(request))
		return 400;
	*detail = "Mayfly-Callback: this hub may not call that address: emit.callbacks in its "
		  "hub.yaml has no line for it";
	return callbacks_find(callbacks, to, &found) ? 0 : 403;
}

static bool callback_admit(struct conn *c, const struct request *request)
{
	unsigned next = 0, status;
	struct mf_str to = request_header(request, "mayfly-callback", &next);
	const char *wrong;
	char detail[256];

	if (!to.p)
		return true;
	status = callback_status(c, request, to, &wrong);
	if (status == 0 && request_header(request, "mayfly-callback", &next).p) {
		status = 400;
		wrong = "there is more than one";
	}
	if (status == 0)
		return true;
	snprintf(detail, sizeof(detail), "%s%s",
		strncmp(wrong, "Mayfly-", 7) == 0 ? "" : "Mayfly-Callback: ", wrong);
	blob_refuse(c, status, detail, UINT64_MAX);
	return false;
}

bool job_post_admit(struct conn *c, const struct route *route, const struct request *request,
	struct mf_str client)
{
	struct hub *hub = c->http->input.hub;
	struct posting *p;
	struct job_pay *pay = NULL;
	char detail[OPERANDS_DETAIL], key[TASK_ID + 1];
	unsigned status;
	int e;

	if (!callback_admit(c, request) || !keep_read(c, request) ||
		!again_name(c, route, request, client, key))
		return false;
	if (keys_wanted(c, route, request)) {
		struct paid *paid = keys_begin(c, route->service, route, request);

		pay = paid ? job_pay_make(paid, route->service->name) : NULL;
		if (!pay)
			return false;
	}
	p = posting_make(c, route, request);
	if (!p) {
		job_pay_free(pay);
		return false;
	}
	p->pay = pay;
	if (p->kept) /* who waits, and goes, wants no job */
		name_key(p, key);
	status = take_operands(p, request, detail);
	if (status != 0)
		return turn_away(c, p, status, detail);
	if (has_body(p) && !blob_hold(c, 2 * POSTING_BUFFER)) {
		posting_free(p);
		return false;
	}
	if (has_body(p) && !take_buffers(p))
		return turn_away(c, p, 503, "the hub has no memory");
	if (has_body(p)) {
		e = blob_begin(hub->blobs, NULL, request->chunked ? UINT64_MAX : request->length,
			false, &p->writer);
		if (e < 0) {
			posting_free(p);
			blob_refuse_error(c, e, UINT64_MAX);
			return false;
		}
	}
	c->sink = &p->sink;
	return true;
}
