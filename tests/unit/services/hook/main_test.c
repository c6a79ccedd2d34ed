/* tests/unit/services/hook/main_test.c - services/hook, signatures made by libsodium */
/* with: tests/unit/services/http.c tests/unit/libos/guest.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/unit/services/http.h"

#define KEY    "a key of more than sixteen bytes"
#define NOW    1700000000
#define BODY   "{\"id\":1}"
#define BASE64 "YSBrZXkgb2YgbW9yZSB0aGFuIHNpeHRlZW4gYnl0ZXM=" /* KEY */

static enum mf_outcome load(const char *secret, const char *style, const char *tolerance)
{
	const struct http_file files[] = {{"secret", secret, strlen(secret)}, {NULL, NULL, 0}};
	const char *const config[][2] = {{"style", style}, {"tolerance", tolerance}, {NULL, NULL}};

	http_time_ns = NOW * 1000000000ll;
	return http_init(files, config);
}

static void mac(const char *key, const char *text, uint8_t to[static 32])
{
	crypto_auth_hmacsha256_state s;

	crypto_auth_hmacsha256_init(&s, (const uint8_t *)key, strlen(key));
	crypto_auth_hmacsha256_update(&s, (const uint8_t *)text, strlen(text));
	crypto_auth_hmacsha256_final(&s, to);
}

/* Overwritten by the second next. */
static const char *mac_hex(const char *key, const char *text)
{
	static char hex[2][65];
	static unsigned i;
	uint8_t bytes[32];

	mac(key, text, bytes);
	i ^= 1;
	return sodium_bin2hex(hex[i], sizeof(hex[i]), bytes, sizeof(bytes));
}

static const struct http_answer *post(const char *const *headers)
{
	return http_ask("POST /hook", headers, BODY, strlen(BODY));
}

static void assert_refused(const struct http_answer *a, unsigned status, const char *words)
{
	assert_int_equal(a->outcome, MF_OUTCOME_OK);
	assert_int_equal(a->status, status);
	assert_string_equal(a->type, "application/problem+json");
	if (!strstr((const char *)a->body, words))
		fail_msg("no \"%s\" in %s", words, (const char *)a->body);
	assert_true((http_header("WWW-Authenticate") != NULL) == (status == 401));
	assert_non_null(strstr(http_log(), words));
}

static void assert_taken(const struct http_answer *a)
{
	assert_int_equal(a->outcome, MF_OUTCOME_OK);
	assert_int_equal(a->status, 202);
	assert_string_equal((const char *)a->body, "accepted\n");
}

/* ------------------------------------------------------------------ github */

static const char *github(const char *prefix, const char *hex)
{
	static char line[200];

	snprintf(line, sizeof(line), "X-Hub-Signature-256: %s%s", prefix, hex);
	return line;
}

/* The example of GitHub's documentation. */
static void test_github_example(void **state)
{
	const char *const *signature =
		HEADERS("X-Hub-Signature-256: sha256="
			"757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");

	(void)state;
	assert_int_equal(load("It's a Secret to Everybody\n", "github", "300"), MF_OUTCOME_OK);
	assert_taken(http_ask("POST /hook", signature, "Hello, World!", 13));
	assert_refused(http_ask("POST /hook", signature, "Hello, World?", 13), 401, "is wrong");
}

static void test_github(void **state)
{
	char hex[65];

	(void)state;
	assert_int_equal(load(KEY, "github", "300"), MF_OUTCOME_OK);
	strcpy(hex, mac_hex(KEY, BODY));
	assert_taken(post(HEADERS(
		github("sha256=", hex), "X-GitHub-Delivery: 72d3162e", "X-GitHub-Event: push")));
	assert_string_equal(http_log(), "github: delivery 72d3162e, event push, 8 bytes: taken\n");
	for (unsigned bit = 0; bit < 256; bit += 17) {
		uint8_t bytes[32];
		char other[65];

		mac(KEY, BODY, bytes);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		sodium_bin2hex(other, sizeof(other), bytes, sizeof(bytes));
		assert_refused(post(HEADERS(github("sha256=", other))), 401, "is wrong");
	}
	assert_refused(post(NULL), 401, "not signed");
	assert_refused(post(HEADERS(github("", hex))), 400, "can't be read");
	assert_refused(post(HEADERS(github("sha1=", hex))), 400, "can't be read");
	assert_refused(post(HEADERS(github("sha256=", ""))), 400, "can't be read");
	assert_refused(post(HEADERS(github("sha256=0", hex))), 400, "can't be read");
	hex[63] = 'g';
	assert_refused(post(HEADERS(github("sha256=", hex))), 400, "can't be read");
}

static void test_a_method(void **state)
{
	(void)state;
	assert_int_equal(load(KEY, "github", "300"), MF_OUTCOME_OK);
	assert_int_equal(http_ask("GET /hook", NULL, NULL, 0)->status, 405);
	assert_string_equal(http_header("Allow"), "POST");
}

/* While keys are changed, deliveries by either are taken. */
static void test_two_keys(void **state)
{
	(void)state;
	assert_int_equal(
		load("the old key of my webhook\r\n\n" KEY "\n", "github", "300"), MF_OUTCOME_OK);
	assert_taken(post(HEADERS(github("sha256=", mac_hex(KEY, BODY)))));
	assert_taken(post(HEADERS(github("sha256=", mac_hex("the old key of my webhook", BODY)))));
	assert_refused(post(HEADERS(github("sha256=", mac_hex("another key of mine", BODY)))), 401,
		"is wrong");
	assert_refused(post(HEADERS(github("sha256=", mac_hex("", BODY)))), 401, "is wrong");
}

/* ------------------------------------------------------------------ stripe */

static const struct http_answer *stripe(const char *format, long then, const char *hex)
{
	char line[400];

	snprintf(line, sizeof(line), format, then, hex);
	return post(HEADERS(line));
}

static const char *stripe_mac(long then)
{
	char text[100];

	snprintf(text, sizeof(text), "%ld.%s", then, BODY);
	return mac_hex(KEY, text);
}

static void test_stripe(void **state)
{
	const char *line = "Stripe-Signature: t=%ld,v1=%s";

	(void)state;
	assert_int_equal(load(KEY, "stripe", "300"), MF_OUTCOME_OK);
	assert_taken(stripe(line, NOW, stripe_mac(NOW)));
	assert_string_equal(http_log(), "stripe: delivery -, event -, 8 bytes: taken\n");
	assert_taken(
		stripe("Stripe-Signature: t=%ld, v0=zz, v1="
		       "0000000000000000000000000000000000000000000000000000000000000000, v1=%s",
			NOW, stripe_mac(NOW)));
	assert_refused(stripe(line, NOW, stripe_mac(NOW - 1)), 401, "is wrong");
	assert_refused(post(HEADERS(github("sha256=", mac_hex(KEY, BODY)))), 401, "not signed");
	assert_refused(stripe("Stripe-Signature: t=%ld,v0=%s", NOW, stripe_mac(NOW)), 400,
		"can't be read");
	assert_refused(stripe("Stripe-Signature: t=x%ld,v1=%s", NOW, stripe_mac(NOW)), 400,
		"can't be read");
	assert_refused(stripe("Stripe-Signature: t=1,t=%ld,v1=%s", NOW, stripe_mac(NOW)), 400,
		"can't be read");
	assert_refused(post(HEADERS("Stripe-Signature: ")), 400, "can't be read");
}

static void test_stripe_in_time(void **state)
{
	const char *line = "Stripe-Signature: t=%ld,v1=%s";

	(void)state;
	assert_int_equal(load(KEY, "stripe", "60"), MF_OUTCOME_OK);
	assert_taken(stripe(line, NOW - 60, stripe_mac(NOW - 60)));
	assert_taken(stripe(line, NOW + 60, stripe_mac(NOW + 60)));
	assert_refused(stripe(line, NOW - 61, stripe_mac(NOW - 61)), 401, "too far");
	assert_refused(stripe(line, NOW + 61, stripe_mac(NOW + 61)), 401, "too far");
	/* who can't sign learns nothing about our clock */
	assert_refused(stripe(line, NOW - 61, stripe_mac(NOW)), 401, "is wrong");
}

static void test_too_many_signatures(void **state)
{
	char line[1000] = "Stripe-Signature: t=1";

	(void)state;
	assert_int_equal(load(KEY, "stripe", "60"), MF_OUTCOME_OK);
	for (unsigned i = 0; i < 9; i++) {
		strcat(line, ",v1=");
		strcat(line, mac_hex(KEY, ""));
	}
	assert_refused(post(HEADERS(line)), 400, "can't be read");
}

/* ---------------------------------------------------------------- standard */

static const struct http_answer *standard(const char *id, const char *then, const char *format)
{
	char text[200], id_line[100], time_line[100], line[400];
	char base64[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_ORIGINAL)];
	uint8_t bytes[32];

	snprintf(text, sizeof(text), "%s.%s.%s", id, then, BODY);
	mac(KEY, text, bytes);
	sodium_bin2base64(
		base64, sizeof(base64), bytes, sizeof(bytes), sodium_base64_VARIANT_ORIGINAL);
	snprintf(id_line, sizeof(id_line), "Webhook-Id: %s", id);
	snprintf(time_line, sizeof(time_line), "Webhook-Timestamp: %s", then);
	snprintf(line, sizeof(line), format, base64);
	return post(HEADERS(id_line, time_line, line));
}

static void test_standard(void **state)
{
	const char *line = "Webhook-Signature: v1,%s";

	(void)state;
	assert_int_equal(load("whsec_" BASE64, "standard", "300"), MF_OUTCOME_OK);
	assert_taken(standard("msg_1", "1700000000", line));
	assert_string_equal(http_log(), "standard: delivery msg_1, event -, 8 bytes: taken\n");
	assert_taken(standard("msg_1", "1700000000", "Webhook-Signature: v1a,xx v1,%s v2,y"));
	assert_refused(standard("msg_1", "1699999699", line), 401, "too far");
	assert_refused(standard("msg_1", "now", line), 400, "can't be read");
	assert_refused(standard("", "1700000000", line), 400, "can't be read");
	assert_refused(standard("msg.1", "1700000000", line), 400, "can't be read");
	assert_refused(
		standard("m", "1700000000", "Webhook-Signature: v1,x%s"), 400, "can't be read");
	assert_refused(standard("m", "1700000000", "Webhook-Signature: %s"), 400, "can't be read");
	assert_refused(post(NULL), 401, "not signed");
	assert_int_equal(load(BASE64, "standard", "300"), MF_OUTCOME_OK);
	assert_taken(standard("msg_2", "1700000000", line));
}

/* ------------------------------------------------------------ configuration */

static void refused_start(
	const char *secret, const char *style, const char *tolerance, const char *words)
{
	assert_int_equal(load(secret, style, tolerance), MF_OUTCOME_FAILED);
	if (!strstr(http_log(), words))
		fail_msg("no \"%s\" in %s", words, http_log());
	if (strlen(secret) > 8)
		assert_null(strstr(http_log(), secret));
}

static void test_configuration(void **state)
{
	char many[9 * 21 + 1] = "", big[520];

	(void)state;
	refused_start(KEY, "gitlab", "300", "\"gitlab\": expected github, stripe or standard");
	refused_start(KEY, "stripe", "0", "tolerance: \"0\": expected seconds, 1 to 86400");
	refused_start(KEY, "stripe", "86401", "tolerance: \"86401\"");
	refused_start(KEY, "stripe", "5m", "tolerance: \"5m\"");
	refused_start("", "github", "300", "secret: it is empty");
	refused_start("\r\n\n", "github", "300", "secret: it is empty");
	refused_start(
		"whsec_not base64 at all", "standard", "300", "secret: line 1: expected whsec_");
	refused_start("whsec_", "standard", "300", "secret: line 1: expected whsec_");
	for (unsigned i = 0; i < 9; i++)
		strcat(many, "a key of many others\n");
	refused_start(many, "github", "300", "secret: line 9: expected 8 keys at most");
	memset(big, 'k', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	refused_start(big, "github", "300", "secret: line 1: expected a key of 512 bytes");
}

static void test_a_short_key(void **state)
{
	(void)state;
	assert_int_equal(load("short", "github", "300"), MF_OUTCOME_OK);
	assert_non_null(strstr(http_log(), "line 1: a key of 5 bytes can be guessed"));
	assert_taken(post(HEADERS(github("sha256=", mac_hex("short", BODY)))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_github_example),
		cmocka_unit_test(test_github),
		cmocka_unit_test(test_a_method),
		cmocka_unit_test(test_two_keys),
		cmocka_unit_test(test_stripe),
		cmocka_unit_test(test_stripe_in_time),
		cmocka_unit_test(test_too_many_signatures),
		cmocka_unit_test(test_standard),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_a_short_key),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
