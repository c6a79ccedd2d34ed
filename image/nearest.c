/*
 * image/nearest.c - edit distance with transpositions, three rows of the table.
 */
#include "image/nearest.h"

#include <string.h>

#define WORD_MAX 63

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

unsigned nearest_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];
	size_t n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX + 1;
	for (size_t j = 0; j <= m; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *spare = before;

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned cost = a[i - 1] != b[j - 1];

			now[j] = least(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	unsigned d = nearest_distance(nearest->typed, candidate);
	size_t typed = strlen(nearest->typed), n = strlen(candidate);
	size_t length = typed > n ? typed : n;
	/* a beginning of four letters or more is meant, too: "deadl" */
	int begins = typed >= 4 && strncmp(nearest->typed, candidate, typed) == 0;

	if (!begins && d > length / 3 + (length < 6))
		return;
	if (!nearest->best || d < nearest->distance) {
		nearest->best = candidate;
		nearest->distance = d;
	}
}
