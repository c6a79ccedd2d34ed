/* hub/jobs/peer.h - what the files share that deal with other hubs; nobody else includes it. */
#ifndef HUB_JOBS_PEER_H
#define HUB_JOBS_PEER_H

#include "hub/jobs/job.h"
#include "hub/jobs/peers.h"
#include "hub/queue/thread.h"
#include "hub/web/client.h"

#define PEER_KIND 128u /* letters of a kind of task, with its end */

struct borrowed;

struct peers {
	struct hub *hub;
	struct jobs *jobs;
	struct queue_thread *thread;
	struct web *web;
	char *print; /* of the configuration that it came from */
	char *name, *url;
	char *token;       /* a header line; NULL: none */
	char *authorities; /* a file; NULL: the system's */
	struct loop_later start;
	struct loop_timer timer; /* borrow.c looks after all that waits */
	struct loop_timer again; /* what is lent is offered again: its rows may be gone */
	struct loop_timer home;  /* the database is away: what is lent comes home then */
	bool up, stopping;
	uint64_t hubs;
	unsigned loans;
	struct borrowed *borrowed;
	struct peers_counts counts;
};

/* ------------------------------------------------------------------ peers.c */

/* Which hubs can do this service's tasks: those with the same image and data. */
void peer_kind(const struct service *service, char kind[static PEER_KIND]);
/* A blob in JSON: ["HEX", bytes]. False: that isn't one. */
json_t *peer_blob_json(const struct blob *blob);
bool peer_blob_read(const json_t *json, uint8_t hash[static BLOB_HASH], uint64_t *bytes);
void peer_say(struct peers *peers, const struct queue_item *item);
/* A request for a blob of the hub at `url`, whose texts are in *texts. */
struct peer_texts {
	char url[2048], range[64], keep[32];
	const char *headers[3];
};
struct web_request peer_request(const struct peers *peers, const char *url,
	const uint8_t hash[static BLOB_HASH], struct peer_texts *texts);

/* ------------------------------------------------------------------- lend.c: of job.h */

void lent_ended(struct peers *peers, const struct queue_task *task);
void lent_said(struct peers *peers, const struct queue_item *item);
/* The database is there again; it is away for too long. */
void lent_again(struct peers *peers);
void lent_home(struct peers *peers);

/* ------------------------------------------------------------------- fetch.c */

/* A blob comes here from another hub, in pieces. */
struct fetch {
	struct peers *peers;
	const char *url; /* of the hub */
	uint8_t hash[BLOB_HASH];
	uint64_t bytes;
	void (*done)(struct fetch *fetch, struct blob *blob, int error); /* pinned for the caller */
	/* its own: */
	struct blob_writer *writer;
	struct blob_op op;
	struct web_call *call;
	uint8_t *piece;
	size_t n;
	bool left;
};
/* `done` may be called before it returns. */
void fetch_begin(struct fetch *fetch);
/* Nobody waits for it any more; `done` is called yet if it returns false. */
bool fetch_leave(struct fetch *fetch);

/* ------------------------------------------------------------------- borrow.c */

/* A job of another hub: what its tasks have in common. Its `job` is in no list; it has a plan, operands and results as far as they
 * were needed, and no run. */
struct borrowed {
	struct borrowed *next;
	struct peers *peers;
	struct job *job;
	char *url;
	struct fetch fetch; /* one at a time, for all of its loans */
	bool fetching, planned, reading;
	struct blob **to;   /* of what is fetched */
	const char *failed; /* why none of its tasks can be done here */
	char why[JOB_PLAN_ERROR];
	uint8_t hash[JOB_OPERANDS_MOST][BLOB_HASH];
	uint8_t plan_hash[BLOB_HASH];
	uint64_t plan_bytes; /* 0: it is one task, the request */
	struct blob_op op;   /* reads the plan */
	char *text;
	struct loan *loans;
	uint64_t idle_ns; /* since when it has none */
};

void borrow_taken(struct peers *peers, struct queue_task *task);
void borrow_lost(struct peers *peers, const char *job, uint32_t number, uint64_t ticket);
void borrow_close(struct peers *peers);
/* Something that loans waited for is there: they are looked at soon. */
void borrow_soon(struct peers *peers);
void borrow_fire(struct loop_timer *timer);
/* Whose tasks of this kind are, as long as it is the same; NULL: there is none (any more). */
struct service *borrow_service(const struct peers *peers, const char *kind);
/* How many tasks this hub shall have. */
void borrow_want(struct peers *peers);
/* Is this blob here, pinned in *to? False: it is being fetched, or can't be (borrowed->failed). */
bool borrow_has(
	struct borrowed *b, struct blob **to, const uint8_t hash[static BLOB_HASH], uint64_t bytes);
/* Is the job's plan here? The same. */
bool borrow_is_ready(struct borrowed *b);

/* ------------------------------------------------------------------- loan.c */

/* The task is its own then. False: no memory. */
bool loan_begin(struct borrowed *b, struct queue_task *task);
/* Goes on with what it can; it may be gone. */
void loan_step(struct loan *loan);
void loan_lost(struct loan *loan);
void loan_drop(struct loan *loan);
/* The hub ends: somebody else shall do it. */
void loan_leave(const struct loan *loan);
struct loan *loan_next(const struct loan *loan);
const struct queue_task *loan_task(const struct loan *loan);

#endif
