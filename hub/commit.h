/*
 * hub/commit.h - what a life asked for becomes one transaction; when that is reported as done, its reply is
 * given and what it emits leaves the hub (docs/decisions/032, 035).
 *
 *	life.c ── effects judged ──▶ commit_life ──▶ store ──▶ done: service_end, outbox, schedule
 *
 * A task is the commit's from commit_life until its end: it holds its key no longer (the next of its key may
 * run), its slot is the worker's or free again, and no deadline takes it away.
 */
#ifndef HUB_COMMIT_H
#define HUB_COMMIT_H

#include <stdbool.h>

#include "abi/worker.h"
#include "image/grants.h"
#include "wire/effects.h"

struct service;
struct task;

enum commit_result {
	COMMIT_PURE,   /* nothing to write: the caller does the effects */
	COMMIT_TAKEN,  /* the task will end by itself, or has ended */
	COMMIT_RACE,   /* a value has another version: run it again */
	COMMIT_FAILED, /* it asks for what can't be, now as at any other time */
	COMMIT_DENIED, /* it asks for what this hub can't do: refuse the task */
	COMMIT_REFUSED /* the store takes nothing: refuse the task (REFUSED_STORE) */
};
/* `effects`: judged and allowed, in the hub's own memory. `why`: of a race, a failure, a denial. */
enum commit_result commit_life(struct task *task, const struct mfw_message *message,
	struct effects_reader effects, char why[GRANTS_WHY_MAX]);

/* An operator puts a value, or deletes it (value.p NULL). *version is what it has from now on; it is in the
 * database soon after, or never. -ESTALE: it has another version than `if_version` (0: is there), *version is
 * which; -EAGAIN: nothing can be written at the moment. */
struct commit_put {
	struct mf_str key, value;
	bool conditional;
	uint64_t if_version; /* looked at if `conditional` */
};
int commit_put(struct service *service, const struct commit_put *put, uint64_t *version);

#endif
