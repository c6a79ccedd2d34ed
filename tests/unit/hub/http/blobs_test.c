/* hub/http/blobs: which bytes Range and Content-Range mean. */
#include "hub/http/blobs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct mf_str text_of(const char *text)
{
	return mf_str_of(text, strlen(text));
}

static void test_range(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
		int result;
		uint64_t first, last;
	} cases[] = {
		{"bytes=0-0", 10, 0, 0, 0},
		{"bytes=0-", 10, 0, 0, 9},
		{"bytes=9-", 10, 0, 9, 9},
		{"bytes=3-100", 10, 0, 3, 9},
		{"bytes=-3", 10, 0, 7, 9},
		{"bytes=-30", 10, 0, 0, 9},
		{"bytes=0-18446744073709551615", 10, 0, 0, 9},
		{"bytes=10-", 10, -ERANGE, 0, 0},
		{"bytes=-0", 10, -ERANGE, 0, 0},
		{"bytes=0-", 0, -ERANGE, 0, 0},
		{"bytes=-1", 0, -ERANGE, 0, 0},
		{"bytes=4-3", 10, -EINVAL, 0, 0},
		{"bytes=18446744073709551616-", 10, -EINVAL, 0, 0},
		{"bytes=0-1,3-4", 10, -EINVAL, 0, 0},
		{"bytes=0-1 ", 10, -EINVAL, 0, 0},
		{"bytes=-", 10, -EINVAL, 0, 0},
		{"bytes=", 10, -EINVAL, 0, 0},
		{"bytes=--1", 10, -EINVAL, 0, 0},
		{"bytes", 10, -EINVAL, 0, 0},
		{"", 10, -EINVAL, 0, 0},
		{"items=0-1", 10, -EINVAL, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t first, last;
		int result = blob_range(text_of(cases[i].text), cases[i].size, &first, &last);

		if (result != cases[i].result)
			fail_msg("%s: %d", cases[i].text, result);
		if (result == 0) {
			assert_int_equal(first, cases[i].first);
			assert_int_equal(last, cases[i].last);
		}
	}
}

static void test_content_range(void **state)
{
	static const char *const wrong[] = {"bytes 0-9/9", "bytes 5-4/9", "bytes 0-9/*",
		"bytes */9", "bytes 0-9", "bytes=0-9/10", "bytes 0-9/10,", " bytes 0-9/10",
		"bytes 0-/10", "", "bytes 0-18446744073709551614/18446744073709551615",
		"bytes 0-9/18446744073709551616", "items 0-9/10"};
	uint64_t first, last, size;

	(void)state;
	assert_int_equal(blob_content_range(text_of("bytes 3-9/10"), &first, &last, &size), 0);
	assert_int_equal(first, 3);
	assert_int_equal(last, 9);
	assert_int_equal(size, 10);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (blob_content_range(text_of(wrong[i]), &first, &last, &size) != -EINVAL)
			fail_msg("%s", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_content_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
