/*
 * hub/jobs/jobs.h - jobs: work of a service that is larger than one of its lives, or that nobody wants to wait for (docs/jobs.md).
 * A life of the service plans it (plan.h), the tasks are events for lives of it, results lie in the disk cache
 * (store/blobs.h). The hub knows nothing of what they compute.
 *
 *	jobs_begin ─▶ planning.c ─▶ run.c ─ flight.c: gather, a life, keep ─▶ join.c ─▶ the answer
 *	                 │                         │                            │
 *	                 └────────── rows.c: what is done is in the database ───┘
 *
 * A job that is kept has rows in the database, and goes on after the hub was stopped or killed; one whose client waits for the answer has
 * none, and ends with the client. On the loop's thread.
 */
#ifndef HUB_JOBS_JOBS_H
#define HUB_JOBS_JOBS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "hub/hub.h"
#include "hub/jobs/plan.h"

#define JOBS_MOST      64u              /* at work or waiting for it, of all services */
#define JOBS_KEPT_MOST 1024u            /* with those that have ended */
#define JOBS_KEEP_NS   (3600 * CLOCK_S) /* how long a job that has ended can be asked about */

struct blob;
struct job;
struct job_pay;
struct jobs;
struct plan;

enum job_state {
	JOB_IS_PLANNING,
	JOB_IS_RUNNING,
	JOB_IS_JOINING, /* its result is put together */
	JOB_IS_DONE,
	JOB_IS_FAILED,
	JOB_IS_CANCELLED,
	JOB_STATES
};
extern const char *const job_states[JOB_STATES];

/* Whoever wants to hear of a job: each change. In its own struct. */
struct job_watch {
	struct job_watch *next;
	struct job *job; /* NULL: none; so once the job is gone */
	void (*changed)(struct job_watch *watch);
};

/* What says that a request for a job came before: its Idempotency-Key with who asks and where, and all else that it is. */
struct job_key {
	char id[TASK_ID + 1]; /* "": none */
	uint8_t request[32];
};

struct job_request {
	struct service *service;
	struct mf_str path, query, type; /* of the client's request */
	struct blob *const *operands;    /* the job pins them itself */
	unsigned count;                  /* JOB_OPERANDS_MOST at most, 1 at least */
	bool planned; /* a life makes a plan; else it is one task, the request itself */
	bool kept;
	uint64_t keep_ns; /* its result stays so long in the disk cache; 0: as long as the job */
	const struct job_key *key; /* NULL: none */
	struct job_pay *pay;       /* who pays for it; NULL: nobody. The job's, if it is begun */
	struct mf_str
		callback; /* whom to call when it has ended (hub/callbacks.h); empty: nobody */
};

/* What a job came to. */
struct job_answer {
	unsigned status;
	struct mf_str type, headers, text; /* text: a body that isn't a blob */
	struct blob *blob;                 /* pinned by the job; NULL: none */
};

/* Is there what jobs need: a database and a disk cache? */
bool jobs_can(const struct hub *hub);
/* NULL: *status says why as HTTP does, *why in words. `watch` hears of it from now on; may be NULL. */
struct job *jobs_begin(struct hub *hub, const struct job_request *request, struct job_watch *watch,
	unsigned *status, const char **why);
struct job *jobs_find(const struct hub *hub, struct mf_str id);
/* The one that was begun with this key. *other: by another request. */
struct job *jobs_find_key(const struct hub *hub, const struct job_key *key, bool *other);
/* In the order of their beginning, the last first. */
struct job *jobs_first(const struct hub *hub);
struct job *jobs_next(const struct job *job);

const char *job_id(const struct job *job);
const char *job_service_name(const struct job *job);
enum job_state job_state(const struct job *job);
bool job_has_ended(const struct job *job);
/* It is one that is to survive; it is in the database: from now on it does. */
bool job_is_kept(const struct job *job);
bool job_is_written(const struct job *job);
/* After its end. */
const struct job_answer *job_answer(const struct job *job);
/* Its result was a blob, and isn't there any more. */
bool job_lost(const struct job *job);
json_t *job_json(const struct job *job);
/* Its end was told to whom it wanted called, who answered with `status`: 2xx, or it won't be tried again; 0: it can't be. */
void job_called(struct hub *hub, struct mf_str id, unsigned status);

void job_watch(struct job *job, struct job_watch *watch);
void job_unwatch(struct job_watch *watch);
/* Ends it if it hasn't ended; if it has, it is forgotten. It may be gone. */
void job_cancel(struct job *job);

/* Since the start, but for `working`. */
struct jobs_counts {
	uint64_t working; /* that haven't ended */
	uint64_t begun, done, failed, cancelled;
	uint64_t tasks,
		task_failures; /* lives of tasks: that went well; that were tried again or ended their job */
};
void jobs_count(const struct hub *hub, struct jobs_counts *counts);

/* Once database and disk cache are open there are jobs, and those that the last run left go on. 0, or an exit status with one
 * line in error. */
int jobs_look(struct hub *hub, char error[static HUB_ERROR_MAX]);
/* Whoever watches one hears that there is none any more: connections end before jobs. */
void jobs_leave_watches(struct hub *hub);
/* The ledger is closed now: what jobs hold there stays for the next run. */
void jobs_leave_till(struct hub *hub);
/* Begins nothing more; those that nobody keeps end. */
void jobs_stop(struct hub *hub);
void jobs_close(struct hub *hub);

#endif
