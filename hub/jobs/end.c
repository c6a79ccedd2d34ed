/* hub/jobs/end.c - what a job comes to, what is given back then, and when nobody knows of it any more. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/http/response.h"
#include "hub/jobs/job.h"
#include "sys/log.h"

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

void job_leave_watches(struct job *job)
{
	while (job->watches) {
		struct job_watch *watch = job->watches;

		job_unwatch(watch);
		watch->changed(watch);
	}
}

void job_disown(struct job *job)
{
	struct job **at = &job->jobs->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	job->jobs->count--;
	job_leave_watches(job);
	if (job->kept)
		job_row_remove(job);
	if (job->answer.blob)
		blob_unpin(job->answer.blob);
	job->answer.blob = NULL;
	job->gone = true;
}

void job_forget(struct job *job)
{
	job_disown(job);
	if (job->holds == 0)
		free_job(job);
}

void job_drop(struct job *job)
{
	unpin(job);
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
		job_forget(job);
		return;
	}
	if (job->pay && job->pay->charging) /* it is done */
		return;
	(void)job_words(job, 410, mf_str_of(NULL, 0), mf_str_of(NULL, 0), mf_str_of(NULL, 0));
	end(job, JOB_IS_CANCELLED);
}
