/*
 * hub/queue/queue.h - one queue of tasks for many hubs, in PostgreSQL (docs/queue.md). A hub offers tasks of its jobs; others
 * that have the same service take them, as many as they can work at, and say what they came to; the owner hears of it. It
 * knows neither services nor blobs: what a task needs and what it came to are texts of its users.
 *
 *	offered ─▶ ready ─ taken ─▶ taken ─ told ─▶ done ─ removed by its owner
 *	             ▲                 │
 *	             └─ its lease is over, or it is given back
 *
 * Who takes a task gets a ticket, and has it for as long as its lease, which is made longer while he works. A task
 * whose lease is over goes to the next one, with another ticket: then nothing is accepted by the old one any more. So a task
 * is counted once, whoever was killed. All times are the database's: clocks of hubs don't matter.
 *
 * Everything here waits for the database: it is for a thread of its own (thread.h). One connection, one thread.
 */
#ifndef HUB_QUEUE_QUEUE_H
#define HUB_QUEUE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_ERROR_MAX 512
#define QUEUE_NAME      40u /* letters of a hub's name: a-z, 0-9, '-' */
#define QUEUE_JOB       79u /* letters of a job's name */
#define QUEUE_TAKE_MOST 256u
#define QUEUE_LOST_MOST 16 /* hubs that may be lost over one task: then it has failed */
#define QUEUE_LEASE_MS  10000u
#define QUEUE_ABSENT_MS 30000u /* a hub that wasn't seen for so long: nobody takes its tasks */
#define QUEUE_FORGET_MS (7u * 86400u * 1000u) /* and its rows go */

struct queue;

struct queue_options {
	const char *database;         /* postgresql://... */
	const char *name;             /* this hub's, its own among all hubs of the queue */
	const char *url;              /* where others fetch from it; may be "" */
	uint32_t lease_ms, absent_ms; /* 0: as above */
};

enum queue_verb {
	QUEUE_OFFER, /* job, number, kind, about, needs: there is one more task; it doesn't matter how often */
	QUEUE_RECALL, /* job, number: its owner wants it back. Refused: somebody has it */
	QUEUE_REMOVE, /* job, number: the owner has what it came to */
	QUEUE_CANCEL, /* job: all of its tasks go */
	QUEUE_TELL,   /* job, number, ticket, result, units: it is done */
	QUEUE_FAIL,   /* the same: it won't be, and its owner hears of it */
	QUEUE_BACK,   /* job, number, ticket: somebody else shall do it */
	QUEUE_VERBS
};

/* What is to be said; the caller's, with its texts, until it was said. */
struct queue_item {
	struct queue_item *next;
	enum queue_verb verb;
	bool refused; /* how it went: the task is somebody else's by now, or nobody's */
	char job[QUEUE_JOB + 1];
	uint32_t number;
	uint64_t ticket, units;
	const char *kind;          /* which hubs can do it: no blanks */
	const char *about, *needs; /* of the job, and of this task */
	const char *result;
};

/* A task that this hub has now, or that came to something. */
struct queue_task {
	struct queue_task *next, *also;
	char job[QUEUE_JOB + 1],
		hub[QUEUE_NAME + 1]; /* its owner; of one that came to something: who did it */
	uint32_t number, lost;       /* how many had it before, and were lost */
	uint64_t ticket, units;
	bool failed;
	bool lost_now;                             /* of `have`: it is somebody else's by now */
	char *kind, *url, *about, *needs, *result; /* owned; NULL: none */
};
void queue_tasks_free(struct queue_task *tasks);

/* What is said and asked at once, in one transaction. */
struct queue_turn {
	struct queue_item *items; /* in the order in which they are said */
	struct queue_task
		*have; /* what is worked at, by `also`: leases are made longer when it is time */
	const char *kinds; /* with blanks between: what this hub can do */
	unsigned take;     /* so many tasks at most */
	bool own;          /* its own tasks too */
	bool leaves;       /* it ends in good order: nobody takes what it offers from now on */
	bool heard;        /* words came: leases are looked at, though it isn't time yet */
	/* what came of it: */
	struct queue_task *taken;
	struct queue_task *ended; /* of this hub's tasks: each time again until it is removed */
	uint64_t hubs;            /* seen lately; 0: it wasn't looked */
	bool replaced;            /* another hub has come by this name: this one may not go on */
};

/* It is as if this hub had just been started: what an earlier one of the same name had taken goes to others; what it had offered
 * and nobody has taken is offered no more. 0, or -errno with one line in error. */
int queue_open(struct queue **queue, const struct queue_options *options,
	char error[static QUEUE_ERROR_MAX]);
/* The same after the connection was lost; all is as it was. */
int queue_reopen(struct queue *queue, char error[static QUEUE_ERROR_MAX]);
void queue_close(struct queue *queue); /* NULL is fine */

/* The hub is seen, what is to be said is said, and all of it is on the database's disk. -errno: none of it counts, or all,
 * which isn't known; it may be said again. -EIO: the connection may be gone. */
int queue_turn(struct queue *queue, struct queue_turn *turn);
/* Frees what a turn gave. */
void queue_turn_end(struct queue_turn *turn);

/* Readable when there may be something to take or to hear. */
int queue_fd(const struct queue *queue);
/* When a turn has more to do than what it is told, CLOCK_MONOTONIC. */
uint64_t queue_due(const struct queue *queue);
/* -EIO: the connection is gone. Else how many words came. */
int queue_heard(struct queue *queue);

/* What is there, for people: rows by state, hubs that were seen lately. */
struct queue_counts {
	uint64_t ready, taken, ended, hubs;
};
int queue_count(struct queue *queue, struct queue_counts *counts);

#endif
