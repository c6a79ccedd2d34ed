/* hub/jobs/copy.c - see copy.h */
#include "hub/jobs/copy.h"

/* The first row of it that ends behind `at`. */
static uint64_t first_row(const struct job_piece *p, uint64_t at)
{
	uint64_t behind;

	if (at < p->to + p->row)
		return 0;
	behind = at - p->to -
		p->row; /* a row that begins at to + r * stride ends there or before: it is over */
	return p->rows == 1 ? 1 : behind / p->to_stride + 1;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The rows from `row` on that lie in the window whole, or the part of this one that does; false: none does. */
static bool cut_piece(
	const struct job_piece *p, uint64_t at, uint64_t n, uint64_t row, struct job_piece *out)
{
	uint64_t begin = p->to + row * p->to_stride, end = begin + p->row, until = at + n;

	if (row >= p->rows || begin >= until)
		return false;
	*out = *p;
	out->rows = 1;
	out->from += row * p->from_stride;
	out->row = lesser(end, until) - begin;
	if (begin < at) {
		out->from += at - begin;
		out->row -= at - begin;
		out->to = 0;
		return true;
	}
	out->to = begin - at;
	if (end <= until && p->rows > 1)
		out->rows = lesser(p->rows - row, (until - end) / p->to_stride + 1);
	return true;
}

bool job_cut(const struct job_bytes *bytes, uint64_t at, uint64_t n, struct job_cut *cut,
	struct job_piece *rows)
{
	for (; cut->piece < bytes->count; cut->piece++, cut->row = 0) {
		const struct job_piece *p = &bytes->pieces[cut->piece];

		if (cut->row == 0)
			cut->row = first_row(p, at);
		if (cut_piece(p, at, n, cut->row, rows)) {
			cut->row += rows->rows;
			return true;
		}
	}
	return false;
}

bool job_bytes_dense(const struct job_bytes *bytes)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < bytes->count; i++) {
		const struct job_piece *p = &bytes->pieces[i];

		if (p->to != at || (p->rows > 1 && p->to_stride != p->row))
			return false;
		at += p->row * p->rows;
	}
	return at == bytes->bytes;
}
