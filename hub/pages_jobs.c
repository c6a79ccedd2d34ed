/* hub/pages_jobs.c - see pages_jobs.h */
#include "hub/pages_jobs.h"

#include "hub/hub.h"
#include "hub/jobs/jobs.h"
#include "hub/pages_json.h"

void pages_jobs(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	json_t *list = json_array();

	(void)request;
	for (const struct job *job = jobs_first(hub); job; job = jobs_next(job))
		json_array_append_new(list, job_json(job));
	pages_answer(reply, json_pack("{so}", "jobs", list));
}

/* NULL, having said so: there is none. */
static struct job *find(
	struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct mf_str id = page_parameter(request->query, "id");
	struct job *job = id.p ? jobs_find(hub, id) : NULL;

	if (!job)
		pages_refuse(reply, 404, "Not Found", json_string("there is no such job"));
	return job;
}

void pages_jobs_get(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	const struct job *job = find(hub, request, reply);

	if (job)
		pages_answer(reply, job_json(job));
}

void pages_jobs_cancel(
	struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct job *job = find(hub, request, reply);

	if (!job)
		return;
	pages_answer(reply, json_pack("{ss sb}", "id", job_id(job), "ended", job_has_ended(job)));
	job_cancel(job);
}
