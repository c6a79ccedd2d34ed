/*
 * hub/jobs/peers.h - other hubs that work at the same jobs (docs/queue.md): tasks of this hub's jobs go to them by a queue in
 * PostgreSQL (hub/queue/thread.h), and theirs come here. What a task needs is fetched from the hub that has the job, what it
 * comes to is sent there, as blobs, over HTTP; the queue holds their names.
 *
 *	lend.c     this hub's task is offered; comes back, or its result is here
 *	borrow.c   another's task is taken: its job's plan and operands are fetched once (fetch.c), loan.c runs it
 *
 * A hub that can't reach the database, or is alone, does all by itself.
 */
#ifndef HUB_JOBS_PEERS_H
#define HUB_JOBS_PEERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "hub/hub.h"
#include "hub/queue/queue.h"

struct config;
struct job;
struct jobs;
struct peers;

/* Since the start, but for the first line. */
struct peers_counts {
	uint64_t up, hubs, lent, borrowed; /* now; hubs: seen lately, this one too */
	uint64_t offered, returned;        /* tasks of ours: what others did of them */
	uint64_t home;                     /* others couldn't do, or were too slow for */
	uint64_t taken, told;              /* tasks of others; those that count */
	uint64_t refused;                  /* don't, since somebody else has them */
	uint64_t fetched, sent;            /* bytes */
};

/* Opens the queue that hub.yaml names, once there are jobs; nothing if it names none, or it is open. 0, or an exit status with one line
 * in error. */
int peers_look(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX]);
/* Can a hub that runs go on with this configuration? A status, as above. */
int peers_check(
	const struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX]);
/* Takes nothing more. */
void peers_stop(struct peers *peers);
/* NULL is fine. */
void peers_close(struct peers *peers);
/* How many are there, this one too; 1 where there is no queue, or the database is away. */
uint64_t peers_hubs(const struct peers *peers);
/* False: there is no queue. */
bool peers_count(const struct jobs *jobs, struct peers_counts *counts);

#endif
