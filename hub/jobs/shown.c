/* hub/jobs/shown.c - a job as JSON: for whoever asks about it, and as a row of the database, which is read again. */
#include <string.h>

#include "hub/jobs/job.h"
#include "hub/pages_json.h"
#include "wire/base64.h"

static json_t *str_json(struct mf_str s)
{
	json_t *j = s.p ? json_stringn((const char *)s.p, s.n) : NULL;

	return j ? j : json_null();
}

static json_t *hash_json(const struct blob *blob)
{
	char name[BLOB_NAME + 1];

	if (!blob)
		return json_null();
	blob_name(blob_hash(blob), name);
	return json_string(name);
}

/* ------------------------------------------------------------------ for people */

static uint32_t tasks_of(const struct job *job)
{
	return job_has_ended(job) ? job->tasks : job->plan.tasks_count;
}

static uint32_t done_of(const struct job *job)
{
	if (job_has_ended(job))
		return job->tasks_done;
	return job->has_run ? job->run.graph.done : 0;
}

static json_t *estimate(const struct job *job)
{
	double s = -1;

	if (job_has_ended(job))
		s = 0;
	else if (job->has_run)
		s = job_run_estimate(&job->run, clock_mono_ns());
	return s < 0 ? json_null() : json_real(s);
}

static double progress(const struct job *job)
{
	if (job->state == JOB_IS_DONE)
		return 1;
	if (job_has_ended(job) || !job->has_run)
		return job->progress;
	return job_run_progress(&job->run);
}

static json_t *result_json(const struct job *job)
{
	const struct job_answer *a = &job->answer;
	json_t *problem = NULL;

	if (job->state == JOB_IS_FAILED && a->text.n > 0)
		problem = json_loadb((const char *)a->text.p, a->text.n, 0, NULL);
	if (problem)
		return json_pack("{si so}", "status", (int)a->status, "problem", problem);
	return json_pack("{si so sI so}", "status", (int)a->status, "type", str_json(a->type),
		"bytes", (json_int_t)(a->blob ? job->answer_bytes : a->text.n), "blob",
		hash_json(a->blob));
}

json_t *job_json(const struct job *job)
{
	json_t *o = json_object();
	uint64_t bytes = 0;

	for (unsigned i = 0; i < job->operands; i++)
		bytes += job->sizes[i];
	pages_set(o, "id", json_string(job->id));
	pages_set(o, "service", json_string(job->service));
	pages_set(o, "path", json_string(job->path));
	pages_set(o, "query", pages_text_or_null(job->query));
	pages_set(o, "state", json_string(job_states[job->state]));
	pages_set(o, "tasks", pages_count(tasks_of(job)));
	pages_set(o, "done", pages_count(done_of(job)));
	pages_set(o, "running", pages_count(job->has_run ? job->run.graph.started : 0));
	pages_set(o, "progress", json_real(progress(job)));
	pages_set(o, "estimate_s", estimate(job));
	pages_set(o, "operand_bytes", pages_count(bytes));
	pages_set(o, "lives", pages_count(job->lives));
	if (job->hubs)
		pages_set(o, "hubs", json_deep_copy(job->hubs));
	pages_set(o, "began_ns", json_integer(job->made_ns));
	pages_set(o, "ended_ns", job_has_ended(job) ? json_integer(job->ended_ns) : json_null());
	pages_set(o, "result", job_has_ended(job) ? result_json(job) : json_null());
	job_pay_json(job, o);
	if (job->callback)
		pages_set(o, "callback", job_hook_json(job));
	return o;
}

/* -------------------------------------------------------------------- as a row */

json_t *job_row_json(const struct job *job)
{
	const struct job_answer *a = &job->answer;
	json_t *o = json_object(), *operands = json_array(), *sizes = json_array();

	for (unsigned i = 0; i < job->operands; i++) {
		json_array_append_new(operands, hash_json(job->operand[i]));
		json_array_append_new(sizes, pages_count(job->sizes[i]));
	}
	pages_set(o, "service", json_string(job->service));
	pages_set(o, "path", json_string(job->path));
	pages_set(o, "query", pages_text_or_null(job->query));
	pages_set(o, "type", pages_text_or_null(job->type));
	pages_set(o, "single", json_boolean(job->single));
	pages_set(o, "operands", operands);
	pages_set(o, "sizes", sizes);
	pages_set(o, "plan", hash_json(job->plan_blob));
	pages_set(o, "state", json_integer(job_has_ended(job) ? job->state : JOB_IS_PLANNING));
	pages_set(o, "tasks", pages_count(tasks_of(job)));
	pages_set(o, "done", pages_count(done_of(job)));
	pages_set(o, "made", json_integer(job->made_ns));
	pages_set(o, "ended", json_integer(job->ended_ns));
	pages_set(o, "status", json_integer((json_int_t)a->status));
	pages_set(o, "answer_type", str_json(a->type));
	pages_set(o, "headers", str_json(a->headers));
	pages_set(o, "text", a->text.p ? pages_base64(a->text.p, a->text.n) : json_null());
	pages_set(o, "blob", hash_json(a->blob));
	pages_set(o, "bytes", pages_count(job->answer_bytes));
	pages_set(o, "keep", pages_count(job->keep_ns));
	pages_set(o, "key", job_key_json(&job->key));
	job_hook_row(job, o);
	if (job->hubs)
		pages_set(o, "hubs", json_deep_copy(job->hubs));
	pages_set(o, "pay", job_pay_row(job));
	return o;
}

static char *text(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s ? strdup(s) : NULL;
}

static uint64_t number(const json_t *row, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(row, key));
}

/* Pinned; NULL: there is none. */
static struct blob *blob_of(const struct job *job, const json_t *name)
{
	uint8_t hash[BLOB_HASH];
	struct blob *blob = NULL;

	if (json_string_length(name) == BLOB_NAME && blob_name_read(json_string_value(name), hash))
		blob = blobs_find(job->jobs->hub->blobs, hash);
	if (blob)
		blob_pin(blob);
	return blob;
}

static void load_answer(struct job *job, const json_t *row)
{
	const json_t *type = json_object_get(row, "answer_type"),
		     *headers = json_object_get(row, "headers"),
		     *body = json_object_get(row, "text");
	size_t n = 0;
	uint8_t bytes[BASE64_ROOM(2 * JOB_WORDS_MOST)];

	if (json_string_length(body) > 2 * JOB_WORDS_MOST - 4 ||
		!base64_read(
			mf_str_of(json_string_value(body), json_string_length(body)), bytes, &n))
		n = 0;
	(void)job_words(job, (unsigned)number(row, "status"),
		mf_str_of(json_string_value(type), json_string_length(type)),
		mf_str_of(json_string_value(headers), json_string_length(headers)),
		mf_str_of(bytes, n));
	job->answer.blob = blob_of(job, json_object_get(row, "blob"));
	job->answer_bytes = number(row, "bytes");
	job->tasks = (uint32_t)number(row, "tasks");
	job->tasks_done = (uint32_t)number(row, "done");
}

/* How long it can still be asked about. */
static void load_end(struct job *job)
{
	int64_t age = time_wall(&job->jobs->hub->clocks.kept) - job->ended_ns;
	uint64_t keep = JOBS_KEEP_NS;

	if (age > 0)
		keep = (uint64_t)age < keep ? keep - (uint64_t)age : 0;
	job->forget_ns = clock_mono_ns() + keep;
}

static bool load_operands(struct job *job, const json_t *row)
{
	const json_t *operands = json_object_get(row, "operands"),
		     *sizes = json_object_get(row, "sizes");
	size_t n = json_array_size(operands);

	if (n == 0 || n > JOB_OPERANDS_MOST || json_array_size(sizes) != n)
		return false;
	job->operands = (unsigned)n;
	for (unsigned i = 0; i < n; i++)
		job->sizes[i] = (uint64_t)json_integer_value(json_array_get(sizes, i));
	if (job_has_ended(job))
		return true;
	for (unsigned i = 0; i < n; i++) {
		job->operand[i] = blob_of(job, json_array_get(operands, i));
		job->lost |= !job->operand[i] || blob_size(job->operand[i]) != job->sizes[i];
	}
	job->plan_blob = blob_of(job, json_object_get(row, "plan"));
	return true;
}

bool job_row_load(struct job *job, const json_t *row)
{
	uint64_t state = number(row, "state");

	job->service = text(row, "service");
	job->path = text(row, "path");
	job->query = text(row, "query");
	job->type = text(row, "type");
	job->single = json_is_true(json_object_get(row, "single"));
	job->made_ns = (int64_t)number(row, "made");
	job->ended_ns = (int64_t)number(row, "ended");
	job->keep_ns = number(row, "keep");
	if (job->keep_ns > BLOB_KEEP_MOST_NS)
		job->keep_ns = 0;
	job_key_load(&job->key, json_object_get(row, "key"));
	if (json_is_object(json_object_get(row, "hubs")))
		job->hubs = json_deep_copy(json_object_get(row, "hubs"));
	job->state = state < JOB_STATES ? (enum job_state)state : JOB_IS_FAILED;
	job->kept = job->written = job->resumed = job->lent_ever = true;
	if (!job->service || !job->path || !job_hook_load(job, row) || !job_pay_load(job, row) ||
		!load_operands(job, row))
		return false;
	if (!job_has_ended(job))
		return !job->single || job->lost || job_plan_single(job);
	load_answer(job, row);
	load_end(job);
	return true;
}
