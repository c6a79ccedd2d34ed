/*
 * hub/recent.h - the newest events and what became of each: what `mayfly events` lists, and where `mayfly
 * trace` begins. In memory, a bounded number of them; nothing is allocated until there is one. One thread.
 *
 * An event that was refused before it became a task is here too, without an id: the same refusal again and again, of
 * one service, is one entry with a count, so that a flood pushes nothing out.
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

struct recent_event {
	uint64_t number;           /* from 1 */
	char id[STORE_ID_MAX + 1]; /* "": it never became one */
	char service[MFI_NAME_MAX + 1];
	char subject[RECENT_SUBJECT + 1]; /* cut short */
	const char *source;               /* NULL: refused at the door */
	const char *result;               /* "ok", "crashed", "busy" ... */
	int64_t wall_ns;                  /* of its acceptance; of the last one refused */
	uint64_t birth_ns, run_ns, total_ns;
	uint64_t life;  /* its number in the history; 0: it isn't there */
	unsigned times; /* refused so often */
	unsigned attempt, races;
	uint8_t image[32]; /* digest */
	bool refused, cold;
};

struct recent {
	struct recent_event *ring; /* NULL: there was none */
	uint64_t number;           /* of the newest */
};

void recent_close(struct recent *recent);
void recent_end(struct recent *recent, const struct task *task, const struct ending *ending);
void recent_turned_away(struct recent *recent, const struct service *service, enum refusal why);

/* The oldest behind number `after`; NULL: there is none. */
const struct recent_event *recent_next(const struct recent *recent, uint64_t after);
/* The newest with this id. */
const struct recent_event *recent_find(const struct recent *recent, struct mf_str id);

#endif
