/* tests/unit/image/price_heads_test.c - arrays from their heads and from shapes as people write them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/price_heads.h"

static char error[PRICE_ERROR_MAX];
static uint8_t body[8192];
static size_t size;

/* An array with so many bytes of elements behind its head, whatever that says. */
static void add(const char *dictionary, size_t elements)
{
	uint8_t *p = body + size;
	size_t n = strlen(dictionary);

	memset(p, ' ', 128);
	memcpy(p, "\x93NUMPY\x01\0\x76\0", 10);
	memcpy(p + 10, dictionary, n);
	p[127] = '\n';
	memset(p + 128, 0, elements);
	size += 128 + elements;
}

#define HEAD(type, shape) "{'descr': '" type "', 'fortran_order': False, 'shape': " shape ", }"

static struct price_input read_right(unsigned most)
{
	struct price_input in = {.arrays = 7};

	if (!price_heads(mf_str_of(body, size), most, &in, error))
		fail_msg("%s", error);
	return in;
}

static void read_wrong(unsigned most, const char *words)
{
	struct price_input in;

	assert_false(price_heads(mf_str_of(body, size), most, &in, error));
	if (!strstr(error, words))
		fail_msg("%s", error);
}

static void test_heads(void **state)
{
	struct price_input in;

	(void)state;
	size = 0;
	add(HEAD("<c16", "(2, 3)"), 96);
	add(HEAD("|u1", "(5,)"), 5);
	add(HEAD(">f2", "()"), 2);
	add(HEAD("<f4", "(2, 1, 3)"), 24);
	in = read_right(8);
	assert_int_equal(in.arrays, 4);
	assert_int_equal(in.body_bytes, size);
	assert_int_equal(in.array[0].rows, 2);
	assert_int_equal(in.array[0].cols, 3);
	assert_int_equal(in.array[0].size, 6);
	assert_int_equal(in.array[0].itemsize, 16);
	assert_true(in.array[0].is_complex);
	assert_int_equal(in.array[1].rows, 5);
	assert_int_equal(in.array[1].cols, 1);
	assert_int_equal(in.array[1].dims, 1);
	assert_int_equal(in.array[1].itemsize, 1);
	assert_false(in.array[1].is_complex);
	assert_int_equal(in.array[2].dims, 0);
	assert_int_equal(in.array[2].size, 1);
	assert_int_equal(in.array[3].dims, 3);
	assert_int_equal(in.array[3].size, 6);
	/* not more than are asked for: what stands behind is nobody's business */
	memset(body + 128 + 96 + 133, 0, 10);
	assert_int_equal(read_right(2).arrays, 2);
	assert_int_equal(read_right(0).arrays, 0);
	read_wrong(3, "c is no .npy array");
}

static void test_lies(void **state)
{
	(void)state;
	size = 0;
	add(HEAD("<f8", "(2, 3)"), 47);
	read_wrong(1, "a's head says that it has 176 bytes, and 175 are there");
	size = 0;
	add(HEAD("<f8", "(1,)"), 8);
	add(HEAD("<f8", "(4611686018427387904, 8)"), 8);
	read_wrong(2, "b is no .npy array: its size is more than can be counted");
	size = 0;
	add(HEAD("<f8", "(1000000000000,)"), 8);
	read_wrong(1, "a's head says that it has");
	size = 0;
	add(HEAD("O", "(1,)"), 8);
	read_wrong(1, "a has a dtype whose elements have no known size: O");
	size = 0;
	add(HEAD("<U4", "(1,)"), 8);
	read_wrong(1, "no known size");
	size = 0;
	add(HEAD("<f8", "(1,)"), 8);
	size = 100;
	read_wrong(1, "a is no .npy array");
	size = 0;
	assert_int_equal(read_right(2).arrays, 0);
}

static void test_shapes(void **state)
{
	struct price_input in;

	(void)state;
	assert_true(price_shapes(MF_STR("1000x10,7:c16,2x3x4:u1"), &in, error));
	assert_int_equal(in.arrays, 3);
	assert_int_equal(in.array[0].rows, 1000);
	assert_int_equal(in.array[0].cols, 10);
	assert_int_equal(in.array[0].itemsize, 8);
	assert_false(in.array[0].is_complex);
	assert_int_equal(in.array[1].rows, 7);
	assert_int_equal(in.array[1].cols, 1);
	assert_true(in.array[1].is_complex);
	assert_int_equal(in.array[2].size, 24);
	assert_int_equal(in.body_bytes, 3 * 128 + 80000 + 7 * 16 + 24);
	assert_true(price_shapes(MF_STR("5000bytes"), &in, error));
	assert_int_equal(in.arrays, 0);
	assert_int_equal(in.body_bytes, 5000);
	assert_true(price_shapes(MF_STR(""), &in, error));
	assert_int_equal(in.arrays, 0);
	assert_int_equal(in.body_bytes, 0);
}

static void test_no_shapes(void **state)
{
	static const struct {
		const char *text, *words;
	} table[] = {
		{"x", "'x' is no shape"},
		{"10x", "is no shape of up to four whole numbers"},
		{"10xx10", "is no shape"},
		{"-1", "is no shape"},
		{"1.5x2", "is no shape"},
		{"1x2x3x4x5", "is no shape of up to four"},
		{"10x10:", "has no dtype behind ':'"},
		{"10x10:f", "has no dtype behind ':'"},
		{"10x10:O8", "has no dtype behind ':'"},
		{"10x10:f99", "has no dtype behind ':'"},
		{",", "'' is no shape"},
		{"1,,1", "'' is no shape"},
		{"bytes", "'bytes' is no shape"},
		{"4294967296x4294967296", "has more bytes than there can be"},
		{"2305843009213693950", "has more bytes than there can be"},
		{"1152921504606846976,1152921504606846976", "these arrays have more bytes"},
		{"1,1,1,1,1,1,1,1,1", "there are more than 8 shapes"},
	};
	struct price_input in;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct mf_str text = {(const uint8_t *)table[i].text, strlen(table[i].text)};

		if (price_shapes(text, &in, error) || !strstr(error, table[i].words))
			fail_msg("%s: %s", table[i].text, error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_no_shapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
