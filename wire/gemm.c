/* wire/gemm.c - see gemm.h */
#include "wire/gemm.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/num.h"

static const uint8_t sizes[MF_GEMM_TYPES] = {4, 8, 8, 16};

static bool is_letter(uint8_t trans)
{
	return trans == 'N' || trans == 'T' || trans == 'C';
}

static bool is_extent(uint64_t n)
{
	return n >= 1 && n <= MF_GEMM_MOST;
}

/* Extents are below 2^31 and elements have 16 bytes at most: no product of them is 2^66 that isn't looked at. */
static bool lay(struct gemm_matrix *x, uint64_t rows, uint64_t columns, uint64_t ld, uint64_t at,
	uint64_t element)
{
	uint64_t elements;

	*x = (struct gemm_matrix){.rows = rows, .columns = columns, .ld = ld, .at = at};
	return is_extent(ld) && ld >= rows && !__builtin_mul_overflow(ld, columns - 1, &elements) &&
		!__builtin_add_overflow(elements, rows, &elements) &&
		!__builtin_mul_overflow(elements, element, &x->bytes) &&
		!__builtin_mul_overflow(rows * columns, element, &x->dense);
}

const char *gemm_check(
	const struct mf_gemm *g, uint64_t input_bytes, uint64_t output_bytes, struct gemm_shape *s)
{
	const bool complex = g->type == MF_GEMM_C || g->type == MF_GEMM_Z;
	const bool at = g->transa != 'N', bt = g->transb != 'N';

	if (g->type >= MF_GEMM_TYPES || !is_letter(g->transa) || !is_letter(g->transb) ||
		g->reserved[0] != 0 || g->reserved[1] != 0)
		return "a type, 'transa' or 'transb' that there isn't";
	if (!is_extent(g->m) || !is_extent(g->n) || !is_extent(g->k))
		return "an extent of none, or of 2^31 or more";
	if (!complex && (g->alpha[1] != 0 || g->beta[1] != 0))
		return "an imaginary part with a real type";
	s->element = sizes[g->type];
	if (!lay(&s->a, at ? g->k : g->m, at ? g->m : g->k, g->lda, g->a, s->element) ||
		!lay(&s->b, bt ? g->n : g->k, bt ? g->k : g->n, g->ldb, g->b, s->element) ||
		!lay(&s->c, g->m, g->n, g->ldc, g->c, s->element))
		return "columns that overlap, or that no memory can hold";
	if (!num_fits(s->a.at, s->a.bytes, input_bytes) ||
		!num_fits(s->b.at, s->b.bytes, input_bytes))
		return "an operand that isn't all in the input area";
	if (!num_fits(s->c.at, s->c.bytes, output_bytes))
		return "a result that isn't all in the output area";
	s->flop = (complex ? 8.0 : 2.0) * (double)g->m * (double)g->n * (double)g->k;
	return NULL;
}
