/*
 * image/nearest.h - "did you mean": the known word that is nearest to a mistyped one.
 * Pure.
 */
#ifndef IMAGE_NEAREST_H
#define IMAGE_NEAREST_H

#include <stddef.h>

/* How many letters must be inserted, deleted, replaced or swapped with the next to make b of
 * a; at least 64 if either is longer than 63. */
unsigned nearest_distance(const char *a, const char *b);

struct nearest {
	const char *typed;
	const char *best; /* NULL: nothing is near enough to be meant */
	unsigned distance;
};

/* Start with {.typed = word}, offer every candidate, read best. */
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
