/* plan_split.c - into which tiles a product is cut: see plan.h */
#include "ops.h"
#include "plan.h"
#include "strassen.h"

#define ROUND 8u    /* tiles are multiples of this, as the registers of processors like them */
#define FEW   2048u /* tasks, up to which it is searched for the best way to cut */
#define SMALL 256u  /* tiles aren't made smaller than this only to have more of them */

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

/* ------------------------------------------------------------------------- cost */

/* Processor seconds for a byte: read from the disk cache into a life's input; hashed, and written; a partial result goes both
 * ways. For a multiplication and an addition of two doubles. As measured (decision 063); only their proportions count. */
#define READ    0.27e-9
#define HASH    1.1e-9
#define PARTIAL 2e-9
#define WORK    25e-12
#define TASK    3e-3 /* whatever it does */
#define LEVEL   0.97 /* what of the work a level of Strassen's way leaves, sums included */

/* What a way to cut costs: reading, partial sums, the work itself; threads that wait for the first tiles, for the last, and while the
 * last line of tiles is hashed. */
static double cost(const struct call *c, uint64_t k, uint32_t threads, const struct split *s)
{
	double size = (double)npy_size(c->in[0].type), m = (double)c->out[0].rows,
	       n = (double)c->out[0].columns, length = (double)k;
	double a = size * m * length, b = size * length * n, to = size * m * n;
	uint64_t lines = c->out[0].flipped ? s->m.parts : s->n.parts, all = tiles(s);
	uint64_t idle = (all + threads - 1) / threads * threads - all;
	double first = size * (double)(s->k.size * (s->m.size + s->n.size)), work = 1;

	for (unsigned i = 0; i < s->levels; i++)
		work *= LEVEL;

	return READ * (a * (double)s->n.parts + b * (double)s->m.parts) +
		PARTIAL * to * (double)(s->k.parts - 1) + READ * first * (double)threads +
		HASH * to / (double)lines * (double)threads + TASK * (double)(all * s->k.parts) +
		WORK * m * n * length * (work + (double)idle / (double)all);
}

/* ----------------------------------------------------------------------- search */

/* The fewest parts of n that fit beside those of m and k; false: none do. What fits in some parts fits in more. */
static bool cut_columns(
	const struct call *c, const struct mf_job_ask *limits, struct split *s, uint64_t n)
{
	uint64_t low = 1, high = n > 0 ? n : 1;

	set_cut(&s->n, n, high);
	if (!fits(c, limits, s))
		return false;
	while (low < high) {
		uint64_t parts = low + (high - low) / 2;

		set_cut(&s->n, n, parts);
		if (fits(c, limits, s))
			high = parts;
		else
			low = parts + 1;
	}
	set_cut(&s->n, n, low);
	return fits(c, limits, s);
}

struct search {
	const struct call *c;
	const struct mf_job_ask *limits;
	uint64_t m, n, k;
	uint32_t threads;
	struct split *best;
	double least; /* what that costs */
};

static void weigh(struct search *f, const struct split *s)
{
	double all = cost(f->c, f->k, f->threads, s);

	if (tiles(s) * s->k.parts > TASKS_MOST || all >= f->least)
		return;
	*f->best = *s;
	f->least = all;
}

/* With so many parts of m and k: the fewest columns' parts that fit, and some more, of which threads may have more. */
static void try_rows(struct search *f, struct split *s)
{
	if (!cut_columns(f->c, f->limits, s, f->n))
		return;
	for (uint64_t i = 0; i < 2 * (uint64_t)f->threads + 2; i++) {
		weigh(f, s);
		if (s->n.size <= SMALL || !cut_more(&s->n, f->n) || !fits(f->c, f->limits, s))
			break;
	}
}

/* The fewest tasks, about: always the longest side; a part of a sum costs what it adds to, so k may be twice as long. */
static bool cut_longest(const struct search *f, struct split *s)
{
	set_cut(&s->m, f->m, 1);
	set_cut(&s->n, f->n, 1);
	set_cut(&s->k, f->k, 1);
	while (!fits(f->c, f->limits, s)) {
		bool more;

		if (tiles(s) * s->k.parts > TASKS_MOST)
			return false;
		if (s->k.size / 2 > s->m.size && s->k.size / 2 > s->n.size)
			more = cut_more(&s->k, f->k);
		else if (s->m.size >= s->n.size)
			more = cut_more(&s->m, f->m);
		else
			more = cut_more(&s->n, f->n);
		if (!more)
			return false;
	}
	return true;
}

/* Few tasks must have as much to do, and the first and last count: all ways to cut are compared. Of many the number counts. */
bool split_product(const struct call *c, const struct mf_job_ask *limits, struct split *best)
{
	struct search f = {.c = c,
		.limits = limits,
		.m = c->out[0].rows,
		.n = c->out[0].columns,
		.k = option_letter(&c->options, OPTION_TRANSA) != 'N' ? c->in[0].rows
								      : c->in[0].columns,
		.threads = limits->threads ? limits->threads : 1,
		.best = best};
	struct split s;
	uint64_t before = 0;

	if (!cut_longest(&f, best))
		return false;
	if (tiles(best) * best->k.parts > FEW)
		return true;
	f.least = cost(c, f.k, f.threads, best);
	set_cut(&s.k, f.k, 1);
	/* more parts of the sum, until that has been no better for a while */
	for (unsigned worse = 0; s.k.parts > before && s.k.parts <= FEW;) {
		double least = f.least;

		set_cut(&s.m, f.m, 1);
		for (bool rows = true; rows && s.m.parts <= FEW;
			rows = s.m.size > SMALL && cut_more(&s.m, f.m))
			try_rows(&f, &s);
		worse = f.least < least ? 0 : worse + 1;
		if (worse > 3 && s.k.parts > best->k.parts)
			break;
		before = s.k.parts;
		set_cut(&s.k, f.k, before + before / 4 + 1);
	}
	return fits(c, limits, best);
}
