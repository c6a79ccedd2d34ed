/* plan.c - the plan of a job, written as JSON: see plan.h */
#include "plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ops.h"
#include "strassen.h"
#include "wire/base64.h"
#include "wire/http_text.h"

/* --------------------------------------------------------------------- the text */

struct plan {
	struct ask ask;
	struct call product; /* with its shape; its operands lie at `place` */
	struct place place[OPERANDS_MOST];
	struct split split;
	struct mf_str query; /* the client's */
	uint64_t k;
	char *text;
	size_t n, size; /* n > size: it doesn't fit */
};

static void put(struct plan *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct plan *p, const char *format, ...)
{
	size_t left = p->n < p->size ? p->size - p->n : 0;
	va_list list;

	va_start(list, format);
	p->n += (size_t)vsnprintf(left ? p->text + p->n : NULL, left, format, list);
	va_end(list);
}

/* Commas between the elements of a list. */
static const char *comma(uint64_t i)
{
	return i > 0 ? "," : "";
}

/* ------------------------------------------------------------------- the headers */

/* Parts of a matrix are of two sizes in each direction: the last ones, and all others. So there are four headers
 * for parts of a, of b and of the result, and one for all of it. */
enum { LITERALS_A = 0, LITERALS_B = 4, LITERALS_C = 8, LITERAL_RESULT = 12, LITERALS };

struct range {
	uint64_t from, size;
	bool last;
};

static struct range part(const struct cut *cut, uint64_t i, uint64_t n)
{
	uint64_t from = i * cut->size;
	bool last = i + 1 == cut->parts;

	return (struct range){from, last ? n - from : cut->size, last};
}

static void put_literal(
	struct plan *p, unsigned i, const struct matrix *like, uint64_t rows, uint64_t columns)
{
	const uint64_t shape[2] = {rows, columns};
	uint8_t header[NPY_WRITTEN];
	char text[BASE64_TEXT(NPY_WRITTEN)];

	npy_write(like->type, !like->flipped, 2, shape, header);
	put(p, "%s\"%.*s\"", comma(i), (int)base64_write(mf_str_of(header, sizeof(header)), text),
		text);
}

static bool turned_a(const struct call *c)
{
	return option_letter(&c->options, OPTION_TRANSA) != 'N';
}

static bool turned_b(const struct call *c)
{
	return option_letter(&c->options, OPTION_TRANSB) != 'N';
}

static void put_literals(struct plan *p)
{
	const struct call *c = &p->product;
	const struct split *s = &p->split;
	const struct matrix *to = &c->out[0];
	bool at = turned_a(c), bt = turned_b(c);

	put(p, "\"literals\":[");
	for (unsigned i = 0; i < LITERAL_RESULT; i++) {
		bool first = i & 2, second = i & 1;
		struct range m = part(&s->m, first ? s->m.parts - 1 : 0, to->rows);
		struct range n = part(&s->n, second ? s->n.parts - 1 : 0, to->columns);
		struct range k =
			part(&s->k, (i < LITERALS_B ? second : first) ? s->k.parts - 1 : 0, p->k);

		if (i < LITERALS_B)
			put_literal(p, i, &c->in[0], at ? k.size : m.size, at ? m.size : k.size);
		else if (i < LITERALS_C)
			put_literal(p, i, &c->in[1], bt ? n.size : k.size, bt ? k.size : n.size);
		else
			put_literal(p, i, to, m.size, n.size);
	}
	put_literal(p, LITERAL_RESULT, to, to->rows, to->columns);
	put(p, "],");
}

static unsigned literal(unsigned of, struct range first, struct range second)
{
	return of + (first.last ? 2u : 0u) + (second.last ? 1u : 0u);
}

/* -------------------------------------------------------------------- the pieces */

/* `rows` runs of `row` bytes; in one piece if they lie together on both sides. */
static void put_piece(struct plan *p, char kind, uint64_t source, uint64_t to, uint64_t from,
	uint64_t row, uint64_t rows, uint64_t from_stride, uint64_t to_stride)
{
	typedef unsigned long long llu;

	put(p, "[\"%c%llu\",%llu,%llu,%llu", kind, (llu)source, (llu)to, (llu)from,
		(llu)(row == from_stride && row == to_stride ? row * rows : row));
	if (row != from_stride || row != to_stride)
		put(p, ",%llu,%llu,%llu", (llu)rows, (llu)from_stride, (llu)to_stride);
	put(p, "]");
}

static uint64_t part_bytes(const struct plan *p, uint64_t rows, uint64_t columns)
{
	return rows * columns * npy_size(p->product.in[0].type);
}

/* Where a part of a matrix lies: where its first run begins, how long runs are and how far apart. */
struct runs {
	uint64_t from, row, rows, stride;
};

static struct runs runs_of(const struct matrix *m, struct range rows, struct range columns)
{
	uint64_t size = npy_size(m->type), line = (m->flipped ? m->columns : m->rows) * size;
	struct range along = m->flipped ? columns : rows, across = m->flipped ? rows : columns;

	return (struct runs){
		across.from * line + along.from * size, along.size * size, across.size, line};
}

/* A header and a part of an operand; `at` is then behind it. */
static void put_part(struct plan *p, unsigned i, unsigned header, struct range rows,
	struct range columns, uint64_t *at)
{
	struct runs runs = runs_of(&p->product.in[i], rows, columns);

	put(p, "[\"l%u\",%llu,0,%u],", header, (unsigned long long)*at, NPY_WRITTEN);
	*at += NPY_WRITTEN;
	put_piece(p, 'o', p->place[i].operand, *at, p->place[i].offset + runs.from, runs.row,
		runs.rows, runs.stride, runs.row);
	*at += runs.row * runs.rows;
}

/* --------------------------------------------------------------------- the tasks */

static void put_query(struct plan *p, bool first)
{
	const struct options *o = &p->product.options;
	struct mf_str alpha = http_parameter(p->query, "alpha"),
		      beta = http_parameter(p->query, "beta");

	put(p, "transa=%c&transb=%c&order=%c", option_letter(o, OPTION_TRANSA) + 32,
		option_letter(o, OPTION_TRANSB) + 32, p->product.out[0].flipped ? 'c' : 'f');
	if (p->split.levels > 0)
		put(p, "&algorithm=strassen");
	if (o->given & OPTION(ALPHA))
		put(p, "&alpha=%.*s", (int)alpha.n, (const char *)alpha.p);
	if (first && (o->given & OPTION(BETA)))
		put(p, "&beta=%.*s", (int)beta.n, (const char *)beta.p);
}

/* A tile's part of the sum: what the part before left, or c, is what it is added to. */
static void put_task(struct plan *p, uint64_t number, uint64_t i, uint64_t j, uint64_t part_of_k)
{
	const struct call *c = &p->product;
	struct range m = part(&p->split.m, i, c->out[0].rows),
		     n = part(&p->split.n, j, c->out[0].columns);
	struct range k = part(&p->split.k, part_of_k, p->k);
	bool at = turned_a(c), bt = turned_b(c), first = part_of_k == 0;
	uint64_t bytes = 0, result = NPY_WRITTEN + part_bytes(p, m.size, n.size);

	put(p, "%s{\"path\":\"/linalg/multiply\",\"query\":\"", comma(number));
	put_query(p, first);
	put(p, "\",\"type\":\"application/x-npy\",\"pieces\":[");
	put_part(p, 0, literal(LITERALS_A, m, k), at ? k : m, at ? m : k, &bytes);
	put(p, ",");
	put_part(p, 1, literal(LITERALS_B, k, n), bt ? n : k, bt ? k : n, &bytes);
	if (first && c->operands > 2) {
		put(p, ",");
		put_part(p, 2, literal(LITERALS_C, m, n), m, n, &bytes);
	} else if (!first) {
		put(p, ",[\"t%llu\",%llu,0,%llu]", (unsigned long long)number - 1,
			(unsigned long long)bytes, (unsigned long long)result);
		bytes += result;
	}
	put(p, "],\"bytes\":%llu,\"result\":%llu,\"weight\":%.0f}", (unsigned long long)bytes,
		(unsigned long long)result,
		2 * (double)m.size * (double)n.size * (double)k.size + (double)bytes);
}

/* Tiles come as they lie in the answer, so that its beginning is whole early (hub/jobs/place.c). */
static uint64_t tile_number(const struct plan *p, uint64_t i, uint64_t j)
{
	return p->product.out[0].flipped ? i * p->split.n.parts + j : j * p->split.m.parts + i;
}

static void put_result(struct plan *p)
{
	const struct matrix *to = &p->product.out[0];
	const struct split *s = &p->split;
	char algorithm[64] = "classic";

	if (s->levels > 0)
		snprintf(algorithm, sizeof(algorithm), "strassen-winograd; levels=%u", s->levels);
	put(p, "],\"result\":{\"type\":\"application/x-npy\",");
	if (p->product.options.given & (OPTION(ALGORITHM) | OPTION(TOLERANCE)))
		put(p, "\"headers\":\"Mayfly-Algorithm: %s\\r\\nMayfly-Error-Bound: %.3g\\r\\n\",",
			algorithm, strassen_bound(to->type, p->k, s->k.parts, s->levels));
	put(p, "\"bytes\":%llu,\"pieces\":[[\"l%u\",0,0,%u]",
		(unsigned long long)NPY_WRITTEN + part_bytes(p, to->rows, to->columns),
		LITERAL_RESULT, NPY_WRITTEN);
	for (uint64_t i = 0; i < s->m.parts; i++)
		for (uint64_t j = 0; j < s->n.parts; j++) {
			struct runs runs =
				runs_of(to, part(&s->m, i, to->rows), part(&s->n, j, to->columns));

			put(p, ",");
			put_piece(p, 't', (tile_number(p, i, j) + 1) * s->k.parts - 1,
				NPY_WRITTEN + runs.from, NPY_WRITTEN, runs.row, runs.rows, runs.row,
				runs.stride);
		}
	put(p, "]}}\n");
}

static void put_product(struct plan *p)
{
	const struct split *s = &p->split;
	bool by_rows = p->product.out[0].flipped;
	uint64_t number = 0;

	put(p, "{\"version\":1,");
	put_literals(p);
	put(p, "\"tasks\":[");
	for (uint64_t tile = 0; tile < s->m.parts * s->n.parts; tile++)
		for (uint64_t k = 0; k < s->k.parts; k++)
			put_task(p, number++, by_rows ? tile / s->n.parts : tile % s->m.parts,
				by_rows ? tile % s->n.parts : tile / s->m.parts, k);
	put_result(p);
}

/* ----------------------------------------------------------------------- the way */

static bool too_large(struct call *c, const struct ask *ask)
{
	return wrong(c, 413, "%s is done in one life: %llu bytes are more than its input has, %llu",
		c->op->name, (unsigned long long)ask_bytes(ask),
		(unsigned long long)ask->head.input_most);
}

/* Fewer levels as long as the bound isn't kept to; those of auto only. */
static bool choose_levels(struct plan *p, struct call *c, const struct options *options)
{
	bool bounded = (options->given & OPTION(TOLERANCE)) != 0;
	double most = options->number[OPTION_TOLERANCE].re, bound;

	if (options->word[OPTION_ALGORITHM] == ALGORITHM_AUTO && !bounded)
		return wrong(c, 400, "algorithm=auto needs a tolerance");
	while (p->split.levels > 0 && options->word[OPTION_ALGORITHM] == ALGORITHM_AUTO &&
		!(strassen_bound(c->in[0].type, p->k, p->split.k.parts, p->split.levels) <= most))
		p->split.levels--;
	bound = strassen_bound(c->in[0].type, p->k, p->split.k.parts, p->split.levels);
	return !bounded || bound <= most ||
		wrong(c, 422, "the error's bound is %.3g, the tolerance %.3g", bound, most);
}

/* The product's shape, without what is chosen only here. */
static bool plan_product(struct plan *p, struct call *c)
{
	struct call *product = &p->product;

	*product = *c;
	product->capacity = SIZE_MAX;
	product->options.given &= ~OPTION(TOLERANCE);
	product->options.word[OPTION_ALGORITHM] = ALGORITHM_CLASSIC;
	if (!multiply_shape(product)) {
		c->problem = product->problem;
		return false;
	}
	product->options = c->options;
	p->k = turned_a(c) ? c->in[0].rows : c->in[0].columns;
	if (!split_product(product, &p->ask.head, &p->split))
		return wrong(c, 413, "this product would be more than %u tasks", TASKS_MOST);
	if (!choose_levels(p, c, &c->options))
		return false;
	put_product(p);
	return true;
}

static bool make_plan(struct plan *p, struct call *c, const struct request *request)
{
	struct look look = {0};
	char text[sizeof(c->problem.detail)];

	if (!ask_read(request->body, &p->ask))
		return wrong(c, 400, "this is no question for a plan");
	if (!find_op(c, request))
		return false;
	if (!options_read(request->query, c->op->options, &c->options, text, sizeof(text)))
		return wrong(c, 400, "%s", text);
	if (c->op->run != multiply_run)
		return too_large(c, &p->ask);
	if (ask_operands(&p->ask, c, p->place, &look))
		return plan_product(p, c);
	if (look.bytes > 0)
		put(p, "{\"version\":1,\"read\":[[%u,%llu,%llu]]}\n", look.operand,
			(unsigned long long)look.offset, (unsigned long long)look.bytes);
	return look.bytes > 0;
}

void linalg_plan(const struct request *request, struct answer *answer)
{
	struct call c = {0};
	struct plan p = {.query = request->query,
		.text = (char *)request->output,
		.size = request->capacity};

	*answer = (struct answer){0};
	if (make_plan(&p, &c, request) && p.n >= p.size)
		wrong(&c, 413, "a plan of %zu bytes has no room", p.n);
	answer->bytes = p.n;
	answer->problem = c.problem;
}
