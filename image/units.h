/*
 * image/units.h - sizes and times as people write them: "64KiB", "100ms".
 * Pure.
 */
#ifndef IMAGE_UNITS_H
#define IMAGE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole number with nothing, B, KiB, MiB or GiB behind it. False: it isn't one, or is over
 * 2^63. */
bool units_size(const char *text, uint64_t *bytes);
/* A whole number with ns, us, ms, s, m or h behind it; plain 0 too. */
bool units_time(const char *text, uint64_t *ns);

/* The other way round, exact, in the biggest unit that gives a whole number: "64 KiB". */
const char *units_show_size(uint64_t bytes, char *to, size_t size);
const char *units_show_time(uint64_t ns, char *to, size_t size);

#endif
