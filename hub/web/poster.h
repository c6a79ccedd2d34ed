/*
 * hub/web/poster.h - what services emit to http:// and https:// is a POST there, from the outbox.
 *
 * One request at a time to an origin (scheme, host and port), in the order of the outbox, at most POSTER_RUNNING
 * to all of them. Its body is the message; with it go Content-Type (the message's, else what the body looks
 * like) and Idempotency-Key: "ID/NUMBER", the event's id and the message's number, the same however often it is sent
 * (draft-ietf-httpapi-idempotency-key-header). It has arrived with 2xx. No answer, 408, 425, 429 and 5xx: it is
 * tried again, after what Retry-After says, else 1 s, 2 s ... 5 min, while others go on. Any other answer
 * would be the same again: given up, counted, and said in a line with the status.
 *
 * A message that is the end of a job (OUTBOX_CALLBACK) goes only where hub/callbacks.h has a line for it still, signed anew for each try:
 * webhook-id is the job's. The job hears what became of it.
 *
 * What waits for an origin is on the disk: here are numbers, POSTER_WAITING for one and POSTER_ALL for all; what
 * is beyond that is left to the outbox until those have gone. One thread.
 */
#ifndef HUB_WEB_POSTER_H
#define HUB_WEB_POSTER_H

#include <stdbool.h>
#include <stdint.h>

#define POSTER_RUNNING 32u
#define POSTER_WAITING 128u
#define POSTER_ALL     2048u

struct hub;
struct poster;
struct store_out;

struct poster_counts {
	uint64_t arrived, again, given_up;
	unsigned running, waiting; /* now; with those that run */
};

/* -ENOMEM. Nothing is loaded before the first message. */
int poster_open(struct poster **poster, struct hub *hub);
/* Before the outbox is closed; what hasn't arrived stays there. */
void poster_close(struct poster *poster); /* NULL is fine */
/* As outbox_way's send. */
bool poster_send(struct poster *poster, const struct store_out *out);
void poster_look(const struct poster *poster, struct poster_counts *counts);

#endif
