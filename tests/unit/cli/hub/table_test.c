/* cli/hub/table */
#include "cli/hub/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void columns_are_aligned(void **state)
{
	static const char *const heads[] = {"NAME", ">N", "LAST"};
	static const char *const rows[][3] = {
		{"a", "7", "x"}, {"\xc3\xa9t\xc3\xa9s", "12345", NULL}, {"\x1b[m", "1", "y z"}};
	struct table table;
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	(void)state;
	table_open(&table, heads, 3);
	for (int i = 0; i < 3; i++)
		table_row(&table, rows[i]);
	table_close(&table, to);
	fclose(to);
	assert_string_equal(text,
		"NAME        N  LAST\n"
		"a           7  x\n"
		"\xc3\xa9t\xc3\xa9s    12345  -\n"
		"\\x1b[m      1  y z\n");
	free(text);
}

static void many_rows(void **state)
{
	static const char *const heads[] = {"N"};
	static const char *const row[] = {"x"};
	struct table table;
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	(void)state;
	table_open(&table, heads, 1);
	for (int i = 0; i < 100; i++)
		table_row(&table, row);
	table_close(&table, to);
	fclose(to);
	assert_int_equal(n, 202);
	free(text);
}

static void times(void **state)
{
	static const struct {
		double us;
		const char *text;
	} cases[] = {{0, "0.0us"}, {7.25, "7.2us"}, {9.96, "10us"}, {999.4, "999us"},
		{999.6, "1.0ms"}, {31000, "31ms"}, {2.5e6, "2.5s"}, {75e6, "75s"}};
	char to[TABLE_CELL];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *us = json_real(cases[i].us);

		assert_string_equal(table_us(to, us), cases[i].text);
		json_decref(us);
	}
	assert_string_equal(table_us(to, json_null()), "-");
	assert_string_equal(table_us(to, NULL), "-");
}

static void sizes_and_seconds(void **state)
{
	char to[TABLE_CELL];

	(void)state;
	assert_string_equal(table_bytes(to, 999), "999 B");
	assert_string_equal(table_bytes(to, 1000), "1.0 kB");
	assert_string_equal(table_bytes(to, 3140000), "3.1 MB");
	assert_string_equal(table_bytes(to, 999600), "1.0 MB");
	assert_string_equal(table_bytes(to, 20000000000), "20 GB");
	assert_string_equal(table_seconds(to, 59.9), "59s");
	assert_string_equal(table_seconds(to, 125), "2m 5s");
	assert_string_equal(table_seconds(to, 7260), "2h 1m");
	assert_string_equal(table_seconds(to, 90000), "1d 1h");
	assert_string_equal(table_seconds(to, -1), "0s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned),
		cmocka_unit_test(many_rows),
		cmocka_unit_test(times),
		cmocka_unit_test(sizes_and_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
