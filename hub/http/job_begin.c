/* hub/http/job_begin.c - a request for a job whose body is here: who pays for it, the job, and what its client is told. See jobs.h. */
#include "hub/http/posting.h"

#include <errno.h>
#include <sodium/crypto_generichash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/heads.h"
#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/http/keys.h"
#include "hub/http/problem.h"
#include "hub/hub.h"
#include "market/offer.h"
#include "store/digest.h"

#define LOOK_NS (200 * CLOCK_MS) /* is the client still there? */

void posting_drop_buffers(struct posting *p)
{
	if (!p->bytes[0])
		return;
	free(p->bytes[0]);
	p->bytes[0] = p->bytes[1] = NULL;
	p->hub->held.held -= 2 * POSTING_BUFFER;
}

void posting_free(struct posting *p)
{
	posting_drop_buffers(p);
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

void posting_finish(struct posting *p)
{
	struct conn *c = p->conn;

	c->holds--;
	posting_free(p);
	conn_settle(c);
}

void posting_refuse(struct posting *p, unsigned status, const char *detail)
{
	const struct problem problem = {
		.status = status, .retry_after = status == 503, .detail = detail};

	if (p->conn->fd >= 0)
		exchange_problem(p->conn, &problem);
	else
		p->conn->http->input.counts.unsent++;
	posting_finish(p);
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

bool posting_is_gone(const struct conn *c)
{
	return c->fd < 0 || c->ended;
}

static void on_changed(struct job_watch *watch)
{
	struct posting *p = LOOP_OWNER(watch, struct posting, watch);
	struct conn *c = p->conn;
	struct job *job = watch->job;

	if (!job) { /* somebody else had it forgotten */
		posting_refuse(p, p->hub->stopping ? 503 : 410,
			p->hub->stopping ? "the hub is stopping" : "the job was cancelled");
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
	posting_finish(p);
}

/* Whoever waits for an answer and closes the connection doesn't want it any more. */
static void on_look(struct loop_timer *timer)
{
	struct posting *p = LOOP_OWNER(timer, struct posting, look);

	if (posting_is_gone(p->conn) && p->watch.job && !job_has_ended(p->watch.job))
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
		posting_refuse(p, 409, "this Idempotency-Key was used for another request");
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
		posting_refuse(p, status, why);
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
	posting_finish(p);
}

/* The hub waits for it, as for an event. */
static void was_held(struct job_pay *pay)
{
	struct posting *p = pay->context;
	const struct paying *paying = &pay->paid->paying;
	struct hub *hub = p->hub;

	p->conn->http->input.tasks--;
	if (paying->error < 0)
		posting_refuse(p, 503, "what this costs can't be charged at the moment");
	else if ((!paying->held && !pay->charged) || paying->quota != QUOTA_OK)
		refuse_unpaid(p);
	else if (!p->kept && posting_is_gone(p->conn))
		posting_finish(p);
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
		posting_refuse(p, 503, "the service was taken away while the body came");
		return;
	}
	if (error == 0 &&
		market_offer(&s->manifest, text_of(p->path), &heads->input, &quote, no) !=
			MARKET_QUOTED)
		quote = (struct market_quote){0};
	if (error < 0 && error != -EINVAL) {
		if (p->conn->fd >= 0)
			blob_refuse_error(p->conn, error, UINT64_MAX);
		posting_finish(p);
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
		posting_refuse(p, 503, "the hub has no memory");
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

void posting_begin(struct posting *p)
{
	posting_drop_buffers(p);
	if (was_begun(p))
		return;
	if (p->pay)
		quote_job(p);
	else
		start_job(p);
}

void posting_watch(struct posting *p)
{
	p->look.fire = on_look;
	p->watch.changed = on_changed;
}
