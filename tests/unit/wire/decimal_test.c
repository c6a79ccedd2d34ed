/* wire/decimal.h */
#include "wire/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool reads(const char *text, unsigned places, int64_t *value)
{
	size_t n = strlen(text);
	uint8_t *exact = malloc(n + 1);
	bool good;

	assert_non_null(exact);
	memcpy(exact, text, n);
	good = decimal_read(mf_str_of(exact, n), places, value);
	free(exact);
	return good;
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		unsigned places;
		int64_t value;
	} good[] = {
		{"0", 0, 0},
		{"21.5", 1, 215},
		{"21.5", 3, 21500},
		{"-20.45", 2, -2045},
		{" 7\n", 2, 700},
		{"+3", 0, 3},
		{"0.04", 1, 0},
		{"0.05", 1, 1},
		{"-0.05", 1, -1},
		{"1.99", 0, 2},
		{"000123.4", 1, 1234},
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775808", 0, INT64_MIN},
		{"1.23456789012345678901234567890", 3, 1235},
	};
	static const char *const bad[] = {"", " ", "-", "+", ".", "1.", ".5", "1.2.3", "1,5",
		"0x10", "1e3", "nan", "inf", "12a", "- 1", "--1", "1 2", "9223372036854775808",
		"-9223372036854775809", "\xd9\xa1"};
	int64_t value = 4711;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!reads(good[i].text, good[i].places, &value) || value != good[i].value)
			fail_msg("\"%s\" with %u places is %lld", good[i].text, good[i].places,
				(long long)value);
	}
	value = 4711;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (reads(bad[i], 0, &value) || value != 4711)
			fail_msg("\"%s\" is no number", bad[i]);
	assert_false(reads("9223372036854775807", 1, &value));
	assert_false(reads("9223372036854775807.9", 0, &value));
}

static void written_numbers_are_read_again(void **state)
{
	static const int64_t values[] = {
		0, 1, -1, 9, 10, -45, 2045, -2045, INT64_MAX, INT64_MIN, 100};
	char to[DECIMAL_TEXT];
	int64_t again;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		for (unsigned places = 0; places <= DECIMAL_PLACES; places++) {
			unsigned n = decimal_write(values[i], places, to);

			assert_true(n <= DECIMAL_TEXT);
			assert_true(decimal_read(mf_str_of(to, n), places, &again));
			assert_true(again == values[i]);
		}
	}
	assert_int_equal(decimal_write(-5, 2, to), 5);
	assert_memory_equal(to, "-0.05", 5);
	assert_int_equal(decimal_write(215, 1, to), 4);
	assert_memory_equal(to, "21.5", 4);
	assert_int_equal(decimal_write(7, 0, to), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(written_numbers_are_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
