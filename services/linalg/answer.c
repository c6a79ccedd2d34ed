/* answer.c - a request from its bytes to its answer: see linalg.h */
#include <stdio.h>
#include <string.h>

#include "ops.h"

#define ALIGN       64u
#define EXTENT_MOST ((uint64_t)INT32_MAX) /* what the libraries count with */

/* ------------------------------------------------------------------------- sizes */

uint64_t bytes_of(uint64_t rows, uint64_t columns, uint64_t size)
{
	uint64_t n;

	if (__builtin_mul_overflow(rows, columns, &n) || __builtin_mul_overflow(n, size, &n) ||
		n > BYTES_MOST)
		return BYTES_MOST;
	return n;
}

void result(struct call *c, enum npy_type type, bool flipped, unsigned dims, uint64_t rows,
	uint64_t columns)
{
	c->out[c->results++] = (struct matrix){
		.type = type, .rows = rows, .columns = columns, .dims = dims, .flipped = flipped};
}

uint64_t results_bytes(const struct call *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->results; i++)
		sum += NPY_WRITTEN + matrix_bytes(&c->out[i]);
	return sum;
}

static uint64_t aligned(uint64_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

uint64_t needed_bytes(const struct call *c)
{
	uint64_t sum = aligned(results_bytes(c));

	for (unsigned i = 0; i < WORKS_MOST; i++)
		sum += aligned(c->work[i]);
	return sum;
}

/* ---------------------------------------------------------------------- operands */

static const char *type_words(const struct op *op, unsigned i)
{
	if (op->pivots && i == 1)
		return "<i4 or <i8";
	return op->is_complex ? "<f4, <f8, <c8 or <c16" : "<f4 or <f8";
}

static bool type_taken(const struct call *c, unsigned i, enum npy_type type)
{
	if (c->op->pivots && i == 1)
		return type == NPY_I4 || type == NPY_I8;
	return type <= (c->op->is_complex ? NPY_C16 : NPY_F8) && (i == 0 || type == c->in[0].type);
}

static bool check_type(struct call *c, unsigned i, const struct npy *npy)
{
	struct problem *p = &c->problem;
	const char *wanted = type_words(c->op, i);

	if (type_taken(c, i, npy->type))
		return true;
	if (i > 0 && !(c->op->pivots && i == 1) && c->in[0].type <= NPY_C16)
		wanted = npy_descr[c->in[0].type];
	p->argument = (char)('a' + i);
	snprintf(p->found, sizeof(p->found), "%.*s", (int)(npy->descr.n < 100 ? npy->descr.n : 100),
		(const char *)npy->descr.p);
	snprintf(p->wanted, sizeof(p->wanted), "%s", wanted);
	return wrong(c, 415, "%c has the dtype %s, not %s", p->argument, p->found, p->wanted);
}

static void shape_of(const struct npy *npy, char *to, size_t size)
{
	size_t n = (size_t)snprintf(to, size, "(");

	for (unsigned i = 0; i < npy->dims && n < size; i++)
		n += (size_t)snprintf(to + n, size - n, "%s%llu", i ? ", " : "",
			(unsigned long long)npy->shape[i]);
	if (n < size)
		snprintf(to + n, size - n, "%s)", npy->dims == 1 ? "," : "");
}

static bool check_extents(struct call *c, unsigned i, const struct npy *npy)
{
	struct problem *p = &c->problem;
	bool many = npy->dims > 2;

	if (!many && (npy->dims < 1 || npy->shape[0] <= EXTENT_MOST) &&
		(npy->dims < 2 || npy->shape[1] <= EXTENT_MOST))
		return true;
	p->argument = (char)('a' + i);
	shape_of(npy, p->found, sizeof(p->found));
	snprintf(p->wanted, sizeof(p->wanted), "%s",
		many ? "one or two dimensions" : "at most 2147483647 rows or columns");
	return wrong(c, many ? 422 : 413, "%c has the shape %s, not %s", p->argument, p->found,
		p->wanted);
}

static struct matrix matrix_of(const struct npy *npy, const uint8_t *at)
{
	struct matrix m = {.at = (void *)(uintptr_t)at, .type = npy->type, .rows = 1, .columns = 1};

	m.dims = npy->dims;
	if (m.dims > 0)
		m.rows = npy->shape[0];
	if (m.dims > 1)
		m.columns = npy->shape[1];
	/* one row, or one column, lies the same in either order */
	m.flipped = m.dims == 2 && !npy->fortran && m.rows > 1 && m.columns > 1;
	return m;
}

bool operand_check(struct call *c, const struct npy *npy)
{
	return check_type(c, c->operands, npy) && check_extents(c, c->operands, npy);
}

void operand_add(struct call *c, const struct npy *npy, const uint8_t *at)
{
	c->in[c->operands++] = matrix_of(npy, at);
}

bool operands_enough(struct call *c)
{
	if (c->operands >= c->op->least)
		return true;
	c->problem.argument = (char)('a' + c->operands);
	return wrong(c, 400, "%s takes %u arrays, one after another: %u came", c->op->name,
		c->op->least, c->operands);
}

/* What curl makes of a file if it isn't told otherwise: a form around it (-F), or a text that ends at its first zero, or has none (-d). */
static const char *sent_as(struct mf_str bytes)
{
	static const char as_it_is[] = ": curl --data-binary @FILE sends a file as it is";

	if (bytes.n > 2 && memcmp(bytes.p, "--", 2) == 0)
		return as_it_is;
	if (bytes.n > 6 && memcmp(bytes.p, "\x93NUMPY\x01", 7) == 0 &&
		(bytes.n == 7 || bytes.p[7] != 0))
		return as_it_is;
	return "";
}

bool wrong_array(struct call *c, const char *text, struct mf_str bytes)
{
	c->problem.argument = (char)('a' + c->operands);
	return wrong(
		c, 400, "%c is no .npy array: %s%s", 'a' + (int)c->operands, text, sent_as(bytes));
}

/* The next operand. A header of a dtype that isn't served is a 415, also if its elements aren't there. */
static bool take_operand(struct call *c, struct mf_str *body)
{
	const struct mf_str from = *body;
	struct npy npy;
	const uint8_t *at = NULL;
	const char *text = npy_read(from, &npy);

	if (text == NULL) {
		if (!operand_check(c, &npy))
			return false;
		text = npy_next(body, &npy, &at);
	}
	if (text)
		return wrong_array(c, text, from);
	operand_add(c, &npy, at);
	return true;
}

static bool take_operands(struct call *c, struct mf_str body)
{
	while (body.n > 0 && c->operands < c->op->most)
		if (!take_operand(c, &body))
			return false;
	if (!operands_enough(c))
		return false;
	return body.n == 0 || wrong(c, 400, "%zu bytes stand behind the last array", body.n);
}

/* Elements that lie askew, behind a header of another length than NumPy's, are copied behind all else. */
static bool is_askew(const struct matrix *m)
{
	return (uintptr_t)m->at % (npy_size(m->type) < 8 ? 4 : 8) != 0;
}

static uint64_t askew_bytes(const struct call *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->operands; i++)
		if (is_askew(&c->in[i]))
			sum += aligned(matrix_bytes(&c->in[i]));
	return sum;
}

static void straighten(struct call *c, uint8_t *to)
{
	for (unsigned i = 0; i < c->operands; i++) {
		if (!is_askew(&c->in[i]))
			continue;
		memcpy(to, c->in[i].at, (size_t)matrix_bytes(&c->in[i]));
		c->in[i].at = to;
		to += aligned(matrix_bytes(&c->in[i]));
	}
}

/* ------------------------------------------------------------------------ memory */

/* So many 1024ths of an extent, but something of what is something. */
static uint64_t lessened(uint64_t extent, uint64_t part)
{
	uint64_t n = extent / 1024 * part + extent % 1024 * part / 1024;

	return n == 0 && extent > 0 ? 1 : n;
}

/* Would it fit with all extents by so many 1024ths? */
static bool fits(const struct call *c, uint64_t part, uint64_t capacity)
{
	struct call smaller = {
		.op = c->op, .options = c->options, .operands = c->operands, .capacity = capacity};

	for (unsigned i = 0; i < c->operands; i++) {
		smaller.in[i] = c->in[i];
		smaller.in[i].rows = lessened(c->in[i].rows, part);
		if (c->in[i].dims == 2)
			smaller.in[i].columns = lessened(c->in[i].columns, part);
	}
	return c->op->shape(&smaller) && needed_bytes(&smaller) <= capacity;
}

static bool too_large(struct call *c, uint64_t need, uint64_t capacity)
{
	uint64_t least = 0, most = 1024;

	while (most - least > 1) {
		uint64_t middle = (least + most) / 2;

		if (fits(c, middle, capacity))
			least = middle;
		else
			most = middle;
	}
	snprintf(c->problem.wanted, sizeof(c->problem.wanted), "a of (%llu, %llu) or less",
		(unsigned long long)lessened(c->in[0].rows, least),
		(unsigned long long)lessened(c->in[0].columns, least));
	snprintf(c->problem.found, sizeof(c->problem.found), "a of (%llu, %llu)",
		(unsigned long long)c->in[0].rows, (unsigned long long)c->in[0].columns);
	return wrong(c, 413,
		"%s of this needs %llu bytes for its results and while it works, a life has %llu: "
		"%s fits",
		c->op->name, (unsigned long long)need, (unsigned long long)capacity,
		c->problem.wanted);
}

/* Gives results and work memory their places. */
static bool place(struct call *c, const struct request *request)
{
	uint64_t need = needed_bytes(c) + askew_bytes(c), at = 0;

	if (need > request->capacity)
		return too_large(c, need, request->capacity);
	for (unsigned i = 0; i < c->results; i++) {
		c->out[i].at = request->output + at + NPY_WRITTEN;
		at += NPY_WRITTEN + matrix_bytes(&c->out[i]);
	}
	at = aligned(at);
	for (unsigned i = 0; i < WORKS_MOST; i++) {
		c->work_at[i] = request->output + at;
		at += aligned(c->work[i]);
	}
	straighten(c, request->output + at);
	return true;
}

static void write_headers(const struct call *c)
{
	for (unsigned i = 0; i < c->results; i++) {
		const struct matrix *m = &c->out[i];
		const uint64_t shape[2] = {m->rows, m->columns};

		npy_write(m->type, !m->flipped && m->dims == 2, m->dims, shape,
			(uint8_t *)m->at - NPY_WRITTEN);
	}
}

/* ----------------------------------------------------------------------- the way */

#define PREFIX "/linalg/"

bool find_op(struct call *c, const struct request *request)
{
	struct mf_str name = request->path, prefix = MF_STR(PREFIX);
	char all[200] = "";
	size_t n = 0;

	if (name.n > prefix.n && mf_str_eq(mf_str_of(name.p, prefix.n), prefix))
		name = mf_str_of(name.p + prefix.n, name.n - prefix.n);
	for (size_t i = 0; i < ops_count; i++) {
		if (mf_str_is(name, ops[i].name))
			c->op = &ops[i];
		if (n < sizeof(all))
			n += (size_t)snprintf(
				all + n, sizeof(all) - n, "%s%s", i ? ", " : "", ops[i].name);
	}
	if (c->op == NULL)
		return wrong(c, 404, "there is no such operation. " PREFIX "...: %s", all);
	return mf_str_is(request->method, "POST") ||
		wrong(c, 405, "arrays come with POST, results are its answer");
}

static bool check_values(struct call *c)
{
	char text[sizeof(c->problem.detail)];
	bool real = c->in[0].type == NPY_F4 || c->in[0].type == NPY_F8;
	static const char *const names[] = {"alpha", "beta"};

	for (unsigned i = OPTION_ALPHA; i <= OPTION_BETA; i++) {
		snprintf(text, sizeof(text), "%s has an imaginary part, a none", names[i]);
		if (real && c->options.number[i].im != 0)
			return wrong(c, 400, "%s", text);
	}
	if (c->op->finite && !all_finite(&c->in[0])) {
		c->problem.argument = 'a';
		return wrong(c, 422, "a holds NaN or Inf: there is no %s of it", c->op->name);
	}
	return true;
}

static bool do_it(struct call *c, const struct request *request)
{
	char text[sizeof(c->problem.detail)];

	if (!find_op(c, request))
		return false;
	if (!options_read(request->query, c->op->options, &c->options, text, sizeof(text)))
		return wrong(c, 400, "%s", text);
	if (!take_operands(c, request->body) || !c->op->shape(c) || !place(c, request) ||
		!check_values(c) || !c->op->run(c))
		return false;
	write_headers(c);
	return true;
}

void linalg_answer(const struct request *request, struct answer *answer)
{
	struct call c = {.capacity = request->capacity, .hardware = request->hardware};

	*answer = (struct answer){0};
	if (do_it(&c, request)) {
		answer->bytes = (size_t)results_bytes(&c);
		answer->flop = c.flop;
		answer->chosen = (c.options.given & (OPTION(ALGORITHM) | OPTION(TOLERANCE))) != 0;
		answer->levels = c.levels;
		answer->bound = c.bound;
		memcpy(answer->device, c.device, sizeof(answer->device));
	}
	answer->problem = c.problem;
}
