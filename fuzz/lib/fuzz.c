/* fuzz/lib/fuzz.c - see fuzz.h */
#include "fuzz/lib/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fuzz_broken(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

uint8_t *fuzz_copy(const void *bytes, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, bytes, n);
	return copy;
}

static uint64_t feed_number(struct feed *feed, size_t n)
{
	uint64_t value = 0;

	if (n > feed->n)
		n = feed->n;
	if (n > 0)
		memcpy(&value, feed->p, n);
	feed->p += n;
	feed->n -= n;
	return value;
}

uint8_t feed_8(struct feed *feed)
{
	return (uint8_t)feed_number(feed, 1);
}

uint16_t feed_16(struct feed *feed)
{
	return (uint16_t)feed_number(feed, 2);
}

uint32_t feed_32(struct feed *feed)
{
	return (uint32_t)feed_number(feed, 4);
}

uint64_t feed_64(struct feed *feed)
{
	return feed_number(feed, 8);
}

uint32_t feed_below(struct feed *feed, uint32_t bound)
{
	return (bound <= 256 ? feed_8(feed) : feed_32(feed)) % bound;
}

static struct mf_str take(struct feed *feed, size_t n)
{
	struct mf_str s = {feed->p, n < feed->n ? n : feed->n};

	feed->p += s.n;
	feed->n -= s.n;
	return s;
}

struct mf_str feed_some(struct feed *feed, size_t most)
{
	size_t n = feed_16(feed);

	return take(feed, n < most ? n : most);
}

struct mf_str feed_rest(struct feed *feed)
{
	return take(feed, feed->n);
}

uint32_t fuzz_below(unsigned *seed, uint32_t bound)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 8) % bound;
}
