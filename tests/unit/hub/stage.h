/*
 * tests/unit/hub/stage.h - a hub with one service whose workers are fakes, events for it, and what came
 * of them. One at a time.
 */
#ifndef TESTS_UNIT_HUB_STAGE_H
#define TESTS_UNIT_HUB_STAGE_H

#include <stdbool.h>

#include "hub/hub.h"
#include "hub/service.h"

extern struct stage {
	struct hub hub;
	struct service *service;
	unsigned replies, silent, refused[REFUSALS];
	char last[64];      /* the last reply */
	char firsts[64];    /* the first letters of all replies */
	char directory[64]; /* of its database; "": it has none */
} stage;

/* The same with a database, in a directory of its own: its lives may put anything, emit, schedule. */
void stage_open_kept(const char *how);
/* Closes it and opens it again. */
void stage_again(void);
/* Its workers do what fake_worker.c does as `how`. stage_close asserts that no process is left. */
void stage_open(const char *how);
void stage_close(void);

/* One event; false: it wasn't taken, and why. `subject` is its path, "here" unless given. */
bool stage_ask_about(const char *subject, const char *payload, enum refusal *why);
bool stage_ask(const char *payload, enum refusal *why);
/* An event that nobody waits for, who would ask again (origin_ops.alone). */
bool stage_leave(const char *payload, enum refusal *why);
/* So many that say "question", all taken. */
void stage_ask_all(unsigned n);
/* How many have ended, in whatever way. */
unsigned stage_ends(void);
/* Until this holds, at most some seconds: else the test fails. */
void stage_until(bool (*holds)(void));
/* Until `n` events have ended, or so many milliseconds have passed. */
void stage_run(unsigned n, unsigned ms);

#endif
