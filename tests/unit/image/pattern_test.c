/* image/pattern: what is a path pattern, a method, a host, a header's name */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "image/pattern.h"

#define EACH(list, i) for (size_t i = 0; i < sizeof(list) / sizeof((list)[0]); i++)

static void test_paths(void **state)
{
	static const char *const right[] = {"/", "/a", "/a/", "//", "/+", "/#", "/a/+/b", "/+/#",
		"/a%2fb", "/~x.y-z_!$&'()*,;=:@"};
	static const char *const wrong[] = {"", "a", "#", "/a#", "/#/a", "/#/", "/a+", "/++",
		"/a b", "/a?b", "/%", "/%2", "/%2g", "/\xc3\xa9", "/a\"", "/<a>", "/[a]"};
	char longest[PATTERN_MAX + 2];

	(void)state;
	EACH(right, i)
	if (pattern_wrong(right[i]))
		fail_msg("'%s' %s", right[i], pattern_wrong(right[i]));
	EACH(wrong, i)
	if (!pattern_wrong(wrong[i]))
		fail_msg("'%s' passed", wrong[i]);
	memset(longest, '/', sizeof(longest));
	longest[PATTERN_MAX + 1] = '\0';
	assert_non_null(pattern_wrong(longest));
	longest[PATTERN_MAX] = '\0';
	assert_null(pattern_wrong(longest));
}

static void test_methods(void **state)
{
	(void)state;
	assert_true(pattern_is_method("GET"));
	assert_true(pattern_is_method("M-SEARCH"));
	assert_false(pattern_is_method("get"));
	assert_false(pattern_is_method(""));
	assert_false(pattern_is_method("-"));
	assert_false(pattern_is_method("GET POST"));
}

static void test_hosts(void **state)
{
	static const char *const right[] = {"localhost", "a.example", "10.0.0.1", "[::1]"};
	static const char *const wrong[] = {
		"", ".a", "-a", "a:80", "a/b", "::1", "[]", "[::1", "[::1]:80", "a b", "[a.b:x]"};

	(void)state;
	EACH(right, i)
	if (!pattern_is_host(right[i]))
		fail_msg("'%s' was refused", right[i]);
	EACH(wrong, i)
	if (pattern_is_host(wrong[i]))
		fail_msg("'%s' passed", wrong[i]);
}

static void test_headers(void **state)
{
	char longest[PATTERN_HEADER_MAX + 2];

	(void)state;
	assert_true(pattern_is_header("User-Agent"));
	assert_true(pattern_is_header("x_1"));
	assert_false(pattern_is_header(""));
	assert_false(pattern_is_header("a b"));
	assert_false(pattern_is_header("a:"));
	memset(longest, 'a', sizeof(longest));
	longest[PATTERN_HEADER_MAX + 1] = '\0';
	assert_false(pattern_is_header(longest));
	longest[PATTERN_HEADER_MAX] = '\0';
	assert_true(pattern_is_header(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
