/*
 * hub/http/problem.h - what the hub says when it answers instead of a service: problem
 * details as JSON (RFC 9457). Pure.
 */
#ifndef HUB_HTTP_PROBLEM_H
#define HUB_HTTP_PROBLEM_H

#include <stddef.h>

#include "hub/task.h"

#define PROBLEM_MOST 512u
#define PROBLEM_TYPE "application/problem+json"

struct problem {
	unsigned status;
	unsigned retry_after; /* seconds; 0: not said */
	const char *detail; /* a sentence of the hub's own; of others' bytes only a problem_word */
};

/* A client's own word, to be quoted in a detail: a '?' for what could be anything but itself there; its beginning, if it is
 * longer. */
#define PROBLEM_WORD 32u
const char *problem_word(struct mf_str word, char to[static PROBLEM_WORD]);

/* How many bytes. `members`: more of its JSON, each behind a comma; NULL: none. */
size_t problem_write(const struct problem *problem, const char *members, const char *event,
	char to[static PROBLEM_MOST]);

/* Why a service didn't answer, in HTTP's words. */
const struct problem *problem_of(enum refusal why);

#endif
