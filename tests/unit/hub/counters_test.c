/* hub/counters: kept, raised, taken back, and read from damaged files */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/counters.h"

static char directory[] = "/tmp/mayfly-counters-XXXXXX";
static char file[64], new[64];
static char error[COUNTERS_ERROR_MAX];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/counters", directory);
	snprintf(new, sizeof(new), "%s/counters.new", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	unlink(new);
	return rmdir(directory);
}

static void check_file(const char *text)
{
	char got[256] = "";
	int fd = open(file, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	close(fd);
	assert_string_equal(got, text);
}

static void test_kept(void **state)
{
	struct counters c;

	(void)state;
	assert_int_equal(counters_open(&c, directory, false, error), 0);
	assert_int_equal(counters_of(&c, "dns"), 0);
	assert_int_equal(counters_begin(&c), 0);
	assert_int_equal(counters_raise(&c, "dns", 7), 0);
	assert_int_equal(counters_raise(&c, "button", INT64_MAX), 0);
	assert_int_equal(counters_raise(&c, "dns", 3), 0);
	assert_int_equal(counters_prepare(&c), 0);
	assert_int_equal(access(file, F_OK), -1); /* not yet */
	assert_int_equal(counters_of(&c, "dns"), 0);
	assert_int_equal(counters_commit(&c), 0);
	assert_int_equal(counters_of(&c, "dns"), 7);
	counters_close(&c);
	check_file("mayfly counters 1\nbutton 9223372036854775807\ndns 7\n");
	assert_int_equal(counters_open(&c, directory, false, error), 0);
	assert_int_equal(counters_of(&c, "dns"), 7);
	assert_int_equal(counters_of(&c, "button"), INT64_MAX);
	assert_int_equal(counters_of(&c, "echo"), 0);
	counters_close(&c);
}

static void test_dropped(void **state)
{
	struct counters c;

	(void)state;
	assert_int_equal(counters_open(&c, directory, false, error), 0);
	assert_int_equal(counters_begin(&c), 0);
	assert_int_equal(counters_raise(&c, "dns", 8), 0);
	assert_int_equal(counters_prepare(&c), 0);
	assert_int_equal(access(new, F_OK), 0);
	counters_drop(&c);
	assert_int_equal(access(new, F_OK), -1);
	assert_int_equal(counters_of(&c, "dns"), 7);
	/* the same again needs no file */
	assert_int_equal(counters_begin(&c), 0);
	assert_int_equal(counters_raise(&c, "dns", 7), 0);
	assert_int_equal(counters_prepare(&c), 0);
	assert_int_equal(access(new, F_OK), -1);
	assert_int_equal(counters_commit(&c), 0);
	assert_int_equal(counters_commit(&c), 0); /* nothing is prepared */
	assert_int_equal(counters_of(&c, "dns"), 7);
	counters_close(&c);
	check_file("mayfly counters 1\nbutton 9223372036854775807\ndns 7\n");
}

static void test_without_a_directory(void **state)
{
	struct counters c;

	(void)state;
	assert_int_equal(counters_open(&c, NULL, false, error), 0);
	assert_int_equal(counters_begin(&c), 0);
	assert_int_equal(counters_raise(&c, "dns", 8), 0);
	assert_int_equal(counters_prepare(&c), 0);
	assert_int_equal(counters_commit(&c), 0);
	assert_int_equal(counters_of(&c, "dns"), 8);
	counters_close(&c);
	assert_int_equal(counters_open(&c, "/proc/nonexistent", true, error), 0);
	counters_close(&c);
	assert_int_equal(counters_open(&c, "/proc/nonexistent", false, error), -ENOENT);
	counters_close(&c);
}

static void test_texts(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} wrong[] = {
		{"", 1},
		{"mayfly counters 1", 1},
		{"mayfly counters 2\n", 1},
		{"mayfly counters 1\na 1", 2},
		{"mayfly counters 1\na 01\n", 2},
		{"mayfly counters 1\na -1\n", 2},
		{"mayfly counters 1\na  1\n", 2},
		{"mayfly counters 1\nA 1\n", 2},
		{"mayfly counters 1\na 1 \n", 2},
		{"mayfly counters 1\na\n", 2},
		{"mayfly counters 1\n\n", 2},
		{"mayfly counters 1\na 1\na 2\n", 3},
		{"mayfly counters 1\nb 1\na 2\n", 3},
		{"mayfly counters 1\na 9223372036854775808\n", 2},
		{"mayfly counters 1\na 99999999999999999999\n", 2},
		{"mayfly counters 1\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaa 1\n",
			2},
	};
	struct counter_list list;
	unsigned line;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(counters_parse(wrong[i].text, strlen(wrong[i].text), &list, &line),
			-EINVAL);
		assert_int_equal(line, wrong[i].line);
		assert_null(list.at);
	}
	assert_int_equal(counters_parse("mayfly counters 1\na 1\nb 0\n", 26, &list, &line), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.at[1].name, "b");
	free(list.at);
}

static void test_a_damaged_file(void **state)
{
	struct counters c;
	FILE *f = fopen(file, "w");

	(void)state;
	fputs("mayfly counters 1\ndns x\n", f);
	fclose(f);
	assert_int_equal(counters_open(&c, directory, false, error), -EINVAL);
	assert_non_null(
		strstr(error, "/counters\": line 2 is damaged: mend it, or remove the file"));
	counters_close(&c);
	unlink(file);
	assert_int_equal(symlink("/etc/passwd", file), 0);
	assert_int_equal(counters_open(&c, directory, false, error), -ELOOP);
	counters_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_without_a_directory),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_a_damaged_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
