/* hub/http/chunked.c: bodies in chunks, whole and byte by byte. */
#include "hub/http/chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Feeds the text `step` bytes at a time; the body goes to `body`. How many bytes were taken. */
static size_t feed(struct chunked *d, const char *text, size_t step, char *body)
{
	size_t n = strlen(text), at = 0, got = 0;

	chunked_open(d);
	while (at < n && d->state != CHUNKED_DONE && d->state != CHUNKED_WRONG) {
		size_t some = step < n - at ? step : n - at, out;
		uint8_t *copy = malloc(some); /* of exactly this size, so that ASan sees more */

		memcpy(copy, text + at, some);
		at += chunked_take(d, copy, some, &out);
		memcpy(body + got, copy, out);
		got += out;
		free(copy);
	}
	body[got] = '\0';
	return at;
}

static void expect(const char *text, const char *body, size_t rest)
{
	struct chunked d;
	char got[65536];

	for (size_t step = 1; step <= strlen(text); step++) {
		size_t used = feed(&d, text, step, got);

		if (d.state != CHUNKED_DONE)
			fail_msg("step %zu: state %d (%s): %s", step, d.state, d.wrong, text);
		assert_string_equal(got, body);
		assert_int_equal(used, strlen(text) - rest);
	}
}

static void refuse(const char *text)
{
	struct chunked d;
	char got[65536];

	for (size_t step = 1; step <= strlen(text); step++) {
		feed(&d, text, step, got);
		if (d.state != CHUNKED_WRONG)
			fail_msg("step %zu: not refused: %s", step, text);
		assert_non_null(d.wrong);
	}
}

static void takes_chunks(void **state)
{
	(void)state;
	expect("0\r\n\r\n", "", 0);
	expect("3\r\nabc\r\n0\r\n\r\n", "abc", 0);
	expect("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nGET /", "abc0123456789", 5);
	expect("2;a=\"d\"\r\n\r\n\r\n000\r\n\r\n", "\r\n", 0);
	expect("1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\nz", "x", 1);
}

static void refuses_bad_chunks(void **state)
{
	(void)state;
	refuse("3\nabc\r\n0\r\n\r\n");
	refuse("3 \r\nabc\r\n0\r\n\r\n");
	refuse(" 3\r\nabc\r\n0\r\n\r\n");
	refuse("0x3\r\nabc\r\n0\r\n\r\n");
	refuse("-1\r\n\r\n");
	refuse("+1\r\na\r\n0\r\n\r\n");
	refuse("g\r\n");
	refuse("\r\n");
	refuse("ffffffffffffffff1\r\n");
	refuse("3\r\nabcd\r\n0\r\n\r\n");
	refuse("3\r\nabc\n0\r\n\r\n");
	refuse("3\r\nabcXX0\r\n\r\n");
	refuse("3;a\nb\r\nabc\r\n0\r\n\r\n");
	refuse("3;a\rb\r\nabc\r\n0\r\n\r\n");
	refuse("3\rabc\r\n");
}

static void refuses_bad_trailers(void **state)
{
	(void)state;
	refuse("0\r\nA: b\n\r\n");
	refuse("0\r\nA: b\r\n\n");
	refuse("0\r\nA: b\r\n c\r\n\r\n");
	refuse("0\r\nA: b\rC: d\r\n\r\n");
	refuse("0\r\n\tA: b\r\n\r\n");
	refuse("0\r\n\n");
}

/* `n` bytes of `with` between `before` and `after`. */
static char *long_text(const char *before, char with, size_t n, const char *after)
{
	char *text = malloc(strlen(before) + n + strlen(after) + 1);

	strcpy(text, before);
	memset(text + strlen(before), with, n);
	strcpy(text + strlen(before) + n, after);
	return text;
}

static void bounds_what_is_no_data(void **state)
{
	static const struct {
		const char *before, with, *after;
	} cases[] = {{"1;", 'a', "\r\nx\r\n0\r\n\r\n"}, {"1;a=\"", 'a', "\"\r\nx\r\n0\r\n\r\n"},
		{"", '0', "1\r\nx\r\n0\r\n\r\n"}, {"0;", 'a', "\r\n\r\n"},
		{"0\r\nA: ", 'a', "\r\n\r\n"}};
	struct chunked d;
	char got[65536];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *fine = long_text(cases[i].before, cases[i].with, 400, cases[i].after);
		char *bad = long_text(cases[i].before, cases[i].with, 5000, cases[i].after);

		for (size_t step = 1; step < 6000; step += 997) {
			feed(&d, fine, step, got);
			assert_int_equal(d.state, CHUNKED_DONE);
			feed(&d, bad, step, got);
			if (d.state != CHUNKED_WRONG)
				fail_msg("case %zu, step %zu: not refused", i, step);
		}
		free(fine);
		free(bad);
	}
}

static void many_small_chunks_are_fine(void **state)
{
	char *text = calloc(1, 6 * 1000 + 16), got[65536];
	struct chunked d;

	(void)state;
	for (int i = 0; i < 1000; i++)
		strcpy(text + 6 * i, "1\r\nx\r\n");
	strcat(text, "0\r\n\r\n");
	feed(&d, text, strlen(text), got);
	assert_int_equal(d.state, CHUNKED_DONE);
	assert_int_equal(strlen(got), 1000);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_chunks),
		cmocka_unit_test(refuses_bad_chunks),
		cmocka_unit_test(refuses_bad_trailers),
		cmocka_unit_test(bounds_what_is_no_data),
		cmocka_unit_test(many_small_chunks_are_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
