/* market/receipt: one form, one signature; any bit of the line that changes is noticed */
#include "market/receipt.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

/* RFC 8032, 7.1, test 1: its secret and public key */
static const char secret_hex[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
				 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static uint8_t secret[RECEIPT_SECRET];
static const uint8_t *public = secret + 32;

#define H4(x)  x x x x
#define H32(x) H4(x x x x x x x x)
static const char line[] =
	"{\"mayfly\":\"receipt 1\",\"account\":\"anna\",\"event\":\"a \\\"b\\\" \\\\ \303\244\","
	"\"service\":\"linalg\",\"version\":\"1.2.3\",\"image\":\"" H32(
		"01") "\","
		      "\"input\":\"" H32("02") "\",\"output\":\"" H32(
			      "03") "\",\"unit\":\"flop\","
				    "\"quantity\":\"18446744073709551615\",\"price\":"
				    "\"9223372036854775807\","
				    "\"currency\":\"EUR\",\"cpu_ns\":\"9120000\",\"memory\":"
				    "\"3145728\",\"snapshot\":null,"
				    "\"at\":\"2026-11-22T19:42:16.000000789Z\",\"key\":"
				    "\"0807060504030201\"";

static struct receipt sample(void)
{
	struct receipt r = {.account = "anna",
		.event = "a \"b\" \\ \303\244",
		.service = "linalg",
		.version = "1.2.3",
		.unit = "flop",
		.currency = "EUR",
		.quantity = UINT64_MAX,
		.price = INT64_MAX,
		.cpu_ns = 9120000,
		.memory = 3145728,
		.at = 1795376536000000789,
		.key_id = {1, 2, 3, 4, 5, 6, 7, 8}};

	memset(r.image, 1, 32);
	memset(r.input, 2, 32);
	memset(r.output, 3, 32);
	return r;
}

static int setup(void **state)
{
	(void)state;
	return sodium_hex2bin(
		secret, sizeof(secret), secret_hex, strlen(secret_hex), NULL, NULL, NULL);
}

static void test_form(void **state)
{
	struct receipt r = sample();
	char body[RECEIPT_MOST], text[RECEIPT_MOST];

	(void)state;
	assert_int_equal(receipt_body(&r, body), (int)sizeof(line));
	assert_memory_equal(body, line, sizeof(line) - 1);
	assert_string_equal(body + sizeof(line) - 1, "}");
	assert_int_equal(receipt_sign(&r, secret), 0);
	assert_int_equal(receipt_text(&r, text), (int)sizeof(line) + 14 + 88 + 1);
	assert_memory_equal(text, line, sizeof(line) - 1);
	assert_true(receipt_is_signed(&r, public));
	/* what is signed is the line up to its signature: libsodium alone says the same */
	assert_int_equal(crypto_sign_verify_detached(
				 r.signature, (const uint8_t *)body, strlen(body), public),
		0);
}

static void test_back(void **state)
{
	struct receipt r = sample(), back;
	char text[RECEIPT_MOST], error[RECEIPT_ERROR_MAX] = "";
	int n;

	(void)state;
	r.has_snapshot = true;
	memset(r.snapshot, 4, 32);
	assert_int_equal(receipt_sign(&r, secret), 0);
	n = receipt_text(&r, text);
	assert_int_equal(receipt_read(mf_str_of(text, (size_t)n), &back, error), 0);
	assert_string_equal(error, "");
	assert_true(receipt_is_signed(&back, public));
	assert_string_equal(back.event, r.event);
	assert_int_equal(back.quantity, UINT64_MAX);
	assert_int_equal(back.price, INT64_MAX);
	assert_int_equal(back.at, r.at);
	assert_memory_equal(back.key_id, r.key_id, 8);
	assert_memory_equal(back.snapshot, r.snapshot, 32);
}

static void test_other_key(void **state)
{
	struct receipt r = sample();
	uint8_t other[RECEIPT_KEY], other_secret[RECEIPT_SECRET];

	(void)state;
	crypto_sign_keypair(other, other_secret);
	assert_int_equal(receipt_sign(&r, secret), 0);
	assert_false(receipt_is_signed(&r, other));
}

/* No bit of it can change: either it is no receipt, or its signature is wrong. */
static void test_each_bit(void **state)
{
	struct receipt r = sample(), back;
	char text[RECEIPT_MOST], error[RECEIPT_ERROR_MAX];
	int n;

	(void)state;
	assert_int_equal(receipt_sign(&r, secret), 0);
	n = receipt_text(&r, text);
	for (int i = 0; i < n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			text[i] = (char)(text[i] ^ 1 << bit);
			if (receipt_read(mf_str_of(text, (size_t)n), &back, error) == 0)
				assert_false(receipt_is_signed(&back, public));
			text[i] = (char)(text[i] ^ 1 << bit);
		}
	assert_int_equal(receipt_read(mf_str_of(text, (size_t)n), &back, error), 0);
	assert_true(receipt_is_signed(&back, public));
}

/* The same content, written in another way. */
static void test_other_forms(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} other[] = {
		{",\"service\"", ", \"service\"", "the one way"},
		{"\"18446744073709551615\"", "\"018446744073709551615\"", "the one way"},
		{"\"18446744073709551615\"", "18446744073709551615", "JSON"},
		{"\"18446744073709551615\"", "\"18446744073709551616\"", "quantity"},
		{"\"9223372036854775807\"", "\"9223372036854775808\"", "price"},
		{"\"9120000\"", "\"-1\"", "cpu_ns"},
		{"\"9120000\"", "\"09120000\"", "the one way"},
		{"\"anna\"", "\"\\u0061nna\"", "the one way"},
		{"\"anna\"", "\"an\\u0000na\"", "JSON"},
		{"\"anna\"", "\"an\\nna\"", "the one way"},
		{"0101", "010", "image"},
		{"16.000000789Z", "16.789Z", "at"},
		{"11-22T", "11-31T", "the one way"},
		{"\"receipt 1\"", "\"receipt 2\"", "no receipt"},
		{"\"unit\":\"flop\"", "\"unit\":\"flop\",\"unit\":\"flop\"", "JSON"},
		{"\"unit\":\"flop\"", "\"unit\":\"flop\",\"more\":1", "the one way"},
		{"\"unit\":\"flop\",", "", "unit"},
		{"\"snapshot\":null", "\"snapshot\":\"\"", "snapshot"},
	};
	struct receipt r = sample(), back;
	char text[RECEIPT_MOST], changed[2 * RECEIPT_MOST], error[RECEIPT_ERROR_MAX];
	unsigned tried = 0;

	(void)state;
	assert_int_equal(receipt_sign(&r, secret), 0);
	assert_true(receipt_text(&r, text) > 0);
	for (unsigned i = 0; i < sizeof(other) / sizeof(*other); i++) {
		const char *at = strstr(text, other[i].from);

		if (!at) {
			assert_string_equal(other[i].why, "no such");
			continue;
		}
		snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, other[i].to,
			at + strlen(other[i].from));
		assert_int_equal(
			receipt_read(mf_str_of(changed, strlen(changed)), &back, error), -EINVAL);
		if (!strstr(error, other[i].why))
			print_error("%s: %s\n", other[i].to, error);
		assert_non_null(strstr(error, other[i].why));
		tried++;
	}
	assert_int_equal(tried, 18);
	snprintf(changed, sizeof(changed), "%s\n", text);
	assert_int_equal(receipt_read(mf_str_of(changed, strlen(changed)), &back, error), -EINVAL);
	assert_int_equal(receipt_read(mf_str_of("", 0), &back, error), -EINVAL);
}

static void test_not_written(void **state)
{
	struct receipt r = sample();
	char text[RECEIPT_MOST];

	(void)state;
	r.price = -1;
	assert_int_equal(receipt_body(&r, text), -EINVAL);
	r = sample();
	r.at = -1;
	assert_int_equal(receipt_body(&r, text), -EINVAL);
	r = sample();
	r.event[0] = '\n';
	assert_int_equal(receipt_body(&r, text), -EINVAL);
	assert_int_equal(receipt_sign(&r, secret), -EINVAL);
	r = sample();
	r.event[0] = '\xe4'; /* Latin-1 */
	assert_int_equal(receipt_body(&r, text), -EINVAL);
	r = sample();
	memset(r.account, 'a', sizeof(r.account)); /* without its end */
	assert_int_equal(receipt_body(&r, text), -EINVAL);
	r = sample();
	memset(r.event, '"', sizeof(r.event) - 1); /* the longest there is fits */
	assert_true(receipt_text(&r, text) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_back),
		cmocka_unit_test(test_other_key),
		cmocka_unit_test(test_each_bit),
		cmocka_unit_test(test_other_forms),
		cmocka_unit_test(test_not_written),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
