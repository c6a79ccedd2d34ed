/* image/key: words into pieces of an event */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/key.h"

static void test_nothing_said(void **state)
{
	struct key key;

	(void)state;
	assert_null(key_parse(&key, NULL));
	assert_false(key.given);
	assert_int_equal(key.count, 0);
	assert_null(key_parse(&key, "none"));
	assert_true(key.given);
	assert_int_equal(key.count, 0);
}

static void check(const char *words, const char *subject, const char *first)
{
	const struct key_event event = {
		.subject = mf_str_of(subject, strlen(subject)), .peer = MF_STR("10.0.0.1")};
	struct key key;

	assert_null(key_parse(&key, words));
	assert_int_equal(key.count, 1);
	if (!mf_str_is(key_item(&key, 0, &event), first))
		fail_msg("%s of %s is not %s", words, subject, first);
}

static void test_pieces(void **state)
{
	(void)state;
	check("path", "/a/b", "/a/b");
	check("topic", "a/b", "a/b");
	check("path/1", "/a/b", "a");
	check("path/2", "/a/b", "b");
	check("path/3", "/a/b", "");
	check("path/2", "/a/", "");
	check("path/2", "//b", "b");
	check("path/1", "", "");
	check("topic/1", "a/b", "a");
	check("topic/9", "1/2/3/4/5/6/7/8/9/10", "9");
	check("peer", "/a", "10.0.0.1");
	check("all", "/a", "");
}

static void test_several(void **state)
{
	const struct key_event event = {.subject = MF_STR("/a/b"), .peer = MF_STR("::1")};
	struct key key;

	(void)state;
	assert_null(key_parse(&key, " peer  path/2 "));
	assert_int_equal(key.count, 2);
	assert_true(mf_str_is(key_item(&key, 0, &event), "::1"));
	assert_true(mf_str_is(key_item(&key, 1, &event), "b"));
	assert_null(key_parse(&key, "all all all all all all all all"));
	assert_int_equal(key.count, 8);
}

static void test_wrong(void **state)
{
	static const char *const wrong[] = {"", "  ", "pear", "path/", "path/0", "path/10", "path1",
		"none peer", "peer,path", "{path}", "all all all all all all all all all"};
	struct key key;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (!key_parse(&key, wrong[i]))
			fail_msg("'%s' passed", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_said),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
