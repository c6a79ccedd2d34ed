/* tests/unit/wire/base64_test.c - wire/base64: RFC 4648's vectors, and beside libsodium */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "wire/base64.h"

static void reads(const char *text, const char *bytes)
{
	uint8_t to[32];
	char text_again[BASE64_TEXT(32)];
	size_t n;

	assert_true(base64_read(mf_str_of(text, strlen(text)), to, &n));
	assert_int_equal(n, strlen(bytes));
	assert_memory_equal(to, bytes, n);
	assert_int_equal(base64_write(mf_str_of(bytes, n), text_again), strlen(text));
	assert_memory_equal(text_again, text, strlen(text));
}

static void test_rfc_4648(void **state)
{
	(void)state;
	reads("", "");
	reads("Zg==", "f");
	reads("Zm8=", "fo");
	reads("Zm9v", "foo");
	reads("Zm9vYg==", "foob");
	reads("Zm9vYmE=", "fooba");
	reads("Zm9vYmFy", "foobar");
	reads("+/+/", "\xfb\xff\xbf");
}

static void test_refused(void **state)
{
	static const char *const wrong[] = {"Z", "Zg", "Zg=", "Zg===", "=",
		"====", "Z===", "Zg==Zg==", "Zh==", "Zm9=", "Z-_v", "Zm 9", "Zm9v\n",
		"=g==", "Zm=v"};
	uint8_t to[32];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (base64_read(mf_str_of(wrong[i], strlen(wrong[i])), to, &n))
			fail_msg("%s was read", wrong[i]);
}

static void test_like_libsodium(void **state)
{
	char text[sodium_base64_ENCODED_LEN(100, sodium_base64_VARIANT_ORIGINAL)];
	uint8_t bytes[100], to[BASE64_ROOM(sizeof(text))];
	size_t n;

	(void)state;
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		randombytes_buf(bytes, size);
		sodium_bin2base64(text, sizeof(text), bytes, size, sodium_base64_VARIANT_ORIGINAL);
		assert_true(base64_read(mf_str_of(text, strlen(text)), to, &n));
		assert_int_equal(n, size);
		assert_memory_equal(to, bytes, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_4648),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_like_libsodium),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
