/*
 * image/units.c - two tables of units, one reader, one writer.
 */
#include "image/units.h"

#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t is;
};

/* by size, the smallest first */
static const struct unit sizes[] = {
	{"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {NULL, 0}};
static const struct unit times[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000},
	{"m", 60000000000}, {"h", 3600000000000}, {NULL, 0}};

static bool read_number(const char **text, uint64_t *number)
{
	const char *p = *text;

	*number = 0;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(*number, 10u, number) ||
			__builtin_add_overflow(*number, (uint64_t)(*p - '0'), number))
			return false;
	if (p == *text)
		return false;
	*text = p;
	return true;
}

static bool read_unit(const char *text, const struct unit *units, uint64_t *value)
{
	if (!read_number(&text, value))
		return false;
	while (*text == ' ')
		text++;
	for (; units->name; units++)
		if (strcmp(text, units->name) == 0)
			return !__builtin_mul_overflow(*value, units->is, value) &&
				*value <= INT64_MAX;
	return false;
}

bool units_size(const char *text, uint64_t *bytes)
{
	const char *end = text;

	if (read_number(&end, bytes) && *end == '\0')
		return *bytes <= INT64_MAX;
	return read_unit(text, sizes, bytes);
}

bool units_time(const char *text, uint64_t *ns)
{
	*ns = 0;
	return strcmp(text, "0") == 0 || read_unit(text, times, ns);
}

static const char *show(const struct unit *units, uint64_t value, char *to, size_t size)
{
	const struct unit *best = units;

	for (const struct unit *u = units; u->name; u++)
		if (value && value % u->is == 0)
			best = u;
	snprintf(to, size, "%llu %s", (unsigned long long)(value / best->is), best->name);
	return to;
}

const char *units_show_size(uint64_t bytes, char *to, size_t size)
{
	return show(sizes, bytes, to, size);
}

const char *units_show_time(uint64_t ns, char *to, size_t size)
{
	return show(times, ns, to, size);
}
