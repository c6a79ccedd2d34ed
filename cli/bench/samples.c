/* cli/bench/samples.c - see bench.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench/bench.h"
#include "cli/commands.h"

void samples_add(struct samples *s, uint64_t ns)
{
	if (s->count == s->room) {
		size_t room = s->room == 0 ? 1024 : s->room * 2;
		uint64_t *more = realloc(s->ns, room * sizeof *more);

		if (more == NULL) {
			fputs("mayfly: bench: not enough memory for the samples: lower -n\n",
				stderr);
			exit(STATUS_FAILED);
		}
		s->ns = more;
		s->room = room;
	}
	s->ns[s->count++] = ns;
}

void samples_join(struct samples *to, const struct samples *from)
{
	for (size_t i = 0; i < from->count; i++)
		samples_add(to, from->ns[i]);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t samples_part(struct samples *s, double part)
{
	size_t at;

	if (s->count == 0)
		return 0;
	qsort(s->ns, s->count, sizeof *s->ns, by_value);
	at = (size_t)((double)(s->count - 1) * part + 0.5);
	return s->ns[at];
}
