/* hub/journal */
#include "hub/journal.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct journal journal;
static int real, ends[2];

/* Standard error goes to a pipe. */
static int begin(void **state)
{
	(void)state;
	real = dup(STDERR_FILENO);
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	journal_open(&journal, false);
	return 0;
}

static int end(void **state)
{
	(void)state;
	journal_close(&journal);
	dup2(real, STDERR_FILENO);
	close(real);
	close(ends[0]);
	close(ends[1]);
	unsetenv("JOURNAL_STREAM");
	return 0;
}

static const char *said(void)
{
	static char text[65536];
	ssize_t n = read(ends[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static const struct journal_filter all = {0};

static void lines_are_said_and_kept(void **state)
{
	const struct journal_line *line;

	(void)state;
	log_setup("hub", LOG_INFO);
	log_info("one");
	log_about(LOG_ERROR, "echo", "0123", "two");
	assert_string_equal(said(), "hub: one\nhub: error: echo: [0123] two\n");
	line = journal_next(&journal, NULL, &all);
	assert_string_equal(line->text, "one");
	assert_null(line->service);
	line = journal_next(&journal, line, &all);
	assert_string_equal(line->text, "two");
	assert_string_equal(line->service, "echo");
	assert_string_equal(line->event, "0123");
	assert_int_equal(line->number, 2);
	assert_null(journal_next(&journal, line, &all));
	assert_int_equal(journal.lines[LOG_INFO], 1);
	assert_int_equal(journal.lines[LOG_ERROR], 1);
}

static unsigned passes(struct journal_filter filter)
{
	const struct journal_line *line = NULL;
	unsigned n = 0;

	while ((line = journal_next(&journal, line, &filter)))
		n++;
	return n;
}

static void filters(void **state)
{
	(void)state;
	log_info("1");
	log_about(LOG_WARN, "echo", NULL, "2");
	log_about(LOG_ERROR, "echoes", NULL, "3");
	assert_int_equal(passes(all), 3);
	assert_int_equal(passes((struct journal_filter){.after = 2}), 1);
	assert_int_equal(passes((struct journal_filter){.after = 3}), 0);
	assert_int_equal(passes((struct journal_filter){.least = LOG_WARN}), 2);
	assert_int_equal(passes((struct journal_filter){.service = MF_STR("echo")}), 1);
	assert_int_equal(passes((struct journal_filter){.service = MF_STR("")}), 0);
}

static void memory_is_bounded_by_bytes(void **state)
{
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 1000; i++) {
		log_info("%s", text);
		said();
	}
	assert_in_range(journal.bytes, JOURNAL_BYTES - 2000, JOURNAL_BYTES);
	assert_int_equal(journal.last->number, 1000);
	assert_int_equal(journal.first->number, 1000 - journal.count + 1);
	assert_int_equal(passes(all), journal.count);
}

static void memory_is_bounded_by_lines(void **state)
{
	(void)state;
	for (unsigned i = 0; i < JOURNAL_LINES + 10; i++) {
		log_info("%u", i);
		said();
	}
	assert_int_equal(journal.count, JOURNAL_LINES);
	assert_int_equal(journal.first->number, 11);
	assert_string_equal(journal.first->text, "10");
}

static void a_line_is_a_json_object(void **state)
{
	json_t *o;

	(void)state;
	journal_set_json(&journal, true);
	log_about(LOG_WARN, "echo", "0123", "a \"quoted\" \\ \x01\xff \xc3\xa9");
	o = json_loads(said(), 0, NULL);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "level")), "warning");
	assert_string_equal(json_string_value(json_object_get(o, "service")), "echo");
	assert_string_equal(json_string_value(json_object_get(o, "event")), "0123");
	assert_string_equal(json_string_value(json_object_get(o, "text")),
		"a \"quoted\" \\ \\x01\\xff \xc3\xa9");
	assert_int_equal(strlen(json_string_value(json_object_get(o, "time"))),
		strlen("2026-01-01T00:00:00.000000Z"));
	json_decref(o);
	log_info("none");
	o = json_loads(said(), 0, NULL);
	assert_null(json_object_get(o, "service"));
	assert_null(json_object_get(o, "event"));
	json_decref(o);
}

static void the_longest_line_fits(void **state)
{
	char text[LOG_LINE + 1], service[64], to[JOURNAL_JSON_MOST];

	(void)state;
	memset(text, '"', LOG_LINE);
	text[LOG_LINE] = '\0';
	memset(service, 's', 63);
	service[63] = '\0';
	journal_set_json(&journal, true);
	log_about(LOG_WARN, service, "0123456789abcdef0123456789abcdef", "%s", text);
	assert_true(journal_json(to, journal.last, true) < sizeof(to));
	assert_int_equal(said()[0], '{');
}

static void nobody_reads_standard_error(void **state)
{
	const char *text;

	(void)state;
	assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
	log_setup("hub", LOG_INFO);
	log_info("first");
	for (int i = 0; i < 10; i++)
		log_info("%1000s", ""); /* none of these waits */
	assert_int_equal(journal.count, 11);
	assert_true(journal.left_out > 0);
	while (*said())
		;
	log_info("last");
	text = said();
	assert_non_null(strstr(text, "hub: warning: "));
	assert_non_null(strstr(text, " lines were left out: nobody read standard error\n"));
	assert_int_equal(journal.left_out, strstr(text, "hub: last\n") ? 0 : 1);
}

static void systemd_reads_levels(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	assert_int_equal(fstat(ends[1], &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	journal_close(&journal);
	journal_open(&journal, false);
	log_about(LOG_WARN, "echo", NULL, "two");
	assert_string_equal(said(), "<4>echo: two\n");
	log_error("three");
	assert_string_equal(said(), "<3>three\n");
	journal_set_json(&journal, true);
	log_info("four");
	assert_int_equal(strncmp(said(), "<6>{\"time\":", 11), 0);
	/* redirected since */
	setenv("JOURNAL_STREAM", "1:2", 1);
	journal_close(&journal);
	journal_open(&journal, false);
	log_setup("hub", LOG_INFO);
	log_info("five");
	assert_string_equal(said(), "hub: five\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_are_said_and_kept),
		TEST(filters),
		TEST(memory_is_bounded_by_bytes),
		TEST(memory_is_bounded_by_lines),
		TEST(a_line_is_a_json_object),
		TEST(the_longest_line_fits),
		TEST(nobody_reads_standard_error),
		TEST(systemd_reads_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
