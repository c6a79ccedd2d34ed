/* hub/web/guess: what a message looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/web/guess.h"

#define TYPE(s) guess_type(mf_str_of(s, sizeof(s) - 1))

static void test_types(void **state)
{
	(void)state;
	assert_true(mf_str_is(TYPE(" {\"a\": [1, \"\\u0000\"]}\n"), "application/json"));
	assert_true(mf_str_is(TYPE("[]"), "application/json"));
	assert_true(mf_str_is(TYPE("{a}"), "text/plain; charset=utf-8"));
	assert_true(mf_str_is(TYPE("[1] 2"), "text/plain; charset=utf-8"));
	assert_true(mf_str_is(TYPE("21.5"), "text/plain; charset=utf-8"));
	assert_true(mf_str_is(TYPE(""), "text/plain; charset=utf-8"));
	assert_true(mf_str_is(TYPE("gr\xc3\xbc\xc3\x9f\tdich\r\n"), "text/plain; charset=utf-8"));
	assert_true(mf_str_is(TYPE("gr\xfc\xdf"), "application/octet-stream"));
	assert_true(mf_str_is(TYPE("a\0b"), "application/octet-stream"));
	assert_true(mf_str_is(TYPE("\x1b[1m"), "application/octet-stream"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_types)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
