/*
 * hub/jobs/hook.c - whoever wants to be called when a job has ended: a message of the outbox, written in the transaction that writes the
 * end, sent and signed by hub/web/poster.h. Its body is an event of Standard Webhooks 1.0.0, with the job as its data.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/jobs/job.h"
#include "hub/outbox.h"
#include "hub/pages_json.h"
#include "hub/time.h"
#include "hub/web/url.h"

static char *event_of(const struct job *job)
{
	char type[32], when[TIME_TEXT] = "";
	json_t *event = json_object();
	char *text;

	snprintf(type, sizeof(type), "job.%s", job_states[job->state]);
	(void)time_rfc3339(job->ended_ns, when);
	pages_set(event, "type", json_string(type));
	pages_set(event, "timestamp", json_string(when));
	pages_set(event, "data", job_json(job));
	text = json_dumps(event, JSON_COMPACT);
	json_decref(event);
	return text;
}

void job_hook(struct job *job, struct store_tx *tx)
{
	struct hub *hub = job->jobs->hub;
	char *event = event_of(job);
	struct store_out out = {
		.destination = OUTBOX_ADDRESS,
		.service = job->jobs->number,
		.flags = OUTBOX_CALLBACK,
		.at_ns = (int64_t)time_elapsed(&hub->clocks.kept),
		.wall_ns = job->ended_ns,
		.id = mf_str_of(job->id, strlen(job->id)),
		.name = mf_str_of(job->callback, strlen(job->callback)),
		.type = MF_STR("application/json"),
		.body = mf_str_of(event, event ? strlen(event) : 0),
	};

	if (event)
		(void)outbox_add(hub->outbox, tx, &out);
	free(event);
}

void job_called(struct hub *hub, struct mf_str id, unsigned status)
{
	struct job *job = jobs_find(hub, id);

	if (!job || !job->callback)
		return;
	job->call_status = (int)status;
	(void)job_row(job);
	job_changed(job);
}

/* -------------------------------------------------------------------- as JSON */

static const char *state_of(const struct job *job)
{
	if (job->call_status >= 200 && job->call_status <= 299)
		return "arrived";
	return job->call_status >= 0 ? "given up" : "waiting";
}

json_t *job_hook_json(const struct job *job)
{
	struct url url;
	json_t *o = json_object();

	(void)url_parse(mf_str_of(job->callback, strlen(job->callback)), &url);
	pages_set(o, "to", json_stringn((const char *)url.shown.p, url.shown.n));
	pages_set(o, "state", json_string(state_of(job)));
	pages_set(o, "status", job->call_status > 0 ? json_integer(job->call_status) : json_null());
	return o;
}

void job_hook_row(const struct job *job, json_t *row)
{
	if (!job->callback)
		return;
	pages_set(row, "callback", json_string(job->callback));
	pages_set(row, "calling", json_boolean(job->calling));
	pages_set(row, "called", json_integer(job->call_status));
}

bool job_hook_load(struct job *job, const json_t *row)
{
	const char *to = json_string_value(json_object_get(row, "callback"));
	const json_t *called = json_object_get(row, "called");

	job->calling = json_is_true(json_object_get(row, "calling"));
	job->call_status = called ? (int)json_integer_value(called) : -1;
	job->callback = to ? strdup(to) : NULL;
	return !to || job->callback;
}
