/* hub/http/job_events.c - server-sent events: how far a job is, each time that changes, and its end. See jobs.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/http/blobs.h"
#include "hub/http/conn.h"
#include "hub/http/jobs.h"
#include "hub/hub.h"
#include "wire/http_text.h"

struct events {
	struct stream stream;
	struct hub *hub;
	struct conn *conn;
	struct job_watch watch;
	bool news, over; /* something is to say still; after what is being said nothing comes */
	char *text;      /* of an event */
	size_t at, n;
};

static void say(struct events *e);

static void events_free(struct events *e)
{
	job_unwatch(&e->watch);
	e->hub->held.held -= sizeof(*e);
	free(e->text);
	free(e);
}

/* The next event, if there is one. */
static void say(struct events *e)
{
	struct job *job = e->watch.job;
	json_t *json;
	char *text;
	int n;

	if (e->at < e->n || !e->news || !job)
		return;
	json = job_json(job);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	free(e->text);
	e->text = NULL;
	n = asprintf(&e->text, "event: %s\ndata: %s\n\n",
		job_has_ended(job) ? job_states[job_state(job)] : "progress", text ? text : "null");
	free(text);
	e->news = false;
	e->at = 0;
	e->n = n > 0 ? (size_t)n : 0;
	e->over = job_has_ended(job);
	if (e->over)
		e->stream.left = e->n;
}

/* --- struct stream's */

static const uint8_t *next(struct stream *s, size_t *n)
{
	struct events *e = LOOP_OWNER(s, struct events, stream);

	say(e);
	*n = e->n - e->at;
	return *n > 0 ? (const uint8_t *)e->text + e->at : NULL;
}

static void sent(struct stream *s, size_t n)
{
	LOOP_OWNER(s, struct events, stream)->at += n;
}

static void drop(struct stream *s)
{
	events_free(LOOP_OWNER(s, struct events, stream));
}

static const struct stream_ops stream_ops = {next, sent, drop};

static void on_changed(struct job_watch *watch)
{
	struct events *e = LOOP_OWNER(watch, struct events, watch);
	struct conn *c = e->conn;

	e->news = true;
	if (!watch->job && !e->over) { /* the job is forgotten: nothing more comes */
		c->http->input.counts.unsent++;
		conn_close(c);
		conn_settle(c);
		return;
	}
	conn_stream(c);
}

bool job_events_wanted(const struct request *request)
{
	unsigned next_header = 0;
	struct mf_str accept = request_header(request, "accept", &next_header);

	/* a client that takes anything gets what it is without that */
	return http_weight(accept, "text/event-stream") > 0 &&
		http_weight(accept, "application/json") <= 0;
}

void job_events(struct conn *c, struct job *job)
{
	struct response r = {.status = 200, .content_type = MF_STR("text/event-stream")};
	struct events *e;
	char id[TASK_ID + 1];

	if (!blob_hold(c, sizeof(*e)))
		return;
	e = calloc(1, sizeof(*e));
	if (!e) {
		c->http->input.hub->held.held -= sizeof(*e);
		blob_refuse_error(c, -ENOMEM, UINT64_MAX);
		return;
	}
	e->stream = (struct stream){&stream_ops, STREAM_ENDLESS};
	e->hub = c->http->input.hub;
	e->conn = c;
	e->news = true;
	e->watch.changed = on_changed;
	job_watch(job, &e->watch);
	task_make_id(id);
	r.event = id;
	send_stream(c, &r, MF_STR("Cache-Control: no-store\r\n"), &e->stream);
}
