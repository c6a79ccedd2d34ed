/* tests/unit/services/linalg/answer_test.c - what is refused before anything is computed, and in which words */
/* link: -Wl,--no-as-needed -llapack -lblas -lm -Wl,--as-needed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/services/linalg/arrays.h"

static void add_two(enum npy_type first, enum npy_type second)
{
	struct array a = array_random(first, 3, 3), b = array_random(second, 3, 3);

	request_begin();
	request_add(&a, true);
	request_add(&b, true);
}

static void add_header(const char *descr, const char *shape, size_t bytes)
{
	char header[160];
	static const char zeros[1000];

	memset(header, ' ', 128);
	memcpy(header, "\x93NUMPY\x01\x00\x76", 10);
	header[9] = 0;
	snprintf(header + 10, 118, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr,
		shape);
	header[10 + strlen(header + 10)] = ' ';
	header[127] = '\n';
	request_bytes(header, 128);
	request_bytes(zeros, bytes);
}

static void test_operations(void **state)
{
	struct request r = {.method = MF_STR("GET"), .path = MF_STR("/linalg/multiply")};
	struct answer answer;

	(void)state;
	add_two(NPY_F8, NPY_F8);
	request_refused("divide", "", 404, "multiply, matvec, solve");
	request_refused("", "", 404, "no such operation");
	request_refused("multiply/", "", 404, "no such operation");
	linalg_answer(&r, &answer);
	assert_int_equal(answer.problem.status, 405);
	r.path = MF_STR("/other/multiply");
	linalg_answer(&r, &answer);
	assert_int_equal(answer.problem.status, 404);
	arrays_forget();
}

static void test_dtypes(void **state)
{
	static const char *const wrong[] = {
		">f8", "<f2", "|u1", "<f16", "|O", "<M8[ns]", "|S9", "<i4", "<i8", "\"\\x\x01"};

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		const struct problem *p;

		request_begin();
		add_header(wrong[i], "(2, 2)", i % 2 * 8);
		p = request_refused("multiply", "", 415, "a has the dtype");
		assert_string_equal(p->found, wrong[i]);
		assert_string_equal(p->wanted, "<f4, <f8, <c8 or <c16");
		assert_int_equal(p->argument, 'a');
	}
	add_two(NPY_C16, NPY_C16);
	request_refused("solve", "", 415, "a has the dtype <c16, not <f4 or <f8");
	add_two(NPY_F8, NPY_F4);
	assert_int_equal(request_refused("multiply", "", 415, "<f4, not <f8")->argument, 'b');
	add_two(NPY_F8, NPY_F8);
	request_refused("getrs", "", 415, "b has the dtype <f8, not <i4 or <i8");
	arrays_forget();
}

static void test_bodies(void **state)
{
	struct array a = array_random(NPY_F8, 3, 3);
	const struct problem *p;

	(void)state;
	request_begin();
	p = request_refused("multiply", "", 400, "takes 2 arrays, one after another: 0 came");
	assert_int_equal(p->argument, 'a');
	request_add(&a, true);
	p = request_refused("multiply", "", 400, "1 came");
	assert_int_equal(p->argument, 'b');
	request_bytes("\x93NUM", 4);
	p = request_refused("multiply", "", 400, "b is no .npy array");
	assert_int_equal(p->argument, 'b');
	/* by curl -d, which leaves out zeros, or all behind one; by curl -F */
	request_begin();
	request_bytes("\x93NUMPY\x01v{'descr': '<f8'", 23);
	request_refused("det", "", 400, "curl --data-binary @FILE");
	request_begin();
	request_bytes("\x93NUMPY\x01", 7);
	request_refused("det", "", 400, "curl --data-binary @FILE");
	request_begin();
	request_bytes("--------------------------0f1c\r\nContent-Disposition: form-data", 62);
	request_refused("det", "", 400, "curl --data-binary @FILE");
	request_begin();
	request_add(&a, true);
	request_bytes("x", 1);
	request_refused("det", "", 400, "1 bytes stand behind the last array");
	request_begin();
	add_header("<f8", "(3, 3)", 71);
	request_refused("det", "", 400, "ends before its elements");
	request_begin();
	add_header("<f8", "(4294967296, 4294967296)", 100);
	request_refused("det", "", 400, "more than can be counted");
	request_begin();
	add_header("<f8", "(0, 4294967296)", 0);
	p = request_refused("svd", "", 413, "2147483647");
	assert_string_equal(p->found, "(0, 4294967296)");
	request_begin();
	add_header("<f8", "(2, 2, 2)", 64);
	p = request_refused("svd", "", 422, "one or two dimensions");
	assert_string_equal(p->found, "(2, 2, 2)");
	request_begin();
	add_header("<f8", "()", 8);
	request_refused("svd", "", 422, "a has the shape (), not (m, n)");
	arrays_forget();
}

static void test_options(void **state)
{
	static const char *const wrong[][2] = {
		{"alfa=1", "no option 'alfa'; it takes alpha, beta, tolerance, transa"},
		{"alpha", "alpha is a number"},
		{"alpha=", "alpha is a number"},
		{"alpha=x", "alpha=x: alpha is a number"},
		{"alpha=1.5.2", "a number"},
		{"alpha=0x10", "a number"},
		{"alpha=1+", "a number"},
		{"alpha=1-2", "a number"},
		{"alpha=1j2", "a number"},
		{"alpha=nan(3)", "a number"},
		{"alpha=--1", "a number"},
		{"alpha=1&alpha=1", "twice"},
		{"alpha=%zz", "escaped"},
		{"alpha=1%00", "a number"},
		{"transa=x", "transa=x: transa is n, t, c"},
		{"transa=tt", "transa is"},
		{"mode=r", "no option 'mode'"},
		{"alpha=2j", "imaginary"},
		{"&&=", "no option ''"},
	};
	static const char *const right[] = {"", "&", "alpha=1.5", "alpha=-2.5e-3", "alpha=%2B1",
		"alpha=1%2B0j", "alpha=(1-0j)", "alpha=nan", "alpha=-inf", "transa=T&transb=c",
		"beta=3", "alpha=.5", "alpha=1.", "plan=0", "algorithm=strassen&tolerance=1e-9"};
	char longest[300];

	(void)state;
	add_two(NPY_F8, NPY_F8);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		request_refused("multiply", wrong[i][0], 400, wrong[i][1]);
	for (unsigned i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		request_ask("multiply", right[i], 1);
	memset(longest, '1', sizeof(longest));
	memcpy(longest, "alpha=", 6);
	longest[sizeof(longest) - 1] = '\0';
	request_refused("multiply", longest, 400, "too long");
	longest[5] = '1';
	request_refused("multiply", longest, 400, "no option");
	request_begin();
	request_refused("det", "x=1", 400, "it takes plan");
	arrays_forget();
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		double re, im;
	} right[] = {{"1", 1, 0}, {"-2.5e3", -2500, 0}, {"1.5-2j", 1.5, -2}, {"(1.5-2j)", 1.5, -2},
		{"2j", 0, 2}, {"-j", 0, -1}, {"1+j", 1, 1}, {"1e1-1e-1j", 10, -0.1},
		{"-0-3j", 0, -3}};
	struct number n;

	(void)state;
	for (unsigned i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_true(number_read(mf_str_of(right[i].text, strlen(right[i].text)), &n));
		assert_true(n.re == right[i].re && n.im == right[i].im);
	}
}

/* Behind a header of an odd length elements lie askew: they are moved, and the answer is the same. */
static void test_askew(void **state)
{
	struct array a = array_random(NPY_F8, 3, 3), expected = array_product(&a, &a);
	static const char header[] = "{'descr':'<f8','fortran_order':True,'shape':(3,3)}";
	double numbers[9];

	(void)state;
	for (unsigned i = 0; i < 9; i++)
		numbers[i] = creal(a.at[i]);
	for (unsigned blanks = 0; blanks < 8; blanks++) {
		request_begin();
		for (unsigned i = 0; i < 2; i++) {
			const uint8_t head[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0,
				(uint8_t)(sizeof(header) - 1 + blanks), 0};

			request_bytes(head, sizeof(head));
			request_bytes(header, sizeof(header) - 1);
			request_bytes("        ", blanks);
			request_bytes(numbers, sizeof(numbers));
		}
		request_ask("multiply", "", 1);
		array_near(answer_array(0), &expected);
	}
	arrays_forget();
}

/* Refused with what would fit; and that, to the byte, fits. */
static void test_memory(void **state)
{
	static const struct {
		const char *op;
		unsigned operands;
	} ops[] = {{"multiply", 2}, {"solve", 2}, {"inverse", 1}, {"svd", 1}, {"eigh", 1},
		{"qr", 1}, {"lstsq", 2}, {"det", 1}, {"lu", 1}, {"cholesky", 1}};

	(void)state;
	for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		struct array a = array_random(NPY_F8, 64, 64), smaller;
		unsigned long long rows, columns;
		const struct problem *p;

		request_memory = 20000;
		request_begin();
		request_add(&a, true);
		if (ops[i].operands == 2)
			request_add(&a, false);
		p = request_refused(ops[i].op, "", 413, "a life has 20000");
		assert_int_equal(sscanf(p->wanted, "a of (%llu, %llu)", &rows, &columns), 2);
		assert_true(rows > 10 && rows < 64 && rows == columns);
		smaller = array_random(NPY_F8, rows, rows);
		for (unsigned j = 0; j < rows; j++)
			AT(&smaller, j, j) += 64;
		request_begin();
		request_add(&smaller, true);
		if (ops[i].operands == 2)
			request_add(&smaller, false);
		assert_int_equal(request_send(ops[i].op, "")->status, 0);
	}
	request_memory = 0;
	request_refused("det", "", 413, "(1, 1) or less");
	arrays_forget();
}

/* A product can be far larger than its factors, larger than can be counted too. */
static void test_products_that_overflow(void **state)
{
	(void)state;
	request_begin();
	add_header("<c16", "(2147483647, 0)", 0);
	add_header("<c16", "(0, 2147483647)", 0);
	request_refused("multiply", "", 413, "a life has");
	request_begin();
	add_header("<f8", "(2147483647, 0)", 0);
	request_refused("qr", "mode=complete", 413, "a life has");
	request_refused("svd", "full=1", 413, "a life has");
	arrays_forget();
}

static void test_problem_text(void **state)
{
	struct problem p = {422, "b is \"wrong\"\n\\", 'b', "(3, 4)", "(4, n)", 7};
	char text[600], tiny[20];
	json_t *json;
	size_t n = problem_text(&p, MF_STR("id/1"), text, sizeof(text));

	(void)state;
	json = json_loadb(text, n, 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "type")), "about:blank");
	assert_string_equal(
		json_string_value(json_object_get(json, "detail")), "b is \"wrong\"?\\");
	assert_int_equal(json_integer_value(json_object_get(json, "status")), 422);
	assert_int_equal(json_integer_value(json_object_get(json, "pivot")), 7);
	assert_string_equal(json_string_value(json_object_get(json, "argument")), "b");
	assert_string_equal(json_string_value(json_object_get(json, "found")), "(3, 4)");
	assert_string_equal(json_string_value(json_object_get(json, "wanted")), "(4, n)");
	assert_string_equal(json_string_value(json_object_get(json, "id")), "id/1");
	json_decref(json);
	assert_int_equal(problem_text(&p, MF_STR(""), tiny, sizeof(tiny)), sizeof(tiny) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_dtypes),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_askew),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_products_that_overflow),
		cmocka_unit_test(test_problem_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
