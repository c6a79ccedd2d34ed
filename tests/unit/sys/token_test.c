/* sys/token: new ones, what may be one, lines of a file */
#include "sys/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct mf_str str(const char *text)
{
	return mf_str_of(text, strlen(text));
}

static void test_new(void **state)
{
	char one[TOKEN_TEXT], other[TOKEN_TEXT];

	(void)state;
	token_new(one);
	token_new(other);
	assert_int_equal(strlen(one), 4 + 43); /* 32 bytes in base64 */
	assert_int_equal(strncmp(one, "mft_", 4), 0);
	assert_true(token_is_one(str(one)));
	assert_string_not_equal(one, other);
}

static void test_what_is_one(void **state)
{
	char text[TOKEN_MOST + 2];

	(void)state;
	assert_true(token_is_one(str("abcdefghijklmnopqrstuv")));
	assert_true(token_is_one(str("ABC-._~+/0123456789xyz==")));
	assert_false(
		token_is_one(str("abcdefghijklmnopqrstu"))); /* too short to be random enough */
	assert_false(token_is_one(str("abcdefghijklmnopqrstu=")));
	assert_false(token_is_one(str("")));
	assert_false(token_is_one(str("abcdefghijk=lmnopqrstuv")));
	assert_false(token_is_one(str("abcdefghijk lmnopqrstuv")));
	assert_false(token_is_one(str("abcdefghijk,lmnopqrstuv")));
	assert_false(token_is_one(mf_str_of("abcdefghijk\0lmnopqrstuv", 23)));
	memset(text, 'a', sizeof(text));
	assert_true(token_is_one(mf_str_of(text, TOKEN_MOST)));
	assert_false(token_is_one(mf_str_of(text, TOKEN_MOST + 1)));
}

static void test_line(void **state)
{
	char line[TOKEN_LINE], longest[TOKEN_NAME + 1];
	uint8_t hash[TOKEN_HASH], again[TOKEN_HASH];
	struct mf_str name;

	(void)state;
	token_hash(str("abcdefghijklmnopqrstuv"), hash);
	token_line("hall.lamp", hash, line);
	assert_int_equal(strncmp(line, "hall.lamp sha256:", 17), 0);
	assert_int_equal(strlen(line), 17 + 64);
	assert_null(token_read_line(str(line), &name, again));
	assert_true(mf_str_is(name, "hall.lamp"));
	assert_memory_equal(hash, again, sizeof(hash));
	memset(longest, 'n', TOKEN_NAME);
	longest[TOKEN_NAME] = '\0';
	token_line(longest, hash, line);
	assert_null(token_read_line(str(line), &name, again));
	assert_int_equal(name.n, TOKEN_NAME);
}

#define HEX "5a6e6fc1a3c0ec6a3c0d1e93d36aa03d29ff52f1e8ef3c3bbc1c8f9c7e3d0cd7"

static void test_lines_that_are_none(void **state)
{
	static const struct {
		const char *line, *why;
	} bad[] = {
		{"hall", "only hashes"},
		{"hall mft_abcdefghijklmnopqrstuv", "only hashes"},
		{"hall md5:" HEX, "only hashes"},
		{"ha:ll sha256:" HEX, "name"},
		{"h\xc3\xa4ll sha256:" HEX, "name"},
		{"hall sha256:", "64"},
		{"hall sha256:" HEX "00", "64"},
		{"hall sha256:x" HEX, "64"},
		{"hall sha256: " HEX, "64"},
		{"hall sha256:" HEX " more", "behind the hash"},
	};
	uint8_t hash[TOKEN_HASH];
	struct mf_str name;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = token_read_line(str(bad[i].line), &name, hash);

		assert_non_null(why);
		assert_non_null(strstr(why, bad[i].why));
	}
	assert_null(token_read_line(str("\thall  sha256:" HEX " \r"), &name, hash));
	assert_true(mf_str_is(name, "hall"));
}

static void test_hash(void **state)
{
	/* FIPS 180-4's example */
	static const uint8_t abc[4] = {0xba, 0x78, 0x16, 0xbf};
	uint8_t hash[TOKEN_HASH];

	(void)state;
	token_hash(str("abc"), hash);
	assert_memory_equal(hash, abc, sizeof(abc));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_what_is_one),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_lines_that_are_none),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
