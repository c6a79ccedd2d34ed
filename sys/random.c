/* sys/random.c - a store of random bytes. */
#include "sys/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define STORE 4096u

static _Thread_local uint8_t store[STORE];
static _Thread_local size_t left; /* unused bytes, at the end of store */

static void fill(void)
{
	size_t have = 0;

	while (have < STORE) {
		ssize_t n = getrandom(store + have, STORE - have, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* no kernel that runs us lacks it; weak seeds are worse */
		if (n > 0)
			have += (size_t)n;
	}
	left = STORE;
}

void random_bytes(void *to, size_t n)
{
	uint8_t *p = to;

	while (n > 0) {
		size_t part;
		uint8_t *from;

		if (left == 0)
			fill();
		part = n < left ? n : left;
		from = store + (STORE - left);
		memcpy(p, from, part);
		explicit_bzero(from, part);
		left -= part;
		p += part;
		n -= part;
	}
}
