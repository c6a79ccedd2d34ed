/*
 * bench/flood.h - what the programs share with which bench/blackout floods a hub (flood_mqtt, flood_udp,
 * flood_http): how many events were offered, what became of each, and how long that took, second by second.
 *
 * Each makes its devices, prints "ready", and begins when a line comes on standard input. At its end it prints one line of
 * JSON. One thread.
 */
#ifndef BENCH_FLOOD_H
#define BENCH_FLOOD_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/histogram.h"
#include "sys/clock.h"

#define FLOOD_SECONDS 1800u /* that are told apart; what comes later counts to the last */

/* An event comes to exactly one of these. */
enum flood_end {
	FLOOD_ANSWERED,
	FLOOD_REFUSED, /* in its protocol's words: try again later */
	FLOOD_LATE,    /* the same: it was taken, and not answered in time */
	FLOOD_FAILED,  /* another answer than the right one, or a connection that ended */
	FLOOD_UNHEARD, /* no answer, however often it was sent */
	FLOOD_ENDS
};

struct flood_second {
	uint64_t ends[FLOOD_ENDS];
	struct histogram times; /* of the answered */
};

struct flood {
	uint64_t events;  /* to be offered */
	uint64_t offered; /* so far */
	uint64_t again;   /* of the messages: sent once more, for nobody answered */
	uint64_t ends[FLOOD_ENDS], all;
	uint64_t began_ns, last_ns; /* last_ns: when the last was offered */
	struct flood_second *second;
	unsigned seconds;
};

/* Thousands of devices have as many descriptors. */
static inline void flood_open(struct flood *f, uint64_t events)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	*f = (struct flood){.events = events};
	f->second = calloc(FLOOD_SECONDS, sizeof(*f->second));
	if (!f->second)
		abort();
}

/* Says that all is there, and waits until it is to begin. */
static inline void flood_wait(struct flood *f)
{
	char go;

	puts("ready");
	fflush(stdout);
	if (read(0, &go, 1) != 1)
		exit(1);
	f->began_ns = clock_mono_ns();
}

/* True: there is one more to offer, and it is the caller's. */
static inline bool flood_next(struct flood *f, uint64_t now)
{
	if (f->offered == f->events)
		return false;
	f->offered++;
	f->last_ns = now;
	return true;
}

static inline void flood_end(struct flood *f, enum flood_end end, uint64_t sent_ns, uint64_t now)
{
	uint64_t at = (now - f->began_ns) / CLOCK_S;
	struct flood_second *s;

	if (at >= FLOOD_SECONDS)
		at = FLOOD_SECONDS - 1;
	if (at >= f->seconds)
		f->seconds = (unsigned)at + 1;
	s = &f->second[at];
	s->ends[end]++;
	f->ends[end]++;
	f->all++;
	if (end == FLOOD_ANSWERED)
		histogram_add(&s->times, now - sent_ns);
}

static inline bool flood_is_over(const struct flood *f)
{
	return f->offered == f->events && f->all == f->events;
}

static inline void flood_print_ends(const uint64_t ends[FLOOD_ENDS])
{
	static const char *const names[FLOOD_ENDS] = {
		"answered", "refused", "late", "failed", "unheard"};

	for (unsigned i = 0; i < FLOOD_ENDS; i++)
		printf("%s\"%s\": %" PRIu64, i > 0 ? ", " : "", names[i], ends[i]);
}

/* The line of JSON; `more` stands in it as it is, from ", " on. */
static inline void flood_print(const struct flood *f, const char *more)
{
	struct histogram all = {0};

	for (unsigned i = 0; i < f->seconds; i++)
		histogram_merge(&all, &f->second[i].times);
	printf("{\"offered\": %" PRIu64 ", \"again\": %" PRIu64 ", ", f->offered, f->again);
	flood_print_ends(f->ends);
	printf(", \"offering_s\": %.3f, \"p50_us\": %.0f, \"p99_us\": %.0f%s, \"seconds\": [",
		(double)(f->last_ns - f->began_ns) / 1e9,
		(double)histogram_quantile(&all, 500) / 1e3,
		(double)histogram_quantile(&all, 990) / 1e3, more);
	for (unsigned i = 0; i < f->seconds; i++) {
		printf("%s{", i > 0 ? ", " : "");
		flood_print_ends(f->second[i].ends);
		printf(", \"p50_us\": %.0f, \"p99_us\": %.0f}",
			(double)histogram_quantile(&f->second[i].times, 500) / 1e3,
			(double)histogram_quantile(&f->second[i].times, 990) / 1e3);
	}
	printf("]}\n");
	fflush(stdout);
}

#endif
