/* tests/unit/wire/sha256_test.c - wire/sha256: published vectors, and beside libsodium */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "wire/sha256.h"

static void assert_hex(const uint8_t hash[static SHA256_BYTES], const char *hex)
{
	char text[2 * SHA256_BYTES + 1];

	sodium_bin2hex(text, sizeof(text), hash, SHA256_BYTES);
	assert_string_equal(text, hex);
}

static void hash_is(const char *text, size_t n, const char *hex)
{
	uint8_t hash[SHA256_BYTES];

	sha256(text, n, hash);
	assert_hex(hash, hex);
}

/* FIPS 180-4's examples (csrc.nist.gov), and the empty message. */
static void test_fips_180(void **state)
{
	char *million = malloc(1000000);

	(void)state;
	hash_is("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	hash_is("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	hash_is("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
		"ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		112, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
	assert_non_null(million);
	memset(million, 'a', 1000000);
	hash_is(million, 1000000,
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

static void mac(
	const void *key, size_t key_n, const void *text, size_t n, uint8_t to[static SHA256_BYTES])
{
	struct hmac_key ready;
	struct sha256 message;

	hmac_key(&ready, key, key_n);
	message = ready.inner;
	sha256_add(&message, text, n);
	hmac_end(&ready, &message, to);
}

struct vector {
	const char *key;
	size_t key_n;
	const char *text;
	size_t n;
	const char *mac;
};
#define S(literal) literal, sizeof(literal) - 1
#define X10(text)  text text text text text text text text text text
#define AA_131     X10("\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa") "\xaa"

/* RFC 4231, 4.2 to 4.8 without 4.6, whose mac is cut short. */
static const struct vector rfc_4231[] = {
	{S("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
		S("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{S("Jefe"), S("what do ya want for nothing?"),
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{S("\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"),
		S(X10("\xdd\xdd\xdd\xdd\xdd")),
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
	{S("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15"
	   "\x16\x17\x18\x19"),
		S(X10("\xcd\xcd\xcd\xcd\xcd")),
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	{S(AA_131), S("Test Using Larger Than Block-Size Key - Hash Key First"),
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	{S(AA_131),
		S("This is a test using a larger than block-size key and a larger than block-size "
		  "data. The key needs to be hashed before being used by the HMAC algorithm."),
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
};

static void test_rfc_4231(void **state)
{
	uint8_t is[SHA256_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rfc_4231) / sizeof(rfc_4231[0]); i++) {
		const struct vector *v = &rfc_4231[i];

		mac(v->key, v->key_n, v->text, v->n, is);
		assert_hex(is, v->mac);
	}
}

#define MOST 700u

/* Of every length up to several blocks, in pieces of random sizes. */
static void test_like_libsodium(void **state)
{
	uint8_t text[MOST], is[SHA256_BYTES], want[crypto_hash_sha256_BYTES];

	(void)state;
	for (uint32_t n = 0; n <= MOST; n++) {
		struct sha256 s;

		randombytes_buf(text, n);
		crypto_hash_sha256(want, text, n);
		sha256_begin(&s);
		for (uint32_t at = 0, piece; at < n; at += piece) {
			piece = 1 + randombytes_uniform(n - at);
			sha256_add(&s, text + at, piece);
		}
		sha256_end(&s, is);
		assert_memory_equal(is, want, sizeof(want));
	}
}

static void test_hmac_like_libsodium(void **state)
{
	uint8_t text[MOST], key[200], is[SHA256_BYTES], want[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state theirs;

	(void)state;
	for (uint32_t key_n = 0; key_n <= sizeof(key); key_n++) {
		uint32_t n = randombytes_uniform(MOST);

		randombytes_buf(text, n);
		randombytes_buf(key, key_n);
		crypto_auth_hmacsha256_init(&theirs, key, key_n);
		crypto_auth_hmacsha256_update(&theirs, text, n);
		crypto_auth_hmacsha256_final(&theirs, want);
		mac(key, key_n, text, n, is);
		assert_memory_equal(is, want, sizeof(want));
	}
}

/* One key serves many messages. */
static void test_a_key_stays_ready(void **state)
{
	uint8_t first[SHA256_BYTES], again[SHA256_BYTES];
	struct hmac_key key;

	(void)state;
	hmac_key(&key, "k", 1);
	for (unsigned i = 0; i < 3; i++) {
		struct sha256 message = key.inner;

		sha256_add(&message, "m", 1);
		hmac_end(&key, &message, again);
		if (i == 0)
			memcpy(first, again, sizeof(first));
		assert_memory_equal(first, again, sizeof(first));
	}
}

static void test_same(void **state)
{
	uint8_t a[SHA256_BYTES], b[SHA256_BYTES];

	(void)state;
	randombytes_buf(a, sizeof(a));
	memcpy(b, a, sizeof(b));
	assert_true(sha256_same(a, b));
	for (unsigned bit = 0; bit < 8 * SHA256_BYTES; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(sha256_same(a, b));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fips_180),
		cmocka_unit_test(test_rfc_4231),
		cmocka_unit_test(test_like_libsodium),
		cmocka_unit_test(test_hmac_like_libsodium),
		cmocka_unit_test(test_a_key_stays_ready),
		cmocka_unit_test(test_same),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
