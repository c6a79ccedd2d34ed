/* matrix.c - matrices, their order, their shapes: see ops.h */
#include <string.h>

#include "ops.h"

#define BLOCK 32u /* of a transposing copy: both sides of a block lie in the first cache */

/* ------------------------------------------------------------------------ order */

int32_t ld(const struct matrix *m)
{
	uint64_t n = m->flipped ? m->columns : m->rows;

	return n > 0 ? (int32_t)n : 1;
}

char turned(char op, bool flipped)
{
	return !flipped ? op : op == 'N' ? 'T' : 'N';
}

char mirrored(char uplo, bool flipped)
{
	return !flipped ? uplo : uplo == 'L' ? 'U' : 'L';
}

uint64_t elements(const struct matrix *m)
{
	return m->rows * m->columns;
}

uint64_t matrix_bytes(const struct matrix *m)
{
	return bytes_of(m->rows, m->columns, npy_size(m->type));
}

/* ---------------------------------------------------------------------- copying */

/* A block of `rows` by `columns`, element by element: from a column each to a row each. */
#define TURN(type)                                                                                 \
	static void turn_##type(type *to, size_t to_ld, const type *from, size_t from_ld,          \
		size_t rows, size_t columns)                                                       \
	{                                                                                          \
		for (size_t j = 0; j < columns; j++)                                               \
			for (size_t i = 0; i < rows; i++)                                          \
				memcpy(&to[i * to_ld + j], &from[j * from_ld + i], sizeof(type));  \
	}
TURN(uint32_t)
TURN(uint64_t)
typedef struct {
	uint64_t part[2];
} pair;
TURN(pair)

static void turn(uint8_t *to, size_t to_ld, const uint8_t *from, size_t from_ld, size_t rows,
	size_t columns, size_t size)
{
	if (size == sizeof(uint32_t))
		turn_uint32_t((uint32_t *)(void *)to, to_ld, (const uint32_t *)(const void *)from,
			from_ld, rows, columns);
	else if (size == sizeof(uint64_t))
		turn_uint64_t((uint64_t *)(void *)to, to_ld, (const uint64_t *)(const void *)from,
			from_ld, rows, columns);
	else
		turn_pair((pair *)(void *)to, to_ld, (const pair *)(const void *)from, from_ld,
			rows, columns);
}

/* The transpose of m columns of n into n columns of m. */
static void transpose(uint8_t *to, size_t to_ld, const uint8_t *from, size_t from_ld, size_t n,
	size_t m, size_t size)
{
	for (size_t j = 0; j < m; j += BLOCK)
		for (size_t i = 0; i < n; i += BLOCK)
			turn(to + (i * to_ld + j) * size, to_ld, from + (j * from_ld + i) * size,
				from_ld, n - i < BLOCK ? n - i : BLOCK,
				m - j < BLOCK ? m - j : BLOCK, size);
}

void matrix_copy(void *to, bool to_flipped, int32_t to_ld, const struct matrix *from)
{
	size_t size = npy_size(from->type), lead = (size_t)to_ld, from_ld = (size_t)ld(from);
	size_t n = (size_t)(from->flipped ? from->columns : from->rows);
	size_t m = (size_t)(from->flipped ? from->rows : from->columns);

	if (n == 0 || m == 0)
		return;
	if (to_flipped != from->flipped)
		transpose(to, lead, from->at, from_ld, n, m, size);
	else if (lead == n)
		memcpy(to, from->at, n * m * size);
	else
		for (size_t j = 0; j < m; j++)
			memcpy((uint8_t *)to + j * lead * size,
				(const uint8_t *)from->at + j * from_ld * size, n * size);
}

void matrix_conjugate(void *to, const struct matrix *from)
{
	memcpy(to, from->at, (size_t)matrix_bytes(from));
	for (uint64_t i = 0; i < elements(from); i++) {
		if (from->type == NPY_C8)
			((float *)to)[2 * i + 1] = -((float *)to)[2 * i + 1];
		else
			((double *)to)[2 * i + 1] = -((double *)to)[2 * i + 1];
	}
}

#define ADD(type)                                                                                  \
	static void add_##type(                                                                    \
		type *to, const type *from, type re, type im, uint64_t n, bool is_complex)         \
	{                                                                                          \
		for (uint64_t i = 0; i < n; i += is_complex ? 2 : 1) {                             \
			type first = to[i];                                                        \
                                                                                                   \
			to[i] = from[i] + re * first - (is_complex ? im * to[i + 1] : 0);          \
			if (is_complex)                                                            \
				to[i + 1] = from[i + 1] + re * to[i + 1] + im * first;             \
		}                                                                                  \
	}
ADD(float)
ADD(double)

void matrix_add(const struct matrix *to, const void *from, struct number beta)
{
	bool is_complex = to->type == NPY_C8 || to->type == NPY_C16;
	uint64_t n = elements(to) * (is_complex ? 2 : 1);

	if (to->type == NPY_F4 || to->type == NPY_C8)
		add_float(to->at, from, (float)beta.re, (float)beta.im, n, is_complex);
	else
		add_double(to->at, from, beta.re, beta.im, n, is_complex);
}

void triangle_clear(void *at, enum npy_type type, char uplo, int32_t m, int32_t n, int32_t lead)
{
	size_t size = npy_size(type);

	for (int32_t j = 0; j < n; j++) {
		uint8_t *column = (uint8_t *)at + (size_t)j * (size_t)lead * size;

		if (uplo == 'U')
			memset(column, 0, (size_t)(j < m ? j : m) * size);
		else if (j + 1 < m)
			memset(column + (size_t)(j + 1) * size, 0, (size_t)(m - j - 1) * size);
	}
}

void identity(void *at, enum npy_type type, uint64_t n)
{
	memset(at, 0, (size_t)(n * n * npy_size(type)));
	for (uint64_t i = 0; i < n; i++) {
		if (type == NPY_F4)
			((float *)at)[i * n + i] = 1;
		else
			((double *)at)[i * n + i] = 1;
	}
}

/* ---------------------------------------------------------------------- looking */

bool all_finite(const struct matrix *m)
{
	/* a sum of zeros; Inf and NaN times 0 are NaN */
	double sum = 0;

	for (uint64_t i = 0; i < elements(m); i++)
		sum += 0 *
			(m->type == NPY_F4 ? (double)((const float *)m->at)[i]
					   : ((const double *)m->at)[i]);
	return sum == 0;
}

int32_t zero_on_diagonal(const struct matrix *m)
{
	uint64_t n = m->rows < m->columns ? m->rows : m->columns, step = (uint64_t)ld(m) + 1;

	for (uint64_t i = 0; i < n; i++)
		if (m->type == NPY_F4 ? ((const float *)m->at)[i * step] == 0
				      : ((const double *)m->at)[i * step] == 0)
			return (int32_t)i + 1;
	return 0;
}

/* ----------------------------------------------------------------------- shapes */

bool must_be_matrix(struct call *c, unsigned i)
{
	return c->in[i].dims == 2 || wrong_shape(c, i, "(m, n)");
}

bool must_be_square(struct call *c, unsigned i)
{
	const struct matrix *m = &c->in[i];

	return (m->dims == 2 && m->rows == m->columns) || wrong_shape(c, i, "(n, n)");
}

bool must_have_rows(struct call *c, unsigned i, uint64_t rows)
{
	return (c->in[i].dims > 0 && c->in[i].rows == rows) ||
		wrong_shape(c, i, "(%llu,) or (%llu, k)", (unsigned long long)rows,
			(unsigned long long)rows);
}

bool must_be(struct call *c, unsigned i, uint64_t rows, uint64_t columns)
{
	const struct matrix *m = &c->in[i];

	return (m->dims == 2 && m->rows == rows && m->columns == columns) ||
		wrong_shape(c, i, "(%llu, %llu)", (unsigned long long)rows,
			(unsigned long long)columns);
}

/* ---------------------------------------------------------------------- numbers */

union scalar scalar_of(enum npy_type type, struct number n)
{
	union scalar s;

	if (type == NPY_F4 || type == NPY_C8)
		s.f[0] = (float)n.re, s.f[1] = (float)n.im;
	else
		s.d[0] = n.re, s.d[1] = n.im;
	return s;
}

uint64_t queried(enum npy_type type, const union scalar *answer)
{
	/* a count in a float is rounded, perhaps down */
	double n = type == NPY_F4 ? (double)answer->f[0] * (1 + 0x1p-22) + 1 : answer->d[0];

	return n < 1 ? npy_size(type) : n > INT32_MAX ? BYTES_MOST : (uint64_t)n * npy_size(type);
}

int32_t queried_elements(const struct call *c, unsigned work)
{
	return (int32_t)(c->work[work] / npy_size(c->in[0].type));
}
