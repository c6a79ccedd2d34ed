/* sys/log */
#include "sys/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *clean(const char *text, size_t n)
{
	static char to[128];

	return log_clean(to, sizeof(to), text, n);
}
#define CLEAN(literal) clean(literal, sizeof(literal) - 1)

static void what_may_be_shown_stays(void **state)
{
	(void)state;
	assert_string_equal(CLEAN("plain \"text\" \\ ~"), "plain \"text\" \\ ~");
	assert_string_equal(CLEAN("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9d"),
		"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9d");  /* 2, 3 and 4 bytes */
	assert_string_equal(CLEAN("\xc2\xa0"), "\xc2\xa0"); /* the first after the controls */
}

static void what_may_not_is_hexadecimal(void **state)
{
	(void)state;
	assert_string_equal(CLEAN("a\nb\0c\x1b[1m\x7f"), "a\\x0ab\\x00c\\x1b[1m\\x7f");
	assert_string_equal(CLEAN("\xc2\x9b"), "\\xc2\\x9b");                   /* CSI */
	assert_string_equal(CLEAN("\xff\x80"), "\\xff\\x80");                   /* no UTF-8 */
	assert_string_equal(CLEAN("\xc0\xaf"), "\\xc0\\xaf");                   /* overlong */
	assert_string_equal(CLEAN("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");          /* overlong */
	assert_string_equal(CLEAN("\xed\xa0\x80"), "\\xed\\xa0\\x80");          /* surrogate */
	assert_string_equal(CLEAN("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80"); /* too high */
	assert_string_equal(CLEAN("\xe2\x82"), "\\xe2\\x82");                   /* cut short */
	assert_string_equal(CLEAN("\xe2x"), "\\xe2x");
}

static void what_does_not_fit_is_cut_between_characters(void **state)
{
	char to[6];

	(void)state;
	assert_string_equal(log_clean(to, 6, "abcdefgh", 8), "abcde");
	assert_string_equal(log_clean(to, 6, "abcd\xc3\xa9", 6), "abcd");
	assert_string_equal(log_clean(to, 6, "abc\n", 4), "abc");
	assert_string_equal(log_clean(to, 6, "a\nb", 3), "a\\x0a");
	assert_string_equal(log_clean(to, 1, "abc", 3), "");
}

static struct {
	unsigned lines;
	enum log_level level;
	char service[32], event[40], text[LOG_LINE];
} seen;

static void take(void *context, const struct log_record *r)
{
	assert_ptr_equal(context, &seen);
	assert_true(r->wall_ns > 0);
	seen.lines++;
	seen.level = r->level;
	snprintf(seen.service, sizeof(seen.service), "%s", r->service ? r->service : "-");
	snprintf(seen.event, sizeof(seen.event), "%s", r->event ? r->event : "-");
	snprintf(seen.text, sizeof(seen.text), "%s", r->text);
}

static void a_writer_gets_the_parts(void **state)
{
	char long_text[LOG_LINE + 100];

	(void)state;
	log_to(take, &seen);
	log_about(LOG_WARN, "echo", "0123", "said %d\n", 7);
	assert_int_equal(seen.level, LOG_WARN);
	assert_string_equal(seen.service, "echo");
	assert_string_equal(seen.event, "0123");
	assert_string_equal(seen.text, "said 7\\x0a");
	log_info("to all");
	assert_string_equal(seen.service, "-");
	assert_string_equal(seen.event, "-");
	log_line(LOG_DEBUG, "less than what is shown");
	log_about(LOG_DEBUG, "echo", NULL, "less than what is shown");
	assert_int_equal(seen.lines, 2);
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	log_info("%s", long_text);
	assert_int_equal(strlen(seen.text), LOG_LINE - 1);
	assert_string_equal(seen.text + LOG_LINE - 4, "...");
	log_to(NULL, NULL);
}

static void lines_for_people(void **state)
{
	struct log_record r = {LOG_WARN, 1, "echo", "0123", "text"};
	char to[LOG_MOST];
	size_t n;

	(void)state;
	log_setup("prog", LOG_INFO);
	n = log_text(to, &r, true);
	assert_int_equal(n, strlen(to));
	assert_string_equal(to, "prog: warning: echo: [0123] text\n");
	log_text(to, &r, false);
	assert_string_equal(to, "echo: [0123] text\n");
	r = (struct log_record){LOG_INFO, 1, NULL, NULL, "text"};
	log_text(to, &r, true);
	assert_string_equal(to, "prog: text\n");
}

static void a_rate_counts_what_it_skips(void **state)
{
	struct log_rate rate = {.burst = 2};
	uint64_t skipped = 9;

	(void)state;
	assert_true(log_allowed(&rate, 5000000000u, &skipped));
	assert_true(log_allowed(&rate, 5000000001u, &skipped));
	assert_false(log_allowed(&rate, 5000000002u, &skipped));
	assert_false(log_allowed(&rate, 5999999999u, &skipped));
	assert_int_equal(skipped, 0);
	assert_true(log_allowed(&rate, 6000000000u, &skipped));
	assert_int_equal(skipped, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_be_shown_stays),
		cmocka_unit_test(what_may_not_is_hexadecimal),
		cmocka_unit_test(what_does_not_fit_is_cut_between_characters),
		cmocka_unit_test(a_writer_gets_the_parts),
		cmocka_unit_test(lines_for_people),
		cmocka_unit_test(a_rate_counts_what_it_skips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
