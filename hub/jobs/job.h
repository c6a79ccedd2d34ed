/*
 * hub/jobs/job.h - one job, as the files of hub/jobs share it; nobody else includes it.
 */
#ifndef HUB_JOBS_JOB_H
#define HUB_JOBS_JOB_H

#include "hub/jobs/ask.h"
#include "hub/jobs/copy.h"
#include "hub/jobs/jobs.h"
#include "hub/jobs/pay.h"
#include "hub/jobs/run.h"
#include "hub/spool.h"
#include "store/blobs.h"

#define JOB_BOOT       36u
#define JOB_WORDS_MOST 65536u /* of a reply that ends a job and is no blob */

struct peers;    /* peer.h */
struct job_lent; /* lend.c */

struct jobs {
	struct hub *hub;
	struct peers *peers; /* other hubs; NULL: there is no queue */
	struct job *first;   /* the last to begin first */
	unsigned count, working;
	struct jobs_counts counts; /* but for `working` */
	uint32_t number;           /* by which its rows go in the database, as a service's */
	uint8_t boot[JOB_BOOT];    /* of the machine: its id, as text; zeros: nobody knows */
	struct loop_timer timer;
	struct loop_later go;
	bool stopping;
};

/* Bytes that are being put together from pieces, in memory that stays. */
struct job_gather {
	struct job *job;
	const struct job_bytes *bytes;
	uint64_t at, n; /* the window */
	uint8_t *to;
	struct job_cut cut;
	struct blob_op op;
	bool over; /* what no piece fills is there already */
	void (*done)(struct job_gather *gather, int error);
};

/* A task's result, or all literals, on the way to where they belong in the job's. */
struct job_placing {
	struct job *job;
	bool literals; /* else: */
	uint32_t task;
	const uint8_t *from; /* its result */
	uint32_t piece;      /* the next one to look at */
	struct blob_op op;
	void (*done)(struct job_placing *placing, int error);
};

struct job_place;  /* place.c */
struct job_flight; /* flight.c */
struct planner;    /* planning.c */

struct job {
	struct job *next;
	struct jobs *jobs;
	char id[TASK_ID + 1];
	char *service, *path, *query, *type; /* query, type: NULL: none */
	enum job_state state;
	bool kept, written, single;
	bool resumed;   /* it was begun by an earlier run of the hub, and isn't at work yet */
	bool lost;      /* and its operands aren't there any more */
	bool news;      /* that its watchers haven't heard of */
	bool gone;      /* nobody knows of it any more: freed when nothing holds it */
	unsigned holds; /* operations and events under way, and transactions */
	/* what it works on */
	unsigned operands;
	struct blob *operand[JOB_OPERANDS_MOST]; /* pinned, NULL after its end */
	uint64_t sizes[JOB_OPERANDS_MOST];
	struct job_key key;
	uint64_t keep_ns;    /* of its result, in the disk cache */
	struct job_pay *pay; /* NULL: it costs nothing */
	char *callback;      /* whom to call when it has ended; NULL: nobody */
	bool calling;        /* that is in the outbox, or was */
	int call_status;     /* what it came to; -1: it is under way */
	/* its plan */
	struct job_ask *ask; /* while it is made */
	struct planner *planner;
	struct blob *plan_blob; /* its text, pinned; of a job that is kept */
	struct job_plan plan;
	struct job_run run; /* open, if: */
	bool has_run;
	struct blob **results; /* by task, pinned; NULL: none */
	struct job_flight *flights;
	struct job_lent *lent; /* tasks that other hubs may do */
	uint32_t lent_count;
	bool lent_ever;   /* maybe by an earlier run: other hubs may have something of it */
	uint32_t here;    /* threads of this hub for it */
	uint32_t threads; /* for which it is planned: of all hubs */
	json_t *hubs;     /* tasks done, by the hub that did them; NULL: nobody else has */
	bool gathering; /* for one of these: the others' turn comes after it, so that the first is ready early */
	struct job_place *place; /* NULL: its result is put together in the end */
	uint64_t lives;
	uint32_t tasks, tasks_done; /* once it has ended; as is: */
	double progress;
	/* its end */
	struct job_answer answer;
	char *answer_words[3]; /* type, headers, text: owned */
	uint64_t answer_bytes;
	int64_t made_ns, ended_ns; /* wall */
	uint64_t forget_ns;        /* monotonic */
	uint64_t again_ns;         /* a task, or the planning, waits until then; 0: none */
	bool starved;              /* there was no area for the next task */
	unsigned plan_tries;
	struct job_watch *watches;
};

/* jobs.c */
/* It has ended, or the hub ends: nothing more is begun. */
bool job_is_off(const struct job *job);
struct service *job_service(const struct job *job);
/* Goes on with what it can, at the end of the round. */
void job_go(struct job *job);
void job_changed(struct job *job);

/* begin.c */
struct job *job_make(struct jobs *jobs);
/* Into the list. */
void job_add(struct job *job);

/* end.c */
void job_hold(struct job *job);
/* It may be gone afterwards. */
void job_release(struct job *job);
/* The job ends, with an answer of its own or with a reply of its service's; pins and plan are given back. */
__attribute__((format(printf, 3, 4))) void job_fail(
	struct job *job, unsigned status, const char *format, ...);
void job_fail_as(struct job *job, const struct reply *reply);
void job_done(struct job *job, unsigned status, struct mf_str type, struct mf_str headers,
	struct blob *result);
/* It was charged, or can't be. */
void job_paid(struct job *job, enum ledger_verdict verdict);
/* For text that came from the service: false: no memory. */
bool job_words(struct job *job, unsigned status, struct mf_str type, struct mf_str headers,
	struct mf_str text);
/* Whoever watches hears that there is nothing more to hear. */
void job_leave_watches(struct job *job);
/* Nobody can ask about it any more; whoever holds it frees it. */
void job_disown(struct job *job);
/* The same; it is gone, unless somebody holds it. */
void job_forget(struct job *job);
/* One that is in no list, and that nothing holds. */
void job_drop(struct job *job);

/* gather.c */
void job_gather(struct job_gather *gather);

/* planning.c */
/* Asks for a plan; `starved`: not now. */
void job_plan(struct job *job);
/* The plan is there: the tasks may go. False: no memory. */
bool job_begin_run(struct job *job);
/* What a plan for it may ask for. */
struct job_limits job_limits_of(const struct job *job, const struct service *s);
/* The request is the only task; the same. */
bool job_plan_single(struct job *job);
/* The job has ended: its event is taken back. */
void job_plan_leave(struct job *job);

/* flight.c */
bool job_flight(struct job *job, uint32_t task);
/* How many tasks are under way here. */
uint32_t job_flying(const struct job *job);
/* A task's result came from hub `by`, whose life metered so much; it is pinned, and the job's now. False: no memory, and it isn't. */
bool job_land(struct job *job, uint32_t task, struct blob *blob, const char *by, uint64_t metered,
	uint64_t run_ns);
/* The event of a task, but for origin, context and payload. NULL: *why, unless its path and query don't fit into one. */
struct task *job_task_event(
	struct job *job, uint32_t number, struct service *s, enum refusal *why, bool *fits);
/* The job has ended: its events are taken back. */
void job_flights_leave(struct job *job);

/* lend.c */
/* Another hub may do it. False: that can't be now. */
bool job_lend(struct job *job, uint32_t task);
/* So many tasks more than its threads here; one that nobody has begun comes back if this hub has nothing to do. */
#define JOB_LENDS 2u /* for a thread of another hub: one at work, one whose input comes */
uint32_t job_lends(const struct job *job);
void job_lent_back(struct job *job, uint32_t idle);
/* The job has ended, or its plan is another one. */
void job_lent_drop(struct job *job);
/* A task was done by this hub; "": by ours. */
void job_ran(struct job *job, const char *by);

/* join.c: all tasks are done. */
void job_join(struct job *job);

/* place.c: the same of a job whose result is put together as it comes. */
/* Once its plan is at work; nothing if that isn't so. -ENOSPC, -EFBIG, -ENOMEM. */
int job_place_open(struct job *job);
bool job_place_resumed(const struct job *job); /* what an earlier run placed is there */
void job_place_close(struct job *job);         /* nothing is under way any more */
/* Does this task's result go there? Then: */
bool job_places(const struct job *job, uint32_t task);
void job_place(struct job_placing *placing);
/* A task is done: what is whole now is hashed. All are. */
void job_place_more(struct job *job);
void job_place_end(struct job *job);

/* rows.c */
/* The job's own row, as it is now. False: it can't be written now. */
bool job_row(struct job *job);
/* A task's: its result is there. */
struct job_row_wait {
	struct jobs *jobs;
	void (*done)(struct job_row_wait *wait); /* it is written, or can't be */
	uint64_t metered, run_ns;                /* by its life */
};
void job_row_task(struct job *job, uint32_t task, struct job_row_wait *wait);
/* All of its rows go; or only those of its tasks, since its plan is lost. */
void job_row_remove(struct job *job);
void job_rows_forget(struct job *job);
/* Its plan is there: what an earlier run did of it needn't be done again. 0, -errno. */
int job_rows_resume(struct job *job);
int jobs_rows_read(struct jobs *jobs);

/* hook.c */
/* Its end, for whom it wants called: into the transaction that writes it. */
void job_hook(struct job *job, struct store_tx *tx);
/* For people; and as members of its row. */
json_t *job_hook_json(const struct job *job);
void job_hook_row(const struct job *job, json_t *row);
bool job_hook_load(struct job *job, const json_t *row);

/* key.c: as a member of the row */
json_t *job_key_json(const struct job_key *key);
void job_key_load(struct job_key *key, const json_t *json);

/* shown.c */
json_t *job_row_json(const struct job *job);
bool job_row_load(struct job *job, const json_t *row);

#endif
