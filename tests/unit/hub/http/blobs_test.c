/* hub/http/blobs: which bytes Content-Range means. */
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
		cmocka_unit_test(test_content_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
