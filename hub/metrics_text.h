/*
 * hub/metrics_text.h - text for Prometheus (format 0.0.4): a family is a name, a type and its samples.
 *
 * A page has hundreds of kilobytes where there are many services, and the loop waits for it: so it is put together
 * in a buffer, without stdio's formatting and locks. Names, keys and help are the caller's own; values of labels may be
 * anybody's.
 */
#ifndef HUB_METRICS_TEXT_H
#define HUB_METRICS_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct histogram;
struct hub;

struct metrics_text {
	FILE *to;
	const struct hub *hub;
	size_t used;
	char buffer[4096];
};

void metrics_flush(struct metrics_text *text);
void metrics_put_n(struct metrics_text *text, const char *bytes, size_t n);
void metrics_put(struct metrics_text *text, const char *words);
void metrics_put_number(struct metrics_text *text, uint64_t value);

/* "# HELP" and "# TYPE". */
void metrics_family(
	struct metrics_text *text, const char *name, const char *type, const char *help);
/* A sample: its name by metrics_put, then its labels, the first with '{' before it and the others with ',', then
 * its value. */
void metrics_label(struct metrics_text *text, char before, const char *key, const char *value);
void metrics_number(struct metrics_text *text, uint64_t value);
/* Its value in seconds, behind `before`: "} ", or " " where it has no labels. */
void metrics_seconds(struct metrics_text *text, const char *before, uint64_t ns);
/* A sample with one label. */
void metrics_by(struct metrics_text *text, const char *name, const char *key, const char *word,
	uint64_t value);

/* The samples of a family of type histogram, with one label; key NULL: with none. */
void metrics_histogram(struct metrics_text *text, const char *name, const char *key,
	const char *word, const struct histogram *histogram);
/* A family of one sample without labels. */
void metrics_plain(struct metrics_text *text, const char *name, const char *type, const char *help,
	uint64_t value);
void metrics_plain_time(struct metrics_text *text, const char *name, const char *type,
	const char *help, uint64_t ns);

#endif
