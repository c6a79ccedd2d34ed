/* tests/unit/services/linalg/plan_test.c - plans, run as a hub would, against the plain product */
/* link: -Wl,--no-as-needed -llapack -lblas -lm -Wl,--as-needed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>

#include "services/linalg/plan.h"
#include "services/linalg/strassen.h"

#define OUTPUT_MOST ((size_t)8 << 20)

struct bytes {
	uint8_t *p;
	size_t n;
};

static struct bytes operands[4];
static unsigned operands_n;
static uint64_t input_most, result_most;
static uint32_t threads;
static uint8_t *output;
static struct answer answer;
static json_t *plan;

/* ---------------------------------------------------------------------- operands */

static void begin(void)
{
	while (operands_n > 0)
		free(operands[--operands_n].p);
	input_most = result_most = (uint64_t)1 << 20;
	threads = 2;
}

/* An array of small whole numbers, so that products are exact; behind the last operand, or a new one. */
static void add(enum npy_type type, bool fortran, uint64_t rows, uint64_t columns, bool new)
{
	static uint32_t state = 1;
	const uint64_t shape[2] = {rows, columns};
	size_t n = (size_t)(rows * columns), bytes = NPY_WRITTEN + n * npy_size(type);
	struct bytes *to;
	uint8_t *at;

	if (new)
		operands[operands_n++] = (struct bytes){NULL, 0};
	to = &operands[operands_n - 1];
	to->p = realloc(to->p, to->n + bytes);
	assert_non_null(to->p);
	at = to->p + to->n;
	to->n += bytes;
	npy_write(type, fortran, 2, shape, at);
	for (size_t i = 0; i < n; i++) {
		double number = (state = state * 1664525 + 1013904223) >> 29;

		if (type == NPY_F8)
			memcpy(at + NPY_WRITTEN + 8 * i, &number, 8);
		else
			((float *)(void *)(at + NPY_WRITTEN))[i] = (float)number;
	}
}

/* ------------------------------------------------------------------------ asking */

struct seen {
	uint32_t operand;
	uint64_t offset, bytes;
};

static size_t put_ask(uint8_t *to, const struct seen *seen, unsigned n)
{
	struct mf_job_ask ask = {.magic = MF_JOB_MAGIC,
		.operands = operands_n,
		.extracts = n,
		.input_most = input_most,
		.result_most = result_most,
		.cache_bytes = (uint64_t)1 << 40,
		.threads = threads};
	size_t at = sizeof(ask);

	memcpy(to, &ask, sizeof(ask));
	for (unsigned i = 0; i < operands_n; i++, at += 8)
		memcpy(to + at, &(uint64_t){operands[i].n}, 8);
	for (unsigned i = 0; i < n; i++) {
		struct mf_job_extract e = {seen[i].operand, 0, seen[i].offset, seen[i].bytes};

		memcpy(to + at, &e, sizeof(e));
		memcpy(to + at + sizeof(e), operands[e.operand].p + e.offset, (size_t)e.bytes);
		at += sizeof(e) + (e.bytes + 7) / 8 * 8;
	}
	return at;
}

static void ask(const char *path, const char *query, const uint8_t *bytes, size_t n)
{
	struct request r = {.method = MF_STR("POST"),
		.path = mf_str_of(path, strlen(path)),
		.query = mf_str_of(query, strlen(query)),
		.output = output,
		.capacity = OUTPUT_MOST};
	uint8_t *exact = malloc(n);

	memcpy(exact, bytes, n);
	r.body = mf_str_of(exact, n);
	linalg_plan(&r, &answer);
	free(exact);
}

/* Until nothing more is to be seen: the plan, or NULL and a problem. */
static void make_plan(const char *path, const char *query)
{
	static uint8_t bytes[100000];
	struct seen seen[16];
	unsigned n = 0;

	for (; n < operands_n; n++)
		seen[n] = (struct seen){n, 0, operands[n].n < 4096 ? operands[n].n : 4096};
	json_decref(plan);
	plan = NULL;
	for (;;) {
		json_t *reads, *read;

		ask(path, query, bytes, put_ask(bytes, seen, n));
		if (answer.problem.status)
			return;
		plan = json_loadb((char *)output, answer.bytes, 0, NULL);
		assert_non_null(plan);
		reads = json_object_get(plan, "read");
		if (!reads)
			return;
		read = json_array_get(reads, 0);
		assert_true(n < 16);
		seen[n].operand = (uint32_t)json_integer_value(json_array_get(read, 0));
		seen[n].offset = (uint64_t)json_integer_value(json_array_get(read, 1));
		seen[n].bytes = (uint64_t)json_integer_value(json_array_get(read, 2));
		assert_true(seen[n].bytes > 0 &&
			seen[n].offset + seen[n].bytes <= operands[seen[n].operand].n);
		n++;
		json_decref(plan);
		plan = NULL;
	}
}

/* ----------------------------------------------------------------------- running */

static struct bytes results[8192];
static unsigned results_n;

static struct bytes source(const char *name)
{
	static uint8_t literal[256];
	size_t i = strtoul(name + 1, NULL, 10), n;
	const char *text;

	if (name[0] == 'o') {
		assert_true(i < operands_n);
		return operands[i];
	}
	if (name[0] == 't') {
		assert_true(i < results_n);
		return results[i];
	}
	assert_int_equal(name[0], 'l');
	text = json_string_value(json_array_get(json_object_get(plan, "literals"), i));
	assert_non_null(text);
	assert_int_equal(sodium_base642bin(literal, sizeof(literal), text, strlen(text), NULL, &n,
				 NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	return (struct bytes){literal, n};
}

static uint64_t number(const json_t *piece, size_t i)
{
	const json_t *value = json_array_get(piece, i);

	assert_true(json_is_integer(value) && json_integer_value(value) >= 0);
	return (uint64_t)json_integer_value(value);
}

static struct bytes gather(const json_t *from)
{
	uint64_t bytes = (uint64_t)json_integer_value(json_object_get(from, "bytes"));
	struct bytes to = {calloc(1, bytes), bytes};
	size_t i;
	json_t *piece;

	assert_non_null(to.p);
	json_array_foreach(json_object_get(from, "pieces"), i, piece)
	{
		struct bytes of = source(json_string_value(json_array_get(piece, 0)));
		bool many = json_array_size(piece) == 7;
		uint64_t at = number(piece, 1), start = number(piece, 2), row = number(piece, 3);
		uint64_t rows = many ? number(piece, 4) : 1;

		for (uint64_t r = 0; r < rows; r++) {
			uint64_t f = start + (many ? r * number(piece, 5) : 0);
			uint64_t t = at + (many ? r * number(piece, 6) : 0);

			assert_true(f + row <= of.n && t + row <= to.n);
			memcpy(to.p + t, of.p + f, row);
		}
	}
	return to;
}

static void run_task(const json_t *task)
{
	const char *path = json_string_value(json_object_get(task, "path"));
	const char *query = json_string_value(json_object_get(task, "query"));
	struct bytes input = gather(task);
	struct request r = {.method = MF_STR("POST"),
		.path = mf_str_of(path, strlen(path)),
		.query = mf_str_of(query, strlen(query)),
		.body = mf_str_of(input.p, input.n),
		.output = output,
		.capacity = result_most};

	assert_true(input.n <= input_most);
	linalg_answer(&r, &answer);
	if (answer.problem.status)
		fail_msg("%s?%s: %s", path, query, answer.problem.detail);
	assert_int_equal(answer.bytes, json_integer_value(json_object_get(task, "result")));
	assert_true(json_number_value(json_object_get(task, "weight")) > 0);
	results[results_n] = (struct bytes){malloc(answer.bytes), answer.bytes};
	memcpy(results[results_n++].p, output, answer.bytes);
	free(input.p);
}

/* All tasks, then the result. */
static struct bytes run_plan(void)
{
	struct bytes result;
	size_t i;
	json_t *task;

	json_array_foreach(json_object_get(plan, "tasks"), i, task) run_task(task);
	result = gather(json_object_get(plan, "result"));
	while (results_n > 0)
		free(results[--results_n].p);
	return result;
}

/* The same in one life, with all the memory there is. */
static struct bytes in_one(const char *query)
{
	struct bytes all = {NULL, 0}, result;
	struct request r = {.method = MF_STR("POST"),
		.path = MF_STR("/linalg/multiply"),
		.query = mf_str_of(query, strlen(query)),
		.output = output,
		.capacity = OUTPUT_MOST};

	for (unsigned i = 0; i < operands_n; i++) {
		all.p = realloc(all.p, all.n + operands[i].n);
		memcpy(all.p + all.n, operands[i].p, operands[i].n);
		all.n += operands[i].n;
	}
	r.body = mf_str_of(all.p, all.n);
	linalg_answer(&r, &answer);
	if (answer.problem.status)
		fail_msg("%s: %s", query, answer.problem.detail);
	free(all.p);
	result = (struct bytes){malloc(answer.bytes), answer.bytes};
	memcpy(result.p, output, answer.bytes);
	return result;
}

/* Numbers are whole, so a plan's result is the same to the bit, in whatever order it adds. */
static size_t same(const char *query)
{
	struct bytes expected = in_one(query), got;
	size_t tasks;

	make_plan("/linalg/multiply", query);
	if (!plan)
		fail_msg("%s: %s", query, answer.problem.detail);
	tasks = json_array_size(json_object_get(plan, "tasks"));
	got = run_plan();
	assert_int_equal(got.n, expected.n);
	assert_memory_equal(got.p, expected.p, got.n);
	free(got.p);
	free(expected.p);
	return tasks;
}

/* ------------------------------------------------------------------------- tests */

static int open_all(void **state)
{
	(void)state;
	output = aligned_alloc(64, OUTPUT_MOST);
	return output == NULL;
}

static int close_all(void **state)
{
	(void)state;
	begin();
	json_decref(plan);
	free(output);
	return 0;
}

/* All orders, transposes, with something to add to, in one body and in three. */
static void test_products(void **state)
{
	char query[100];

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		bool at = i & 8, bt = i & 16, apart = i & 32;

		begin();
		input_most = result_most = 40000;
		add(i & 1 ? NPY_F8 : NPY_F4, i & 2, at ? 130 : 97, at ? 97 : 130, true);
		add(i & 1 ? NPY_F8 : NPY_F4, i & 4, bt ? 101 : 130, bt ? 130 : 101, apart);
		snprintf(query, sizeof(query), "transa=%c&transb=%c&order=%c&plan=1",
			at ? 't' : 'n', bt ? 't' : 'n', i & 1 ? 'c' : 'f');
		assert_true(same(query) > 4);
		add(i & 1 ? NPY_F8 : NPY_F4, i & 1, 97, 101, apart);
		snprintf(query, sizeof(query), "transa=%c&transb=%c&alpha=2&beta=-3",
			at ? 't' : 'n', bt ? 't' : 'n');
		assert_true(same(query) > 4);
	}
}

/* A long sum is cut; a product that fits is cut for the threads alone. */
static void test_cuts(void **state)
{
	(void)state;
	begin();
	add(NPY_F8, true, 20, 3000, true);
	add(NPY_F8, false, 3000, 20, true);
	input_most = 100000;
	assert_true(same("") >= 10);
	begin();
	threads = 1;
	add(NPY_F8, true, 30, 30, true);
	add(NPY_F8, true, 30, 30, false);
	assert_int_equal(same(""), 1);
	begin();
	add(NPY_F8, true, 30, 0, true);
	add(NPY_F8, true, 0, 20, false);
	same("");
	begin();
	add(NPY_F8, true, 0, 3, true);
	add(NPY_F8, true, 3, 20, false);
	same("");
}

/* Tasks by Strassen's way, with the bound of all of them together. */
/* Large ones: no sum is cut where that needn't be, all threads have as much to do, and what is read stays in proportion. */
static void test_large_cuts(void **state)
{
	static const struct {
		uint64_t m, n, k;
		uint32_t threads;
		uint64_t parts_of_k, least, most; /* tiles */
	} table[] = {
		{8192, 8192, 8192, 2, 1, 12, 24},
		{8192, 8192, 8192, 1, 1, 12, 24},
		{8192, 8192, 8192, 16, 1, 16, 32},
		{16384, 16384, 16384, 2, 2, 48, 96},
		{2000, 60000, 1000, 2, 1, 2, 16},
		{100, 100, 100, 8, 1, 1, 1},
		{2000, 2000, 200000, 2, 24, 1, 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct call c = {.operands = 2};
		const struct mf_job_ask limits = {.input_most = 272u << 20,
			.result_most = 256u << 20,
			.threads = table[i].threads};
		struct split s;
		uint64_t tiles;

		c.in[0] =
			(struct matrix){.type = NPY_F8, .rows = table[i].m, .columns = table[i].k};
		c.in[1] =
			(struct matrix){.type = NPY_F8, .rows = table[i].k, .columns = table[i].n};
		c.out[0] =
			(struct matrix){.type = NPY_F8, .rows = table[i].m, .columns = table[i].n};
		assert_true(split_product(&c, &limits, &s));
		tiles = s.m.parts * s.n.parts;
		if (tiles < table[i].least || tiles > table[i].most ||
			s.k.parts > table[i].parts_of_k)
			fail_msg("%zu: %d x %d x %d parts", i, (int)s.m.parts, (int)s.n.parts,
				(int)s.k.parts);
	}
}

static void test_algorithms(void **state)
{
	const char *headers;

	(void)state;
	strassen_least = 8;
	begin();
	add(NPY_F8, true, 128, 100, true);
	add(NPY_F8, false, 100, 128, true);
	input_most = 150000;
	result_most = 400000;
	same("algorithm=strassen");
	headers = json_string_value(json_object_get(json_object_get(plan, "result"), "headers"));
	assert_non_null(strstr(headers, "Mayfly-Algorithm: strassen-winograd; levels="));
	assert_non_null(strstr(headers, "Mayfly-Error-Bound: "));
	assert_non_null(strstr(json_string_value(json_object_get(
				       json_array_get(json_object_get(plan, "tasks"), 0), "query")),
		"algorithm=strassen"));
	same("algorithm=auto&tolerance=1e-12");
	make_plan("/linalg/multiply", "algorithm=auto");
	assert_int_equal(answer.problem.status, 400);
	make_plan("/linalg/multiply", "algorithm=auto&tolerance=1e-16");
	assert_int_equal(answer.problem.status, 422);
	make_plan("/linalg/multiply", "algorithm=strassen&tolerance=3e-14");
	assert_int_equal(answer.problem.status, 422);
	make_plan("/linalg/multiply", "algorithm=auto&tolerance=3e-14");
	assert_int_equal(answer.problem.status, 0);
	headers = json_string_value(json_object_get(json_object_get(plan, "result"), "headers"));
	assert_non_null(strstr(headers, "Mayfly-Algorithm: classic\r\n"));
	strassen_least = 1024;
}

static void refused(const char *path, const char *query, unsigned status, const char *words)
{
	make_plan(path, query);
	if (answer.problem.status != status || !strstr(answer.problem.detail, words))
		fail_msg("%s?%s: %u %s", path, query, answer.problem.status, answer.problem.detail);
}

static void test_refused(void **state)
{
	uint8_t bytes[4096] = {0};
	size_t n;

	(void)state;
	begin();
	add(NPY_F8, true, 30, 20, true);
	add(NPY_F8, true, 21, 30, false);
	refused("/linalg/multiply", "", 422, "b has the shape (21, 30), not (20, n)");
	refused("/linalg/multiply", "alpha=x", 400, "alpha is a number");
	refused("/linalg/solve", "", 413, "is done in one life");
	refused("/linalg/divide", "", 404, "no such operation");
	add(NPY_F8, true, 30, 30, false);
	add(NPY_F8, true, 30, 30, false);
	refused("/linalg/multiply", "", 400, "behind the last array");
	begin();
	add(NPY_F8, true, 30, 20, true);
	refused("/linalg/multiply", "", 400, "takes 2 arrays");
	operands[0].n -= 8;
	refused("/linalg/multiply", "", 400, "lies in two operands");
	begin();
	add(NPY_I4, true, 30, 20, true);
	refused("/linalg/multiply", "", 415, "<i4");
	begin();
	add(NPY_F8, true, 3000, 10, true);
	add(NPY_F8, true, 10, 3000, true);
	input_most = 1000;
	refused("/linalg/multiply", "", 413, "more than 6000 tasks");
	begin();
	add(NPY_F8, true, 3, 3, true);
	n = put_ask(bytes, &(struct seen){0, 0, operands[0].n}, 1);
	for (size_t i = 0; i < n; i++)
		ask("/linalg/multiply", "", bytes, i + 1);
	memset(bytes + 8, 0xff, 16);
	ask("/linalg/multiply", "", bytes, n);
	assert_int_equal(answer.problem.status, 400);
}

/* A longer header than is seen at first is asked for once more, and then is what it is. */
static void test_long_headers(void **state)
{
	(void)state;
	begin();
	add(NPY_F8, true, 700, 10, true);
	operands[0].p[8] = 0x10;
	operands[0].p[9] = 0x27; /* 10000 bytes, most of which are none */
	refused("/linalg/multiply", "", 400, "behind the header");
	begin();
	add(NPY_F8, true, 7, 10, true);
	operands[0].p[0] = 'x';
	refused("/linalg/multiply", "", 400, "a is no .npy array: it does not begin");
	begin();
	add(NPY_F8, true, 7, 10, true);
	operands[0].p[0] = operands[0].p[1] = '-';
	refused("/linalg/multiply", "", 400, "curl --data-binary @FILE");
}

/* An operand of which there is only its head: planning needs no more. */
static void add_head(uint64_t rows, uint64_t columns)
{
	const uint64_t shape[2] = {rows, columns};
	struct bytes *to = &operands[operands_n++];

	to->p = calloc(1, 4096);
	assert_non_null(to->p);
	to->n = NPY_WRITTEN + rows * columns * 8;
	npy_write(NPY_F8, true, 2, shape, to->p);
}

/* The figures of docs/scale.md (tasks 0: more than a plan has); what the hub reads is no longer than it may be (hub/jobs/plan.h). */
static void test_very_large(void **state)
{
	static const struct {
		uint64_t m, n, input_mib;
		size_t tasks;
	} cases[] = {{100000, 100000, 272, 0}, {100000, 20000, 272, 37 * 8 * 19},
		{100000, 25000, 272, 0}, {100000, 100000, 688, 0},
		{100000, 100000, 704, 23 * 23 * 12}, {10000, 10000, 272, 6 * 6 * 11}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		input_most = cases[i].input_mib << 20;
		result_most = (uint64_t)256 << 20;
		add_head(cases[i].m, 100000);
		add_head(100000, cases[i].n);
		make_plan("/linalg/multiply", "plan=1");
		assert_int_equal(answer.problem.status, cases[i].tasks > 0 ? 0 : 413);
		assert_int_equal(json_array_size(json_object_get(plan, "tasks")), cases[i].tasks);
		assert_true(answer.bytes <= (size_t)4 << 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_products),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_large_cuts),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_headers),
		cmocka_unit_test(test_very_large),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
