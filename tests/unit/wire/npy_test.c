/* tests/unit/wire/npy_test.c - wire/npy: what NumPy writes, and what it doesn't */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/npy.h"

static uint8_t bytes[70000];

/* A file with this dictionary, as it is, in the given version; behind it `more` bytes of 7. */
static struct mf_str file(unsigned major, const char *dictionary, size_t more)
{
	size_t size = strlen(dictionary), at = major == 1 ? 10 : 12;

	memcpy(bytes, "\x93NUMPY", 6);
	bytes[6] = (uint8_t)major;
	bytes[7] = 0;
	for (size_t i = 8; i < at; i++)
		bytes[i] = (uint8_t)(size >> 8 * (i - 8));
	memcpy(bytes + at, dictionary, size);
	memset(bytes + at + size, 7, more);
	return mf_str_of(bytes, at + size + more);
}

/* In memory of its own, so that a byte read too far is seen. */
static const char *reads(struct mf_str text, struct npy *npy)
{
	uint8_t *copy = malloc(text.n ? text.n : 1);
	const char *wrong;

	memcpy(copy, text.p, text.n);
	wrong = npy_read(mf_str_of(copy, text.n), npy);
	free(copy);
	return wrong;
}

static void takes(const char *dictionary, enum npy_type type, bool fortran, unsigned dims,
	uint64_t rows, uint64_t columns)
{
	for (unsigned major = 1; major <= 3; major++) {
		struct npy npy;
		struct mf_str text = file(major, dictionary, 3);

		assert_ptr_equal(reads(text, &npy), NULL);
		assert_int_equal(npy.type, type);
		assert_int_equal(npy.fortran, fortran);
		assert_int_equal(npy.dims, dims);
		assert_true(dims < 1 || npy.shape[0] == rows);
		assert_true(dims < 2 || npy.shape[1] == columns);
		assert_int_equal(npy.header, text.n - 3);
		assert_int_equal(npy.bytes, npy.elements * npy_size(type));
	}
}

static void test_what_numpy_writes(void **state)
{
	(void)state;
	takes("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }          \n", NPY_F8,
		false, 2, 3, 4);
	takes("{'descr': '<f4', 'fortran_order': True, 'shape': (17,), }\n", NPY_F4, true, 1, 17,
		0);
	takes("{'descr': '<i4', 'fortran_order': False, 'shape': (), }\n", NPY_I4, false, 0, 0, 0);
	takes("{'descr': '<i8', 'fortran_order': False, 'shape': (0, 9223372036854775807), }",
		NPY_I8, false, 2, 0, INT64_MAX);
	takes("{'descr': '<c8', 'fortran_order': False, 'shape': (1, 1), }", NPY_C8, false, 2, 1,
		1);
	takes("{'descr': '<c16', 'fortran_order': False, 'shape': (2L, 3L), }", NPY_C16, false, 2,
		2, 3);
	takes("{'descr': '>f8', 'fortran_order': False, 'shape': (2, 3), }", NPY_OTHER, false, 2, 2,
		3);
}

/* Other writers: any order and blanks, double quotes, no last comma. */
static void test_what_others_write(void **state)
{
	(void)state;
	takes("{\"shape\":(3,4),\"fortran_order\":True,\"descr\":\"<f8\"}", NPY_F8, true, 2, 3, 4);
	takes(" {\n'shape' : ( 3 , 4 , ) ,\t'descr':'<f8', 'fortran_order':True } ", NPY_F8, true,
		2, 3, 4);
	takes("{'descr': [('a', '<f8'), ('b]', '<f4', (2, 2))], 'fortran_order': False, 'shape': "
	      "(5,)}",
		NPY_OTHER, false, 1, 5, 0);
}

static void refuses(const char *dictionary, const char *words)
{
	struct npy npy;
	const char *wrong = reads(file(1, dictionary, 0), &npy);

	if (wrong == NULL || !strstr(wrong, words))
		fail_msg("%s: %s, not %s", dictionary, wrong ? wrong : "taken", words);
}

static void test_headers_that_lie(void **state)
{
	static const char *const wrong[][2] = {
		{"", "not a dictionary"},
		{"('<f8', False, (3, 4))", "not a dictionary"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4)", "something else"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), } {}", "behind"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }\nx", "behind"},
		{"{'descr': '<f8', 'fortran_order': False}", "lacks"},
		{"{'descr': '<f8', 'shape': (3, 4)}", "lacks"},
		{"{}", "lacks"},
		{"{,}", "something else"},
		{"{'descr': '<f8', 'descr': '<f4', 'fortran_order': False, 'shape': ()}", "twice"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (), 'more': 1}",
			"something else"},
		{"{'descr': '<f8' 'fortran_order': False, 'shape': ()}", "something else"},
		{"{'descr' '<f8', 'fortran_order': False, 'shape': ()}", "something else"},
		{"{descr: '<f8', 'fortran_order': False, 'shape': ()}", "something else"},
		{"{'descr': '<f8, 'fortran_order': False, 'shape': ()}", "something else"},
		{"{'descr': 8, 'fortran_order': False, 'shape': ()}", "neither a string"},
		{"{'descr': '<f8\\x00', 'fortran_order': False, 'shape': ()}", "neither a string"},
		{"{'descr': [('a', '<f8'), 'fortran_order': False, 'shape': ()}", "end"},
		{"{'descr': '<f8', 'fortran_order': 0, 'shape': ()}", "neither True"},
		{"{'descr': '<f8', 'fortran_order': true, 'shape': ()}", "neither True"},
		{"{'descr': '<f8', 'fortran_order': not True, 'shape': ()}", "neither True"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': 3}", "tuple"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3)}", "tuple"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': [3, 4]}", "tuple"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3 4)}", "comma"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (,)}", "numbers"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3,,4)}", "numbers"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (-3, 4)}", "numbers"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (+3, 4)}", "numbers"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (03, 4)}", "numbers"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (0x3, 4)}", "numbers"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (1_0, 4)}", "numbers"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3.0, 4)}", "comma"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (True, 4)}", "numbers"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': ((3), 4)}", "numbers"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3*4, 4)}", "comma"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1)}", "more than 4"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775808,)}",
			"2^63"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
			"2^63"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
			"counted"},
		{"{'descr': '<c16', 'fortran_order': False, 'shape': (2305843009213693952,)}",
			"counted"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846976,)}",
			"counted"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refuses(wrong[i][0], wrong[i][1]);
}

static void test_frames_that_lie(void **state)
{
	static const char plain[] = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n";
	struct npy npy;
	struct mf_str text = file(1, plain, 0);

	(void)state;
	for (size_t n = 0; n < text.n; n++)
		assert_non_null(reads(mf_str_of(text.p, n), &npy));
	assert_null(reads(text, &npy));
	bytes[7] = 1;
	assert_non_null(strstr(reads(text, &npy), "version"));
	text = file(0, plain, 0);
	assert_non_null(strstr(reads(text, &npy), "version"));
	text = file(4, plain, 0);
	assert_non_null(strstr(reads(text, &npy), "version"));
	text = file(1, plain, 0);
	bytes[0] = 'N';
	assert_non_null(strstr(reads(text, &npy), "begin"));
	text = file(2, plain, 60000);
	bytes[9] = 0x40;
	assert_non_null(strstr(reads(text, &npy), "10000"));
	bytes[11] = 0xff;
	assert_non_null(strstr(reads(text, &npy), "10000"));
}

static void test_one_behind_another(void **state)
{
	static uint8_t all[1000];
	const uint64_t shape[2] = {2, 3};
	struct mf_str rest;
	const uint8_t *elements;
	struct npy npy;

	(void)state;
	npy_write(NPY_F8, true, 2, shape, all);
	npy_write(NPY_I4, false, 1, shape, all + NPY_WRITTEN + 48);
	rest = mf_str_of(all, 2 * NPY_WRITTEN + 48 + 8);
	assert_null(npy_next(&rest, &npy, &elements));
	assert_ptr_equal(elements, all + NPY_WRITTEN);
	assert_true(npy.type == NPY_F8 && npy.fortran && npy.dims == 2);
	assert_true(npy.shape[0] == 2 && npy.shape[1] == 3 && npy.bytes == 48);
	assert_null(npy_next(&rest, &npy, &elements));
	assert_true(npy.type == NPY_I4 && !npy.fortran && npy.dims == 1 && npy.bytes == 8);
	assert_int_equal(rest.n, 0);
	rest = mf_str_of(all, NPY_WRITTEN + 47);
	assert_non_null(strstr(npy_next(&rest, &npy, &elements), "elements"));
	assert_int_equal(rest.n, NPY_WRITTEN + 47);
}

/* What is written is what NumPy writes, to the byte. */
static void test_written(void **state)
{
	const uint64_t most[2] = {INT64_MAX, INT64_MAX}, one[2] = {1, 0};
	uint8_t to[NPY_WRITTEN + 1], expected[NPY_WRITTEN + 1];

	(void)state;
	to[NPY_WRITTEN] = 7;
	npy_write(NPY_C16, false, 2, most, to);
	snprintf((char *)expected, sizeof(expected), "%-127s\n",
		"\x93NUMPY\x01?v?{'descr': '<c16', 'fortran_order': False, 'shape': "
		"(9223372036854775807, 9223372036854775807), }");
	expected[7] = expected[9] = 0;
	assert_memory_equal(to, expected, NPY_WRITTEN);
	npy_write(NPY_F4, true, 1, one, to);
	assert_memory_equal(
		to + 10, "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", 56);
	npy_write(NPY_F8, false, 0, one, to);
	assert_memory_equal(to + 10, "{'descr': '<f8', 'fortran_order': False, 'shape': (), }", 55);
	assert_int_equal(to[NPY_WRITTEN - 1], '\n');
	assert_int_equal(to[NPY_WRITTEN], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_numpy_writes),
		cmocka_unit_test(test_what_others_write),
		cmocka_unit_test(test_headers_that_lie),
		cmocka_unit_test(test_frames_that_lie),
		cmocka_unit_test(test_one_behind_another),
		cmocka_unit_test(test_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
