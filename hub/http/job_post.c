/* hub/http/job_post.c - a body becomes a blob, and that a job. See jobs.h. */
#include <errno.h>
#include <sodium/crypto_generichash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/callbacks.h"
#include "hub/emit.h"
#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/heads.h"
#include "hub/http/jobs.h"
#include "hub/http/keys.h"
#include "hub/http/operand_list.h"
#include "hub/http/problem.h"
#include "hub/http/router.h"
#include "hub/http/token.h"
#include "hub/hub.h"
#include "hub/jobs/pay.h"
#include "hub/web/url.h"
#include "market/offer.h"
#include "store/digest.h"
#include "wire/http_text.h"

#define BUFFER  (256u << 10)     /* two of them: one fills while the other is written */
#define LEAST   65536u           /* room that there must be for what a round may bring */
#define LOOK_NS (200 * CLOCK_MS) /* is the client still there? */

_Static_assert(OPERANDS_MOST <= JOB_OPERANDS_MOST, "operands of a request");

/* It outlives its connection until what is being written is, and then while the job is there that its client waits for. */
struct posting {
	struct sink sink;
	struct hub *hub;
	struct conn *conn; /* NULL: gone */
	/* the request */
	char *service, *path, *query, *type;
	char *callback; /* NULL: nobody wants to be called */
	bool planned, kept, minimal;
	uint64_t keep_ns;
	struct job_key key;
	struct operand_list
		operands; /* one at least; `blob` of the body is filled in when it is one */
	/* its body */
	struct blob_writer *writer;
	struct blob_op op;
	bool writing, whole;
	bool again; /* the job was begun by a request before */
	int error;
	unsigned at; /* the buffer that fills */
	size_t n[2];
	/* who pays for it; NULL: it costs nothing, or the job has it */
	struct job_pay *pay;
	struct heads *heads; /* while its quote is made */
	/* the job */
	struct job_watch watch;
	struct loop_timer look;
	uint8_t *bytes[2]; /* the buffers; NULL once the body is a blob */
};

/* The body is whole, or there won't be any. */
static void drop_buffers(struct posting *p)
{
	if (!p->bytes[0])
		return;
	free(p->bytes[0]);
	p->bytes[0] = p->bytes[1] = NULL;
	p->hub->held.held -= 2 * BUFFER;
}

static void posting_free(struct posting *p)
{
	drop_buffers(p);
	loop_timer_clear(p->hub->loop, &p->look);
	job_unwatch(&p->watch);
	if (p->writer)
		blob_break(p->writer);
	job_pay_free(p->pay);
	free(p->heads);
	operand_list_free(&p->operands);
	free(p->service);
	free(p->path);
	free(p->query);
	free(p->type);
	free(p->callback);
	p->hub->held.held -= sizeof(*p);
	free(p);
}

/* The answer was given. */
static void finish(struct posting *p)
{
	struct conn *c = p->conn;

	c->holds--;
	posting_free(p);
	conn_settle(c);
}

static void refuse(struct posting *p, unsigned status, const char *detail)
{
	const struct problem problem = {
		.status = status, .retry_after = status == 503, .detail = detail};

	if (p->conn->fd >= 0)
		exchange_problem(p->conn, &problem);
	else
		p->conn->http->input.counts.unsent++;
	finish(p);
}

/* ------------------------------------------------------------------ the answer */

static void answer_accepted(struct conn *c, const struct job *job, bool again)
{
	struct response r = {
		.status = 202, .content_type = MF_STR("application/json"), .replayed = again};
	char lines[256], id[TASK_ID + 1];
	int n = snprintf(lines, sizeof(lines),
		"Location: " JOBS_PATH "%s\r\nPreference-Applied: respond-async\r\n", job_id(job));
	json_t *json = job_json(job);
	char *text = json_dumps(json, JSON_COMPACT);

	task_make_id(id);
	r.event = id;
	send_answer(c, &r, mf_str_of(lines, (size_t)n), mf_str_of(text, text ? strlen(text) : 0));
	json_decref(json);
	free(text);
}

/* Its result stays here, under its name. */
static void answer_minimal(struct conn *c, const struct job_answer *a)
{
	struct response r = {.status = 201};
	char lines[JOB_HEADERS_MOST + 256], id[TASK_ID + 1], name[BLOB_NAME + 1];
	int n;

	blob_name(blob_hash(a->blob), name);
	n = snprintf(lines, sizeof(lines),
		"%.*sMayfly-Blob: %s\r\nPreference-Applied: return=minimal\r\n", (int)a->headers.n,
		a->headers.p ? (const char *)a->headers.p : "", name);
	task_make_id(id);
	r.event = id;
	send_answer(c, &r, mf_str_of(lines, (size_t)n), mf_str_of(NULL, 0));
}

static void answer_ended(struct conn *c, const struct posting *p, const struct job *job)
{
	const struct job_answer *a = job_answer(job);

	if (p->minimal && job_state(job) == JOB_IS_DONE && a->blob && a->status < 300)
		answer_minimal(c, a);
	else
		job_give(c, job, NULL);
}

static bool is_gone(const struct conn *c)
{
	return c->fd < 0 || c->ended;
}

static void on_changed(struct job_watch *watch)
{
	struct posting *p = LOOP_OWNER(watch, struct posting, watch);
	struct conn *c = p->conn;
	struct job *job = watch->job;

	if (!job) { /* somebody else had it forgotten */
		refuse(p, 410, "the job was cancelled");
		return;
	}
	if (job_is_kept(job) ? !job_is_written(job) : !job_has_ended(job))
		return;
	if (c->fd < 0)
		c->http->input.counts.unsent++;
	else if (job_is_kept(job))
		answer_accepted(c, job, p->again);
	else
		answer_ended(c, p, job);
	finish(p);
}

/* Whoever waits for an answer and closes the connection doesn't want it any more. */
static void on_look(struct loop_timer *timer)
{
	struct posting *p = LOOP_OWNER(timer, struct posting, look);

	if (is_gone(p->conn) && p->watch.job && !job_has_ended(p->watch.job))
		job_cancel(p->watch.job); /* on_changed hears of it */
	else
		(void)loop_timer_set(p->hub->loop, timer, loop_now(p->hub->loop) + LOOK_NS);
}

/* ----------------------------------------------------------------- the job begins */

static struct mf_str text_of(const char *text)
{
	return text ? mf_str_of(text, strlen(text)) : mf_str_of(NULL, 0);
}

static struct service *service_of(const struct posting *p)
{
	struct service *s = p->hub->services;

	while (s && strcmp(s->name, p->service) != 0)
		s = s->next;
	return s;
}

static void hash_piece(crypto_generichash_state *state, const void *at, uint64_t n)
{
	crypto_generichash_update(state, (const uint8_t *)&n, sizeof(n));
	crypto_generichash_update(state, at, n);
}

/* All that it is: blobs are named by what is in them. */
static void hash_request(struct posting *p)
{
	const struct mf_str texts[] = {text_of(p->path), text_of(p->query), text_of(p->type)};
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof(p->key.request));
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		hash_piece(&state, texts[i].p, texts[i].n);
	for (unsigned i = 0; i < p->operands.count; i++)
		hash_piece(&state, blob_hash(p->operands.blob[i]), BLOB_HASH);
	if (p->callback)
		hash_piece(&state, p->callback, strlen(p->callback));
	crypto_generichash_final(&state, p->key.request, sizeof(p->key.request));
}

/* A request that came before has its job. True: it was answered, or will be. */
static bool was_begun(struct posting *p)
{
	struct hub *hub = p->hub;
	struct job *job;
	bool other;

	if (p->key.id[0] == '\0')
		return false;
	hash_request(p);
	job = jobs_find_key(hub, &p->key, &other);
	if (!job)
		return false;
	if (other) {
		hub->answers.conflicts++;
		refuse(p, 409, "this Idempotency-Key was used for another request");
		return true;
	}
	hub->answers.replayed++;
	p->again = true;
	job_watch(job, &p->watch);
	on_changed(&p->watch);
	return true;
}

static void start_job(struct posting *p)
{
	struct job_request request = {
		.service = service_of(p),
		.path = text_of(p->path),
		.query = text_of(p->query),
		.type = text_of(p->type),
		.operands = p->operands.blob,
		.count = p->operands.count,
		.planned = p->planned,
		.kept = p->kept,
		.keep_ns = p->keep_ns,
		.key = &p->key,
		.callback = text_of(p->callback),
		.pay = p->pay,
	};
	unsigned status = 503;
	const char *why = "the service was taken away while the body came";

	if (!request.service || !jobs_begin(p->hub, &request, &p->watch, &status, &why)) {
		refuse(p, status, why);
		return;
	}
	p->pay = NULL;
	if (!p->kept)
		(void)loop_timer_set(p->hub->loop, &p->look, loop_now(p->hub->loop) + LOOK_NS);
}

/* --------------------------------------------------------------- one that is paid */

static void refuse_unpaid(struct posting *p)
{
	struct conn *c = p->conn;
	struct keys_problem k;
	struct response r = {0};

	keys_refusal(p->pay->paid, &k);
	r.authenticate = k.authenticate;
	r.members = k.problem.status == 402 ? k.members : NULL;
	if (c->fd >= 0)
		exchange_turn_away(c, &k.problem, &r);
	else
		c->http->input.counts.unsent++;
	finish(p);
}

/* The hub waits for it, as for an event. */
static void was_held(struct job_pay *pay)
{
	struct posting *p = pay->context;
	const struct paying *paying = &pay->paid->paying;
	struct hub *hub = p->hub;

	p->conn->http->input.tasks--;
	if (paying->error < 0)
		refuse(p, 503, "what this costs can't be charged at the moment");
	else if ((!paying->held && !pay->charged) || paying->quota != QUOTA_OK)
		refuse_unpaid(p);
	else if (!p->kept && is_gone(p->conn))
		finish(p);
	else
		start_job(p);
	hub_ended(hub);
}

/* What says that it is the same request. */
static void hash_paid(const struct posting *p, uint8_t hash[static 32])
{
	const struct mf_str texts[] = {
		text_of(p->service), text_of(p->path), text_of(p->query), text_of(p->type)};
	struct digest d;

	digest_begin(&d);
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		digest_add(&d, &texts[i].n, sizeof(texts[i].n));
		if (texts[i].n > 0)
			digest_add(&d, texts[i].p, texts[i].n);
	}
	for (unsigned i = 0; i < p->operands.count; i++)
		digest_add(&d, blob_hash(p->operands.blob[i]), BLOB_HASH);
	digest_end(&d, hash);
}

static void hold(struct posting *p, const struct market_quote *quote)
{
	struct paid *paid = p->pay->paid;
	uint8_t hash[32];

	paid->over_budget = quote->amount > paid->budget;
	if (paid->over_budget) {
		paid->paying.most = quote->amount;
		refuse_unpaid(p);
		return;
	}
	hash_paid(p, hash);
	p->pay->context = p;
	p->pay->held = was_held;
	p->conn->http->input.tasks++;
	job_pay_hold(p->pay, hash, quote);
}

/* One that the formula has no value for costs nothing, as such a request does. */
static void were_read(struct heads *heads, int error, const char *why)
{
	struct posting *p = heads->context;
	struct service *s = service_of(p);
	struct market_quote quote = {0};
	char no[PRICE_ERROR_MAX];

	(void)why;
	if (!s) {
		refuse(p, 503, "the service was taken away while the body came");
		return;
	}
	if (error == 0 &&
		market_offer(&s->manifest, text_of(p->path), &heads->input, &quote, no) !=
			MARKET_QUOTED)
		quote = (struct market_quote){0};
	if (error < 0 && error != -EINVAL) {
		if (p->conn->fd >= 0)
			blob_refuse_error(p->conn, error, UINT64_MAX);
		finish(p);
		return;
	}
	hold(p, &quote);
}

static void quote_job(struct posting *p)
{
	const struct service *s = service_of(p);
	const struct price_formula *formula =
		s ? manifest_formula(&s->manifest, text_of(p->path)) : NULL;

	p->heads = calloc(1, sizeof(*p->heads));
	if (!p->heads) {
		refuse(p, 503, "the hub has no memory");
		return;
	}
	p->heads->hub = p->hub;
	p->heads->blobs = p->operands.blob;
	p->heads->count = p->operands.count;
	p->heads->wanted = formula ? price_arrays(formula) : 0;
	p->heads->done = were_read;
	p->heads->context = p;
	p->heads->input.query = text_of(p->query);
	p->heads->input.body_bytes = operand_list_bytes(&p->operands);
	heads_read(p->heads);
}

static void begin_job(struct posting *p)
{
	drop_buffers(p);
	if (was_begun(p))
		return;
	if (p->pay)
		quote_job(p);
	else
		start_job(p);
}

static void committed(struct blob_op *op, int error)
{
	struct posting *p = LOOP_OWNER(op, struct posting, op);

	if (error < 0) {
		if (p->conn->fd >= 0)
			blob_refuse_error(p->conn, error, UINT64_MAX);
		finish(p);
		return;
	}
	p->operands.blob[p->operands.body] = op->blob;
	if (!p->kept && is_gone(p->conn)) /* a job that is kept may be looked for */
		finish(p);
	else
		begin_job(p);
}

static void body_ended(struct posting *p)
{
	struct blob_writer *w = p->writer;

	if (p->error < 0) {
		if (p->conn->fd >= 0)
			blob_refuse_error(p->conn, p->error, UINT64_MAX);
		finish(p);
	} else if (w) {
		p->writer = NULL;
		p->op.done = committed;
		blob_commit(w, &p->op);
	} else {
		begin_job(p);
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

	*n = BUFFER - p->n[p->at];
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
	p->bytes[0] = malloc(2 * BUFFER);
	if (!p->bytes[0]) {
		p->hub->held.held -= 2 * BUFFER;
		return false;
	}
	p->bytes[1] = p->bytes[0] + BUFFER;
	return true;
}

static bool fill(struct posting *p, const struct route *route, const struct request *request)
{
	unsigned next = 0;
	const struct mf_str callback = request_header(request, "mayfly-callback", &next);

	p->sink.ops = &sink_ops;
	p->look.fire = on_look;
	p->watch.changed = on_changed;
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
	if (has_body(p) && !blob_hold(c, 2 * BUFFER)) {
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
