/* hub/metrics_text.c - see metrics_text.h */
#include "hub/metrics_text.h"

#include <string.h>

#include "base/histogram.h"
#include "sys/clock.h"

void metrics_flush(struct metrics_text *t)
{
	fwrite(t->buffer, 1, t->used, t->to);
	t->used = 0;
}

void metrics_put_n(struct metrics_text *t, const char *bytes, size_t n)
{
	if (n > sizeof(t->buffer) - t->used)
		metrics_flush(t);
	if (n > sizeof(t->buffer)) {
		fwrite(bytes, 1, n, t->to);
		return;
	}
	memcpy(t->buffer + t->used, bytes, n);
	t->used += n;
}

void metrics_put(struct metrics_text *t, const char *words)
{
	metrics_put_n(t, words, strlen(words));
}

void metrics_put_number(struct metrics_text *t, uint64_t value)
{
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	metrics_put_n(t, digits + at, sizeof(digits) - at);
}

void metrics_family(struct metrics_text *t, const char *name, const char *type, const char *help)
{
	metrics_put(t, "# HELP ");
	metrics_put(t, name);
	metrics_put(t, " ");
	metrics_put(t, help);
	metrics_put(t, "\n# TYPE ");
	metrics_put(t, name);
	metrics_put(t, " ");
	metrics_put(t, type);
	metrics_put(t, "\n");
}

void metrics_label(struct metrics_text *t, char before, const char *key, const char *value)
{
	metrics_put_n(t, &before, 1);
	metrics_put(t, key);
	metrics_put(t, "=\"");
	for (;;) {
		size_t plain = strcspn(value, "\"\\\n");

		metrics_put_n(t, value, plain);
		value += plain;
		if (!*value)
			break;
		metrics_put(t, "\\");
		metrics_put_n(t, *value == '\n' ? "n" : value, 1);
		value++;
	}
	metrics_put(t, "\"");
}

void metrics_number(struct metrics_text *t, uint64_t value)
{
	metrics_put(t, "} ");
	metrics_put_number(t, value);
	metrics_put(t, "\n");
}

void metrics_seconds(struct metrics_text *t, const char *before, uint64_t ns)
{
	char part[16];

	metrics_put(t, before);
	metrics_put_number(t, ns / CLOCK_S);
	snprintf(part, sizeof(part), ".%09u\n", (unsigned)(ns % CLOCK_S));
	metrics_put(t, part);
}

void metrics_plain(struct metrics_text *t, const char *name, const char *type, const char *help,
	uint64_t value)
{
	metrics_family(t, name, type, help);
	metrics_put(t, name);
	metrics_put(t, " ");
	metrics_put_number(t, value);
	metrics_put(t, "\n");
}

void metrics_plain_time(
	struct metrics_text *t, const char *name, const char *type, const char *help, uint64_t ns)
{
	metrics_family(t, name, type, help);
	metrics_put(t, name);
	metrics_seconds(t, " ", ns);
}

void metrics_by(
	struct metrics_text *t, const char *name, const char *key, const char *word, uint64_t value)
{
	metrics_put(t, name);
	metrics_label(t, '{', key, word);
	metrics_number(t, value);
}

/* "5e-06" ... "10": the bounds, written once. */
static const char *bound_text(unsigned i)
{
	static char text[HISTOGRAM_BUCKETS][16];

	if (!text[i][0])
		snprintf(text[i], sizeof(text[i]), "%g", (double)histogram_bound(i) / 1e9);
	return text[i];
}

/* NAME_bucket{KEY="WORD", or without one NAME_bucket: what stands before the next label then. */
static char begin(struct metrics_text *t, const char *name, const char *end, const char *key,
	const char *word)
{
	metrics_put(t, name);
	metrics_put(t, end);
	if (!key)
		return '{';
	metrics_label(t, '{', key, word);
	return ',';
}

void metrics_histogram(struct metrics_text *t, const char *name, const char *key, const char *word,
	const struct histogram *h)
{
	uint64_t below = 0;

	for (unsigned i = 0; i <= HISTOGRAM_BUCKETS; i++) {
		char before = begin(t, name, "_bucket", key, word);

		below += h->bucket[i];
		metrics_label(t, before, "le", i < HISTOGRAM_BUCKETS ? bound_text(i) : "+Inf");
		metrics_number(t, below);
	}
	begin(t, name, "_sum", key, word);
	metrics_seconds(t, key ? "} " : " ", h->sum_ns);
	begin(t, name, "_count", key, word);
	metrics_put(t, key ? "} " : " ");
	metrics_put_number(t, below);
	metrics_put(t, "\n");
}
