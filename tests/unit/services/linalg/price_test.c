/*
 * tests/unit/services/linalg/price_test.c - the formulas of mayfly.yaml beside what the service meters: the same but for rounding up,
 * for every operation, option and kind of shape.
 */
/* link: -Wl,--no-as-needed -llapack -lblas -lm -Wl,--as-needed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "image/manifest.h"
#include "services/linalg/ops.h"

static struct manifest manifest;

static int set_up(void **state)
{
	static char text[16384], error[MANIFEST_ERROR_MAX];
	FILE *file = fopen("services/linalg/mayfly.yaml", "r");
	size_t n;

	(void)state;
	if (!file)
		return -1;
	n = fread(text, 1, sizeof(text), file);
	fclose(file);
	if (manifest_parse(&manifest, mf_str_of(text, n), "mayfly.yaml", error) == 0)
		return 0;
	print_error("%s\n", error);
	return -1;
}

static int tear_down(void **state)
{
	(void)state;
	manifest_free(&manifest);
	return 0;
}

struct shape {
	uint64_t rows, cols;
	unsigned dims;
};

/* In extents that a row of the table names: a letter is one of these. */
static const uint64_t extents[][3] = {
	{5, 3, 7}, {3, 5, 2}, {4, 4, 1}, {1, 6, 4}, {0, 3, 2}, {129, 64, 33}};

static const struct {
	const char *op, *query, *shapes; /* "mk,kn": rows and columns; "m": a vector */
} table[] = {
	{"multiply", "", "mk,kn"},
	{"multiply", "", "mk,kn,mn"},
	{"multiply", "transa=t", "km,kn"},
	{"multiply", "transb=T", "mk,nk"},
	{"multiply", "transa=c&transb=%63&alpha=2", "km,nk"},
	{"matvec", "", "mk,k"},
	{"matvec", "trans=t", "km,k"},
	{"solve", "", "mm,mn"},
	{"solve", "", "mm,m"},
	{"solve", "assume=symmetric", "mm,mn"},
	{"solve", "assume=P", "mm,mn"},
	{"solve", "assume=upper", "mm,mn"},
	{"solve", "assume=l", "mm,m"},
	{"cholesky", "", "mm"},
	{"lu", "", "mk"},
	{"qr", "", "mk"},
	{"qr", "mode=complete", "mk"},
	{"qr", "mode=r", "mk"},
	{"qr", "mode=raw", "mk"},
	{"lstsq", "", "mk,mn"},
	{"lstsq", "rcond=0.1", "mk,m"},
	{"eigh", "", "mm"},
	{"eigh", "vectors=0", "mm"},
	{"svd", "", "mk"},
	{"svd", "full=1", "mk"},
	{"svd", "vectors=0", "mk"},
	{"inverse", "", "mm"},
	{"det", "", "mm"},
	{"trsm", "", "mm,mn"},
	{"trsm", "side=right", "mm,nm"},
	{"syrk", "", "mk"},
	{"syrk", "trans=t", "km"},
	{"syrk", "", "mk,mm"},
	{"getrs", "", "mm,m,mn"},
	{"potrs", "uplo=upper", "mm,mn"},
};

static uint64_t extent_of(char letter, const uint64_t *of)
{
	return of[letter == 'm' ? 0 : letter == 'k' ? 1 : 2];
}

/* The same operands for the service and for the price. */
static void add(struct call *c, struct price_input *input, struct shape s, enum npy_type type)
{
	const struct npy npy = {
		.type = type, .fortran = true, .dims = s.dims, .shape = {s.rows, s.cols}};

	input->array[input->arrays++] = (struct price_array){.rows = s.rows,
		.cols = s.cols,
		.size = s.rows * s.cols,
		.dims = s.dims,
		.itemsize = (uint32_t)npy_size(type),
		.is_complex = type == NPY_C8 || type == NPY_C16};
	operand_add(c, &npy, NULL);
}

static void check(size_t row, const uint64_t *of, enum npy_type type)
{
	static char path[64], why[PRICE_ERROR_MAX];
	struct request request = {.method = MF_STR("POST")};
	struct call c = {.capacity = SIZE_MAX / 2};
	struct price_input input = {.query = mf_str_of(table[row].query, strlen(table[row].query))};
	uint64_t quoted, metered;

	request.path =
		mf_str_of(path, (size_t)snprintf(path, sizeof(path), "/linalg/%s", table[row].op));
	assert_true(find_op(&c, &request));
	assert_true(options_read(input.query, c.op->options, &c.options, why, sizeof(why)));
	if (!c.op->is_complex && npy_size(type) == 16)
		return;
	for (const char *p = table[row].shapes; *p; p += *p == ',') {
		struct shape s = {.rows = extent_of(*p++, of), .cols = 1, .dims = 1};

		if (*p && *p != ',')
			s.cols = extent_of(*p++, of), s.dims = 2;
		add(&c, &input, s, c.op->pivots && input.arrays == 1 ? NPY_I4 : type);
	}
	if (!c.op->shape(&c))
		fail_msg("%s?%s: %s", table[row].op, table[row].query, c.problem.detail);
	metered = (uint64_t)c.flop;
	if (!price_units(manifest_formula(&manifest, request.path), &input, &quoted, why))
		fail_msg("%s?%s: %s", table[row].op, table[row].query, why);
	if (quoted < metered || quoted > metered + 3)
		fail_msg("%s?%s of %llu, %llu, %llu: %llu quoted, %llu metered", table[row].op,
			table[row].query, (unsigned long long)of[0], (unsigned long long)of[1],
			(unsigned long long)of[2], (unsigned long long)quoted,
			(unsigned long long)metered);
}

static void test_as_metered(void **state)
{
	(void)state;
	for (size_t row = 0; row < sizeof(table) / sizeof(table[0]); row++)
		for (size_t i = 0; i < sizeof(extents) / sizeof(extents[0]); i++) {
			check(row, extents[i], NPY_F8);
			check(row, extents[i], NPY_C16);
		}
}

static void test_every_operation_has_one(void **state)
{
	char path[64];

	(void)state;
	for (size_t i = 0; i < ops_count; i++) {
		size_t row = 0;
		int n = snprintf(path, sizeof(path), "/linalg/%s", ops[i].name);

		assert_non_null(manifest_formula(&manifest, mf_str_of(path, (size_t)n)));
		while (row < sizeof(table) / sizeof(table[0]) &&
			strcmp(table[row].op, ops[i].name) != 0)
			row++;
		assert_true(row < sizeof(table) / sizeof(table[0]));
	}
	assert_null(manifest_formula(&manifest, MF_STR("/linalg/other")));
	assert_int_equal(manifest.price.quantities_count, ops_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_metered),
		cmocka_unit_test(test_every_operation_has_one),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
