/* wire/names.h */
#include "wire/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* In memory of its own length, so that reading behind it is found out. */
static struct mf_str exact(const char *text)
{
	size_t n = strlen(text);
	uint8_t *p = malloc(n ? n : 1);

	assert_non_null(p);
	memcpy(p, text, n);
	return mf_str_of(p, n);
}

static bool is_one(const char *text)
{
	struct mf_str s = exact(text);
	bool it_is = names_is_one(s);

	free((void *)(uintptr_t)s.p);
	return it_is;
}

static void what_a_name_is(void **state)
{
	static const char *const bad[] = {"", " ", "a b", "a/b", "a+", "#", "a\"b", "a\\",
		"\xc3\xa4", "a.b", "a\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	(void)state;
	assert_true(is_one("hall"));
	assert_true(is_one("Hall-2_b"));
	assert_true(is_one("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(is_one(bad[i]));
}

static void topics(void **state)
{
	static const char *const bad[] = {"", "a/+", "#", "a\"b", "a\\b", "a\nb", "\x7f"};
	char longest[130];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_true(names_is_topic(mf_str_of(longest, NAMES_TOPIC_MAX)));
	assert_false(names_is_topic(mf_str_of(longest, NAMES_TOPIC_MAX + 1)));
	assert_true(names_is_topic(MF_STR("mayfly/hub one/status")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(names_is_topic(mf_str_of(bad[i], strlen(bad[i]))));
}

static void lists(void **state)
{
	struct mf_str list = exact("hall  attic cellar "), rest = list, name;
	char text[16];

	(void)state;
	assert_true(names_next(&rest, &name) && mf_str_is(name, "hall"));
	assert_true(names_next(&rest, &name) && mf_str_is(name, "attic"));
	assert_true(names_next(&rest, &name) && mf_str_is(name, "cellar"));
	assert_false(names_next(&rest, &name));
	assert_true(names_has(list, MF_STR("attic")));
	assert_false(names_has(list, MF_STR("att")));
	assert_false(names_has(list, MF_STR("attics")));
	assert_false(names_has(mf_str_of(NULL, 0), MF_STR("attic")));
	free((void *)(uintptr_t)list.p);

	assert_int_equal(names_add(text, sizeof(text), mf_str_of(NULL, 0), MF_STR("hall")), 4);
	assert_int_equal(names_add(text, sizeof(text), MF_STR("hall"), MF_STR("attic")), 10);
	assert_memory_equal(text, "hall attic", 10);
	assert_int_equal(names_add(text, 10, MF_STR("hall"), MF_STR("attic")), 10);
	assert_int_equal(names_add(text, 9, MF_STR("hall"), MF_STR("attic")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_name_is),
		cmocka_unit_test(topics),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
