/* tests/unit/image/units_test.c - sizes and times, and what was probably meant */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/nearest.h"
#include "image/units.h"

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} right[] = {{"0", 0}, {"4096", 4096}, {"64KiB", 65536}, {"64 KiB", 65536}, {"7B", 7},
		{"2GiB", 2ull << 30}, {"9223372036854775807", INT64_MAX}};
	static const char *const wrong[] = {"", "KiB", "64kib", "64KB", "64K", "-1", "+1", " 1",
		"1 ", "1.5KiB", "9223372036854775808", "18446744073709551616", "8589934592GiB",
		"0x10", "1KiB2"};
	uint64_t bytes;
	char to[40];

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_true(units_size(right[i].text, &bytes));
		assert_int_equal(bytes, right[i].bytes);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (units_size(wrong[i], &bytes))
			fail_msg("\"%s\" passed", wrong[i]);
	assert_string_equal(units_show_size(65536, to, sizeof(to)), "64 KiB");
	assert_string_equal(units_show_size(65537, to, sizeof(to)), "65537 B");
	assert_string_equal(units_show_size(0, to, sizeof(to)), "0 B");
}

static void test_times(void **state)
{
	static const char *const wrong[] = {"", "5", "ms", "5 sec", "-5ms", "5MS", "1.5s",
		"99999999999999999999s", "9223372036854775807h"};
	uint64_t ns;
	char to[40];

	(void)state;
	assert_true(units_time("0", &ns));
	assert_int_equal(ns, 0);
	assert_true(units_time("100ms", &ns));
	assert_int_equal(ns, 100000000);
	assert_true(units_time("2us", &ns));
	assert_int_equal(ns, 2000);
	assert_true(units_time("1h", &ns));
	assert_int_equal(ns, 3600000000000);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (units_time(wrong[i], &ns))
			fail_msg("\"%s\" passed", wrong[i]);
	assert_string_equal(units_show_time(1500000000, to, sizeof(to)), "1500 ms");
	assert_string_equal(units_show_time(60000000000, to, sizeof(to)), "1 m");
}

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(nearest_distance("", ""), 0);
	assert_int_equal(nearest_distance("abc", "abc"), 0);
	assert_int_equal(nearest_distance("abc", ""), 3);
	assert_int_equal(nearest_distance("limit", "limits"), 1);
	assert_int_equal(nearest_distance("windwo", "window"), 1);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	assert_int_equal(
		nearest_distance(
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "b"),
		64);
}

static const char *nearest_of(const char *typed)
{
	static const char *const known[] = {"new", "build", "inspect", "run", "bench", "up"};
	struct nearest nearest = {.typed = typed};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		nearest_offer(&nearest, known[i]);
	return nearest.best;
}

static void test_nearest(void **state)
{
	(void)state;
	assert_string_equal(nearest_of("biuld"), "build");
	assert_string_equal(nearest_of("insp"), "inspect");
	assert_string_equal(nearest_of("rnu"), "run");
	assert_string_equal(nearest_of("benhc"), "bench");
	assert_null(nearest_of("destroy"));
	assert_null(nearest_of("xyz"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
