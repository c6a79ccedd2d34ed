/*
 * hub/recent.h - the newest events and what became of each: what `mayfly events` lists, and where `mayfly
 * trace` begins. In memory, a bounded number of them; nothing is allocated until there is one. One thread.
 *
 * What never became a life is here too: refused before it was accepted, for no service, a tick that was missed, an event
 * that was dealt with before. The same again and again, of one service, is one entry with a count, so that a flood
 * pushes nothing out.
 */
#ifndef HUB_RECENT_H
#define HUB_RECENT_H

#include <stdint.h>

#include "abi/image.h"
#include "base/str.h"
#include "hub/service.h"
#include "hub/task.h"

#define RECENT_MOST    512u
#define RECENT_SUBJECT 80u
#define RECENT_WHY     159u

struct recent_event {
	uint64_t number;                  /* from 1 */
	char id[STORE_ID_MAX + 1];        /* "": it never became one */
	char service[MFI_NAME_MAX + 1];   /* "": it was for none */
	char subject[RECENT_SUBJECT + 1]; /* cut short */
	const char *source;               /* NULL: refused at the door */
	const char *result;               /* "ok", "crashed", "busy" ... */
	char why[RECENT_WHY + 1];         /* more than that; cut short; "": nothing */
	enum mf_source kind;              /* what the event was; of a retry too */
	int64_t wall_ns;                  /* of its acceptance; of the last one refused */
	uint64_t birth_ns, run_ns, commit_ns, total_ns;
	uint64_t life;  /* its number in the history; 0: it isn't there */
	unsigned times; /* the same so often */
	unsigned attempt, races;
	uint8_t image[32]; /* digest */
	char version[MFI_VERSION_MAX + 1];
	bool refused, cold;
	bool again; /* it was dealt with before: nothing ran */
};

/* Something that became no event. */
struct recent_note {
	const struct service *service; /* NULL: there is none for it */
	const char *source, *result;   /* source NULL: nobody knows */
	struct mf_str subject;
	bool refused;
	unsigned times;
};

struct recent {
	struct recent_event *ring; /* NULL: there was none */
	uint64_t number;           /* of the newest */
};

void recent_close(struct recent *recent);
/* The task's topic or path, wherever its event lies. */
struct mf_str recent_subject(const struct task *task);
void recent_end(struct recent *recent, const struct task *task, const struct ending *ending);
void recent_note(struct recent *recent, const struct recent_note *note);
/* An event that was here before, and won't run. */
struct recent_repeat {
	const struct service *service;
	const char *source, *id;
	enum mf_source kind;
	struct mf_str subject;
};
void recent_again(struct recent *recent, const struct recent_repeat *repeat);

/* The oldest behind number `after`; NULL: there is none. */
const struct recent_event *recent_next(const struct recent *recent, uint64_t after);
/* The newest with this id; one that ran before those that came again. *again: how often it did. */
const struct recent_event *recent_find(
	const struct recent *recent, struct mf_str id, unsigned *again);

#endif
