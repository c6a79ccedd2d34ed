/*
 * hub/time.h - the hub's two clocks, for machines whose own can't be trusted: small hubs have no clock
 * battery, and begin in 1970 until somebody tells them the time.
 *
 *	elapsed   never goes back, across boots too: the machine's uptime, which goes on while it sleeps, beside
 *	          what was before (kept by the store). While the hub didn't run, the wall's clock says how
 *	          long that was, if it can be believed; else no time has passed.
 *	wall      the machine's, as long as it can be right. What is before the release was made, or before what the
 *	          last run knew, is wrong: then time goes on from what was known last. When somebody sets the
 *	          clock to what can be right, or the kernel says that it is synchronised (adjtimex(2)), that
 *	          is taken, forward or back.
 *
 * Pure but for time_now: readings go in, what has to be said comes out. One thread.
 */
#ifndef HUB_TIME_H
#define HUB_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* Before any release, and so before any moment in which one can run: 2024-01-01. */
#define TIME_PAST INT64_C(1704067200000000000)
/* A clock may come up a little behind what the last run knew. */
#define TIME_BEHIND_NS INT64_C(300000000000)
/* Steps that are said. */
#define TIME_TOLD_NS INT64_C(60000000000)

/* What the machine says at one moment. */
struct time_reading {
	uint64_t boot_ns; /* CLOCK_BOOTTIME */
	int64_t wall_ns;  /* CLOCK_REALTIME */
	bool synced;      /* by NTP or the like; asked only where it matters */
};

enum time_news {
	TIME_AS_EVER,
	TIME_WRONG,   /* the clock can't be right: time goes on from what was known */
	TIME_RIGHT,   /* it was wrong, and has been set */
	TIME_FORWARD, /* it was right, and has been set */
	TIME_BACK,
};

struct timekept {
	uint64_t elapsed_more;    /* elapsed is uptime + this */
	struct time_reading last; /* the machine's */
	bool wrong;
	int64_t wall_more; /* while it is wrong: wall is what it says + this */
	int64_t step_ns;   /* of the last news: by how much it was set */
	uint64_t stepped;  /* how often it was set: what waits for a wall time looks again */
};

/* The last run's clocks; 0, both: there is none. */
enum time_news time_begin(
	struct timekept *t, struct time_reading now, int64_t last_elapsed_ns, int64_t last_wall_ns);
enum time_news time_read(struct timekept *t, struct time_reading now);
/* As of the last reading. */
int64_t time_wall(const struct timekept *t);
uint64_t time_elapsed(const struct timekept *t);

/* The machine's clocks; `ask` whether they are synchronised: a system call. */
struct time_reading time_now(bool ask);
/* "1970-01-01 00:00:07 UTC" */
#define TIME_TEXT 40
const char *time_text(int64_t wall_ns, char to[static TIME_TEXT]);
/* "1970-01-01T00:00:07.000Z" (RFC 3339); false: there is no such day. */
bool time_rfc3339(int64_t wall_ns, char to[static TIME_TEXT]);

#endif
