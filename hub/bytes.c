/* hub/bytes.c - bytes that wait. */
#include "hub/bytes.h"

#include <stdlib.h>
#include <string.h>

#define LEAST 512u

static bool grow(struct bytes *b, struct bytes_total *total, size_t need)
{
	size_t room = need < LEAST ? LEAST : need + need / 2;
	uint8_t *more;

	if (need <= b->room)
		return true;
	if (total->held - b->room + room > total->most)
		return false;
	more = realloc(b->p, room);
	if (!more)
		return false;
	total->held += room - b->room;
	b->p = more;
	b->room = room;
	return true;
}

bool bytes_add(struct bytes *b, struct bytes_total *total, const void *p, size_t n)
{
	if (b->at > 0) {
		memmove(b->p, b->p + b->at, bytes_left(b));
		b->n -= b->at;
		b->at = 0;
	}
	if (n == 0)
		return true;
	if (!grow(b, total, b->n + n))
		return false;
	memcpy(b->p + b->n, p, n);
	b->n += n;
	return true;
}

void bytes_use(struct bytes *b, struct bytes_total *total, size_t n)
{
	b->at += n;
	if (b->at == b->n)
		bytes_free(b, total);
}

void bytes_free(struct bytes *b, struct bytes_total *total)
{
	total->held -= b->room;
	free(b->p);
	*b = (struct bytes){0};
}
