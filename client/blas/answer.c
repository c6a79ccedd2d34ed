#include "client/blas/answer.h"

#include <string.h>

enum {
	HEAD_FIRST = 12
}; /* bytes that say how long a header is: magic, version, two or four of length */

enum npy_type npy_type_of(char type)
{
	switch (type) {
	case 's': return NPY_F4;
	case 'd': return NPY_F8;
	case 'c': return NPY_C8;
	case 'z': return NPY_C16;
	default: return NPY_I4;
	}
}

void reader_begin(struct reader *reader, const struct expected *expected, unsigned count)
{
	reader->expected = expected;
	reader->count = count;
	reader->at = 0;
	reader->have = 0;
	reader->want = HEAD_FIRST;
	reader->done = reader->all = 0;
	reader->wrong = NULL;
}

static bool fits(const struct expected *e, const struct npy *npy)
{
	if (e->flat)
		return npy->dims == 1 && npy->shape[0] == (uint64_t)e->m.rows;
	return npy->dims == 2 && npy->shape[0] == (uint64_t)e->m.rows &&
		npy->shape[1] == (uint64_t)e->m.cols;
}

static const char *read_head(struct reader *reader)
{
	const struct expected *e = &reader->expected[reader->at];
	struct npy npy;
	const char *wrong = npy_read(mf_str_of(reader->head, reader->have), &npy);

	if (wrong != NULL)
		return wrong;
	if (npy.type != npy_type_of(e->m.type))
		return "an array of another dtype than its operands";
	if (!fits(e, &npy))
		return "an array of another shape than was asked for";
	reader->all = npy.bytes;
	reader->done = 0;
	reader->fortran = npy.fortran || e->flat;
	return NULL;
}

/* How long the header is, from its first bytes (numpy.lib.format): two bytes of length in version 1, else four. */
static size_t head_bytes(const uint8_t *head)
{
	if (head[6] == 1)
		return 10 + (size_t)(head[8] | head[9] << 8);
	return 12 +
		((size_t)head[8] | (size_t)head[9] << 8 | (size_t)head[10] << 16 |
			(size_t)head[11] << 24);
}

static size_t take_head(struct reader *reader, const uint8_t *bytes, size_t n)
{
	size_t taken = reader->want - reader->have < n ? reader->want - reader->have : n;

	memcpy(reader->head + reader->have, bytes, taken);
	reader->have += taken;
	if (reader->have < reader->want)
		return taken;
	if (reader->want == HEAD_FIRST)
		reader->want = head_bytes(reader->head);
	if (reader->want > sizeof(reader->head) || reader->want < HEAD_FIRST)
		reader->wrong = "a header that is too long, or no header";
	else if (reader->have == reader->want)
		reader->wrong = read_head(reader);
	return taken;
}

/* The next bytes of the elements, as many as lie together where they go. */
static size_t take_elements(struct reader *reader, const uint8_t *bytes, size_t n)
{
	const struct matrix *m = &reader->expected[reader->at].m;
	uint64_t size = m->type == 'i' ? 4 : type_size(m->type);
	uint64_t element = reader->done / size, within = reader->done % size;
	uint64_t run = reader->fortran ? (uint64_t)m->rows : (uint64_t)m->cols;
	uint64_t i = element % run, j = element / run;
	uint64_t together = reader->fortran ? (run - i) * size - within : size - within;

	if (!reader->fortran) {
		run = i;
		i = j;
		j = run;
	}
	if (together > n)
		together = n;
	memcpy((uint8_t *)m->data + (i + j * (uint64_t)m->ld) * size + within, bytes, together);
	reader->done += together;
	return together;
}

static void next(struct reader *reader)
{
	reader->at++;
	reader->have = 0;
	reader->want = HEAD_FIRST;
	reader->all = reader->done = 0;
}

bool reader_take(struct reader *reader, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n > 0 && reader->wrong == NULL) {
		size_t taken;

		if (reader->at == reader->count) {
			reader->wrong = "more than was asked for";
			break;
		}
		taken = reader->all > 0 ? take_elements(reader, p, n) : take_head(reader, p, n);
		p += taken;
		n -= taken;
		if (reader->all > 0 && reader->done == reader->all)
			next(reader);
	}
	return reader->wrong == NULL;
}

bool reader_whole(struct reader *reader)
{
	if (reader->wrong == NULL && reader->at < reader->count)
		reader->wrong = "less than was asked for";
	return reader->wrong == NULL;
}
