/* hub/time.c - see time.h */
#include "hub/time.h"

#include <stdio.h>
#include <sys/timex.h>
#include <time.h>

#include "sys/clock.h"

/* What isn't a step: reading two clocks takes a moment, and a clock that is slewed (adjtime(3)) drifts
 * against the uptime by half a thousandth. */
#define READING_NS CLOCK_S
#define DRIFT      1000

int64_t time_wall(const struct timekept *t)
{
	return t->last.wall_ns + (t->wrong ? t->wall_more : 0);
}

uint64_t time_elapsed(const struct timekept *t)
{
	return t->last.boot_ns + t->elapsed_more;
}

/* From now on the clock is wrong, and `known` is what it is. */
static void distrust(struct timekept *t, int64_t known)
{
	t->wrong = true;
	t->wall_more = known - t->last.wall_ns;
}

/* Later or longer isn't known, but nonsense. */
static int64_t sane(int64_t ns)
{
	return ns > 0 && ns < INT64_MAX / 2 ? ns : 0;
}

enum time_news time_begin(
	struct timekept *t, struct time_reading now, int64_t last_elapsed_ns, int64_t last_wall_ns)
{
	uint64_t elapsed = (uint64_t)sane(last_elapsed_ns);
	int64_t known;

	last_wall_ns = sane(last_wall_ns);
	known = last_wall_ns > TIME_PAST ? last_wall_ns : TIME_PAST;
	*t = (struct timekept){.last = now};
	if (last_wall_ns > 0 && now.wall_ns > last_wall_ns)
		elapsed += (uint64_t)(now.wall_ns - last_wall_ns);
	if (elapsed > now.boot_ns)
		t->elapsed_more = elapsed - now.boot_ns;
	if (now.wall_ns >= TIME_PAST && (now.synced || now.wall_ns >= known - TIME_BEHIND_NS))
		return TIME_AS_EVER;
	distrust(t, known);
	return TIME_WRONG;
}

/* By how much the wall's clock was set since the last reading. */
static int64_t step_of(const struct timekept *t, struct time_reading now)
{
	int64_t passed = (int64_t)(now.boot_ns - t->last.boot_ns);
	int64_t step = now.wall_ns - t->last.wall_ns - passed;
	int64_t bound = (int64_t)READING_NS + passed / DRIFT;

	return step > bound || step < -bound ? step : 0;
}

static enum time_news set(struct timekept *t, struct time_reading now)
{
	bool was_wrong = t->wrong;
	int64_t known = time_wall(t) + (int64_t)(now.boot_ns - t->last.boot_ns);

	t->last = now;
	t->stepped++;
	t->step_ns = now.wall_ns - known;
	if (now.wall_ns < TIME_PAST) {
		distrust(t, known);
		return was_wrong ? TIME_AS_EVER : TIME_WRONG;
	}
	t->wrong = false;
	if (was_wrong)
		return TIME_RIGHT;
	if (t->step_ns > TIME_TOLD_NS)
		return TIME_FORWARD;
	return t->step_ns < -TIME_TOLD_NS ? TIME_BACK : TIME_AS_EVER;
}

enum time_news time_read(struct timekept *t, struct time_reading now)
{
	if (now.boot_ns < t->last.boot_ns) /* no such clock; but what never goes back, doesn't */
		now.boot_ns = t->last.boot_ns;
	if (step_of(t, now) != 0 || (t->wrong && now.synced && now.wall_ns >= TIME_PAST))
		return set(t, now);
	t->last = now;
	return TIME_AS_EVER;
}

struct time_reading time_now(bool ask)
{
	struct timex kernel = {.modes = 0};
	struct time_reading now = {.boot_ns = clock_boot_ns(), .wall_ns = clock_wall_ns()};

	if (ask)
		now.synced = adjtimex(&kernel) >= 0 && !(kernel.status & STA_UNSYNC);
	return now;
}

bool time_rfc3339(int64_t wall_ns, char to[static TIME_TEXT])
{
	int64_t ms = wall_ns / (int64_t)CLOCK_MS;
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	size_t n;

	if (wall_ns < 0 || !gmtime_r(&seconds, &tm))
		return false;
	n = strftime(to, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to + n, TIME_TEXT - n, ".%03uZ", (unsigned)(ms % 1000));
	return n > 0;
}

const char *time_text(int64_t wall_ns, char to[static TIME_TEXT])
{
	time_t seconds = (time_t)(wall_ns / (int64_t)CLOCK_S);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(to, TIME_TEXT, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		snprintf(to, TIME_TEXT, "%lld ns", (long long)wall_ns);
	return to;
}
