/*
 * hub/answers.h - the answers to requests that carried an Idempotency-Key, kept for a while:
 * who asks again, because the first answer never arrived, gets that one and no second life.
 * In memory, bounded in bytes and age; gone when the hub ends. Where there is no room, the oldest
 * of whichever service has most goes first, so that one service's clients can't make another's
 * requests run twice.
 *
 * A key means something within a scope (who asks, by which route), for one request (method,
 * path, query, body). One thread; the caller says what time it is.
 */
#ifndef HUB_ANSWERS_H
#define HUB_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/image.h"
#include "base/str.h"
#include "hub/task.h"
#include "sys/clock.h"

#define ANSWERS_BYTES  (2u << 20)          /* all of them, with what it takes to keep them */
#define ANSWERS_LARGE  (ANSWERS_BYTES / 4) /* a larger one isn't kept */
#define ANSWERS_AGE_NS (24 * 3600 * CLOCK_S)
#define ANSWERS_KEY    255u /* bytes of a key */

#define ANSWERS_TABLE 1024u

struct answers_entry;
struct answers_owner;

struct answers {
	struct answers_entry **table; /* by name; NULL: none was ever kept */
	struct answers_owner *owners; /* those that have any */
	uint8_t seed[32];
	size_t bytes;
	unsigned count, running;
	uint64_t replayed, conflicts; /* counters of all time */
};

enum answers_found {
	ANSWERS_NEW,     /* *entry is the caller's: answers_keep or answers_drop, once */
	ANSWERS_RUNNING, /* the first request with this key is at work */
	ANSWERS_OTHER,   /* the key was used for another request */
	ANSWERS_KEPT,    /* *answer, gone with the next call */
	ANSWERS_FULL,    /* no memory */
};

struct answer {
	char id[TASK_ID + 1];              /* of the event that it answered */
	char version[MFI_VERSION_MAX + 1]; /* of the service; "": nobody knows */
	bool empty;                        /* the life gave no reply */
	struct reply reply;
};

/* What a request is, but for its key. */
struct answers_request {
	struct mf_str owner, scope; /* the service's name; its route */
	const struct mf_str *who;   /* what the client shows to be known by */
	size_t who_count;
	struct mf_str method, path, query, body;
};

/* An Idempotency-Key field's value: a string of RFC 8941 (3.3.3), as the IETF's draft has it
 * ("8e03978e-40d5"), or the same without quotes. False: it is neither, or empty, or too long. */
bool answers_key(struct mf_str field, char key[static ANSWERS_KEY], size_t *n);

enum answers_found answers_find(struct answers *answers, struct mf_str key,
	const struct answers_request *request, uint64_t now, struct answers_entry **entry,
	struct answer *answer);
/* Keeps a copy. An answer that failed (5xx), or that is too large, is dropped instead. */
void answers_keep(struct answers *answers, struct answers_entry *entry, const struct answer *answer,
	uint64_t now);
/* The request was refused or taken back: the next one with this key is new. */
void answers_drop(struct answers *answers, struct answers_entry *entry);
/* Forgets those that are too old; also done by the others on their way. */
void answers_expire(struct answers *answers, uint64_t now);
/* Frees all that is kept; nothing may be running. */
void answers_close(struct answers *answers);

#endif
