/* plan_split.c - into which tiles a product is cut: see plan.h */
#include "ops.h"
#include "plan.h"
#include "strassen.h"

#define ROUND 8u   /* tiles are multiples of this, as the registers of processors like them */
#define SMALL 256u /* tiles aren't made smaller than this only to have more of them */

static void set_cut(struct cut *cut, uint64_t n, uint64_t parts)
{
	uint64_t size = (n + parts - 1) / parts;

	cut->size = size > ROUND ? (size + ROUND - 1) / ROUND * ROUND : size;
	if (cut->size > n || cut->size == 0)
		cut->size = n;
	cut->parts = cut->size > 0 ? (n + cut->size - 1) / cut->size : 1;
}

/* One more part than there are; rounding may need several steps. */
static bool cut_more(struct cut *cut, uint64_t n)
{
	struct cut before = *cut;

	for (uint64_t parts = before.parts + 1; cut->size == before.size && parts <= n; parts++)
		set_cut(cut, n, parts);
	return cut->size < before.size;
}

static uint64_t tile_bytes(const struct call *c, uint64_t rows, uint64_t columns)
{
	return NPY_WRITTEN + bytes_of(rows, columns, npy_size(c->in[0].type));
}

/* A task as the life that runs it will see it: levels too. */
static bool fits(const struct call *c, const struct mf_job_ask *limits, struct split *s)
{
	bool adds = c->operands > 2 || s->k.parts > 1;
	uint64_t to = tile_bytes(c, s->m.size, s->n.size);
	uint64_t input = tile_bytes(c, s->m.size, s->k.size) + tile_bytes(c, s->k.size, s->n.size) +
		(adds ? to : 0);
	/* a conjugate of each tile, and what aligning adds */
	uint64_t result = to + (c->work[0] ? tile_bytes(c, s->m.size, s->k.size) : 0) +
		(c->work[1] ? tile_bytes(c, s->k.size, s->n.size) : 0) + 1024;
	uint64_t most, m = s->m.size, n = s->n.size;

	if (input > limits->input_most || result > limits->result_most)
		return false;
	s->levels = c->options.word[OPTION_ALGORITHM] == ALGORITHM_CLASSIC
		? 0
		: strassen_levels(m, n, s->k.size);
	for (; s->levels > 0; s->levels--) {
		most = strassen_bytes(c->in[0].type, c->out[0].flipped ? n : m,
			c->out[0].flipped ? m : n, s->k.size, s->levels);
		if (result + (adds ? to : 0) + most <= limits->result_most)
			break;
	}
	return true;
}

static uint64_t tiles(const struct split *s)
{
	return s->m.parts * s->n.parts;
}

/* Too few for all threads, or so few that some would wait for the last ones? */
static bool uneven(const struct split *s, uint32_t threads)
{
	uint64_t n = tiles(s), largest = s->m.size > s->n.size ? s->m.size : s->n.size;

	return largest > SMALL && n < 4 * (uint64_t)threads && n % threads != 0;
}

bool split_product(const struct call *c, const struct mf_job_ask *limits, struct split *s)
{
	uint64_t m = c->out[0].rows, n = c->out[0].columns;
	uint64_t k =
		option_letter(&c->options, OPTION_TRANSA) != 'N' ? c->in[0].rows : c->in[0].columns;
	uint32_t threads = limits->threads ? limits->threads : 1;

	set_cut(&s->m, m, 1);
	set_cut(&s->n, n, 1);
	set_cut(&s->k, k, 1);
	for (;;) {
		bool good = fits(c, limits, s), more;

		if (good && !uneven(s, threads))
			return true;
		if (tiles(s) * s->k.parts > TASKS_MOST)
			return false;
		/* the longest side; a part of a sum costs what it adds to, so k may be twice as long */
		if (!good && s->k.size / 2 > s->m.size && s->k.size / 2 > s->n.size)
			more = cut_more(&s->k, k);
		else if (s->m.size >= s->n.size)
			more = cut_more(&s->m, m);
		else
			more = cut_more(&s->n, n);
		if (!more)
			return good;
	}
}
