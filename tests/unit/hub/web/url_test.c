/* hub/web/url: what is an address, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/web/url.h"

static struct mf_str text(const char *s)
{
	return mf_str_of(s, strlen(s));
}

static void test_parts(void **state)
{
	struct url url;

	(void)state;
	assert_null(url_parse(text("https://hooks.example.org:8443/a/b?c=d"), &url));
	assert_true(url.tls);
	assert_true(mf_str_is(url.origin, "https://hooks.example.org:8443"));
	assert_true(mf_str_is(url.shown, "https://hooks.example.org:8443/a/b"));
	assert_null(url_parse(text("http://[2001:db8::7]"), &url));
	assert_false(url.tls);
	assert_true(mf_str_is(url.origin, "http://[2001:db8::7]"));
	assert_true(mf_str_is(url.shown, "http://[2001:db8::7]"));
	assert_null(url_parse(text("http://a/b%2fc/;d/..e;f/%/%2/%zz%2"), &url));
	assert_null(url_parse(text("http://192.0.2.1:65535/.../a..b/.c/%2e%2ex?/../"), &url));
}

static void test_no_address(void **state)
{
	static const char *const wrong[] = {
		"ftp://a/",
		"HTTP://a/",
		"http:/a",
		"http://",
		"http:///x",
		"http://:80/",
		"http://a:/",
		"http://a:0/",
		"http://a:65536/",
		"http://a:8o/",
		"http://a b/",
		"http://a_b\\c/",
		"http://[::1/",
		"http://[::1]x/",
		"http://[]/",
		"http://user@a/",
		"http://user:password@a/",
		"http://a?b",
		"http://a/#b",
		"http://a/..",
		"http://a/./b",
		"http://a/x/%2e./b",
		"http://a/%2E",
		"http://a/x/%2e%2e%2fb",
		"http://a/x%2F..%2fb",
		"http://a/x/..%5cb",
		"http://a/x/..;c=d/b",
		"http://a/x/%2e%3B/b",
		"http://a/x%2f..",
		"http://a/\\b",
		"http://a/\x7f",
		"http://a/\xc3\xa4",
		"http://a/\r\nX: y",
		"http://a/\"",
	};
	static char longer[URL_MOST + 2];
	struct url url;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (!url_parse(text(wrong[i]), &url))
			fail_msg("taken: %s", wrong[i]);
	assert_non_null(url_parse(mf_str_of("http://a\0b/", 11), &url));
	memset(longer, 'a', URL_MOST + 1);
	memcpy(longer, "http://a/", 9);
	assert_non_null(url_parse(text(longer), &url));
	longer[URL_MOST] = '\0';
	assert_null(url_parse(text(longer), &url));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
