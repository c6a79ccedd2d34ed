/* hub/http/target.c: paths, queries, hosts. */
#include "hub/http/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct mf_str str(const char *s)
{
	return mf_str_of(s, strlen(s));
}

static void takes_paths(void **state)
{
	static const char *const paths[] = {"/", "/a", "/a/b/", "//", "/a//b", "/a.b/..c/...",
		"/%41", "/a%2Fb", "/-._~!$&'()*+,;=:@", "/%c3%a9", "/.well-known/x"};
	struct target t;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *wrong = target_parse(&t, str(paths[i]), false);

		if (wrong)
			fail_msg("%s: %s", paths[i], wrong);
		assert_true(mf_str_is(t.path, paths[i]));
		assert_null(t.query.p);
	}
}

static void refuses_paths(void **state)
{
	static const char *const paths[] = {"", "a", "*", "/a b", "/a#b", "/\xc3\xa9", "/a\\b",
		"/<", "/%", "/%4", "/%4g", "/%00", "/.", "/..", "/a/../b", "/a/.", "/a/./b",
		"/%2e%2E/a", "/a/%2e", "/.%2e/", "/a\x7f", "ftp://a/", "//a/../b", "/a?b#c",
		"/a?b c", "/a?b\xff", "http://", "http://a b/", "http://[::1/"};
	struct target t;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (!target_parse(&t, str(paths[i]), false))
			fail_msg("accepted: %s", paths[i]);
}

static void splits_at_the_first_question_mark(void **state)
{
	struct target t;

	(void)state;
	assert_null(target_parse(&t, str("/a?b?c|{}^`\"<>\\"), false));
	assert_true(mf_str_is(t.path, "/a"));
	assert_true(mf_str_is(t.query, "b?c|{}^`\"<>\\"));
	assert_null(target_parse(&t, str("http://h:1?q"), false));
	assert_true(mf_str_is(t.host, "h:1"));
	assert_true(mf_str_is(t.path, "/"));
	assert_true(mf_str_is(t.query, "q"));
}

static void options_has_a_star(void **state)
{
	struct target t;

	(void)state;
	assert_null(target_parse(&t, str("*"), true));
	assert_true(mf_str_is(t.path, "*"));
	assert_null(target_parse(&t, str("http://a.example"), true));
	assert_true(mf_str_is(t.path, "*"));
	assert_non_null(target_parse(&t, str("*"), false));
}

static void knows_hosts(void **state)
{
	static const char *const good[] = {"", "a", "a.example", "a.example:80",
		"a:", "127.0.0.1:1", "[::1]", "[fe80::1]:65535", "a_b", "%41"};
	static const char *const not [] = {"a:65536", "a:b", "a b", "a/b", "[", "[]", "[::1]x",
		"[::g]", "a@b", "%4", "a:80:80", "\xc3\xa9"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!target_is_host(str(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++)
		if (target_is_host(str(not [i])))
			fail_msg("accepted: %s", not [i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_paths),
		cmocka_unit_test(refuses_paths),
		cmocka_unit_test(splits_at_the_first_question_mark),
		cmocka_unit_test(options_has_a_star),
		cmocka_unit_test(knows_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
