/* image/topic: which topics a filter stands for, and where two meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/topic.h"

static struct mf_str str(const char *text)
{
	return mf_str_of(text, strlen(text));
}

/* The examples of MQTT 5, 4.7, and what they don't say. */
static void test_matches(void **state)
{
	static const struct {
		const char *filter, *topic;
		bool fits;
	} table[] = {
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
		{"sport/tennis/player1/#", "sport/tennis/player10", false},
		{"sport/#", "sport", true},
		{"#", "a", true},
		{"#", "/", true},
		{"sport/tennis/+", "sport/tennis/player1", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		{"#", "$SYS/x", false},
		{"+/monitor/Clients", "$SYS/monitor/Clients", false},
		{"$SYS/#", "$SYS/x", true},
		{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
		{"a", "a", true},
		{"a", "A", false},
		{"a", "a/", false},
		{"a/b", "a", false},
		{"a//b", "a//b", true},
		{"a/+/b", "a//b", true},
		{"a/+/#", "a/b", true},
		{"a/+/#", "a", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (topic_matches(table[i].filter, str(table[i].topic)) != table[i].fits)
			fail_msg("%s and %s", table[i].filter, table[i].topic);
}

static void test_overlap(void **state)
{
	static const struct {
		const char *a, *b;
		bool meet;
	} table[] = {
		{"a/+", "+/b", true},
		{"a/+", "b/+", false},
		{"a/#", "a", true},
		{"a/#", "b/#", false},
		{"a/+/c", "a/b/#", true},
		{"a/+/c", "a/b/d", false},
		{"+", "a/b", false},
		{"+", "a/#", true},
		{"#", "$SYS/x", false},
		{"$SYS/#", "+/x", false},
		{"$SYS/#", "$SYS/+", true},
		{"a/b", "a/b", true},
		{"a/b/#", "a/+", true},
		{"a/b/c/#", "a/+", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (topics_overlap(table[i].a, table[i].b) != table[i].meet ||
			topics_overlap(table[i].b, table[i].a) != table[i].meet)
			fail_msg("%s and %s", table[i].a, table[i].b);
}

static void test_words(void **state)
{
	(void)state;
	assert_true(topic_is_filter("a/+/#"));
	assert_false(topic_is_filter("a/b#"));
	assert_false(topic_is_filter("a/+b"));
	assert_false(topic_is_filter("#/a"));
	assert_true(topic_is_name(MF_STR("a/b")));
	assert_false(topic_is_name(MF_STR("a/+")));
	assert_false(topic_is_name(MF_STR("")));
	assert_false(topic_is_name(MF_STR("a\0b")));
	assert_true(topic_is_share("group 1"));
	assert_false(topic_is_share("a/b"));
	assert_false(topic_is_share(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
