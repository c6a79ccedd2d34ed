/*
 * hub/http/jobs.h - jobs over HTTP (hub/jobs/jobs.h, docs/jobs.md): a POST whose body is larger than one life takes, or for which
 * the client doesn't want to wait, and what /.well-known/mayfly/jobs/ID says of a job.
 *
 *	job_post.c     the body becomes a blob
 *	job_begin.c    who pays for it; the blob becomes a job, and the job's end the answer
 *	job_pages.c    GET, DELETE, .../result
 *	job_events.c   server-sent events (WHATWG HTML, 9.2)
 */
#ifndef HUB_HTTP_JOBS_H
#define HUB_HTTP_JOBS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "hub/jobs/jobs.h"

#define JOBS_PATH "/.well-known/mayfly/jobs/"

struct conn;
struct request;
struct route;

/* Is this request for a job? */
bool job_post_wanted(
	const struct conn *conn, const struct route *route, const struct request *request);
/* Takes its body, as conn->sink. `client`: by which name the hub knows him. False: it was answered. */
bool job_post_admit(struct conn *conn, const struct route *route, const struct request *request,
	struct mf_str client);
/* Is it its body that conn->sink takes? Then it is whole. */
bool job_post_run(struct conn *conn);

/* A request by a route of jobs: does its client see the job? As exchange_admit, exchange_run. */
bool job_admit(
	struct conn *conn, const struct route *route, const struct request *request, size_t *most);
void job_run(struct conn *conn, const struct route *route, const struct request *request);

/* What a job came to, as an answer. */
void job_give(struct conn *conn, const struct job *job, const struct request *request);
/* Follows the job until its end. */
void job_events(struct conn *conn, struct job *job);
/* Is `text/event-stream` what it asks for? */
bool job_events_wanted(const struct request *request);

#endif
