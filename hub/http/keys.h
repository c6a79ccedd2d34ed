/*
 * hub/http/keys.h - requests that cost money: whose key they carry, what is told to who may not, and what goes out with an answer
 * that was charged.
 *
 *	Authorization: Bearer mfy_live_...     or, where the route asks for a token, Mayfly-Key: mfy_live_...
 *	Idempotency-Key: "..."                 the same again is charged once, and answered as the first time
 *	Mayfly-Budget: 0.05 EUR                no more than that, for all that it causes
 *
 *	Mayfly-Receipt: base64 of the receipt's line     Mayfly-Charge: 0.004000 EUR
 */
#ifndef HUB_HTTP_KEYS_H
#define HUB_HTTP_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "hub/http/problem.h"
#include "hub/paid.h"

struct conn;
struct reply;
struct request;
struct route;

/* Does this request cost money? */
bool keys_wanted(const struct conn *conn, const struct route *route, const struct request *request);
/* Is that header between the client and the hub, on this route? `name` in any case. */
bool keys_withhold(const struct route *route, struct mf_str name);
/* By its head: a key that could be one, and a center that can charge. False: it was answered. */
bool keys_admit(struct conn *conn, const struct route *route, const struct request *request);
/* Who pays, for paid_hold; the caller's until it is a task's. NULL: it was answered. */
struct paid *keys_begin(struct conn *conn, const struct service *service, const struct route *route,
	const struct request *request);

/* Why it wasn't held, in HTTP's words (REFUSED_UNPAID). */
#define KEYS_DETAIL 240u
struct keys_problem {
	struct problem problem;
	const char *authenticate; /* for WWW-Authenticate; NULL: not said */
	char detail[KEYS_DETAIL], members[KEYS_DETAIL];
};
void keys_refusal(const struct paid *paid, struct keys_problem *to);

/* The lines of an answer that was charged, before those in `lines`: the caller's to free. NULL: it wasn't charged, or
 * no memory. */
char *keys_lines(const struct paying *paying, struct mf_str lines, size_t *n);

#endif
