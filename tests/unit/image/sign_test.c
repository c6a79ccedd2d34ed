/* image/sign and image/secret: keys and signatures, minisign's own among them */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "image/secret.h"
#include "image/sign.h"

/* A pair that minisign -G -W made, and what minisign -S made of "hello\n" with it. */
#define PUBLIC "RWSkDqEQGdqnldaPC18zmXOgionOcesfmKKQmv2kKpICPVyqvuiIm2q4"
static const char public_file[] =
	"untrusted comment: minisign public key 95A7DA1910A10EA4\n" PUBLIC "\n";
static const char secret_file[] = "untrusted comment: minisign encrypted secret key\n"
				  "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
				  "AAAAAAAApA6hEBnap5VEy4dX7CcxYea0"
				  "jJUYM12fRDitSE51V6PvFAMKKNx4h9aPC18zmXOgionOcesfmKKQmv2kKpICPVyq"
				  "vuiIm2q4AAAAAAAAAAAAAAAAAAAAAAAA"
				  "AAAAAAAAAAAAAAAAAAA=\n";
static const char minisigned[] =
	"untrusted comment: signature from minisign secret key\n"
	"RUSkDqEQGdqnlXFdJA68qI0A4R3/0rquSbiA7oZPAOd6PiWwbeGKXSqjcIsCkxCzBxKX6g3MdHZaiR8/"
	"XkyrU1IqLJqz+M"
	"tSOAE=\n"
	"trusted comment: timestamp:1795329783\tfile:f\thashed\n"
	"88kwAdJVambHkx/"
	"ethI8bxlEAIyBp7G5SVCzQSOfKxyazvtM8e5bbjN0oqlbvEqgEmwIqKV81Mp05lxoInqMDQ==\n";

/* The least that libsodium's scrypt takes. */
static const struct secret_cost cheap = {32768, 16 << 20};

static char error[SIGNATURE_ERROR_MAX];

static int parse_public(const char *text, struct sign_key *key)
{
	return sign_key_parse(text, strlen(text), key, error);
}

static int parse_secret(const char *text, const char *password, struct secret_key *secret)
{
	return secret_parse(text, strlen(text), password, secret, error);
}

/* A '/' in base64 that is written as a byte over 0x7f, which libsodium takes for one. */
static void test_other_letters(void **state)
{
	char text[sizeof(minisigned)];
	struct secret_key secret;
	struct signature s;
	struct sign_key key;
	size_t slash;

	(void)state;
	memcpy(text, minisigned, sizeof(text));
	assert_int_equal(signature_parse((uint8_t *)text, strlen(text), &s, error), 0);
	slash = (size_t)(strchr(strchr(text, '\n'), '/') - text);
	text[slash] = '\x8a';
	assert_int_equal(signature_parse((uint8_t *)text, strlen(text), &s, error), -EINVAL);
	memcpy(text, PUBLIC, sizeof(PUBLIC));
	assert_int_equal(parse_public(text, &key), 0);
	text[20] = '\xff';
	assert_int_equal(parse_public(text, &key), -EINVAL);
	memcpy(text, secret_file, sizeof(secret_file));
	text[strlen(text) - 4] = '\xff';
	assert_int_equal(parse_secret(text, NULL, &secret), -EINVAL);
}

static void test_public_keys(void **state)
{
	char text[SIGN_KEY_TEXT], id[SIGNATURE_ID_TEXT];
	struct sign_key key, line;

	(void)state;
	assert_int_equal(parse_public(public_file, &key), 0);
	assert_int_equal(parse_public(PUBLIC, &line), 0);
	assert_memory_equal(&key, &line, sizeof(key));
	assert_int_equal(parse_public(PUBLIC "\n", &line), 0);
	assert_string_equal(signature_id(key.id, id), "95A7DA1910A10EA4");
	sign_key_text(&key, text);
	assert_string_equal(text, PUBLIC);
	assert_true(sign_key_is_text(PUBLIC));
	assert_false(sign_key_is_text("release.pub"));
	assert_int_equal(parse_public("", &key), -EINVAL);
	assert_int_equal(parse_public("untrusted comment: x", &key), -EINVAL);
	assert_int_equal(parse_public("untrusted comment: x\n", &key), -EINVAL);
	assert_int_equal(parse_public(PUBLIC "\nmore\n", &key), -EINVAL);
	assert_int_equal(parse_public("RX"
				      "SkDqEQGdqnldaPC18zmXOgionOcesfmKKQmv2kKpICPVyqvuiIm2q4",
				 &key),
		-EINVAL);
	assert_int_equal(parse_public(secret_file, &key), -EINVAL);
	assert_non_null(strstr(error, "it is a secret key"));
}

static void test_what_minisign_signed(void **state)
{
	struct signature s;
	struct sign_key key;

	(void)state;
	assert_int_equal(parse_public(public_file, &key), 0);
	assert_int_equal(
		signature_parse((const uint8_t *)minisigned, strlen(minisigned), &s, error), 0);
	assert_int_equal(sign_check(&key, &s, "hello\n", 6), SIGN_GOOD);
	assert_int_equal(sign_check(&key, &s, "hellp\n", 6), SIGN_ALTERED);
	assert_int_equal(sign_check(&key, &s, "hello\n", 5), SIGN_ALTERED);
	s.comment[3] ^= 1;
	assert_int_equal(sign_check(&key, &s, "hello\n", 6), SIGN_COMMENT);
	s.comment[3] ^= 1;
	s.global[7] ^= 1;
	assert_int_equal(sign_check(&key, &s, "hello\n", 6), SIGN_COMMENT);
	s.bytes[7] ^= 1;
	assert_int_equal(sign_check(&key, &s, "hello\n", 6), SIGN_ALTERED);
	s.key_id[0] ^= 1;
	assert_int_equal(sign_check(&key, &s, "hello\n", 6), SIGN_OTHER_KEY);
}

/* Signatures of Ed25519 are a function of key and message: minisign's are made again. */
static void test_signs_as_minisign_does(void **state)
{
	struct signature s = {.comment = "timestamp:1795329783\tfile:f\thashed"}, theirs;
	struct secret_key secret;

	(void)state;
	assert_int_equal(parse_secret(secret_file, NULL, &secret), 0);
	assert_int_equal(secret_sign(&secret, "hello\n", 6, &s), 0);
	assert_int_equal(
		signature_parse((const uint8_t *)minisigned, strlen(minisigned), &theirs, error),
		0);
	assert_memory_equal(&s, &theirs, sizeof(s));
	secret_wipe(&secret);
	for (size_t i = 0; i < sizeof(secret.bytes); i++)
		assert_int_equal(secret.bytes[i], 0);
}

static void test_secret_files(void **state)
{
	char text[SECRET_TEXT_MAX];
	struct secret_key secret, again;
	struct signature s = {.comment = "x"};
	struct sign_key key;

	(void)state;
	assert_int_equal(secret_make(&secret, &key), 0);
	assert_int_equal(secret_write(&secret, NULL, &cheap, text), 0);
	assert_int_equal(parse_secret(text, NULL, &again), 0);
	assert_memory_equal(&secret, &again, sizeof(secret));
	assert_int_equal(secret_write(&secret, "pass", &cheap, text), 0);
	assert_int_equal(parse_secret(text, NULL, &again), -ENOKEY);
	assert_int_equal(parse_secret(text, "Pass", &again), -EACCES);
	memset(&again, 0, sizeof(again));
	assert_int_equal(parse_secret(text, "pass", &again), 0);
	assert_memory_equal(&secret, &again, sizeof(secret));
	assert_int_equal(secret_sign(&again, "x", 1, &s), 0);
	assert_int_equal(sign_check(&key, &s, "x", 1), SIGN_GOOD);
}

/* A key file with one of its 158 bytes changed is refused, but for bytes that nothing depends on. */
static void test_damaged_secret_files(void **state)
{
	size_t first = strlen("untrusted comment: minisign encrypted secret key\n"), n;
	uint8_t bytes[158];
	struct secret_key secret;
	char text[SECRET_TEXT_MAX];

	(void)state;
	assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), secret_file + first,
				 strlen(secret_file) - first - 1, NULL, &n, NULL,
				 sodium_base64_VARIANT_ORIGINAL),
		0);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		/* unused in an open file: salt and limits; the id is its own; the checksum is zero */
		if ((i >= 6 && i < 62) || i >= 126)
			continue;
		bytes[i] ^= 1;
		memcpy(text, secret_file, first);
		sodium_bin2base64(text + first, sizeof(text) - first, bytes, sizeof(bytes),
			sodium_base64_VARIANT_ORIGINAL);
		assert_true(parse_secret(text, NULL, &secret) < 0);
		bytes[i] ^= 1;
	}
	assert_int_equal(parse_secret(public_file, NULL, &secret), -EINVAL);
	assert_non_null(strstr(error, "it is a public key"));
	assert_int_equal(parse_secret("", NULL, &secret), -EINVAL);
	assert_int_equal(parse_secret("untrusted comment:\n\n", NULL, &secret), -EINVAL);
}

/* A file that would take all memory for its password. */
static void test_bounds(void **state)
{
	const struct secret_cost cost = {32768, 16 << 20};
	size_t first = strlen("untrusted comment: minisign encrypted secret key\n"), n;
	uint8_t bytes[158];
	struct secret_key secret;
	struct sign_key key;
	char text[SECRET_TEXT_MAX];

	(void)state;
	assert_int_equal(secret_make(&secret, &key), 0);
	assert_int_equal(secret_write(&secret, "x", &cost, text), 0);
	assert_int_equal(
		sodium_base642bin(bytes, sizeof(bytes), text + first, strlen(text) - first - 1,
			NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL),
		0);
	bytes[53] = 1; /* the last byte of the memory limit */
	sodium_bin2base64(text + first, sizeof(text) - first, bytes, sizeof(bytes),
		sodium_base64_VARIANT_ORIGINAL);
	assert_int_equal(parse_secret(text, "x", &secret), -EINVAL);
	assert_non_null(strstr(error, "more memory or time"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public_keys),
		cmocka_unit_test(test_other_letters),
		cmocka_unit_test(test_what_minisign_signed),
		cmocka_unit_test(test_signs_as_minisign_does),
		cmocka_unit_test(test_secret_files),
		cmocka_unit_test(test_damaged_secret_files),
		cmocka_unit_test(test_bounds),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
