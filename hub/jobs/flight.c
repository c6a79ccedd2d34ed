/*
 * hub/jobs/flight.c - one task under way: an input area is filled, a life has it, its reply becomes a blob, and that is
 * written down. A flight whose job has ended meanwhile ends at its next step.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/job.h"
#include "hub/http/problem.h"
#include "hub/jobs/job.h"
#include "hub/queue/queue.h"

#define ROOM_NS (100 * CLOCK_MS) /* until the disk cache is asked again, where it was full */

struct job_flight {
	struct job_flight *next;
	struct job *job;
	uint32_t task;
	bool spooled; /* it has an area */
	bool waits;   /* its input isn't being gathered yet */
	bool lands;   /* another hub has done it */
	struct spool spool;
	struct job_gather gather;
	struct blob_op op;
	struct job_placing placing;
	struct task *event; /* NULL: it isn't at the service */
	struct areas_hold hold;
	uint8_t *copy; /* of a reply that lay in no area */
	struct job_row_wait row;
	char by[QUEUE_NAME + 1]; /* another hub; "": this one */
	struct blob *landed;     /* what that made of it, while it is read; pinned */
};

static void leave(struct job_flight *f)
{
	struct job *job = f->job;
	struct job_flight **at = &job->flights;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	if (f->spooled)
		spool_end(&f->spool);
	free(f->copy);
	free(f);
	job_go(job);
	job_release(job);
}

/* Nobody's fault. */
static void back(struct job_flight *f, uint64_t wait_ns)
{
	if (!job_has_ended(f->job))
		job_run_back(&f->job->run, f->task, clock_mono_ns(), wait_ns);
	leave(f);
}

static const char *path_of(const struct job_flight *f, int *n)
{
	struct mf_str path = f->job->plan.tasks[f->task].path;

	*n = (int)path.n;
	return (const char *)path.p;
}

/* ------------------------------------------------------------------ the end */

static void written(struct job_row_wait *wait)
{
	struct job_flight *f = LOOP_OWNER(wait, struct job_flight, row);

	if (!job_has_ended(f->job)) {
		f->job->jobs->counts.tasks++;
		job_ran(f->job, f->by);
		job_meter(f->job, f->row.metered, f->row.run_ns);
		job_run_done(&f->job->run, f->task);
		if (f->job->place)
			job_place_more(f->job);
		job_changed(f->job);
	}
	leave(f);
}

static void put_done(struct blob_op *op, int error)
{
	struct job_flight *f = LOOP_OWNER(op, struct job_flight, op);
	struct job *job = f->job;

	areas_release(&f->hold);
	if (job_has_ended(job)) {
		if (error == 0)
			blob_unpin(op->blob);
		leave(f);
	} else if (error == -ENOSPC && job->run.graph.started > 1) {
		back(f, ROOM_NS); /* others of the job may make room */
	} else if (error < 0) {
		job_fail(job, 507, "the result of task %" PRIu32 " can't be kept: %s", f->task,
			strerror(-error));
		leave(f);
	} else if (job->single) {
		job_ran(job, f->by);
		job_meter(job, f->row.metered, f->row.run_ns);
		job_done(job, job->answer.status, job->answer.type, job->answer.headers, op->blob);
		leave(f);
	} else {
		job->results[f->task] = op->blob;
		f->row.done = written;
		job_row_task(job, f->task, &f->row);
	}
}

/* It lies where it belongs. */
static void placed(struct job_placing *placing, int error)
{
	struct job_flight *f = LOOP_OWNER(placing, struct job_flight, placing);
	struct job *job = f->job;

	areas_release(&f->hold);
	if (!job_has_ended(job) && error == 0) {
		f->row.done = written;
		job_row_task(job, f->task, &f->row);
		return;
	}
	if (!job_has_ended(job))
		job_fail(job, 507, "the result of task %" PRIu32 " can't be kept: %s", f->task,
			strerror(-error));
	leave(f);
}

static void keep(struct job_flight *f, const struct reply *reply)
{
	const uint8_t *from = reply->body.p;

	memset(&f->op, 0, sizeof(f->op));
	f->op.done = put_done;
	if (reply->output) {
		areas_hold_more(&f->hold, reply->output);
	} else {
		f->copy = malloc(reply->body.n + 1);
		if (!f->copy) {
			back(f, CLOCK_S);
			return;
		}
		memcpy(f->copy, reply->body.p, reply->body.n);
		from = f->copy;
	}
	if (job_places(f->job, f->task)) {
		f->placing = (struct job_placing){
			.job = f->job, .task = f->task, .from = from, .done = placed};
		job_place(&f->placing);
	} else {
		blob_put(f->job->jobs->hub->blobs, &f->op, from, reply->body.n);
	}
}

/* What a job of one task comes to is what its life replied. */
static bool take_words(struct job *job, const struct reply *reply)
{
	return !job->single ||
		job_words(job, reply->status, reply->content_type, reply->headers,
			mf_str_of(NULL, 0));
}

static void done_with_nothing(struct job_flight *f, const struct reply *reply)
{
	struct job *job = f->job;

	job_meter(job, f->row.metered, f->row.run_ns);
	job_done(job, reply ? reply->status : 204, job->answer.type, job->answer.headers, NULL);
}

static void on_reply(struct task *task, const struct reply *reply)
{
	struct job_flight *f = task->context;
	struct job *job = f->job;
	uint64_t want = job->single ? 0 : job->plan.tasks[f->task].result;
	int n;
	const char *path = path_of(f, &n);

	f->event = NULL;
	f->row.metered = task->price.metered;
	f->row.run_ns = task->run_ns;
	job->lives++;
	if (job_has_ended(job)) {
		leave(f);
		return;
	}
	if (reply && reply->status >= 300)
		job_fail_as(job, reply);
	else if (!reply && !job->single)
		job_fail(job, 502, "task %" PRIu32 " (%.*s) gave no reply", f->task, n, path);
	else if (!job->single && reply->body.n != want)
		job_fail(job, 502,
			"task %" PRIu32 " (%.*s) replied with %zu bytes: its plan said %" PRIu64,
			f->task, n, path, reply->body.n, want);
	else if (reply && !take_words(job, reply))
		job_fail(job, 503, "no memory");
	else if (!reply || (job->single && reply->body.n == 0))
		done_with_nothing(f, reply);
	else
		keep(f, reply);
	if (job_has_ended(job) || (job->pay && job->pay->charging))
		leave(f);
}

static void on_refuse(struct task *task, enum refusal why)
{
	struct job_flight *f = task->context;
	struct job *job = f->job;
	const struct problem *p = problem_of(why);
	int n;
	const char *path = path_of(f, &n);

	f->event = NULL;
	if (!job_has_ended(job) && task_may_come_again(task, why)) {
		back(f, service_retry_ns(task->service, why));
		return;
	}
	job->jobs->counts.task_failures++;
	if (!job_has_ended(job) && !job_run_failed(&job->run, f->task, clock_mono_ns()))
		job_fail(
			job, p->status, "task %" PRIu32 " (%.*s): %s", f->task, n, path, p->detail);
	leave(f);
}

static const struct origin_ops origin = {.source = "job", .reply = on_reply, .refuse = on_refuse};

/* ------------------------------------------------------------------- the event */

struct task *job_task_event(
	struct job *job, uint32_t number, struct service *s, enum refusal *why, bool *fits)
{
	const struct job_task *t = &job->plan.tasks[number];
	char id[STORE_ID_MAX + 1];
	int n = snprintf(id, sizeof(id), "%s/%" PRIu32, job->id, number);
	struct task *task = service_begin_as(
		s, MF_SOURCE_JOB, MF_STR(MF_JOB_TASK), t->path, mf_str_of(id, (size_t)n), why);

	*fits = !task ||
		(event_span(&task->writer, &task->head.method, MF_STR("POST")) &&
			event_span(&task->writer, &task->head.query, t->query) &&
			event_span(&task->writer, &task->head.content_type, t->type));
	if (!*fits) {
		service_cancel(task);
		return NULL;
	}
	if (task)
		task->identity = 0; /* what came of it is the job's to know */
	return task;
}

static void submit(struct job_flight *f, struct service *s)
{
	enum refusal why;
	bool fits;
	struct task *task = job_task_event(f->job, f->task, s, &why, &fits);

	if (!fits) {
		job_fail(f->job, 502,
			"task %" PRIu32 ": its path and query don't fit into an event", f->task);
		leave(f);
		return;
	}
	if (!task) {
		back(f, service_retry_ns(s, why));
		return;
	}
	task->origin = &origin;
	task->context = f;
	f->event = task;
	spool_give(&f->spool, task);
	f->spooled = false;
	service_submit(task);
}

static void gather(struct job_flight *f)
{
	f->waits = false;
	f->job->gathering = true;
	job_gather(&f->gather);
}

static void gather_next(struct job *job)
{
	struct job_flight *next = NULL;

	job->gathering = false;
	for (struct job_flight *f = job->flights; f; f = f->next)
		if (f->waits && (!next || f->task < next->task))
			next = f;
	if (next)
		gather(next);
}

static void gathered(struct job_gather *gather, int error)
{
	struct job_flight *f = LOOP_OWNER(gather, struct job_flight, gather);
	struct job *job = f->job;
	struct service *s = spool_service(&f->spool);

	gather_next(job);
	if (job_has_ended(job)) {
		leave(f);
	} else if (error < 0) {
		job_fail(job, 502, "the input of task %" PRIu32 " can't be read: %s", f->task,
			strerror(-error));
		leave(f);
	} else if (!s || job->jobs->stopping) {
		back(f, CLOCK_S);
	} else {
		spool_took(&f->spool, gather->n);
		submit(f, s);
	}
}

bool job_flight(struct job *job, uint32_t task)
{
	struct service *s = job_service(job);
	struct job_flight *f = s ? calloc(1, sizeof(*f)) : NULL;
	size_t n;

	if (!f || spool_begin(&f->spool, s) < 0) {
		job->starved = true;
		free(f);
		return false;
	}
	f->job = job;
	f->task = task;
	f->spooled = true;
	f->next = job->flights;
	job->flights = f;
	job_hold(job);
	f->gather = (struct job_gather){.job = job,
		.bytes = &job->plan.tasks[task].input,
		.n = job->plan.tasks[task].input.bytes,
		.to = spool_room(&f->spool, &n),
		.done = gathered};
	f->waits = true;
	if (!job->gathering)
		gather_next(job);
	return true;
}

/* ------------------------------------------------------- what another hub has done */

static void landed(struct blob_op *op, int error)
{
	struct job_flight *f = LOOP_OWNER(op, struct job_flight, op);

	blob_unpin(f->landed);
	f->landed = NULL;
	if (job_has_ended(f->job)) {
		leave(f);
	} else if (error < 0) {
		back(f, ROOM_NS);
	} else {
		f->placing = (struct job_placing){
			.job = f->job, .task = f->task, .from = f->copy, .done = placed};
		job_place(&f->placing);
	}
}

bool job_land(struct job *job, uint32_t task, struct blob *blob, const char *by, uint64_t metered,
	uint64_t run_ns)
{
	bool places = job_places(job, task);
	struct job_flight *f = calloc(1, sizeof(*f));

	if (f && places)
		f->copy = malloc(blob_size(blob) + 1);
	if (!f || (places && !f->copy)) {
		free(f);
		return false;
	}
	f->job = job;
	f->task = task;
	snprintf(f->by, sizeof(f->by), "%s", by);
	f->lands = true;
	f->row.metered = metered;
	f->row.run_ns = run_ns;
	f->next = job->flights;
	job->flights = f;
	job_hold(job);
	if (places) {
		f->landed = blob;
		f->op.done = landed;
		blob_read(job->jobs->hub->blobs, blob, &f->op, 0, f->copy, blob_size(blob));
	} else {
		job->results[task] = blob;
		f->row.done = written;
		job_row_task(job, task, &f->row);
	}
	return true;
}

uint32_t job_flying(const struct job *job)
{
	uint32_t n = 0;

	for (const struct job_flight *f = job->flights; f; f = f->next)
		n += !f->lands;
	return n;
}

static struct job_flight *at_service(const struct job *job)
{
	struct job_flight *f = job->flights;

	while (f && !f->event)
		f = f->next;
	return f;
}

void job_flights_leave(struct job *job)
{
	struct job_flight *f;

	while ((f = at_service(job)))
		service_refuse(f->event, REFUSED_STOPPING);
}
