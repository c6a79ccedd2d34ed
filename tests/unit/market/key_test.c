/* market/key: new ones, which texts are one, what is shown */
#include "market/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* its checksum was computed by Python's hashlib */
#define ONE "mfy_live_0123456789abcdefghjkmnpqrstvwxyz_"

static struct mf_str str(const char *text)
{
	return mf_str_of(text, strlen(text));
}

static void test_new(void **state)
{
	char one[MARKET_KEY_TEXT], other[MARKET_KEY_TEXT];

	(void)state;
	market_key_new(false, one);
	market_key_new(false, other);
	assert_int_equal(strlen(one), MARKET_KEY_LETTERS);
	assert_int_equal(strncmp(one, "mfy_live_", 9), 0);
	assert_true(market_key_is_one(str(one)));
	assert_false(market_key_is_test(str(one)));
	assert_string_not_equal(one, other);
	market_key_new(true, one);
	assert_int_equal(strncmp(one, "mfy_test_", 9), 0);
	assert_true(market_key_is_one(str(one)));
	assert_true(market_key_is_test(str(one)));
}

/* All digits come up: none is lost on the way from bits. */
static void test_digits(void **state)
{
	char one[MARKET_KEY_TEXT];
	bool seen[256] = {false};
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		market_key_new(false, one);
		for (unsigned j = 9; j < 41; j++)
			seen[(unsigned char)one[j]] = true;
	}
	for (unsigned i = 0; i < 256; i++)
		count += seen[i];
	assert_int_equal(count, 32);
}

static void test_known(void **state)
{
	(void)state;
	assert_true(market_key_is_one(str(ONE "8nsfrt")));
	assert_true(market_key_is_one(str("mfy_test_0123456789abcdefghjkmnpqrstvwxyz_jw7ef8")));
	assert_false(market_key_is_one(str("mfy_test_0123456789abcdefghjkmnpqrstvwxyz_8nsfrt")));
}

/* Any one letter that is another one is noticed, and any two that changed places. */
static void test_mistyped(void **state)
{
	char one[MARKET_KEY_TEXT], typed[MARKET_KEY_TEXT];

	(void)state;
	market_key_new(false, one);
	for (unsigned i = 0; i < MARKET_KEY_LETTERS; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(typed, one, sizeof(typed));
			typed[i] = (char)(typed[i] ^ 1 << bit);
			assert_false(market_key_is_one(mf_str_of(typed, MARKET_KEY_LETTERS)));
		}
	for (unsigned i = 0; i + 1 < MARKET_KEY_LETTERS; i++) {
		memcpy(typed, one, sizeof(typed));
		typed[i] = one[i + 1];
		typed[i + 1] = one[i];
		assert_int_equal(market_key_is_one(str(typed)), one[i] == one[i + 1]);
	}
}

static void test_none(void **state)
{
	char one[MARKET_KEY_TEXT + 1] = {0};

	(void)state;
	market_key_new(false, one);
	assert_false(market_key_is_one(str("")));
	assert_false(market_key_is_one(str("mfy_live_")));
	assert_false(market_key_is_one(mf_str_of(one, MARKET_KEY_LETTERS - 1)));
	assert_false(market_key_is_one(mf_str_of(one, MARKET_KEY_LETTERS + 1)));
	one[12] = '\0';
	assert_false(market_key_is_one(mf_str_of(one, MARKET_KEY_LETTERS)));
}

static void test_kept(void **state)
{
	uint8_t a[MARKET_KEY_HASH], b[MARKET_KEY_HASH];
	char shown[MARKET_KEY_SHOWN];

	(void)state;
	market_key_hash(str(ONE "8nsfrt"), a);
	market_key_hash(str(ONE "8nsfrt"), b);
	assert_true(market_key_same(a, b));
	for (unsigned i = 0; i < MARKET_KEY_HASH; i++) {
		b[i] ^= 0x10;
		assert_false(market_key_same(a, b));
		b[i] ^= 0x10;
	}
	market_key_show(str(ONE "8nsfrt"), shown);
	assert_string_equal(shown, "mfy_live_01234567");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_digits),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_mistyped),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
