/*
 * hub/jobs/planning.c - a life of the service is asked for a plan (ask.h), as often as it wants to see more of the operands; what it
 * replies is checked (plan.h), kept as a blob where the job is to survive, and set to work.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/job.h"
#include "hub/http/problem.h"
#include "hub/jobs/job.h"
#include "hub/jobs/peers.h"
#include "sys/log.h"

struct planner {
	struct job *job;
	struct task *at_work; /* NULL: it is no event at the moment */
	bool spooled;
	struct spool spool;
	struct job_gather gather;
	struct job_bytes bytes;
	struct job_piece pieces[JOB_EXTRACTS_MOST];
	struct blob_op op;
	char *text; /* of the plan */
	size_t text_n;
};

static void leave(struct planner *p)
{
	struct job *job = p->job;

	job->planner = NULL;
	if (p->spooled)
		spool_end(&p->spool);
	free(p->text);
	free(p);
	job_go(job);
	job_release(job);
}

/* It is asked again, later. */
static void back(struct planner *p, uint64_t wait_ns)
{
	p->job->again_ns = clock_mono_ns() + wait_ns;
	leave(p);
}

/* -------------------------------------------------------------------- to work */

static void over(struct job_run *run)
{
	struct job *job = LOOP_OWNER(run, struct job, run);

	if (job->place)
		job_place_end(job);
	else
		job_join(job);
}

static bool start(struct job_run *run, uint32_t task)
{
	struct job *job = LOOP_OWNER(run, struct job, run);

	uint32_t flying = job_flying(job);

	/* threads here, threads elsewhere, and then what comes next for each */
	if (flying >= job->here && job->lent_count < job_lends(job) / JOB_LENDS &&
		job_lend(job, task))
		return true;
	if (flying > job->here)
		return job_lend(job, task);
	return job_flight(job, task) || job_lend(job, task);
}

static void drop(struct job_run *run, uint32_t task)
{
	struct job *job = LOOP_OWNER(run, struct job, run);

	if (job->results[task])
		blob_unpin(job->results[task]);
	job->results[task] = NULL;
}

static const struct job_run_ops ops = {start, drop, over};

bool job_begin_run(struct job *job)
{
	struct service *s = job_service(job);
	uint32_t threads = job->threads > 0 ? job->threads : s ? s->head.threads : 1;

	job->results = calloc(job->plan.tasks_count, sizeof(*job->results));
	if (!job->results || job_run_open(&job->run, &job->plan, &ops, threads) < 0)
		return false;
	if (s) {
		job->run.tries_most = s->manifest.retry.times + 1;
		job->run.wait_ns = s->manifest.retry.wait_ns;
	}
	job->has_run = true;
	job->state = JOB_IS_RUNNING;
	return true;
}

/* One task, which is the request: all operands, one behind the other. */
bool job_plan_single(struct job *job)
{
	struct job_plan *plan = &job->plan;
	struct job_piece *pieces = calloc(job->operands, sizeof(*pieces));
	struct job_task *task = calloc(1, sizeof(*task));

	plan->owned[0] = task;
	plan->owned[1] = pieces;
	if (!pieces || !task)
		return false;
	for (unsigned i = 0; i < job->operands; i++) {
		if (job->sizes[i] == 0)
			continue;
		pieces[task->input.count++] = (struct job_piece){.kind = JOB_OPERAND,
			.source = i,
			.to = task->input.bytes,
			.row = job->sizes[i],
			.rows = 1};
		task->input.bytes += job->sizes[i];
	}
	task->input.pieces = pieces;
	task->path = mf_str_of(job->path, strlen(job->path));
	if (job->query)
		task->query = mf_str_of(job->query, strlen(job->query));
	if (job->type)
		task->type = mf_str_of(job->type, strlen(job->type));
	task->weight = plan->weight = 1;
	plan->tasks = task;
	plan->tasks_count = 1;
	return job_begin_run(job);
}

/* A plan that was made, or read again; false: the job has failed. */
static bool begin(struct job *job)
{
	int e = job_begin_run(job) ? job_place_open(job) : -ENOMEM;

	if (e == -ENOMEM)
		job_fail(job, 503, "no memory");
	else if (e < 0)
		job_fail(job, 507, "there is no room for its result: %s", strerror(-e));
	return e == 0;
}

/* ---------------------------------------------------------------- its answer */

static void go_on(struct planner *p)
{
	struct job *job = p->job;

	if (!job_has_ended(job)) {
		free(job->ask);
		job->ask = NULL;
		if (begin(job))
			job_changed(job);
	}
	leave(p);
}

static void put_done(struct blob_op *op, int error)
{
	struct planner *p = LOOP_OWNER(op, struct planner, op);
	struct job *job = p->job;

	if (error == 0 && job_has_ended(job)) {
		blob_unpin(op->blob);
	} else if (error == 0) {
		job->plan_blob = op->blob;
		if (job->kept)
			(void)job_row(job); /* without it the plan is made again */
	} else if (!job_has_ended(job)) {
		job_fail(job, 507, "its plan can't be kept: %s", strerror(-error));
	}
	go_on(p);
}

/* The text is there, and so is the plan. */
static void keep(struct planner *p, struct mf_str body)
{
	if (!p->job->kept && !p->job->jobs->peers) { /* other hubs fetch it */
		go_on(p);
		return;
	}
	p->text = malloc(body.n);
	if (!p->text) {
		job_fail(p->job, 503, "no memory");
		leave(p);
		return;
	}
	memcpy(p->text, body.p, body.n);
	memset(&p->op, 0, sizeof(p->op));
	p->op.done = put_done;
	blob_put(p->job->jobs->hub->blobs, &p->op, p->text, body.n);
}

/* With many hubs more results lie in the disk cache at once: where that is too much, fewer tasks shall be lent. */
static int read_plan(struct job *job, const json_t *json, char error[static JOB_PLAN_ERROR])
{
	struct job_limits *limits = &job->ask->limits;
	const struct service *s = job_service(job);
	int e = job_plan_read(&job->plan, json, limits, error);

	if (e != -ENOSPC || !s || limits->threads <= s->head.threads)
		return e;
	limits->threads = s->head.threads;
	return job_plan_read(&job->plan, json, limits, error);
}

/* 1: there is a plan, 0: it wants to see more, -errno: the job has failed. */
static int read_answer(struct job *job, struct mf_str body)
{
	char error[JOB_PLAN_ERROR] = "it is no JSON, or more than 4 MiB of it";
	json_t *json = body.n > JOB_PLAN_MOST
		? NULL
		: json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	int e = json ? job_ask_more(job->ask, json, error) : -EINVAL;
	bool more = e == 1;

	if (e == 0)
		e = read_plan(job, json, error);
	json_decref(json);
	if (e == 0)
		job->threads = job->ask->limits.threads;
	if (e < 0)
		job_fail(job,
			e == -ENOSPC           ? 507
				: e == -ENOMEM ? 503
					       : 502,
			"the plan that %s made can't be used: %s", job->service, error);
	return e < 0 ? e : !more;
}

static void on_reply(struct task *task, const struct reply *reply)
{
	struct planner *p = task->context;
	struct job *job = p->job;
	int what;

	p->at_work = NULL;
	if (job_has_ended(job)) {
		leave(p);
		return;
	}
	job->lives++;
	if (!reply || reply->status != 200) {
		if (reply)
			job_fail_as(job, reply);
		else
			job_fail(job, 502, "%s made no plan", job->service);
		leave(p);
		return;
	}
	what = read_answer(job, reply->body);
	if (what == 1)
		keep(p, reply->body);
	else
		leave(p); /* and asks again, or has failed */
}

static void on_refuse(struct task *task, enum refusal why)
{
	struct planner *p = task->context;
	struct job *job = p->job;
	const struct problem *problem = problem_of(why);

	p->at_work = NULL;
	if (job_has_ended(job)) {
		leave(p);
	} else if (task_may_come_again(task, why)) {
		back(p, service_retry_ns(task->service, why));
	} else if (++job->plan_tries <= task->service->manifest.retry.times) {
		back(p, task->service->manifest.retry.wait_ns);
	} else {
		job_fail(job, problem->status, "its plan: %s", problem->detail);
		leave(p);
	}
}

static const struct origin_ops origin = {.source = "job", .reply = on_reply, .refuse = on_refuse};

/* ------------------------------------------------------------------- the question */

static struct mf_str text_of(const char *text)
{
	return text ? mf_str_of(text, strlen(text)) : mf_str_of(NULL, 0);
}

static void submit(struct planner *p, struct service *s)
{
	struct job *job = p->job;
	char id[STORE_ID_MAX + 1];
	int n = snprintf(id, sizeof(id), "%s/plan", job->id);
	enum refusal why;
	struct task *task = service_begin_as(s, MF_SOURCE_JOB, MF_STR(MF_JOB_PLAN),
		text_of(job->path), mf_str_of(id, (size_t)n), &why);

	if (!task) {
		back(p, service_retry_ns(s, why));
		return;
	}
	if (!event_span(&task->writer, &task->head.method, MF_STR("POST")) ||
		!event_span(&task->writer, &task->head.query, text_of(job->query)) ||
		!event_span(&task->writer, &task->head.content_type, text_of(job->type))) {
		service_cancel(task);
		job_fail(job, 502, "its path and query don't fit into an event");
		leave(p);
		return;
	}
	task->identity = 0;
	task->origin = &origin;
	task->context = p;
	p->at_work = task;
	spool_give(&p->spool, task);
	p->spooled = false;
	service_submit(task);
}

static void gathered(struct job_gather *gather, int error)
{
	struct planner *p = LOOP_OWNER(gather, struct planner, gather);
	struct job *job = p->job;
	struct service *s = spool_service(&p->spool);

	if (job_has_ended(job)) {
		leave(p);
	} else if (error < 0) {
		job_fail(job, 502, "its operands can't be read: %s", strerror(-error));
		leave(p);
	} else if (!s || job->jobs->stopping) {
		back(p, CLOCK_S);
	} else {
		spool_took(&p->spool, p->bytes.bytes);
		submit(p, s);
	}
}

static void ask(struct planner *p, uint8_t *to)
{
	const struct job_ask *a = p->job->ask;
	uint64_t each[JOB_EXTRACTS_MOST];

	job_ask_write(a, to, each);
	p->bytes = (struct job_bytes){.bytes = job_ask_size(a), .pieces = p->pieces};
	for (uint32_t i = 0; i < a->count; i++)
		if (a->extracts[i].bytes > 0)
			p->pieces[p->bytes.count++] = (struct job_piece){.kind = JOB_OPERAND,
				.source = a->extracts[i].operand,
				.from = a->extracts[i].offset,
				.to = each[i],
				.row = a->extracts[i].bytes,
				.rows = 1};
	p->gather = (struct job_gather){.job = p->job,
		.bytes = &p->bytes,
		.n = p->bytes.bytes,
		.to = to,
		.over = true,
		.done = gathered};
	job_gather(&p->gather);
}

struct job_limits job_limits_of(const struct job *job, const struct service *s)
{
	struct job_limits limits = {
		.sizes = job->sizes,
		.operands = job->operands,
		.input_most = s->manifest.memory.input,
		.result_most = s->manifest.memory.output > 0 ? s->manifest.memory.output
							     : s->note.effects_bytes,
		.threads = s->head.threads * (uint32_t)peers_hubs(job->jobs->peers),
	};
	struct blobs_counts counts;

	blobs_count(job->jobs->hub->blobs, &counts);
	limits.cache_most = counts.most > counts.held_bytes ? counts.most - counts.held_bytes : 0;
	return limits;
}

static bool begin_ask(struct job *job, const struct service *s)
{
	struct job_limits limits;

	if (job->ask)
		return true;
	limits = job_limits_of(job, s);
	job->ask = malloc(sizeof(*job->ask));
	if (job->ask)
		job_ask_begin(job->ask, &limits);
	return job->ask;
}

static void ask_for(struct job *job)
{
	struct service *s = job_service(job);
	struct planner *p = s && begin_ask(job, s) ? calloc(1, sizeof(*p)) : NULL;
	size_t n;
	uint8_t *to;

	if (!p || spool_begin(&p->spool, s) < 0) {
		job->starved = true;
		free(p);
		return;
	}
	p->job = job;
	p->spooled = true;
	job->planner = p;
	job_hold(job);
	to = spool_room(&p->spool, &n);
	if (job_ask_size(job->ask) > n) {
		job_fail(job, 507,
			"what its plan is made from has %zu bytes: memory.input of %s has %zu",
			job_ask_size(job->ask), job->service, n);
		leave(p);
		return;
	}
	ask(p, to);
}

/* ------------------------------------------------------- a plan of an earlier run */

static void plan_lost(struct job *job)
{
	if (job->plan_blob)
		blob_unpin(job->plan_blob);
	job->plan_blob = NULL;
	job->resumed = false;
	job_lent_drop(job);
	job_rows_forget(job);
	(void)job_row(job);
}

static void plan_read(struct blob_op *op, int error)
{
	struct planner *p = LOOP_OWNER(op, struct planner, op);
	struct job *job = p->job;
	struct service *s = job_service(job);
	struct job_limits limits;
	char why[JOB_PLAN_ERROR] = "";
	json_t *json;

	if (job_has_ended(job) || !s) {
		leave(p);
		return;
	}
	limits = job_limits_of(job, s);
	limits.cache_most = UINT64_MAX; /* it fitted when it was made */
	json = error < 0 ? NULL : json_loadb(p->text, p->text_n, JSON_REJECT_DUPLICATES, NULL);
	job->threads = limits.threads;
	if (!json || job_plan_read(&job->plan, json, &limits, why) < 0) {
		log_about(LOG_WARN, job->service, job->id,
			"job: its plan can't be used any more, another one is made: %s", why);
		plan_lost(job);
	} else if (begin(job) && job_rows_resume(job) < 0) {
		job_fail(job, 503, "no memory, or the database can't be read");
	} else if (!job_has_ended(job)) {
		job->resumed = false;
		job_changed(job);
	}
	json_decref(json);
	leave(p);
}

static void resume(struct job *job)
{
	struct planner *p;

	if (job->lost) {
		job_fail(job, 502, "an operand isn't in the disk cache any more");
		return;
	}
	if (!job->plan_blob) {
		plan_lost(job);
		job_go(job);
		return;
	}
	p = calloc(1, sizeof(*p));
	if (p) {
		p->job = job;
		p->text_n = blob_size(job->plan_blob);
		p->text = malloc(p->text_n + 1);
	}
	if (!p || !p->text) {
		free(p);
		job_fail(job, 503, "no memory");
		return;
	}
	job->planner = p;
	job_hold(job);
	p->op.done = plan_read;
	blob_read(job->jobs->hub->blobs, job->plan_blob, &p->op, 0, p->text, p->text_n);
}

void job_plan(struct job *job)
{
	if (job->resumed)
		resume(job);
	else
		ask_for(job);
}

void job_plan_leave(struct job *job)
{
	if (job->planner && job->planner->at_work)
		service_refuse(job->planner->at_work, REFUSED_STOPPING);
}
