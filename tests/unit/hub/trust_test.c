/* hub/trust: every byte of a signed image, and all that may be wrong with who signed it */
/* with: tests/unit/image/sample.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "hub/config.h"
#include "hub/counters.h"
#include "hub/setup.h"
#include "hub/trust.h"
#include "image/secret.h"
#include "tests/unit/image/sample.h"

static struct secret_key secret;
static char key_text[SIGN_KEY_TEXT];
static uint8_t *bytes; /* the sample, signed with counter 5 */
static size_t size;
static struct counters counters;
static char error[TRUST_ERROR_MAX];

static void sign(uint64_t counter)
{
	struct image description = sample_description();
	struct signature signature;
	size_t n;
	uint8_t *plain = sample_bytes(&description, &n);

	free(bytes);
	signature_claim(&signature, description.note.name, counter);
	assert_int_equal(secret_sign(&secret, plain, n, &signature), 0);
	assert_int_equal(signature_attach(plain, n, &signature, &bytes, &size), 0);
	free(plain);
}

static int setup(void **state)
{
	struct sign_key key;

	(void)state;
	if (secret_make(&secret, &key) < 0 || counters_open(&counters, NULL, false, error) < 0)
		return -1;
	sign_key_text(&key, key_text);
	sign(5);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(bytes);
	counters_close(&counters);
	return 0;
}

static struct config_trust_key known(void)
{
	return (struct config_trust_key){.place = "hub.yaml:3:5",
		.key = key_text,
		.is_text = true,
		.name = (char *)"release"};
}

/* What becomes of bytes as a service of the sample's name, or of another one. */
static int judge_as(const struct config_trust *config, const uint8_t *at, size_t n,
	const struct config_service *service)
{
	char *copy = malloc(n + 1); /* its own memory: what is read behind it is found */
	struct trust_verdict verdict;
	struct trust trust;
	struct image image;
	int status;

	memcpy(copy, at, n);
	error[0] = '\0';
	assert_int_equal(trust_open(&trust, config, &counters, error), 0);
	if (image_parse(&image, (uint8_t *)copy, n, error) < 0) {
		status = SETUP_FAILED;
	} else {
		image.bytes = (uint8_t *)copy;
		status = trust_judge(&trust, &image, service, &verdict, error);
		if (status == 0 && verdict.verified)
			assert_string_equal(verdict.key, "release");
	}
	trust_close(&trust);
	free(copy);
	return status;
}

static int judge(const struct config_trust *config, const uint8_t *at, size_t n)
{
	const struct config_service service = {
		.place = "hub.yaml:9:5", .image = (char *)"x.mfy", .from_yaml = true};

	return judge_as(config, at, n, &service);
}

static void test_every_byte(void **state)
{
	struct config_trust_key key = known();
	const struct config_trust config = {.keys = &key, .keys_count = 1};

	(void)state;
	assert_int_equal(judge(&config, bytes, size), 0);
	for (size_t i = 0; i < size; i++) {
		for (unsigned bit = 0; bit < 8; bit += 3) {
			bytes[i] ^= (uint8_t)(1u << bit);
			if (judge(&config, bytes, size) == 0)
				fail_msg("byte %zu of %zu, bit %u: it loads", i, size, bit);
			assert_true(error[0] != '\0');
			bytes[i] ^= (uint8_t)(1u << bit);
		}
	}
	assert_int_equal(judge(&config, bytes, size), 0);
}

static void test_every_length(void **state)
{
	struct config_trust_key key = known();
	const struct config_trust config = {.keys = &key, .keys_count = 1};
	uint8_t *longer = calloc(1, 2 * size);

	(void)state;
	for (size_t n = 0; n < size; n++)
		assert_true(judge(&config, bytes, n) != 0);
	memcpy(longer, bytes, size);
	for (size_t n = size + 1; n < 2 * size; n++)
		assert_true(judge(&config, longer, n) != 0);
	memcpy(longer + size, bytes, size);
	assert_true(judge(&config, longer, 2 * size) != 0);
	free(longer);
}

static void refused(const struct config_trust *config, const char *words)
{
	assert_int_equal(judge(config, bytes, size), SETUP_DENIED);
	assert_memory_equal(error, "hub.yaml:9:5: image: \"x.mfy\": ", 30);
	if (!strstr(error, words))
		fail_msg("said \"%s\" and not \"%s\"", error, words);
}

static void test_keys(void **state)
{
	static char *const names[] = {(char *)"other", (char *)"s*e"};
	struct config_trust_key key = known();
	struct config_trust config = {.keys = &key, .keys_count = 1};
	struct secret_key other;
	struct sign_key public;
	char text[SIGN_KEY_TEXT];

	(void)state;
	key.revoked = true;
	refused(&config, "key release signed it, which is revoked: see hub.yaml:3:5");
	config.allow_unsigned = true;
	refused(&config, "which is revoked");
	config.allow_unsigned = key.revoked = false;
	key.services_given = true;
	refused(&config, "which may not sign 'sample'");
	key.services = (char **)(uintptr_t)names;
	key.services_count = 1;
	refused(&config, "which may not sign 'sample'");
	key.services_count = 2;
	assert_int_equal(judge(&config, bytes, size), 0);
	assert_int_equal(
		judge_as(&config, bytes, size,
			&(struct config_service){.name = (char *)"lock", .image = (char *)"x.mfy"}),
		SETUP_DENIED);
	assert_non_null(strstr(error, "which may not sign 'lock'"));
	assert_int_equal(secret_make(&other, &public), 0);
	sign_key_text(&public, text);
	key.key = text;
	refused(&config, "is not under 'trust'");
	config.keys_count = 0;
	refused(&config, "is not under 'trust'");
	config.allow_unsigned = true;
	assert_int_equal(judge(&config, bytes, size), 0);
}

/* Another key of the same id: the id is no proof of anything. */
static void test_a_stolen_id(void **state)
{
	struct config_trust_key key = known();
	const struct config_trust config = {.keys = &key, .keys_count = 1};
	struct secret_key mine = secret, other;
	struct sign_key public;

	(void)state;
	assert_int_equal(secret_make(&other, &public), 0);
	memcpy(other.id, mine.id, sizeof(other.id));
	secret = other;
	sign(5);
	refused(&config, "it was altered after key release signed it");
	secret = mine;
	sign(5);
}

static void test_counters(void **state)
{
	struct config_trust_key key = known();
	const struct config_trust config = {.keys = &key, .keys_count = 1};
	struct config_service service = {.place = "x", .image = (char *)"x.mfy"};

	(void)state;
	assert_int_equal(counters_begin(&counters), 0);
	assert_int_equal(counters_raise(&counters, "sample", 6), 0);
	assert_int_equal(counters_commit(&counters), 0);
	refused(&config, "its counter is 5, and sample ran here with 6 already: a rollback");
	service.allow_rollback_given = true;
	service.allow_rollback = 6;
	assert_int_equal(judge_as(&config, bytes, size, &service), SETUP_DENIED);
	service.allow_rollback = 5;
	assert_int_equal(judge_as(&config, bytes, size, &service), 0);
	service = (struct config_service){.name = (char *)"another", .image = (char *)"x.mfy"};
	assert_int_equal(judge_as(&config, bytes, size, &service), 0); /* counted for itself */
	sign(6);
	assert_int_equal(judge(&config, bytes, size), 0);
}

static void test_prints(void **state)
{
	struct config_trust_key key = known();
	struct config_trust config = {.keys = &key, .keys_count = 1};
	static char *const names[] = {(char *)"a"};
	struct trust a, b;

	(void)state;
	assert_int_equal(trust_open(&a, &config, &counters, error), 0);
	for (unsigned i = 0; i < 5; i++) {
		key = known();
		config.allow_unsigned = i == 1;
		key.revoked = i == 2;
		key.services_given = i >= 3;
		key.services = (char **)(uintptr_t)names;
		key.services_count = i == 4;
		assert_int_equal(trust_open(&b, &config, &counters, error), 0);
		assert_int_equal(memcmp(a.print, b.print, sizeof(a.print)) == 0, i == 0);
		trust_close(&b);
	}
	trust_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_a_stolen_id),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_prints),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
