/* base/str.h, base/num.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/str.h"

/* Not inlined: gcc 12 warns of reads that can't happen when it knows both strings. */
static __attribute__((noinline)) bool is(struct mf_str a, const char *s)
{
	return mf_str_is(a, s);
}

static void equality(void **state)
{
	(void)state;
	assert_true(mf_str_eq(MF_STR("abc"), MF_STR("abc")));
	assert_false(mf_str_eq(MF_STR("abc"), MF_STR("abd")));
	assert_false(mf_str_eq(MF_STR("abc"), MF_STR("ab")));
	assert_true(mf_str_eq(mf_str_of(NULL, 0), MF_STR("")));
	assert_true(is(MF_STR("abc"), "abc"));
	assert_false(is(MF_STR("abc"), "abcd"));
	assert_false(is(MF_STR("abc"), "ab"));
	assert_false(is(MF_STR("ab\0c"), "ab"));
	assert_true(is(mf_str_of(NULL, 0), ""));
}

static void lower(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++)
		assert_int_equal(mf_lower((uint8_t)c), c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	assert_true(mf_str_alike(MF_STR("Content-TYPE"), MF_STR("content-type")));
	assert_false(mf_str_alike(MF_STR("abc"), MF_STR("abd")));
	assert_false(mf_str_alike(MF_STR("abc"), MF_STR("ABCD")));
	assert_false(mf_str_alike(MF_STR("@"), MF_STR("`")));
}

static void fits(void **state)
{
	(void)state;
	assert_true(num_fits(0, 0, 0));
	assert_true(num_fits(3, 5, 8));
	assert_false(num_fits(3, 6, 8));
	assert_false(num_fits(9, 0, 8));
	assert_false(num_fits(1, UINT64_MAX, 8));
	assert_false(num_fits(UINT64_MAX, 1, UINT64_MAX));
	assert_int_equal(num_align(0, 16), 0);
	assert_int_equal(num_align(1, 16), 16);
	assert_int_equal(num_align(16, 16), 16);
}

static void parses(struct mf_str text, uint64_t value)
{
	uint64_t got = 77;

	assert_true(num_parse(text, &got));
	assert_int_equal(got, value);
}

static void refuses(struct mf_str text)
{
	uint64_t got = 77;

	assert_false(num_parse(text, &got));
	assert_int_equal(got, 77);
}

static void numbers(void **state)
{
	(void)state;
	parses(MF_STR("0"), 0);
	parses(MF_STR("007"), 7);
	parses(MF_STR("18446744073709551615"), UINT64_MAX);
	refuses(MF_STR("18446744073709551616"));
	refuses(MF_STR("99999999999999999999"));
	refuses(MF_STR(""));
	refuses(MF_STR("-1"));
	refuses(MF_STR("1 "));
	refuses(MF_STR("1\0"));
	refuses(MF_STR("0x1"));
}

static void hexadecimal(void **state)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char *at = c ? strchr(digits, c) : NULL;
		int want = !at ? -1 : (int)(at - digits) - (at - digits > 15 ? 6 : 0);

		assert_int_equal(num_hex((uint8_t)c), want);
	}
	assert_int_equal(num_hex_byte((const uint8_t *)"fE", 2), 0xfe);
	assert_int_equal(num_hex_byte((const uint8_t *)"0a7", 3), 0x0a);
	assert_int_equal(num_hex_byte((const uint8_t *)"fE", 1), -1);
	assert_int_equal(num_hex_byte((const uint8_t *)"g0", 2), -1);
	assert_int_equal(num_hex_byte((const uint8_t *)"0g", 2), -1);
	assert_int_equal(num_hex_byte((const uint8_t *)"", 2), -1); /* the second isn't read */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality),
		cmocka_unit_test(lower),
		cmocka_unit_test(fits),
		cmocka_unit_test(numbers),
		cmocka_unit_test(hexadecimal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
