/* hub/http/job_pages.c - what a client is told of a job, and its end. See jobs.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/http/jobs.h"
#include "hub/http/keys.h"
#include "hub/http/problem.h"
#include "hub/http/router.h"
#include "hub/hub.h"
#include "hub/jobs/pay.h"
#include "store/blobs.h"
#include "wire/http_text.h"

static const struct mf_str nothing = {NULL, 0};

static void refuse(struct conn *c, unsigned status, const char *detail)
{
	const struct problem p = {.status = status, .retry_after = status == 409, .detail = detail};
	struct response r = {0};

	exchange_turn_away(c, &p, &r);
}

/* ID, or ID/result. NULL: there is none. */
static struct job *job_of(const struct conn *c, const struct request *request, bool *result)
{
	static const char tail[] = "/result";
	const size_t before = sizeof(JOBS_PATH) - 1, t = sizeof(tail) - 1;
	struct mf_str id = mf_str_of(request->path.p + before, request->path.n - before);

	*result = id.n > t && memcmp(id.p + id.n - t, tail, t) == 0;
	if (*result)
		id.n -= t;
	return jobs_find(c->http->input.hub, id);
}

/* --------------------------------------------------------------------- results */

/* The life's header lines, with the blob's name and `more` behind them: as many as it likes where the job is its one task. The
 * caller frees them; NULL: no memory. */
static char *lines_of(const struct job_answer *answer, const char *more, size_t *n)
{
	char name[BLOB_NAME + 1], *lines;
	int written;

	blob_name(blob_hash(answer->blob), name);
	written = asprintf(&lines, "%.*sMayfly-Blob: %s\r\n%s", (int)answer->headers.n,
		answer->headers.p ? (const char *)answer->headers.p : "", name, more);
	if (written < 0)
		return NULL;
	*n = (size_t)written;
	return lines;
}

static void give_blob(struct conn *c, const struct job *job, const struct request *request)
{
	const struct job_answer *a = job_answer(job);
	const struct paying *paying = job_paying(job);
	struct response r = {.status = a->status, .content_type = a->type};
	uint64_t size = blob_size(a->blob), first = 0, last = size - 1;
	char more[160] = "", *lines;
	unsigned next = 0;
	struct mf_str range = request ? request_header(request, "range", &next) : nothing;
	const bool part = range.p && http_range(range, size, &first, &last) == HTTP_RANGE_PART;
	struct mf_str all;
	char *paid;
	size_t n;

	if (part)
		(void)snprintf(more, sizeof(more),
			"Accept-Ranges: bytes\r\nContent-Range: bytes %llu-%llu/%llu\r\n",
			(unsigned long long)first, (unsigned long long)last,
			(unsigned long long)size);
	else if (request)
		(void)strcpy(more, "Accept-Ranges: bytes\r\n");
	lines = lines_of(a, more, &n);
	if (!lines) {
		refuse(c, 503, "the hub has no memory");
		return;
	}
	if (part)
		r.status = 206;
	all = mf_str_of(lines, n);
	paid = paying ? keys_lines(paying, all, &all.n) : NULL;
	if (paid)
		all.p = (const uint8_t *)paid;
	blob_send(c, &r, all, a->blob, first, last - first + 1);
	free(paid);
	free(lines);
}

/* What was charged for it comes first. */
static void send_words(struct conn *c, const struct job *job, struct response *r)
{
	const struct job_answer *a = job_answer(job);
	const struct paying *paying = job_paying(job);
	struct mf_str lines = a->headers;
	char *paid = paying ? keys_lines(paying, lines, &lines.n) : NULL;

	if (paid)
		lines.p = (const uint8_t *)paid;
	send_answer(c, r, lines, a->text);
	free(paid);
}

void job_give(struct conn *c, const struct job *job, const struct request *request)
{
	const struct job_answer *a = job_answer(job);
	struct response r = {.status = a->status, .content_type = a->type};
	char id[TASK_ID + 1];

	if (job_state(job) == JOB_IS_CANCELLED) {
		refuse(c, 410, "the job was cancelled");
	} else if (a->blob && blob_size(a->blob) > 0) {
		give_blob(c, job, request);
	} else if (job_lost(job)) {
		refuse(c, 410, "the result isn't in the disk cache any more");
	} else {
		task_make_id(id);
		r.event = id;
		send_words(c, job, &r);
	}
}

/* -------------------------------------------------------------------- requests */

static void show(struct conn *c, const struct job *job)
{
	struct response r = {.status = 200, .content_type = MF_STR("application/json")};
	json_t *json = job_json(job);
	char *text = json_dumps(json, JSON_COMPACT), id[TASK_ID + 1];

	task_make_id(id);
	r.event = id;
	send_answer(c, &r, MF_STR("Cache-Control: no-store\r\n"),
		mf_str_of(text, text ? strlen(text) : 0));
	json_decref(json);
	free(text);
}

static void cancel(struct conn *c, struct job *job)
{
	struct response r = {.status = 204};
	char id[TASK_ID + 1];

	job_cancel(job);
	task_make_id(id);
	r.event = id;
	send_answer(c, &r, nothing, nothing);
}

bool job_admit(
	struct conn *c, const struct route *route, const struct request *request, size_t *most)
{
	bool result;
	const struct job *job = job_of(c, request, &result);

	*most = 0;
	if (!guard_admits_to(c, route, request, job ? job_service_name(job) : NULL))
		return false;
	if (request->length == 0 && !request->chunked)
		return true;
	refuse(c, 413, "there is no use for a body");
	return false;
}

void job_run(struct conn *c, const struct route *route, const struct request *request)
{
	bool result;
	struct job *job = job_of(c, request, &result);

	if (!guard_admits_to(c, route, request, job ? job_service_name(job) : NULL))
		return;
	if (!job)
		refuse(c, 404, "there is no such job, or it is too long ago that it ended");
	else if (mf_str_is(request->method, "DELETE"))
		result ? refuse(c, 405, "the job is what can be deleted") : cancel(c, job);
	else if (!result && job_events_wanted(request))
		job_events(c, job);
	else if (!result)
		show(c, job);
	else if (job_has_ended(job))
		job_give(c, job, request);
	else
		refuse(c, 409, "the job hasn't ended");
}
