/* image/uri: names in lines that others read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/uri.h"

static void assert_shown(const char *name, const char *want)
{
	char to[64];

	assert_string_equal(uri_show(mf_str_of(name, strlen(name)), to, sizeof(to)), want);
}

static void test_shown(void **state)
{
	char to[6];

	(void)state;
	assert_shown("home/hall@x/light", "home/hall@x/light");
	assert_shown("https://a.example/b@c", "https://a.example/b@c");
	assert_shown("https://a.example?b@c", "https://a.example?...");
	assert_shown("https://a.example/b?key=secret", "https://a.example/b?...");
	assert_shown("https://a.example/b?", "https://a.example/b?");
	assert_shown("https://me?x:secret@a/?y", "https://me?...");
	assert_shown("home/hall?x", "home/hall?x");
	assert_shown("https://me:secret@a.example/b", "https://...@a.example/b");
	assert_shown("https://me:sec@ret@a.example", "https://...@a.example");
	assert_shown("coap://x@", "coap://...@");
	assert_shown("://@", "://...@");
	assert_shown("://", "://");
	assert_shown("", "");
	assert_string_equal(uri_show(mf_str_of("123456789", 9), to, sizeof(to)), "12345");
}

static void assert_dots(const char *path, bool want)
{
	assert_int_equal(uri_has_dots(mf_str_of(path, strlen(path))), want);
}

static void test_dots(void **state)
{
	(void)state;
	assert_dots("/a/../b", true);
	assert_dots("/a/%2e%2E/b", true);
	assert_dots("/a/..", true);
	assert_dots("/.", true);
	assert_dots("/a..b/.c/...", false);
	assert_dots("", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shown), cmocka_unit_test(test_dots)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
