/* hub/jobs/jobs.c - all jobs of a hub: how they begin, whose turn it is, how they end. See jobs.h. */
#include "hub/jobs/jobs.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/database.h"
#include "hub/http/response.h"
#include "hub/jobs/job.h"
#include "hub/jobs/peer.h"
#include "hub/pages_json.h"
#include "hub/setup.h"
#include "sys/log.h"

#define DRAIN_MS   10000          /* without a report: whoever waits for more waits in vain */
#define STARVED_NS (5 * CLOCK_MS) /* until areas are asked for again */

const char *const job_states[JOB_STATES] = {
	[JOB_IS_PLANNING] = "planning",
	[JOB_IS_RUNNING] = "running",
	[JOB_IS_JOINING] = "joining",
	[JOB_IS_DONE] = "done",
	[JOB_IS_FAILED] = "failed",
	[JOB_IS_CANCELLED] = "cancelled",
};

/* ------------------------------------------------------------------- lookups */

bool jobs_can(const struct hub *hub)
{
	return hub->jobs && hub->blobs && hub->store;
}

struct job *jobs_first(const struct hub *hub)
{
	return hub->jobs ? hub->jobs->first : NULL;
}

struct job *jobs_next(const struct job *job)
{
	return job->next;
}

struct job *jobs_find(const struct hub *hub, struct mf_str id)
{
	struct job *job = jobs_first(hub);

	while (job && !mf_str_is(id, job->id))
		job = job->next;
	return job;
}

const char *job_id(const struct job *job)
{
	return job->id;
}

const char *job_service_name(const struct job *job)
{
	return job->service;
}

bool job_lost(const struct job *job)
{
	return job->answer_bytes > 0 && !job->answer.blob;
}

enum job_state job_state(const struct job *job)
{
	return job->state;
}

bool job_has_ended(const struct job *job)
{
	return job->state >= JOB_IS_DONE;
}

bool job_is_off(const struct job *job)
{
	return job_has_ended(job) || job->jobs->stopping;
}

bool job_is_kept(const struct job *job)
{
	return job->kept;
}

bool job_is_written(const struct job *job)
{
	return job->written;
}

const struct job_answer *job_answer(const struct job *job)
{
	return &job->answer;
}

struct service *job_service(const struct job *job)
{
	struct service *s = job->jobs->hub->services;

	while (s && strcmp(s->name, job->service) != 0)
		s = s->next;
	return s;
}

void jobs_count(const struct hub *hub, struct jobs_counts *counts)
{
	*counts = hub->jobs->counts;
	counts->working = hub->jobs->working;
}

/* ------------------------------------------------------------------ watching */

void job_watch(struct job *job, struct job_watch *watch)
{
	watch->job = job;
	watch->next = job->watches;
	job->watches = watch;
}

void job_unwatch(struct job_watch *watch)
{
	struct job_watch **at;

	if (!watch->job)
		return;
	at = &watch->job->watches;
	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	watch->job = NULL;
}

void job_go(struct job *job)
{
	loop_later(job->jobs->hub->loop, &job->jobs->go);
}

void job_changed(struct job *job)
{
	job->news = true;
	job_go(job);
}

/* Whoever hears of it may do anything to the job, and stop watching. */
static void tell(struct job *job)
{
	struct job_watch *next;

	job->news = false;
	for (struct job_watch *w = job->watches; w; w = next) {
		next = w->next;
		w->changed(w);
	}
}

/* ------------------------------------------------------------------- memory */

static void drop_plan(struct job *job)
{
	if (job->has_run)
		job_run_close(&job->run);
	job->has_run = false;
	job_place_close(job);
	job_plan_free(&job->plan);
	free(job->results);
	free(job->ask);
	job->results = NULL;
	job->ask = NULL;
}

static void free_job(struct job *job)
{
	drop_plan(job);
	json_decref(job->hubs);
	for (unsigned i = 0; i < 3; i++)
		free(job->answer_words[i]);
	free(job->service);
	free(job->path);
	free(job->query);
	free(job->type);
	free(job->callback);
	job_pay_free(job->pay);
	free(job);
}

void job_hold(struct job *job)
{
	job->holds++;
}

void job_release(struct job *job)
{
	if (--job->holds > 0 || !job_has_ended(job))
		return;
	if (job->gone)
		free_job(job);
	else
		drop_plan(job);
}

/* What it had pinned beside its answer. */
static void unpin(struct job *job)
{
	for (unsigned i = 0; i < job->operands; i++) {
		if (job->operand[i])
			blob_unpin(job->operand[i]);
		job->operand[i] = NULL;
	}
	for (uint32_t i = 0; job->results && i < job->plan.tasks_count; i++) {
		if (job->results[i])
			blob_unpin(job->results[i]);
		job->results[i] = NULL;
	}
	if (job->plan_blob)
		blob_unpin(job->plan_blob);
	job->plan_blob = NULL;
}

/* It hears that there is nothing more to hear. */
static void leave_watch(struct job_watch *watch)
{
	job_unwatch(watch);
	watch->changed(watch);
}

/* Nobody can ask about it any more; whoever holds it frees it. */
static void disown(struct job *job)
{
	struct job **at = &job->jobs->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	job->jobs->count--;
	while (job->watches)
		leave_watch(job->watches);
	if (job->kept)
		job_row_remove(job);
	if (job->answer.blob)
		blob_unpin(job->answer.blob);
	job->answer.blob = NULL;
	job->gone = true;
}

static void forget(struct job *job)
{
	disown(job);
	if (job->holds == 0)
		free_job(job);
}

/* -------------------------------------------------------------------- the end */

static void end(struct job *job, enum job_state state)
{
	struct hub *hub = job->jobs->hub;

	job->state = state;
	job->ended_ns = time_wall(&hub->clocks.kept);
	job->forget_ns = clock_mono_ns() + JOBS_KEEP_NS;
	job->jobs->working--;
	job->jobs->counts.done += state == JOB_IS_DONE;
	job->jobs->counts.failed += state == JOB_IS_FAILED;
	job->jobs->counts.cancelled += state == JOB_IS_CANCELLED;
	job->progress = job->has_run ? job_run_progress(&job->run) : 0;
	job->tasks = job->plan.tasks_count;
	job->tasks_done = job->has_run ? job->run.graph.done : 0;
	if (job->single && state == JOB_IS_DONE)
		job->tasks_done = 1;
	job_lent_drop(job);
	unpin(job);
	job_pay_end(job);
	if (job->kept)
		(void)job_row(job);
	job_changed(job);
	if (job->holds == 0)
		drop_plan(job);
}

static bool copy(char **to, struct mf_str *view, struct mf_str text)
{
	free(*to);
	*to = NULL;
	*view = mf_str_of(NULL, 0);
	if (!text.p || text.n == 0)
		return true;
	*to = malloc(text.n);
	if (!*to)
		return false;
	memcpy(*to, text.p, text.n);
	*view = mf_str_of(*to, text.n);
	return true;
}

bool job_words(struct job *job, unsigned status, struct mf_str type, struct mf_str headers,
	struct mf_str text)
{
	struct job_answer *a = &job->answer;

	a->status = status;
	return copy(&job->answer_words[0], &a->type, type) &&
		copy(&job->answer_words[1], &a->headers, headers) &&
		copy(&job->answer_words[2], &a->text, text);
}

/* It went well, and is paid. */
static void finish(struct job *job)
{
	struct blob *result = job->answer.blob;

	if (result && job->keep_ns > 0 && job->answer.status < 300)
		blob_keep(result, job->keep_ns);
	end(job, JOB_IS_DONE);
}

void job_done(struct job *job, unsigned status, struct mf_str type, struct mf_str headers,
	struct blob *result)
{
	if (type.p != job->answer.type.p &&
		!job_words(job, status, type, headers, mf_str_of(NULL, 0)))
		log_about(LOG_WARN, job->service, job->id, "no memory for the words of its answer");
	job->answer.status = status;
	job->answer.blob = result;
	job->answer_bytes = result ? blob_size(result) : 0;
	job->state = JOB_IS_JOINING;
	if (!job_pay_charge(job))
		finish(job);
}

void job_paid(struct job *job, enum ledger_verdict verdict)
{
	if (job_paying(job)) {
		finish(job);
		return;
	}
	if (job->answer.blob)
		blob_unpin(job->answer.blob);
	job->answer.blob = NULL;
	job->answer_bytes = 0;
	job_fail(job, ledger_meanings[verdict].status, "it can't be paid any more: %s",
		ledger_meanings[verdict].text);
}

void job_fail(struct job *job, unsigned status, const char *format, ...)
{
	char detail[512];
	va_list args;
	json_t *json;
	char *text;

	va_start(args, format);
	(void)vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	json = json_pack("{ss ss si ss*}", "type", "about:blank", "title", response_reason(status),
		"status", (int)status, "detail", detail);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	log_about(LOG_WARN, job->service, job->id, "job: %s", detail);
	(void)job_words(job, status, MF_STR("application/problem+json"), mf_str_of(NULL, 0),
		mf_str_of(text, text ? strlen(text) : 0));
	free(text);
	end(job, JOB_IS_FAILED);
}

void job_fail_as(struct job *job, const struct reply *reply)
{
	struct mf_str text = reply->body;

	if (text.n > JOB_WORDS_MOST)
		text.n = 0;
	(void)job_words(job, reply->status, reply->content_type, reply->headers, text);
	end(job, JOB_IS_FAILED);
}

void job_cancel(struct job *job)
{
	if (job_has_ended(job)) {
		forget(job);
		return;
	}
	if (job->pay && job->pay->charging) /* it is done */
		return;
	(void)job_words(job, 410, mf_str_of(NULL, 0), mf_str_of(NULL, 0), mf_str_of(NULL, 0));
	end(job, JOB_IS_CANCELLED);
}

/* ------------------------------------------------------------------ whose turn */

/* Jobs of one service share its threads. */
static uint32_t share(const struct job *job, const struct service *s)
{
	uint32_t n = 0;

	for (const struct job *j = job->jobs->first; j; j = j->next)
		n += j->state == JOB_IS_RUNNING && strcmp(j->service, job->service) == 0;
	return (s->head.threads + n) / (n > 0 ? n : 1); /* one more than threads, of one */
}

static void sooner(uint64_t *at, uint64_t other)
{
	if (other > 0 && (*at == 0 || other < *at))
		*at = other;
}

/* What it has no thread for here may go to other hubs; what nobody took comes back when it has one. */
static void run(struct job *job, uint32_t share, uint64_t now, uint64_t *again)
{
	uint32_t flying;

	job->here = share > 1 ? share - 1 : 1;
	job->run.threads = share + job_lends(job);
	job_run_go(&job->run, now, again);
	flying = job_flying(job);
	if (job->lent && job->state == JOB_IS_RUNNING && !job->starved && flying < job->here)
		job_lent_back(job, job->here - flying);
}

/* What a job that is at work can do now; when it can do more. */
static void work(struct job *job, uint64_t now, uint64_t *wake)
{
	struct service *s = job_service(job);
	uint64_t again = 0;

	if (!job_pay_go(job, now, wake))
		return;
	if (!s) {
		job_fail(job, 503, "there is no service %s any more", job->service);
		return;
	}
	job->starved = false;
	if (job->state == JOB_IS_RUNNING) {
		run(job, share(job, s), now, &again);
	} else if (job->state == JOB_IS_PLANNING && !job->planner && job->again_ns <= now) {
		job_plan(job);
	} else if (job->state == JOB_IS_PLANNING) {
		again = job->again_ns;
	}
	sooner(wake, again);
	if (job->starved)
		sooner(wake, now + STARVED_NS);
}

static void look(struct job *job, uint64_t now, uint64_t *wake)
{
	struct jobs *jobs = job->jobs;

	job_hold(job);
	if (!job_has_ended(job) && !jobs->stopping)
		work(job, now, wake);
	if (job_has_ended(job)) {
		job_flights_leave(job);
		job_plan_leave(job);
	}
	if (job->news)
		tell(job);
	if (!job->gone && job_has_ended(job)) {
		if (job->forget_ns <= now || (!job->kept && !job->watches))
			disown(job);
		else
			sooner(wake, job->forget_ns);
	}
	job_release(job);
}

/* The one that began first has the first turn. */
static struct job *before(const struct jobs *jobs, const struct job *job)
{
	struct job *j = jobs->first;

	while (j && j->next != job)
		j = j->next;
	return j;
}

static void go(struct loop_later *later)
{
	struct jobs *jobs = LOOP_OWNER(later, struct jobs, go);
	uint64_t now = clock_mono_ns(), wake = 0;
	struct job *prev;

	for (struct job *job = before(jobs, NULL); job; job = prev) {
		prev = before(jobs, job);
		look(job, now, &wake);
	}
	if (jobs->peers)
		borrow_want(jobs->peers);
	if (wake > 0)
		(void)loop_timer_set(jobs->hub->loop, &jobs->timer, wake);
}

static void fire(struct loop_timer *timer)
{
	struct jobs *jobs = LOOP_OWNER(timer, struct jobs, timer);

	loop_later(jobs->hub->loop, &jobs->go);
}

/* ----------------------------------------------------------------- a beginning */

struct job *job_make(struct jobs *jobs)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job)
		job->jobs = jobs;
	return job;
}

void job_add(struct job *job)
{
	struct jobs *jobs = job->jobs;

	job->next = jobs->first;
	jobs->first = job;
	jobs->count++;
	jobs->working += !job_has_ended(job);
}

void job_drop(struct job *job)
{
	unpin(job);
	free_job(job);
}

static char *text_of(struct mf_str s)
{
	return s.p && s.n > 0 ? strndup((const char *)s.p, s.n) : NULL;
}

/* The oldest that has ended makes room. */
static void make_room(struct jobs *jobs)
{
	struct job *oldest = NULL;

	for (struct job *j = jobs->first; j; j = j->next)
		if (job_has_ended(j))
			oldest = j;
	if (oldest && jobs->count >= JOBS_KEPT_MOST)
		forget(oldest);
}

static bool fill(struct job *job, const struct job_request *r)
{
	task_make_id(job->id);
	job->service = strdup(r->service->name);
	job->path = text_of(r->path);
	job->query = text_of(r->query);
	job->type = text_of(r->type);
	job->callback = text_of(r->callback);
	job->call_status = -1;
	job->kept = r->kept;
	job->keep_ns = r->keep_ns;
	if (r->key)
		job->key = *r->key;
	job->single = !r->planned;
	job->made_ns = time_wall(&job->jobs->hub->clocks.kept);
	job->operands = r->count;
	for (unsigned i = 0; i < r->count; i++) {
		job->operand[i] = r->operands[i];
		job->sizes[i] = blob_size(r->operands[i]);
		blob_pin(r->operands[i]);
	}
	return job->service && job->path && (r->query.n == 0 || job->query) &&
		(r->type.n == 0 || job->type) && (r->callback.n == 0 || job->callback) &&
		(r->planned || job_plan_single(job));
}

struct job *jobs_begin(struct hub *hub, const struct job_request *request, struct job_watch *watch,
	unsigned *status, const char **why)
{
	struct job *job;

	*status = 503;
	*why = "the hub takes no more jobs at the moment";
	if (!jobs_can(hub) || hub->jobs->stopping || hub->jobs->working >= JOBS_MOST)
		return NULL;
	if (request->service->manifest.memory.input == 0) {
		*status = 501;
		*why = "the service takes no jobs: its mayfly.yaml has no memory.input";
		return NULL;
	}
	make_room(hub->jobs);
	job = job_make(hub->jobs);
	if (!job)
		return NULL;
	if (!fill(job, request)) {
		*why = "the hub has no memory, or its database can't be written";
		job_drop(job);
		return NULL;
	}
	job->pay = request->pay;
	if (job->pay)
		job->pay->job = job;
	if (job->kept && !job_row(job)) {
		*why = "the hub has no memory, or its database can't be written";
		job->pay = NULL;
		job_drop(job);
		return NULL;
	}
	job_add(job);
	hub->jobs->counts.begun++;
	if (watch)
		job_watch(job, watch);
	job_go(job);
	return job;
}

/* ------------------------------------------------------------------ open, close */

int jobs_look(struct hub *hub, char error[static HUB_ERROR_MAX])
{
	struct jobs *jobs;
	int e;

	if (hub->jobs || !hub->blobs || !hub->store)
		return 0;
	jobs = calloc(1, sizeof(*jobs));
	if (!jobs) {
		snprintf(error, HUB_ERROR_MAX, "no memory");
		return SETUP_FAILED;
	}
	jobs->hub = hub;
	jobs->timer.fire = fire;
	jobs->go.run = go;
	hub->jobs = jobs;
	e = jobs_rows_read(jobs);
	loop_later(hub->loop, &jobs->go);
	if (e == 0)
		return 0;
	snprintf(error, HUB_ERROR_MAX, "the jobs of the last run can't be read: %s", strerror(-e));
	return SETUP_FAILED;
}

void jobs_stop(struct hub *hub)
{
	if (!hub->jobs)
		return;
	hub->jobs->stopping = true;
	peers_stop(hub->jobs->peers);
	for (struct job *job = hub->jobs->first; job; job = job->next)
		if (!job->kept && !job_has_ended(job) && !(job->pay && job->pay->charging))
			job_fail(job, 503, "the hub is stopping");
}

void jobs_leave_till(struct hub *hub)
{
	for (struct job *job = jobs_first(hub); job; job = job->next)
		if (!job_has_ended(job))
			job_pay_leave(job->pay);
}

/* Reads and writes end, and with them what they were for. */
static void drain(struct hub *hub)
{
	struct pollfd fd = {.events = POLLIN};

	while (hub->blobs && blobs_waiting(hub->blobs) > 0) {
		fd.fd = blobs_fd(hub->blobs);
		if (poll(&fd, 1, DRAIN_MS) <= 0)
			break;
		blobs_reap(hub->blobs);
	}
	database_drain(hub);
}

void jobs_close(struct hub *hub)
{
	struct jobs *jobs = hub->jobs;

	if (!jobs)
		return;
	jobs->stopping = true;
	drain(hub);
	peers_close(jobs->peers);
	jobs->peers = NULL;
	loop_timer_clear(hub->loop, &jobs->timer);
	loop_later_cancel(hub->loop, &jobs->go);
	while (jobs->first) {
		struct job *job = jobs->first;

		jobs->first = job->next;
		while (job->watches)
			leave_watch(job->watches);
		if (job->answer.blob)
			blob_unpin(job->answer.blob);
		if (job->holds == 0)
			job_drop(job);
	}
	hub->jobs = NULL;
	free(jobs);
}
