/* image/cron.c - see cron.h. A civil time here is what a local clock shows, in seconds since its
 * own 1970: UTC + the zone's offset. */
#include "image/cron.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define MINUTE     60
#define HOUR       3600
#define DAY        86400
#define EVERY_HOUR 0xffffffu
/* Two leap days may be eight years apart (1896, 1904; 2096, 2104); a weekday makes it longer. */
#define HORIZON (41 * 366)

/* ------------------------------------------------------------------ reading */

static const char *const month_names[] = {
	"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

enum { FIELD_MINUTE, FIELD_HOUR, FIELD_DAY, FIELD_MONTH, FIELD_WEEKDAY, FIELDS };

static const struct field {
	unsigned least, most;
	const char *const *names; /* of `least` and the following; NULL: there are none */
	const char *wrong;
} fields[FIELDS] = {
	[FIELD_MINUTE] = {0, 59, NULL, "has a minute that isn't 0 to 59"},
	[FIELD_HOUR] = {0, 23, NULL, "has an hour that isn't 0 to 23"},
	[FIELD_DAY] = {1, 31, NULL, "has a day of the month that isn't 1 to 31"},
	[FIELD_MONTH] = {1, 12, month_names, "has a month that is neither 1 to 12 nor jan to dec"},
	[FIELD_WEEKDAY] = {0, 7, day_names,
		"has a day of the week that is neither 0 to 7 nor sun to sat"},
};

static const struct {
	const char *name, *fields;
} shorthands[] = {
	{"@hourly", "0 * * * *"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@weekly", "0 0 * * 0"},
	{"@monthly", "0 0 1 * *"},
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
};

static bool read_digits(const char **p, unsigned *value)
{
	const char *begin = *p;

	for (*value = 0; **p >= '0' && **p <= '9' && *p - begin < 4; (*p)++)
		*value = *value * 10 + (unsigned)(**p - '0');
	return *p > begin && (**p < '0' || **p > '9');
}

static bool read_value(const char **p, const struct field *f, unsigned *value)
{
	for (unsigned i = 0; f->names && f->names[i]; i++)
		if (strncasecmp(*p, f->names[i], 3) == 0) {
			*p += 3;
			*value = f->least + i;
			return true;
		}
	return read_digits(p, value) && *value >= f->least && *value <= f->most;
}

/* '*', "3", "1-5", each but the second with "/2"; NULL, or what is wrong. */
static const char *read_item(const char **p, const struct field *f, uint64_t *set)
{
	unsigned from = f->least, to = f->most, step = 1;
	bool range = true;

	if (**p == '*') {
		(*p)++;
	} else {
		if (!read_value(p, f, &from))
			return f->wrong;
		to = from;
		range = **p == '-';
		if (range) {
			(*p)++;
			if (!read_value(p, f, &to))
				return f->wrong;
		}
	}
	if (f->names == day_names && to == 0 && from > 0) /* fri-sun */
		to = 7;
	if (from > to)
		return "has a range whose end comes before its beginning";
	if (**p == '/') {
		(*p)++;
		if (!range)
			return "has a step behind a single number: write '5-59/10' or '*/10'";
		if (!read_digits(p, &step) || step == 0)
			return "has a step that isn't a number from 1";
	}
	for (unsigned value = from; value <= to; value += step)
		*set |= 1ull << value;
	return NULL;
}

static const char *read_field(const char **p, const struct field *f, uint64_t *set)
{
	const char *wrong;

	*set = 0;
	for (;;) {
		wrong = read_item(p, f, set);
		if (wrong || **p != ',')
			break;
		(*p)++;
	}
	if (!wrong && **p != ' ' && **p != '\t' && **p != '\0')
		return f->wrong;
	return wrong;
}

/* Is there such a day in some of the months? */
static bool exists(const struct cron *c)
{
	static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (!c->any_weekday)
		return true;
	for (unsigned m = 0; m < 12; m++)
		if ((c->months & (2u << m)) && (c->days & ((2ull << days[m]) - 1)))
			return true;
	return false;
}

static void take(struct cron *c, const uint64_t set[static FIELDS])
{
	c->minutes = set[FIELD_MINUTE];
	c->hours = (uint32_t)set[FIELD_HOUR];
	c->days = (uint32_t)set[FIELD_DAY];
	c->months = (uint16_t)set[FIELD_MONTH];
	c->weekdays = (uint8_t)((set[FIELD_WEEKDAY] | set[FIELD_WEEKDAY] >> 7) & 0x7f);
}

static const char *read_fields(struct cron *c, const char *p)
{
	uint64_t set[FIELDS];

	for (unsigned i = 0; i < FIELDS; i++) {
		const char *wrong;

		p += strspn(p, " \t");
		if (*p == '\0')
			return "has fewer than five fields: minute, hour, day, month, day of the "
			       "week";
		if (i == FIELD_DAY)
			c->any_day = *p == '*';
		if (i == FIELD_WEEKDAY)
			c->any_weekday = *p == '*';
		wrong = read_field(&p, &fields[i], &set[i]);
		if (wrong)
			return wrong;
	}
	p += strspn(p, " \t");
	if (*p != '\0')
		return "has more than five fields: minute, hour, day, month, day of the week";
	take(c, set);
	return exists(c) ? NULL : "names a day that none of its months has";
}

const char *cron_parse(struct cron *cron, const char *text)
{
	text += strspn(text, " \t");
	for (size_t i = 0; i < sizeof(shorthands) / sizeof(shorthands[0]); i++)
		if (strcasecmp(text, shorthands[i].name) == 0)
			return read_fields(cron, shorthands[i].fields);
	if (text[0] == '@')
		return "is none of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, "
		       "@annually";
	return read_fields(cron, text);
}

/* ------------------------------------------------------------- a local clock */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* The date of a day since 1970. Days are counted from 1 March 0000, so that the leap day is a year's
 * last, in eras of 400 years. */
static void civil_date(int64_t day, unsigned *month, unsigned *mday)
{
	int64_t since = day + 719468;
	int64_t of_era = since - floor_div(since, 146097) * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t from_march = (5 * of_year + 2) / 153;

	*mday = (unsigned)(of_year - (153 * from_march + 2) / 5 + 1);
	*month = (unsigned)(from_march < 10 ? from_march + 3 : from_march - 9);
}

static bool day_fits(const struct cron *c, int64_t day)
{
	unsigned month, mday, weekday = (unsigned)(((day + 4) % 7 + 7) % 7); /* a Thursday */
	bool fits_day, fits_weekday;

	civil_date(day, &month, &mday);
	if (!(c->months & (1u << month)))
		return false;
	fits_day = (c->days & (1ull << mday)) != 0;
	fits_weekday = (c->weekdays & (1u << weekday)) != 0;
	if (c->any_day || c->any_weekday)
		return fits_day && fits_weekday;
	return fits_day || fits_weekday;
}

/* The first minute of the day from `minute` on; -1: there is none. */
static int minute_of_day(const struct cron *c, int minute)
{
	for (int hour = minute / 60; hour < 24; hour++) {
		uint64_t left = c->minutes >> (minute % 60) << (minute % 60);

		if ((c->hours & (1u << hour)) && left)
			return hour * 60 + __builtin_ctzll(left);
		minute = 0; /* of the next hour */
	}
	return -1;
}

/* The first civil time from `from` on that fits. */
static int64_t civil_next(const struct cron *c, int64_t from)
{
	int64_t minute = floor_div(from + MINUTE - 1, MINUTE), day = floor_div(minute, 1440);
	int at = (int)(minute - day * 1440);

	for (int i = 0; i < HORIZON; i++, day++, at = 0) {
		int found = day_fits(c, day) ? minute_of_day(c, at) : -1;

		if (found >= 0)
			return day * DAY + (int64_t)found * MINUTE;
	}
	return day * DAY; /* not reached: exists() */
}

/* ---------------------------------------------------------- and its changes */

/* The first instant in (from, to] at which the offset isn't that of `from`; false: it stays. Changes are
 * further apart than a day. */
static bool find_change(cron_zone *zone, int64_t from, int64_t to, int64_t *at)
{
	int64_t offset = zone(from), low = from, high;

	do {
		high = to - low > DAY ? low + DAY : to;
		if (zone(high) != offset)
			break;
		low = high;
	} while (low < to);
	if (low >= to)
		return false;
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;

		*(zone(middle) == offset ? &low : &high) = middle;
	}
	*at = high;
	return true;
}

/* The first civil time that hasn't been yet. */
static int64_t not_yet(const struct cron *c, int64_t after, cron_zone *zone)
{
	int64_t from = after + zone(after) + 1, change, before;

	if (c->hours == EVERY_HOUR || !find_change(zone, after - DAY, after, &change))
		return from;
	before = change + zone(change - 1); /* until then the clock had come */
	return before > from ? before : from;
}

int64_t cron_next(const struct cron *cron, int64_t after, cron_zone *zone)
{
	int64_t from = not_yet(cron, after, zone), at = after, change;

	for (;;) {
		int64_t old = zone(at), new, civil = civil_next(cron, from);

		if (!find_change(zone, at, civil - old, &change))
			return civil - old;
		new = zone(change);
		if (cron->hours != EVERY_HOUR && civil < change + new)
			return change; /* the clock never showed it */
		from = change + (cron->hours == EVERY_HOUR || new > old ? new : old);
		at = change;
	}
}
