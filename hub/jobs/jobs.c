/* hub/jobs/jobs.c - all jobs of a hub: who asks about them, whose turn it is; from the hub's start to its end. See jobs.h. */
#include "hub/jobs/jobs.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/database.h"
#include "hub/jobs/job.h"
#include "hub/jobs/peer.h"
#include "hub/setup.h"

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
			job_disown(job);
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

void jobs_leave_watches(struct hub *hub)
{
	for (struct job *job = jobs_first(hub); job; job = job->next)
		job_leave_watches(job);
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
		job_leave_watches(job);
		if (job->answer.blob)
			blob_unpin(job->answer.blob);
		if (job->holds == 0)
			job_drop(job);
	}
	hub->jobs = NULL;
	free(jobs);
}
