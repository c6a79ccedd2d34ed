/*
 * hub/commit.h - what a life asked for becomes one transaction; when that is reported as done, its reply is
 * given and what it emits leaves the hub (docs/decisions/032).
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
#include "wire/effects.h"

struct hub;
struct task;

enum commit_result {
	COMMIT_PURE,   /* nothing to write: the caller does the effects */
	COMMIT_TAKEN,  /* the task will end by itself */
	COMMIT_RACE,   /* a value that was attached has changed: run it again */
	COMMIT_REFUSED /* the store takes nothing: refuse the task (REFUSED_STORE) */
};
/* `effects`: judged and allowed, in the hub's own memory. */
enum commit_result commit_life(
	struct task *task, const struct mfw_message *message, struct effects_reader effects);

#endif
