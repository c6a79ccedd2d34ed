/* fuzz/lib/clock.c - see clock.h */
#include "fuzz/lib/clock.h"

#include <time.h>

#include "sys/clock.h"
#include "sys/random.h"

#define START (1000 * CLOCK_S)
#define WALL  (1700000000 * CLOCK_S)

static uint64_t now = START, random_state;

int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	uint64_t ns = now += CLOCK_US;

	if (clock == CLOCK_REALTIME)
		ns += WALL;
	t->tv_sec = (time_t)(ns / CLOCK_S);
	t->tv_nsec = (long)(ns % CLOCK_S);
	return 0;
}

/* In the place of sys/random.c. */
void random_bytes(void *to, size_t n)
{
	uint8_t *p = to;

	for (size_t i = 0; i < n; i++) {
		random_state = random_state * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(random_state >> 56);
	}
}

void clock_reset(void)
{
	now = START;
	random_state = 1;
}

void clock_advance(uint64_t ns)
{
	now += ns;
}
