/* tests/unit/image/cron_test.c - expressions of five fields, and clocks that are put forward and back */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "image/cron.h"

#define HOUR 3600
#define DAY  86400

/* Seconds since 1970 of "2026-03-29 01:00", as UTC. */
static int64_t at(const char *text)
{
	struct tm t = {0};

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &t));
	return timegm(&t);
}

static int64_t utc(int64_t instant)
{
	(void)instant;
	return 0;
}

/* Central Europe in 2026 and 2027. */
static int64_t europe(int64_t instant)
{
	bool summer = (instant >= 1774746000 && instant < 1792890000) ||
		(instant >= 1806195600 && instant < 1824944400);

	return summer ? 2 * HOUR : HOUR;
}

/* Lord Howe Island, which changes by half an hour: 10:30 in winter, 11:00 in summer. */
static int64_t howe(int64_t instant)
{
	bool winter = instant >= 1775314800 && instant < 1791041400;

	return winter ? 10 * HOUR + 1800 : 11 * HOUR;
}

static struct cron parsed(const char *text)
{
	struct cron c;
	const char *wrong = cron_parse(&c, text);

	if (wrong)
		fail_msg("'%s' %s", text, wrong);
	return c;
}

static void expect(const char *cron, const char *after, cron_zone *zone, const char *const *next)
{
	struct cron c = parsed(cron);
	int64_t now = at(after);

	for (; *next; next++) {
		int64_t found = cron_next(&c, now, zone);

		if (found != at(*next)) {
			time_t t = (time_t)found;
			char text[32];

			strftime(text, sizeof(text), "%F %T", gmtime(&t));
			fail_msg("'%s': %s UTC instead of %s", cron, text, *next);
		}
		now = found;
	}
}
#define NEXT(cron, after, zone, ...)                                                               \
	expect(cron, after, zone, (const char *const[]){__VA_ARGS__, NULL})

static void test_what_is_said(void **state)
{
	(void)state;
	NEXT("*/20 * * * *", "2026-11-22 10:05", utc, "2026-11-22 10:20", "2026-11-22 10:40",
		"2026-11-22 11:00");
	NEXT("0 9-17/4,22 * * *", "2026-11-22 10:05", utc, "2026-11-22 13:00", "2026-11-22 17:00",
		"2026-11-22 22:00", "2026-11-23 09:00");
	NEXT("30 6 * * mon-Fri", "2026-11-20 06:30", utc, "2026-11-23 06:30", "2026-11-24 06:30");
	NEXT("0 0 * * fri-sun", "2026-11-22 00:00", utc, "2026-11-27 00:00", "2026-11-28 00:00",
		"2026-11-29 00:00", "2026-12-04 00:00");
	NEXT("0 12 * * 7", "2026-11-22 12:00", utc, "2026-11-29 12:00");
	NEXT("0 0 31 * *", "2026-11-22 00:00", utc, "2026-12-31 00:00", "2027-01-31 00:00",
		"2027-03-31 00:00");
	NEXT("0 0 29 feb *", "2026-11-22 00:00", utc, "2028-02-29 00:00", "2032-02-29 00:00");
	NEXT("0 0 29 2 *", "2096-02-29 00:00", utc, "2104-02-29 00:00");
	/* either day will do, unless one begins with '*' */
	NEXT("0 0 13 * fri", "2026-11-01 00:00", utc, "2026-11-06 00:00", "2026-11-13 00:00",
		"2026-11-20 00:00", "2026-11-27 00:00", "2026-12-04 00:00", "2026-12-11 00:00",
		"2026-12-13 00:00");
	NEXT("0 0 */31 * mon", "2026-01-01 00:00", utc, "2026-06-01 00:00");
	NEXT("@daily", "2026-12-31 12:00", utc, "2027-01-01 00:00");
	NEXT(" @Hourly", "2026-12-31 23:59", utc, "2027-01-01 00:00", "2027-01-01 01:00");
	NEXT("@weekly", "2026-11-22 00:00", utc, "2026-11-29 00:00");
	NEXT("@yearly", "2026-11-22 00:00", utc, "2027-01-01 00:00");
	NEXT("59 23 31 12 *", "1969-12-31 23:58", utc, "1969-12-31 23:59", "1970-12-31 23:59");
}

static void test_nonsense(void **state)
{
	static const char *const wrong[] = {"", "* * * *", "* * * * * *", "60 * * * *",
		"* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * 0 *", "* * * * 8",
		"5-1 * * * *", "*/0 * * * *", "*/ * * * *", "5/10 * * * *", "1, * * * *",
		",1 * * * *", "1-2-3 * * * *", "*5 * * * *", "a * * * *", "* * * june *",
		"* * * * sunday", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "@reboot", "@", "-1 * * * *",
		"99999999999 * * * *", "* * * * L", "* * * * 1#2"};
	struct cron c;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (!cron_parse(&c, wrong[i]))
			fail_msg("'%s' passed", wrong[i]);
}

/* Summer time begins at 01:00 UTC on 29 March 2026, at 2:00, which becomes 3:00. */
static void test_put_forward(void **state)
{
	(void)state;
	NEXT("30 2 * * *", "2026-03-27 12:00", europe, "2026-03-28 01:30", "2026-03-29 01:00",
		"2026-03-30 00:30");
	/* made up for once, and what was due then anyway is the same one */
	NEXT("*/10 2,3 * * *", "2026-03-28 02:50", europe, "2026-03-29 01:00", "2026-03-29 01:10",
		"2026-03-29 01:20");
	NEXT("0 3 * * *", "2026-03-28 12:00", europe, "2026-03-29 01:00", "2026-03-30 01:00");
	NEXT("30 2 29 3 *", "2025-06-01 00:00", europe, "2026-03-29 01:00", "2027-03-29 00:30");
	/* for all hours: by the clock as it is */
	NEXT("30 * * * *", "2026-03-29 00:00", europe, "2026-03-29 00:30", "2026-03-29 01:30");
	NEXT("15 2 * * *", "2026-10-02 00:00", howe, "2026-10-02 15:45", "2026-10-03 15:30",
		"2026-10-04 15:15");
}

/* It ends at 01:00 UTC on 25 October 2026, at 3:00, which becomes 2:00 again. */
static void test_put_back(void **state)
{
	(void)state;
	NEXT("30 2 * * *", "2026-10-24 12:00", europe, "2026-10-25 00:30", "2026-10-26 01:30");
	NEXT("*/30 2,3 * * *", "2026-10-24 12:00", europe, "2026-10-25 00:00", "2026-10-25 00:30",
		"2026-10-25 02:00", "2026-10-25 02:30", "2026-10-26 01:00");
	/* begun within the second 2:00 to 3:00 */
	NEXT("*/30 2,3 * * *", "2026-10-25 01:10", europe, "2026-10-25 02:00");
	NEXT("30 2 * * *", "2026-10-25 01:10", europe, "2026-10-26 01:30");
	NEXT("30 * * * *", "2026-10-24 23:50", europe, "2026-10-25 00:30", "2026-10-25 01:30",
		"2026-10-25 02:30");
	NEXT("45 1 * * *", "2026-04-04 12:00", howe, "2026-04-04 14:45", "2026-04-05 15:15");
}

/* Minute by minute, what a clock shows. */
static bool shows(const struct cron *c, int64_t local)
{
	time_t t = (time_t)local;
	struct tm tm;
	bool day, weekday;

	gmtime_r(&t, &tm);
	day = (c->days >> tm.tm_mday) & 1;
	weekday = (c->weekdays >> tm.tm_wday) & 1;
	return ((c->minutes >> tm.tm_min) & 1) && ((c->hours >> tm.tm_hour) & 1) &&
		((c->months >> (tm.tm_mon + 1)) & 1) &&
		(c->any_day || c->any_weekday ? day && weekday : day || weekday);
}

/* By the words of the header, slowly. */
static int64_t slowly(const struct cron *c, int64_t after, cron_zone *zone)
{
	bool all = c->hours == 0xffffff;

	for (int64_t t = after / 60 * 60 + 60;; t += 60) {
		int64_t jump = zone(t) - zone(t - 60);
		bool second = false;

		for (int64_t missed = t + zone(t) - jump; jump > 0 && !all; missed += 60) {
			if (missed >= t + zone(t))
				break;
			if (shows(c, missed))
				return t;
		}
		for (int64_t before = t - 60; before > t - 2 * HOUR - 60 && !all; before -= 60)
			second |= before + zone(before) >= t + zone(t);
		if (!second && shows(c, t + zone(t)))
			return t;
	}
}

static void test_as_slowly(void **state)
{
	static const char *const some[] = {"*/7 * * * *", "13 1,2,3 * * *", "*/25 2-4 * * *",
		"0 0-6 * * sun", "59 1 * * *", "0 2 * * *", "0 3 * * *", "30 2 25 * *"};
	static const struct {
		cron_zone *zone;
		const char *from;
	} where[] = {{europe, "2026-03-28 20:00"}, {europe, "2026-10-24 20:00"},
		{howe, "2026-04-04 10:00"}, {howe, "2026-10-03 10:00"}};

	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		struct cron c = parsed(some[i]);

		for (size_t w = 0; w < sizeof(where) / sizeof(where[0]); w++)
			for (int64_t t = at(where[w].from), n = 0; n < 5; t += 6311, n++) {
				int64_t fast = cron_next(&c, t, where[w].zone);

				if (fast != slowly(&c, t, where[w].zone))
					fail_msg("'%s' after %lld: %lld, %lld", some[i],
						(long long)t, (long long)fast,
						(long long)slowly(&c, t, where[w].zone));
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_said),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_put_forward),
		cmocka_unit_test(test_put_back),
		cmocka_unit_test(test_as_slowly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
