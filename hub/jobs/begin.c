/* hub/jobs/begin.c - a job from the request for it to its place among the others. */
#include <stdlib.h>
#include <string.h>

#include "hub/jobs/job.h"

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
		job_forget(oldest);
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
