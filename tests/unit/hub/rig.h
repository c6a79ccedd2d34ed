/*
 * tests/unit/hub/rig.h - a hub with one service whose workers are fakes, events for it, and what came
 * of them. One at a time.
 */
#ifndef TESTS_UNIT_HUB_RIG_H
#define TESTS_UNIT_HUB_RIG_H

#include <stdbool.h>

#include "hub/hub.h"
#include "hub/service.h"

extern struct rig {
	struct hub hub;
	struct service *service;
	unsigned replies, silent, refused[REFUSALS];
	char last[64];   /* the last reply */
	char firsts[64]; /* the first letters of all replies */
} rig;

/* Its workers do what fake_worker.c does as `how`. rig_close asserts that no process is left. */
void rig_open(const char *how);
void rig_close(void);

/* One event; false: it wasn't taken, and why. `subject` is its path, "here" unless given. */
bool rig_ask_about(const char *subject, const char *payload, enum refusal *why);
bool rig_ask(const char *payload, enum refusal *why);
/* So many that say "question", all taken. */
void rig_ask_all(unsigned n);
/* How many have ended, in whatever way. */
unsigned rig_ends(void);
/* Until `n` events have ended, or so many milliseconds have passed. */
void rig_run(unsigned n, unsigned ms);

#endif
