/* accelerate.c - see accelerate.h */
#include "accelerate.h"

#include <string.h>

static const uint32_t types[] = {
	[NPY_F4] = MF_GEMM_S, [NPY_F8] = MF_GEMM_D, [NPY_C8] = MF_GEMM_C, [NPY_C16] = MF_GEMM_Z};

/* Where it lies in `area`; false: elsewhere. */
static bool offset_in(const void *at, const uint8_t *area, size_t n, uint64_t *offset)
{
	uintptr_t p = (uintptr_t)at, from = (uintptr_t)area;

	*offset = p - from;
	return area != NULL && p >= from && p - from < n;
}

static void take(double to[static 2], enum npy_type type, const union scalar *from)
{
	const bool single = type == NPY_F4 || type == NPY_C8;

	to[0] = single ? (double)from->f[0] : from->d[0];
	if (type == NPY_C8 || type == NPY_C16)
		to[1] = single ? (double)from->f[1] : from->d[1];
}

/* False: something isn't where the hub could find it. */
static bool describe(const struct call *c, const struct product *p, struct mf_gemm *g)
{
	const struct hardware *h = c->hardware;
	const struct matrix *to = &c->out[0];

	*g = (struct mf_gemm){.type = types[to->type],
		.transa = (uint8_t)p->left.letter,
		.transb = (uint8_t)p->right.letter,
		.m = (uint64_t)p->m,
		.n = (uint64_t)p->n,
		.k = (uint64_t)p->k,
		.lda = (uint64_t)p->left.ld,
		.ldb = (uint64_t)p->right.ld,
		.ldc = (uint64_t)ld(to)};
	take(g->alpha, to->type, p->alpha);
	take(g->beta, to->type, p->beta);
	return offset_in(p->left.at, h->input, h->input_n, &g->a) &&
		offset_in(p->right.at, h->input, h->input_n, &g->b) &&
		offset_in(to->at, h->output, h->output_n, &g->c);
}

enum accelerated accelerate(struct call *c, const struct product *p)
{
	const struct hardware *h = c->hardware;
	struct mf_gemm gemm;
	unsigned status;

	if (!h || !(c->flop >= h->least) || !describe(c, p, &gemm))
		return ACCELERATED_NEVER;
	status = h->gemm(&gemm, c->device, sizeof(c->device));
	if (status == 200)
		return ACCELERATED;
	c->device[0] = '\0';
	if (status != 504)
		return NOT_ACCELERATED;
	(void)wrong(c, 504, "the accelerator took too long");
	return ACCELERATOR_LATE;
}
