/* store/digest: known answers, and pieces. */
#include "store/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* FIPS 180-4's examples, and all of it against the other library. */
static void test_same(void **state)
{
	static const uint8_t abc[DIGEST_BYTES] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
		0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	uint8_t bytes[300], hash[DIGEST_BYTES], other[DIGEST_BYTES];
	struct digest d, copy;

	(void)state;
	digest_begin(&d);
	digest_add(&d, "a", 1);
	copy = d;
	digest_add(&d, "bc", 2);
	digest_end(&d, hash);
	assert_memory_equal(hash, abc, DIGEST_BYTES);
	digest_add(&copy, "bc", 2);
	digest_end(&copy, hash);
	assert_memory_equal(hash, abc, DIGEST_BYTES);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		digest_begin(&d);
		for (size_t at = 0; at < n; at += 11)
			digest_add(&d, bytes + at, n - at < 11 ? n - at : 11);
		digest_end(&d, hash);
		(void)crypto_hash_sha256(other, bytes, n);
		assert_memory_equal(hash, other, DIGEST_BYTES);
	}
}

/* The first time without OpenSSL: it isn't loaded yet. */
static void test_loaded(void **state)
{
	assert_string_equal(digest_by(), "libsodium");
	test_same(state);
	digest_load();
	assert_string_equal(digest_by(), "OpenSSL");
	test_same(state);
	digest_load();
	assert_string_equal(digest_by(), "OpenSSL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
