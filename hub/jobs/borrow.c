/*
 * hub/jobs/borrow.c - jobs of other hubs, as far as this one has tasks of them: plan and operands come here once, and stay a while, since
 * the next task of a job needs what the last one did.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/cache.h"
#include "hub/jobs/peer.h"
#include "sys/log.h"

#define IDLE_NS (30 * CLOCK_S)
#define SOON_NS (5 * CLOCK_MS) /* an area, or a moment, is waited for */
#define KINDS   4096u

/* -------------------------------------------------------------------- what comes */

static void give_up(struct borrowed *b, const char *what, int error)
{
	(void)snprintf(b->why, sizeof(b->why), "%s: %s", what, strerror(-error));
	b->failed = b->why;
	borrow_soon(b->peers);
}

static void fetched(struct fetch *f, struct blob *blob, int error)
{
	struct borrowed *b = LOOP_OWNER(f, struct borrowed, fetch);

	b->fetching = false;
	if (b->peers->stopping && error == 0)
		blob_unpin(blob);
	else if (error == 0)
		*b->to = blob;
	else if (error != -EEXIST) /* it came by another way */
		give_up(b, "what it needs can't be fetched", error);
	borrow_soon(b->peers);
}

bool borrow_has(
	struct borrowed *b, struct blob **to, const uint8_t hash[static BLOB_HASH], uint64_t bytes)
{
	struct blob *blob;

	if (*to)
		return true;
	if (b->fetching || b->failed)
		return false;
	blob = blobs_find(b->peers->hub->blobs, hash);
	if (blob && blob_size(blob) != bytes) { /* what its plan may read was judged by that */
		give_up(b, "what it needs has another size", -EINVAL);
		return false;
	}
	if (blob) {
		blob_pin(blob);
		*to = blob;
		return true;
	}
	b->fetching = true;
	b->to = to;
	b->fetch =
		(struct fetch){.peers = b->peers, .url = b->url, .bytes = bytes, .done = fetched};
	memcpy(b->fetch.hash, hash, BLOB_HASH);
	fetch_begin(&b->fetch);
	return false;
}

/* ----------------------------------------------------------------------- its plan */

static void take_plan(struct borrowed *b)
{
	struct job *job = b->job;
	const struct service *s = job_service(job);
	char why[JOB_PLAN_ERROR] = "the service is gone";
	struct job_limits limits;
	json_t *json;
	int e = -EINVAL;

	json = json_loadb(b->text, b->plan_bytes, JSON_REJECT_DUPLICATES, NULL);
	if (s && json) {
		limits = job_limits_of(job, s);
		limits.cache_most = UINT64_MAX; /* its results lie elsewhere */
		e = job_plan_read(&job->plan, json, &limits, why);
	}
	json_decref(json);
	if (e == 0) {
		job->results = calloc(job->plan.tasks_count, sizeof(*job->results));
		e = job->results ? 0 : -ENOMEM;
	}
	b->planned = e == 0;
	if (e < 0) {
		(void)snprintf(b->why, sizeof(b->why), "%.200s", why);
		b->failed = b->why;
	}
}

static void plan_read(struct blob_op *op, int error)
{
	struct borrowed *b = LOOP_OWNER(op, struct borrowed, op);

	b->reading = false;
	if (error < 0)
		give_up(b, "its plan can't be read", error);
	else if (!b->peers->stopping)
		take_plan(b);
	free(b->text);
	b->text = NULL;
	borrow_soon(b->peers);
}

bool borrow_is_ready(struct borrowed *b)
{
	struct job *job = b->job;

	if (b->planned || b->reading || b->failed)
		return b->planned;
	if (!borrow_has(b, &job->plan_blob, b->plan_hash, b->plan_bytes))
		return false;
	b->text = malloc(b->plan_bytes + 1);
	if (!b->text) {
		give_up(b, "its plan", -ENOMEM);
		return false;
	}
	b->reading = true;
	memset(&b->op, 0, sizeof(b->op));
	b->op.done = plan_read;
	blob_read(b->peers->hub->blobs, job->plan_blob, &b->op, 0, b->text, b->plan_bytes);
	return false;
}

/* ------------------------------------------------------------------------- a job */

static void borrowed_free(struct borrowed *b)
{
	while (b->loans)
		loan_drop(b->loans);
	free(b->text);
	free(b->url);
	if (b->job)
		job_drop(b->job);
	free(b);
}

static char *text_of(const json_t *about, const char *key)
{
	const char *text = json_string_value(json_object_get(about, key));

	return text ? strdup(text) : NULL;
}

/* What the queue says of a job is another hub's: it is looked at like anything from outside. */
static bool read_about(struct borrowed *b, const json_t *about)
{
	struct job *job = b->job;
	const json_t *operands = json_object_get(about, "operands"),
		     *plan = json_object_get(about, "plan");

	job->path = text_of(about, "path");
	job->query = text_of(about, "query");
	job->type = text_of(about, "type");
	if (!job->path || json_array_size(operands) < 1 ||
		json_array_size(operands) > JOB_OPERANDS_MOST)
		return false;
	job->operands = (unsigned)json_array_size(operands);
	for (unsigned i = 0; i < job->operands; i++)
		if (!peer_blob_read(json_array_get(operands, i), b->hash[i], &job->sizes[i]))
			return false;
	if (json_is_null(plan)) {
		job->single = true;
		b->planned = job_plan_single(job);
		return b->planned;
	}
	return peer_blob_read(plan, b->plan_hash, &b->plan_bytes) && b->plan_bytes <= JOB_PLAN_MOST;
}

static bool is_url(const char *text)
{
	return text && strlen(text) <= 1024 &&
		(strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0);
}

static struct borrowed *borrowed_make(
	struct peers *peers, const struct service *s, const struct queue_task *task)
{
	struct borrowed *b = calloc(1, sizeof(*b));
	json_t *about = task->about ? json_loads(task->about, 0, NULL) : NULL;
	bool well = false;

	if (b)
		b->job = job_make(peers->jobs);
	if (b && b->job && about && is_url(task->url) && strlen(task->job) == TASK_ID) {
		b->peers = peers;
		b->url = strdup(task->url);
		memcpy(b->job->id, task->job, TASK_ID + 1);
		b->job->service = strdup(s->name);
		b->job->state = JOB_IS_RUNNING;
		well = b->url && b->job->service && read_about(b, about);
	}
	json_decref(about);
	if (!well && b) {
		borrowed_free(b);
		return NULL;
	}
	if (b) {
		b->next = peers->borrowed;
		peers->borrowed = b;
	}
	return b;
}

static struct borrowed *find(const struct peers *peers, const char *job)
{
	struct borrowed *b = peers->borrowed;

	while (b && strcmp(b->job->id, job) != 0)
		b = b->next;
	return b;
}

struct service *borrow_service(const struct peers *peers, const char *kind)
{
	char own[PEER_KIND];

	for (struct service *s = peers->hub->services; s; s = s->next) {
		peer_kind(s, own);
		if (strcmp(own, kind) == 0)
			return s;
	}
	return NULL;
}

static void refuse(struct peers *peers, struct queue_task *task, enum queue_verb verb)
{
	struct queue_item item = {.verb = verb,
		.number = task->number,
		.ticket = task->ticket,
		.result = verb == QUEUE_FAIL ? "{\"detail\": \"what is said of it can't be used\"}"
					     : NULL};

	memcpy(item.job, task->job, sizeof(item.job));
	peer_say(peers, &item);
	queue_tasks_free(task);
}

void borrow_taken(struct peers *peers, struct queue_task *task)
{
	const struct service *s = task->kind ? borrow_service(peers, task->kind) : NULL;
	struct borrowed *b = find(peers, task->job);

	peers->counts.taken++;
	if (peers->stopping || !s) {
		refuse(peers, task, QUEUE_BACK);
		return;
	}
	if (!b)
		b = borrowed_make(peers, s, task);
	if (!b || !loan_begin(b, task)) {
		refuse(peers, task, QUEUE_FAIL);
		return;
	}
	borrow_soon(peers);
}

void borrow_lost(struct peers *peers, const char *job, uint32_t number, uint64_t ticket)
{
	struct borrowed *b = find(peers, job);

	(void)number;
	for (struct loan *l = b ? b->loans : NULL; l; l = loan_next(l))
		if (loan_task(l)->ticket == ticket) {
			loan_lost(l);
			return;
		}
}

/* -------------------------------------------------------------------- from time to time */

void borrow_soon(struct peers *peers)
{
	(void)loop_timer_set(peers->hub->loop, &peers->timer, loop_now(peers->hub->loop));
}

static bool is_done_with(const struct borrowed *b, uint64_t now)
{
	return !b->loans && !b->fetching && !b->reading &&
		(b->failed || b->idle_ns + IDLE_NS < now);
}

/* The tickets first: a step may end any of them. */
static void step_all(struct borrowed *b)
{
	struct loan *next;

	for (struct loan *l = b->loans; l; l = next) {
		next = loan_next(l);
		loan_step(l);
	}
}

void borrow_fire(struct loop_timer *timer)
{
	struct peers *peers = LOOP_OWNER(timer, struct peers, timer);
	uint64_t now = clock_mono_ns();

	for (struct borrowed *b = peers->borrowed; b; b = b->next)
		step_all(b);
	for (struct borrowed **at = &peers->borrowed; *at;) {
		struct borrowed *b = *at;

		if (is_done_with(b, now)) {
			*at = b->next;
			borrowed_free(b);
		} else {
			at = &b->next;
		}
	}
	borrow_want(peers);
	if (peers->borrowed)
		(void)loop_timer_set(peers->hub->loop, timer,
			loop_now(peers->hub->loop) + (peers->loans > 0 ? SOON_NS : CLOCK_S));
}

/* Threads that have nothing to do, and one task more for each service, whose input comes meanwhile. */
void borrow_want(struct peers *peers)
{
	char kinds[KINDS] = "", kind[PEER_KIND];
	size_t n = 0;
	unsigned room = 0, busy = 0;

	for (const struct service *s = peers->hub->services; s; s = s->next) {
		if (!cache_needed(s))
			continue;
		peer_kind(s, kind);
		if (n + strlen(kind) + 2 > sizeof(kinds))
			break;
		n += (size_t)snprintf(kinds + n, sizeof(kinds) - n, "%s%s", n > 0 ? " " : "", kind);
		room += s->head.threads + 1;
	}
	for (const struct job *job = jobs_first(peers->hub); job; job = jobs_next(job))
		busy += job_flying(job);
	queue_want(peers->thread, kinds, peers->stopping || room < busy ? 0 : room - busy);
}

void borrow_close(struct peers *peers)
{
	for (struct borrowed *b = peers->borrowed, *next; b; b = next) {
		next = b->next;
		if (b->fetching)
			(void)fetch_leave(&b->fetch);
		for (const struct loan *l = b->loans; l; l = loan_next(l))
			loan_leave(l);
		borrowed_free(b);
	}
	peers->borrowed = NULL;
}
