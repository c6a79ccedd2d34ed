/* client/c/pieces.c - a body that lies in several places: its size, and reading it from anywhere. */
#include <string.h>

#include "client/c/inner.h"

static size_t rows_of(const struct mayfly_piece *piece)
{
	return piece->rows ? piece->rows : 1;
}

static bool is_empty(const struct mayfly_piece *piece)
{
	return piece->bytes == 0;
}

bool pieces_size(const struct mayfly_piece *pieces, size_t count, uint64_t *bytes)
{
	uint64_t sum = 0, each;

	if (count > 0 && !pieces)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!pieces[i].data && pieces[i].bytes > 0)
			return false;
		if (__builtin_mul_overflow(pieces[i].bytes, rows_of(&pieces[i]), &each) ||
			__builtin_add_overflow(sum, each, &sum) || sum > INT64_MAX)
			return false;
	}
	*bytes = sum;
	return true;
}

void cursor_seek(struct cursor *c, uint64_t offset)
{
	for (c->piece = 0; c->piece < c->count; c->piece++) {
		const struct mayfly_piece *piece = &c->pieces[c->piece];
		uint64_t bytes = piece->bytes * rows_of(piece);

		if (offset < bytes) {
			c->row = offset / piece->bytes;
			c->at = offset % piece->bytes;
			return;
		}
		offset -= bytes;
	}
	c->row = c->at = 0;
}

const void *cursor_next(struct cursor *c, size_t *n)
{
	const struct mayfly_piece *piece;
	const char *from;

	while (c->piece < c->count && is_empty(&c->pieces[c->piece]))
		c->piece++;
	if (c->piece == c->count)
		return NULL;
	piece = &c->pieces[c->piece];
	from = (const char *)piece->data + (ptrdiff_t)c->row * piece->stride + c->at;
	if (*n > piece->bytes - c->at)
		*n = piece->bytes - c->at;
	c->at += *n;
	if (c->at < piece->bytes)
		return from;
	c->at = 0;
	if (++c->row == rows_of(piece)) {
		c->row = 0;
		c->piece++;
	}
	return from;
}

size_t cursor_read(struct cursor *c, void *to, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t some = n - done;
		const void *from = cursor_next(c, &some);

		if (!from)
			break;
		memcpy((char *)to + done, from, some);
		done += some;
	}
	return done;
}
