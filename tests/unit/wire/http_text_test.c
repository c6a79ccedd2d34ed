/* tests/unit/wire/http_text_test.c - wire/http_text: paths, queries, lists, tags, ranges */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/http_text.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A copy of just that size, so that the sanitizer sees a byte too many. Lives until the next. */
static struct mf_str str(const char *text)
{
	static char *copy;

	free(copy);
	copy = NULL;
	if (!text)
		return mf_str_of(NULL, 0);
	copy = malloc(strlen(text) + !*text);
	assert_non_null(copy);
	memcpy(copy, text, strlen(text));
	return mf_str_of(copy, strlen(text));
}

static void assert_str(struct mf_str s, const char *text)
{
	if (!text) {
		assert_null(s.p);
		return;
	}
	assert_non_null(s.p);
	assert_int_equal(s.n, strlen(text));
	assert_memory_equal(s.p, text, s.n);
}

static void test_decode(void **state)
{
	static const struct {
		const char *text;
		bool form;
		const char *is; /* NULL: refused */
	} cases[] = {
		{"", false, ""},
		{"/plain", false, "/plain"},
		{"a%20b", false, "a b"},
		{"%41%c3%A9%2f", false, "A\xc3\xa9/"},
		{"a+b", false, "a+b"},
		{"a+b%2B", true, "a b+"},
		{"%2525", false, "%25"},
		{"%", false, NULL},
		{"%4", false, NULL},
		{"x%4", false, NULL},
		{"%4g", false, NULL},
		{"%g4", false, NULL},
		{"%-1", false, NULL},
		{"%%41", false, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t to[32];
		size_t n = 99;
		bool ok = http_decode(str(cases[i].text), cases[i].form, to, &n);

		assert_int_equal(ok, cases[i].is != NULL);
		if (ok)
			assert_str(mf_str_of(to, n), cases[i].is);
	}
}

static void test_a_decoded_zero_is_a_byte(void **state)
{
	uint8_t to[8];
	size_t n;

	(void)state;
	assert_true(http_decode(str("a%00b"), false, to, &n));
	assert_int_equal(n, 3);
	assert_memory_equal(to, "a\0b", 3);
}

static void test_parameter(void **state)
{
	static const struct {
		const char *query, *name, *value;
	} cases[] = {
		{NULL, "a", NULL},
		{"", "a", NULL},
		{"a=1", "a", "1"},
		{"a=1&b=2", "b", "2"},
		{"ab=1&b=2", "b", "2"},
		{"b=first&b=second", "b", "first"},
		{"a", "a", ""},
		{"a&b=2", "a", ""},
		{"a=", "a", ""},
		{"a=x=y", "a", "x=y"},
		{"&&a=1&", "a", "1"},
		{"a=1", "A", NULL},
		{"aa=1", "a", NULL},
		{"=1", "a", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_str(http_parameter(str(cases[i].query), cases[i].name), cases[i].value);
}

static void list_is(const char *text, size_t n, const char *const *items)
{
	struct mf_str list = str(text), item;

	for (size_t i = 0; i < n; i++) {
		assert_true(http_list_next(&list, &item));
		assert_str(item, items[i]);
	}
	assert_false(http_list_next(&list, &item));
	assert_false(http_list_next(&list, &item));
}
#define LIST(text, ...)                                                                            \
	list_is(text, COUNT(((const char *[]){__VA_ARGS__})), (const char *[]){__VA_ARGS__})

static void test_list(void **state)
{
	(void)state;
	list_is(NULL, 0, NULL);
	list_is("", 0, NULL);
	list_is(" ,\t, ,", 0, NULL);
	LIST("one", "one");
	LIST(" a ,b\t,, c d ,", "a", "b", "c d");
	LIST("\"a,b\", c", "\"a,b\"", "c");
	LIST("W/\"x\\\",\"y\"", "W/\"x\\\"", "\"y\""); /* a backslash escapes nothing */
	LIST("\"open, to the end", "\"open, to the end");
}

static void test_weight(void **state)
{
	static const struct {
		const char *list, *what;
		int weight;
	} cases[] = {
		{NULL, "text/html", HTTP_UNSAID},
		{"", "text/html", HTTP_UNSAID},
		{"text/html", "text/html", 1000},
		{"TEXT/Html", "text/html", 1000},
		{"text/htm", "text/html", HTTP_UNSAID},
		{"text/html5", "text/html", HTTP_UNSAID},
		{"text/*", "text/html", 1000},
		{"text/*", "texts/html", HTTP_UNSAID},
		{"tex/*", "text/html", HTTP_UNSAID},
		{"*/*;q=0.1", "text/html", 100},
		{"*/*;q=0.1, text/*;q=0.2, text/html;q=0.3", "text/html", 300},
		{"text/html;q=0.3, text/*;q=0.2, */*;q=0.1", "text/html", 300},
		{"text/html;q=0.3, text/*;q=0.2, */*;q=0.1", "text/css", 200},
		{"text/html;q=0.3, text/*;q=0.2, */*;q=0.1", "image/png", 100},
		{"text/html;q=0, */*", "text/html", 0},
		{"text/html; level=1 ; Q=0.25", "text/html", 250},
		{"text/html;v=\"q=0,;q=0\";q=0.125", "text/html", 125},
		{"text/html;q=1.000", "text/html", 1000},
		{"text/html;q=1.001", "text/html", 0},
		{"text/html;q=2", "text/html", 0},
		{"text/html;q=", "text/html", 0},
		{"text/html;q=0.1234", "text/html", 0},
		{"text/html;q=-1", "text/html", 0},
		{"text/html;q=.5", "text/html", 0},
		{"text/html;q=0,5", "text/html", 0},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/plain",
			800},
		{"gzip, deflate, br", "gzip", 1000},
		{"GZIP;q=0.5", "gzip", 500},
		{"*", "gzip", 1000},
		{"*;q=0", "gzip", 0},
		{"*;q=0, gzip", "gzip", 1000},
		{"br", "gzip", HTTP_UNSAID},
		{"*/*", "gzip", HTTP_UNSAID},
		{"*", "text/html", HTTP_UNSAID},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (http_weight(str(cases[i].list), cases[i].what) != cases[i].weight)
			fail_msg("%s in %s: %d, not %d", cases[i].what, cases[i].list,
				http_weight(str(cases[i].list), cases[i].what), cases[i].weight);
}

static void test_etag(void **state)
{
	static const struct {
		const char *list;
		bool weakly, strongly;
	} cases[] = {
		{NULL, false, false},
		{"", false, false},
		{"*", true, true},
		{" * ", true, true},
		{"\"abc\"", true, true},
		{"W/\"abc\"", true, false},
		{"w/\"abc\"", false, false},
		{"abc", false, false},
		{"\"ABC\"", false, false},
		{"\"x\", W/\"y\" , \"abc\"", true, true},
		{"\"x,\"abc\"", false, false},
		{"\"abc", false, false},
		{"Sat, 29 Oct 1994 19:43:31 GMT", false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(http_etag_named(str(cases[i].list), MF_STR("\"abc\""), true),
			cases[i].weakly);
		assert_int_equal(http_etag_named(str(cases[i].list), MF_STR("\"abc\""), false),
			cases[i].strongly);
	}
}

static void test_range(void **state)
{
	static const struct {
		const char *value;
		uint64_t size;
		enum http_range is;
		uint64_t first, last;
	} cases[] = {
		{NULL, 100, HTTP_RANGE_ALL, 0, 0},
		{"", 100, HTTP_RANGE_ALL, 0, 0},
		{"bytes=0-0", 100, HTTP_RANGE_PART, 0, 0},
		{"bytes=0-99", 100, HTTP_RANGE_PART, 0, 99},
		{"Bytes=10-19", 100, HTTP_RANGE_PART, 10, 19},
		{"bytes=10-", 100, HTTP_RANGE_PART, 10, 99},
		{"bytes=10-500", 100, HTTP_RANGE_PART, 10, 99},
		{"bytes=99-99", 100, HTTP_RANGE_PART, 99, 99},
		{"bytes=-1", 100, HTTP_RANGE_PART, 99, 99},
		{"bytes=-100", 100, HTTP_RANGE_PART, 0, 99},
		{"bytes=-101", 100, HTTP_RANGE_PART, 0, 99},
		{"bytes=-99999999999999999999999999", 100, HTTP_RANGE_PART, 0, 99},
		{"bytes=5-99999999999999999999999999", 100, HTTP_RANGE_PART, 5, 99},
		{"bytes=100-", 100, HTTP_RANGE_OUTSIDE, 0, 0},
		{"bytes=100-200", 100, HTTP_RANGE_OUTSIDE, 0, 0},
		{"bytes=99999999999999999999999999-", 100, HTTP_RANGE_OUTSIDE, 0, 0},
		{"bytes=-0", 100, HTTP_RANGE_OUTSIDE, 0, 0},
		{"bytes=0-", 0, HTTP_RANGE_OUTSIDE, 0, 0},
		{"bytes=-5", 0, HTTP_RANGE_ALL, 0, 0},
		{"bytes=20-10", 100, HTTP_RANGE_ALL, 0, 0},
		{"bytes=-", 100, HTTP_RANGE_ALL, 0, 0},
		{"bytes=", 100, HTTP_RANGE_ALL, 0, 0},
		{"bytes=5", 100, HTTP_RANGE_ALL, 0, 0},
		{"bytes=a-5", 100, HTTP_RANGE_ALL, 0, 0},
		{"bytes=5-b", 100, HTTP_RANGE_ALL, 0, 0},
		{"bytes=--5", 100, HTTP_RANGE_ALL, 0, 0},
		{"bytes=1-2-3", 100, HTTP_RANGE_ALL, 0, 0},
		{"bytes=+1-2", 100, HTTP_RANGE_ALL, 0, 0},
		{"bytes=0-1,5-6", 100, HTTP_RANGE_ALL, 0, 0},
		{"lines=0-1", 100, HTTP_RANGE_ALL, 0, 0},
		{"bytes", 100, HTTP_RANGE_ALL, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t first = 0, last = 0;
		enum http_range is = http_range(str(cases[i].value), cases[i].size, &first, &last);

		if (is != cases[i].is || first != cases[i].first || last != cases[i].last)
			fail_msg("%s of %u: %d, %u to %u", cases[i].value, (unsigned)cases[i].size,
				is, (unsigned)first, (unsigned)last);
	}
}

static void test_hex(void **state)
{
	uint8_t to[3] = {0};

	(void)state;
	assert_true(http_hex(MF_STR("00fFa9"), to, 3));
	assert_memory_equal(to, "\x00\xff\xa9", 3);
	assert_true(http_hex(MF_STR(""), to, 0));
	assert_false(http_hex(MF_STR("00fFa"), to, 3));
	assert_false(http_hex(MF_STR("00fFa90"), to, 3));
	assert_false(http_hex(MF_STR("00fFag"), to, 3));
	assert_false(http_hex(MF_STR("0x1234"), to, 3));
}

/* Nothing reads beyond what it is given, whatever stands there. */
static void test_any_bytes(void **state)
{
	static const char letters[] = "bytes=-0129,;\"W/*q. %af\t\\&+";
	char text[24];

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		size_t n = (size_t)rand() % sizeof(text), m;
		uint64_t first = 0, last = 0, size = (uint64_t)rand() % 40;
		uint8_t to[sizeof(text)];

		for (size_t k = 0; k < n; k++)
			text[k] = letters[(size_t)rand() % (sizeof(letters) - 1)];
		text[n] = '\0';
		if (http_decode(str(text), true, to, &m))
			assert_true(m <= n);
		assert_in_range(http_weight(str(text), "t/a") + 1, 0, 1001);
		http_etag_named(str(text), MF_STR("\"0\""), true);
		http_parameter(str(text), "b");
		if (http_range(str(text), size, &first, &last) == HTTP_RANGE_PART)
			assert_true(first <= last && last < size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_a_decoded_zero_is_a_byte),
		cmocka_unit_test(test_parameter),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_weight),
		cmocka_unit_test(test_etag),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
