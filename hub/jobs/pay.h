/*
 * hub/jobs/pay.h - a job that a subscriber pays for (hub/paying.h): what it may cost is held before it is begun, for as long as it takes; at its
 * end it is charged once, for what its tasks metered together, at most the quote, with a receipt; or what is held is released.
 *
 *	a request ──▶ job_pay_hold ──▶ jobs_begin ──▶ tasks: job_meter ──▶ job_done ─▶ job_pay_charge ──▶ JOB_IS_DONE
 *
 * It is in the job's row, with the hash of the key and not the key: a hub that was killed goes on, finds what it holds, or that it has charged. On the
 * loop's thread.
 */
#ifndef HUB_JOBS_PAY_H
#define HUB_JOBS_PAY_H

#include <jansson.h>

#include "hub/paid.h"
#include "market/charge.h"

struct job;

struct job_pay {
	struct paid *paid; /* owned */
	char *service;
	struct job *job;          /* NULL: it isn't begun */
	uint64_t units;           /* quoted */
	uint64_t metered, run_ns; /* by tasks that are done */
	bool known;               /* this run knows what is held */
	bool charging;            /* all is done but that */
	bool charged;             /* paying.first says what */
	bool orphan; /* nobody knows of it any more: freed when the till has it no more */
	uint64_t again_ns, extend_ns;
	/* of a request, before there is a job: */
	void (*held)(struct job_pay *pay);
	void *context;
};

/* `paid` is its own, also where it is NULL: no memory. */
struct job_pay *job_pay_make(struct paid *paid, const char *service);
/* Releases what is held and not charged. NULL is fine. */
void job_pay_free(struct job_pay *pay);
/* `body`: of the request. `held` comes later: pay->paid->paying says whether; held, or keys_refusal (hub/http/keys.h) says why not. */
void job_pay_hold(
	struct job_pay *pay, const uint8_t body[static 32], const struct market_quote *quote);

/* A task is done, and metered so much. */
void job_meter(struct job *job, uint64_t metered, uint64_t run_ns);
/* May the job go on? When it looks again: *wake. */
bool job_pay_go(struct job *job, uint64_t now, uint64_t *wake);
/* It went well, and its answer is there. False: it costs nothing. True: it ends by itself (job_paid). */
bool job_pay_charge(struct job *job);
/* The job has ended: what is held and not charged is released. */
void job_pay_end(struct job *job);
/* The hub ends: what is held stays held. */
void job_pay_leave(struct job_pay *pay);

/* What is charged, with its receipt; NULL: nothing. */
const struct paying *job_paying(const struct job *job);
/* Members of it for people; and a member of its row. */
void job_pay_json(const struct job *job, json_t *json);
json_t *job_pay_row(const struct job *job);
bool job_pay_load(struct job *job, const json_t *row);

#endif
