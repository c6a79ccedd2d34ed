/*
 * hub/jobs/loan.c - one task of another hub: its input is gathered from blobs that were fetched, a life has it, what that replied becomes a
 * blob, is sent to the hub that has the job, and then the queue is told. Nothing is said of one that is somebody else's meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/http/problem.h"
#include "hub/jobs/peer.h"
#include "hub/pages_json.h"

#define SEND_TRIES 4u
#define SEND_NS    (60 * CLOCK_S) /* and a second for each MiB */

enum loan_step { LOAN_WAITS, LOAN_GATHERS, LOAN_RUNS, LOAN_KEEPS, LOAN_SENDS };

struct loan {
	struct loan *next;
	struct borrowed *b;
	struct queue_task *task;
	json_t *needs;
	enum loan_step step;
	bool lost, spooled;
	unsigned tries;    /* to send */
	uint64_t again_ns; /* not before */
	struct spool spool;
	struct job_gather gather;
	struct task *event;
	struct areas_hold hold;
	uint8_t *copy;       /* of a reply that lay in no area */
	const uint8_t *from; /* the reply */
	size_t n;
	json_t *words; /* its status, type and headers */
	struct blob_op op;
	struct blob *result; /* pinned */
	struct web_call *call;
};

struct loan *loan_next(const struct loan *loan)
{
	return loan->next;
}

const struct queue_task *loan_task(const struct loan *loan)
{
	return loan->task;
}

/* ------------------------------------------------------------------------ the end */

static void free_loan(struct loan *l)
{
	if (l->call)
		web_cancel(l->call);
	if (l->spooled)
		spool_end(&l->spool);
	areas_release(&l->hold);
	if (l->result)
		blob_unpin(l->result);
	json_decref(l->words);
	json_decref(l->needs);
	queue_tasks_free(l->task);
	free(l->copy);
	free(l);
}

void loan_drop(struct loan *l)
{
	struct borrowed *b = l->b;
	struct loan **at = &b->loans;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	b->idle_ns = clock_mono_ns();
	b->peers->loans--;
	free_loan(l);
}

static void end(struct loan *l)
{
	struct peers *peers = l->b->peers;

	loan_drop(l);
	borrow_soon(peers);
}

static void say(const struct loan *l, enum queue_verb verb, json_t *result)
{
	struct queue_item item = {
		.verb = verb, .number = l->task->number, .ticket = l->task->ticket};
	char *text = result ? json_dumps(result, JSON_COMPACT) : NULL;

	memcpy(item.job, l->task->job, sizeof(item.job));
	item.result = text;
	if (!l->lost)
		peer_say(l->b->peers, &item);
	free(text);
	json_decref(result);
}

void loan_leave(const struct loan *l)
{
	say(l, QUEUE_BACK, NULL);
}

/* Its own hub shall do it, and see why. */
static void fail(struct loan *l, const char *why)
{
	say(l, QUEUE_FAIL, json_pack("{ss}", "detail", why));
	end(l);
}

static void fail_errno(struct loan *l, const char *what, int error)
{
	char text[160];

	(void)snprintf(text, sizeof(text), "%s: %s", what, strerror(-error));
	fail(l, text);
}

/* True: there is nothing to go on with. */
static bool is_over(struct loan *l)
{
	if (!l->lost && !l->b->peers->stopping)
		return false;
	say(l, QUEUE_BACK, NULL);
	end(l);
	return true;
}

/* ---------------------------------------------------------------------- the result */

static void sent(void *context, const struct web_answer *answer)
{
	struct loan *l = context;
	struct peers *peers = l->b->peers;
	char why[96];

	l->call = NULL;
	if (is_over(l))
		return;
	if (answer->status == 201 || answer->status == 204) {
		peers->counts.sent += l->n;
		json_object_set_new(l->words, "blob", peer_blob_json(l->result));
		say(l, QUEUE_TELL, json_incref(l->words));
		end(l);
	} else if (++l->tries < SEND_TRIES) {
		l->again_ns = clock_mono_ns() + CLOCK_S;
		borrow_soon(peers);
	} else {
		(void)snprintf(why, sizeof(why), "its result can't be sent: %s",
			answer->error ? answer->error : "the hub refuses it");
		fail(l, why);
	}
}

static void deliver(struct loan *l)
{
	struct peers *peers = l->b->peers;
	struct peer_texts texts;
	struct web_request r = peer_request(peers, l->b->url, blob_hash(l->result), &texts);

	texts.headers[r.headers_count++] = "Mayfly-Keep: 10m";
	r.method = "PUT";
	r.body = mf_str_of(l->from, l->n);
	r.stays = true;
	r.time_ns = SEND_NS + l->n / (1u << 20) * CLOCK_S;
	l->again_ns = 0;
	l->call = web_post(peers->web, &r, sent, l);
	if (!l->call)
		fail(l, "no memory");
}

static void kept(struct blob_op *op, int error)
{
	struct loan *l = LOOP_OWNER(op, struct loan, op);

	if (error == 0)
		l->result = op->blob;
	if (is_over(l))
		return;
	if (error < 0) {
		fail_errno(l, "its result can't be kept", error);
		return;
	}
	l->step = LOAN_SENDS;
	deliver(l);
}

static void keep(struct loan *l, const struct reply *reply)
{
	l->from = reply->body.p;
	l->n = reply->body.n;
	if (reply->output) {
		areas_hold_more(&l->hold, reply->output);
	} else {
		l->copy = malloc(l->n + 1);
		if (!l->copy) {
			fail(l, "no memory");
			return;
		}
		memcpy(l->copy, reply->body.p, l->n);
		l->from = l->copy;
	}
	l->step = LOAN_KEEPS;
	memset(&l->op, 0, sizeof(l->op));
	l->op.done = kept;
	blob_put(l->b->peers->hub->blobs, &l->op, l->from, l->n);
}

/* ------------------------------------------------------------------------- a life */

static json_t *text_json(struct mf_str s)
{
	json_t *j = s.p && s.n > 0 ? json_stringn((const char *)s.p, s.n) : NULL;

	return j ? j : json_null();
}

static json_t *words_of(const struct loan *l, const struct reply *reply)
{
	return json_pack("{ss sI so so}", "hub", l->b->peers->name, "status",
		(json_int_t)reply->status, "type", text_json(reply->content_type), "headers",
		text_json(reply->headers));
}

/* The job has failed with it. */
static void tell_failure(struct loan *l, const struct reply *reply)
{
	json_t *words = words_of(l, reply);
	size_t n = reply->body.n <= JOB_WORDS_MOST ? reply->body.n : 0;

	json_object_set_new(words, "text", pages_base64(reply->body.p, n));
	say(l, QUEUE_FAIL, words);
	end(l);
}

static json_int_t bounded(uint64_t n)
{
	return n <= INT64_MAX ? (json_int_t)n : INT64_MAX;
}

/* Whoever has the job charges for it. */
static void say_metered(json_t *words, const struct task *task)
{
	pages_set(words, "metered", json_integer(bounded(task->price.metered)));
	pages_set(words, "run_ns", json_integer(bounded(task->run_ns)));
}

static void on_reply(struct task *task, const struct reply *reply)
{
	struct loan *l = task->context;
	const struct job *job = l->b->job;

	l->event = NULL;
	if (is_over(l))
		return;
	if (reply && reply->status >= 300) {
		tell_failure(l, reply);
	} else if (!reply || reply->body.n == 0) {
		fail(l, "it gave no reply");
	} else if (!job->single && reply->body.n != job->plan.tasks[l->task->number].result) {
		fail(l, "its reply has another size than the plan says");
	} else {
		l->words = words_of(l, reply);
		say_metered(l->words, task);
		keep(l, reply);
	}
}

static void wait_again(struct loan *l, uint64_t wait_ns)
{
	l->step = LOAN_WAITS;
	l->again_ns = clock_mono_ns() + wait_ns;
	borrow_soon(l->b->peers);
}

static void on_refuse(struct task *task, enum refusal why)
{
	struct loan *l = task->context;

	l->event = NULL;
	if (is_over(l))
		return;
	if (task_may_come_again(task, why))
		wait_again(l, service_retry_ns(task->service, why));
	else
		fail(l, problem_of(why)->detail);
}

static const struct origin_ops origin = {.source = "job", .reply = on_reply, .refuse = on_refuse};

static void submit(struct loan *l, struct service *s)
{
	enum refusal why;
	bool fits;
	struct task *task = job_task_event(l->b->job, l->task->number, s, &why, &fits);

	if (!fits) {
		fail(l, "its path and query don't fit into an event");
		return;
	}
	if (!task) {
		spool_end(&l->spool);
		l->spooled = false;
		wait_again(l, service_retry_ns(s, why));
		return;
	}
	task->origin = &origin;
	task->context = l;
	l->event = task;
	l->step = LOAN_RUNS;
	spool_give(&l->spool, task);
	l->spooled = false;
	service_submit(task);
}

/* ----------------------------------------------------------------------- its input */

static bool uses(const struct loan *l, uint32_t result)
{
	const struct job_bytes *input = &l->b->job->plan.tasks[l->task->number].input;

	for (uint32_t i = 0; i < input->count; i++)
		if (input->pieces[i].kind == JOB_RESULT && input->pieces[i].source == result)
			return true;
	return false;
}

/* What no other loan is still to read. */
static void unpin_results(const struct loan *l)
{
	struct job *job = l->b->job;
	const struct job_bytes *input = &job->plan.tasks[l->task->number].input;

	for (uint32_t i = 0; i < input->count; i++) {
		uint32_t source = input->pieces[i].source;
		bool used = input->pieces[i].kind != JOB_RESULT || !job->results[source];

		for (const struct loan *o = l->b->loans; o && !used; o = o->next)
			used = o != l && o->step <= LOAN_GATHERS &&
				o->task->number < job->plan.tasks_count && uses(o, source);
		if (used)
			continue;
		blob_unpin(job->results[source]);
		job->results[source] = NULL;
	}
}

static void gathered(struct job_gather *gather, int error)
{
	struct loan *l = LOOP_OWNER(gather, struct loan, gather);
	struct service *s = spool_service(&l->spool);

	unpin_results(l);
	if (is_over(l))
		return;
	if (error < 0) {
		fail_errno(l, "its input can't be read", error);
	} else if (!s) {
		fail(l, "the service is gone");
	} else {
		spool_took(&l->spool, gather->n);
		submit(l, s);
	}
}

static bool has_result(struct loan *l, uint32_t source)
{
	uint8_t hash[BLOB_HASH];
	uint64_t bytes;
	char key[16];

	(void)snprintf(key, sizeof(key), "%" PRIu32, source);
	if (peer_blob_read(json_object_get(l->needs, key), hash, &bytes) &&
		bytes == l->b->job->plan.tasks[source].result)
		return borrow_has(l->b, &l->b->job->results[source], hash, bytes);
	fail(l, "what it needs isn't said");
	return false;
}

/* False: something of its input isn't here yet; or it is over. */
static bool has_all(struct loan *l)
{
	struct borrowed *b = l->b;
	struct job *job = b->job;
	const struct job_bytes *input = &job->plan.tasks[l->task->number].input;

	for (uint32_t i = 0; i < input->count; i++) {
		uint32_t k = input->pieces[i].source;

		if (input->pieces[i].kind == JOB_OPERAND &&
			!borrow_has(b, &job->operand[k], b->hash[k], job->sizes[k]))
			return false;
		if (input->pieces[i].kind == JOB_RESULT && !has_result(l, k))
			return false;
	}
	return true;
}

static void begin_gathering(struct loan *l)
{
	struct job *job = l->b->job;
	struct service *s = borrow_service(l->b->peers, l->task->kind);
	const struct job_bytes *input = &job->plan.tasks[l->task->number].input;
	size_t n;

	if (!s) {
		fail(l, "the service is gone");
		return;
	}
	if (spool_begin(&l->spool, s) < 0)
		return; /* when an area is free */
	l->spooled = true;
	l->gather = (struct job_gather){.job = job,
		.bytes = input,
		.n = input->bytes,
		.to = spool_room(&l->spool, &n),
		.done = gathered};
	if (input->bytes > n) {
		fail(l, "its input is larger than memory.input");
		return;
	}
	l->step = LOAN_GATHERS;
	job_gather(&l->gather);
}

static void go_on(struct loan *l)
{
	struct borrowed *b = l->b;

	if (b->failed)
		fail(l, b->failed);
	else if (!borrow_is_ready(b))
		return;
	else if (l->task->number >= b->job->plan.tasks_count)
		fail(l, "its plan has no such task");
	else if (has_all(l))
		begin_gathering(l);
}

void loan_step(struct loan *l)
{
	bool sends = l->step == LOAN_SENDS;

	if (l->event || l->call || l->again_ns > clock_mono_ns() ||
		(!sends && l->step != LOAN_WAITS) || is_over(l))
		return;
	if (sends)
		deliver(l);
	else
		go_on(l);
}

void loan_lost(struct loan *l)
{
	l->lost = true;
	if (l->event)
		service_refuse(l->event, REFUSED_STOPPING);
	else
		loan_step(l);
}

bool loan_begin(struct borrowed *b, struct queue_task *task)
{
	struct loan *l = calloc(1, sizeof(*l));

	if (!l)
		return false;
	l->b = b;
	l->task = task;
	l->needs = task->needs ? json_loads(task->needs, 0, NULL) : NULL;
	l->next = b->loans;
	b->loans = l;
	b->peers->loans++;
	return true;
}
