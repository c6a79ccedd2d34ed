/*
 * image/cron.h - expressions of five fields that say at which minutes something happens, as in
 * cron's tables: minute, hour, day of the month, month, day of the week (crontab(5)). Pure: what the
 * local time is, the caller says. Why it is our own: docs/decisions/041.
 *
 *	a field     '*', or a list of numbers, ranges "1-5" and steps "8-18/2", separated by ','
 *	names       jan ... dec, sun ... sat, whatever their case; Sunday is 0 and 7
 *	days        where both the day of the month and that of the week are said, one is enough
 *	instead     @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually
 *
 * When the local time is changed (summer time), as cron(8) of Debian has it: of an expression that names
 * hours, a time that is left out is made up for when the clock has been put forward, once however
 * many there are, and a time that comes twice counts the first time. One for all hours goes by the
 * clock as it is.
 */
#ifndef IMAGE_CRON_H
#define IMAGE_CRON_H

#include <stdbool.h>
#include <stdint.h>

struct cron {
	uint64_t minutes; /* bit 0 is minute 0, and so on */
	uint32_t hours, days;
	uint16_t months;
	uint8_t weekdays;
	bool any_day, any_weekday; /* the field begins with '*' */
};

/* NULL, or a constant sentence that says what is wrong: "names a day that no month has". */
const char *cron_parse(struct cron *cron, const char *text);

/* How many seconds the local time is ahead of UTC at that instant (seconds since 1970). */
typedef int64_t cron_zone(int64_t at);

/* The first instant after `after` (seconds since 1970) at which it happens. There always is one. */
int64_t cron_next(const struct cron *cron, int64_t after, cron_zone *zone);

#endif
