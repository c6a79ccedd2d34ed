/* client/c/pieces: bodies in pieces and strided rows, read whole, byte by byte and from anywhere */
#include "client/c/inner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char grid[] = "ab..cd..ef..";
static const struct mayfly_piece pieces[] = {
	{"head", 4, 0, 0},
	{grid, 2, 3, 4},
	{NULL, 0, 0, 0},
	{grid + 8, 1, 3, -4},
	{"", 0, 7, 1},
	{"end", 3, 1, 99},
};
#define COUNT (sizeof(pieces) / sizeof(pieces[0]))
static const char flat[] = "headabcdefecaend";

static void read_whole_and_in_steps(void **state)
{
	uint64_t bytes;

	(void)state;
	assert_true(pieces_size(pieces, COUNT, &bytes));
	assert_int_equal(bytes, strlen(flat));
	for (size_t step = 1; step <= bytes + 1; step++) {
		struct cursor c = {.pieces = pieces, .count = COUNT};
		char to[32] = {0};
		size_t n = 0, some;

		while ((some = cursor_read(&c, to + n, step)) > 0)
			n += some;
		assert_int_equal(n, bytes);
		assert_string_equal(to, flat);
	}
}

static void from_anywhere(void **state)
{
	(void)state;
	for (size_t at = 0; at <= strlen(flat); at++) {
		struct cursor c = {.pieces = pieces, .count = COUNT};
		char to[32] = {0};

		cursor_seek(&c, at);
		assert_int_equal(cursor_read(&c, to, sizeof(to)), strlen(flat) - at);
		assert_string_equal(to, flat + at);
	}
}

static void none(void **state)
{
	struct cursor c = {.pieces = NULL, .count = 0};
	uint64_t bytes = 1;
	char byte;

	(void)state;
	assert_true(pieces_size(NULL, 0, &bytes));
	assert_int_equal(bytes, 0);
	cursor_seek(&c, 0);
	assert_int_equal(cursor_read(&c, &byte, 1), 0);
}

static void what_can_not_be(void **state)
{
	static const struct mayfly_piece nowhere = {NULL, 1, 0, 0}, wide = {"", SIZE_MAX, 2, 0},
					 many[] = {{"", INT64_MAX, 1, 0}, {"", 1, 1, 0}};
	uint64_t bytes;

	(void)state;
	assert_false(pieces_size(&nowhere, 1, &bytes));
	assert_false(pieces_size(&wide, 1, &bytes));
	assert_false(pieces_size(many, 2, &bytes));
	assert_false(pieces_size(NULL, 1, &bytes));
	assert_true(pieces_size(many, 1, &bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_whole_and_in_steps),
		cmocka_unit_test(from_anywhere),
		cmocka_unit_test(none),
		cmocka_unit_test(what_can_not_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
