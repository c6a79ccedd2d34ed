/*
 * base/histogram.h - how long things took: counts in fixed buckets, from 5 us to 10 s. No
 * allocation; a histogram of zeros is an empty one. Freestanding; shared by hub and worker.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 20u

struct histogram {
	uint64_t bucket[HISTOGRAM_BUCKETS + 1]; /* the last: longer than all bounds */
	uint64_t sum_ns;
};

/* The most that the i-th bucket takes: 5 us, 10 us, 25 us, 50 us ... 10 s. */
static inline uint64_t histogram_bound(unsigned i)
{
	static const uint64_t bound[HISTOGRAM_BUCKETS] = {5000, 10000, 25000, 50000, 100000, 250000,
		500000, 1000000, 2500000, 5000000, 10000000, 25000000, 50000000, 100000000,
		250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000};

	return bound[i];
}

/* Which bucket takes it. */
static inline unsigned histogram_bucket(uint64_t ns)
{
	unsigned least = 0, most = HISTOGRAM_BUCKETS;

	while (least < most) {
		unsigned middle = (least + most) / 2;

		if (ns <= histogram_bound(middle))
			most = middle;
		else
			least = middle + 1;
	}
	return least;
}

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
	h->bucket[histogram_bucket(ns)]++;
	h->sum_ns += ns;
}

static inline void histogram_merge(struct histogram *to, const struct histogram *from)
{
	for (unsigned i = 0; i <= HISTOGRAM_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
	to->sum_ns += from->sum_ns;
}

static inline uint64_t histogram_count(const struct histogram *h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= HISTOGRAM_BUCKETS; i++)
		n += h->bucket[i];
	return n;
}

/* About the time that `permille` of a thousand didn't exceed: as if those in a bucket were
 * spread evenly over it. What is longer than all bounds counts as the last. 0: empty. */
static inline uint64_t histogram_quantile(const struct histogram *h, unsigned permille)
{
	uint64_t count = histogram_count(h), below = 0;
	uint64_t rank = count / 1000 * permille + (count % 1000 * permille + 999) / 1000;

	if (count == 0)
		return 0;
	if (rank == 0)
		rank = 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t from = i > 0 ? histogram_bound(i - 1) : 0;
		uint64_t n = h->bucket[i];

		if (below + n >= rank)
			return from +
				(uint64_t)((double)(histogram_bound(i) - from) *
					(double)(rank - below) / (double)n);
		below += n;
	}
	return histogram_bound(HISTOGRAM_BUCKETS - 1);
}

#endif
