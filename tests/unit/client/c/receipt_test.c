/* client/c/receipt: what a center signed, and what nobody did */
#include "client/c/mayfly-client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "image/sign.h"
#include "market/receipt.h"
#include "tests/unit/client/c/scene.h"

static const char input[] = "what was sent", output[] = "what came";

struct center {
	uint8_t secret[RECEIPT_SECRET];
	struct sign_key key;
	char text[SIGN_KEY_TEXT];
	struct receipt receipt;
	char line[RECEIPT_MOST];
};

static void sign(struct center *c)
{
	int n;

	memcpy(c->receipt.key_id, c->key.id, sizeof(c->key.id));
	assert_int_equal(receipt_sign(&c->receipt, c->secret), 0);
	n = receipt_text(&c->receipt, c->line);
	assert_true(n > 0);
	c->line[n] = '\0';
}

static struct center center_of(void)
{
	struct center c = {.key = {.id = {1, 2, 3, 4, 5, 6, 7, 8}},
		.receipt = {.account = "anna",
			.event = "e \"1\"",
			.service = "linalg",
			.version = "1.2.3",
			.unit = "flop",
			.currency = "EUR",
			.quantity = UINT64_MAX,
			.price = 108,
			.cpu_ns = 7,
			.memory = 9,
			.at = 1700000000123456789}};

	crypto_sign_keypair(c.key.bytes, c.secret);
	sign_key_text(&c.key, c.text);
	crypto_hash_sha256(c.receipt.input, (const uint8_t *)input, sizeof(input) - 1);
	crypto_hash_sha256(c.receipt.output, (const uint8_t *)output, sizeof(output) - 1);
	memset(c.receipt.image, 0xab, sizeof(c.receipt.image));
	sign(&c);
	return c;
}

static enum mayfly_error verify(
	const char *line, const struct mayfly_expected *expected, char text[MAYFLY_TEXT])
{
	struct mayfly_receipt r;

	assert_int_equal(mayfly_receipt_read(line, &r, text), MAYFLY_OK);
	return mayfly_receipt_verify(&r, expected, text);
}

static void what_it_says(void **state)
{
	struct center c = center_of();
	struct mayfly_receipt r;
	char text[MAYFLY_TEXT];

	(void)state;
	assert_int_equal(mayfly_receipt_read(c.line, &r, text), MAYFLY_OK);
	assert_string_equal(text, "");
	assert_string_equal(r.account, "anna");
	assert_string_equal(r.event, "e \"1\"");
	assert_string_equal(r.version, "1.2.3");
	assert_string_equal(r.unit, "flop");
	assert_string_equal(r.currency, "EUR");
	assert_string_equal(r.at, "2023-11-14T22:13:20.123456789Z");
	assert_string_equal(r.key, "0807060504030201");
	assert_string_equal(r.snapshot, "");
	assert_int_equal(strspn(r.image, "ab"), 64);
	assert_true(r.quantity == UINT64_MAX && r.price == 108 && r.cpu_ns == 7 && r.memory == 9);
	assert_string_equal(r.line, c.line);
	/* a line of a file has an end */
	strcat(c.line, "\n");
	assert_int_equal(mayfly_receipt_read(c.line, &r, text), MAYFLY_OK);
	assert_int_equal(mayfly_receipt_read("{}", &r, text), MAYFLY_CHANGED);
	assert_string_equal(text, "receipt: it isn't written as one");
	assert_int_equal(mayfly_receipt_read("", &r, text), MAYFLY_CHANGED);
}

static void what_it_is_held_against(void **state)
{
	const struct mayfly_piece halves[] = {
		{input, 5, 0, 0}, {input + 5, sizeof(input) - 6, 0, 0}};
	const struct mayfly_piece other = {"else", 4, 0, 0};
	char image[MAYFLY_HASH] = "", text[MAYFLY_TEXT];
	struct center c = center_of();
	struct mayfly_expected e = {.key = c.text,
		.input = halves,
		.input_count = 2,
		.output = output,
		.output_size = sizeof(output) - 1,
		.image = image,
		.has_quote = 1,
		.quote = 108};

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		strcat(image, "ab");
	assert_int_equal(verify(c.line, &e, text), MAYFLY_OK);
	e.quote = 107;
	assert_int_equal(verify(c.line, &e, text), MAYFLY_CHANGED);
	assert_string_equal(text, "receipt: it costs more than was quoted");
	e.has_quote = 0;
	image[3] = 'a';
	assert_int_equal(verify(c.line, &e, text), MAYFLY_CHANGED);
	assert_string_equal(text, "receipt: another image computed it");
	e.image = NULL;
	e.output_size--;
	assert_int_equal(verify(c.line, &e, text), MAYFLY_CHANGED);
	assert_string_equal(text, "receipt: it is of another output");
	e.output_size = 0;
	assert_int_equal(verify(c.line, &e, text), MAYFLY_CHANGED);
	e.output = NULL;
	e.input = &other;
	e.input_count = 1;
	assert_int_equal(verify(c.line, &e, text), MAYFLY_CHANGED);
	assert_string_equal(text, "receipt: it is of another input");
	e.input_count = 0;
	assert_int_equal(verify(c.line, &e, text), MAYFLY_OK);
}

/* No bit of it can be another one. */
static void each_bit(void **state)
{
	struct center c = center_of();
	const struct mayfly_expected e = {.key = c.text};
	const size_t n = strlen(c.line);
	struct mayfly_receipt r;
	char text[MAYFLY_TEXT];

	(void)state;
	for (size_t i = 0; i < 8 * n; i++) {
		c.line[i / 8] = (char)(c.line[i / 8] ^ 1 << i % 8);
		if (strlen(c.line) == n && mayfly_receipt_read(c.line, &r, text) == MAYFLY_OK)
			assert_int_not_equal(mayfly_receipt_verify(&r, &e, text), MAYFLY_OK);
		c.line[i / 8] = (char)(c.line[i / 8] ^ 1 << i % 8);
	}
	assert_int_equal(verify(c.line, &e, text), MAYFLY_OK);
	/* nor what stands beside the line */
	assert_int_equal(mayfly_receipt_read(c.line, &r, text), MAYFLY_OK);
	strcpy(r.line, "{}");
	assert_int_equal(mayfly_receipt_verify(&r, &e, text), MAYFLY_CHANGED);
}

static void keys(void **state)
{
	char text[MAYFLY_TEXT], path[] = "/tmp/mayfly-receipt-XXXXXX";
	struct center c = center_of(), other = center_of();
	struct mayfly_expected e = {.key = other.text};
	FILE *file = fdopen(mkstemp(path), "w");

	(void)state;
	assert_int_equal(verify(c.line, &e, text), MAYFLY_UNTRUSTED);
	assert_string_equal(text, "receipt: it was altered: its signature is of something else");
	other.key.id[0] = 9;
	sign_key_text(&other.key, other.text);
	assert_int_equal(verify(c.line, &e, text), MAYFLY_UNTRUSTED);
	assert_string_equal(text, "receipt: another key signed it");
	e.key = "RWQ";
	assert_int_equal(verify(c.line, &e, text), MAYFLY_WRONG);
	e.key = NULL;
	assert_int_equal(verify(c.line, &e, text), MAYFLY_WRONG);
	assert_string_equal(text, "receipt: signed by which key?");
	e.key_file = "/nowhere/center.pub";
	assert_int_equal(verify(c.line, &e, text), MAYFLY_FILE);
	e.key_file = path;
	assert_int_equal(verify(c.line, &e, text), MAYFLY_FILE);
	assert_non_null(file);
	fprintf(file, "untrusted comment: a key\n%s\n", c.text);
	fclose(file);
	assert_int_equal(verify(c.line, &e, text), MAYFLY_OK);
	unlink(path);
}

/* --- of an answer: base64 of the line */

#define HEAD "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"

static void of_answers(void **state)
{
	PLAY({.answer = HEAD "\r\n"}, {.answer = HEAD "Mayfly-Receipt: e30=\r\n\r\n"},
		{.answer = HEAD "Mayfly-Receipt: e30\r\n\r\n"},
		{.answer = HEAD "Mayfly-Receipt: \r\n\r\n"},
		{.answer = HEAD "Mayfly-Receipt: {}{}\r\n\r\n"});
	static const enum mayfly_error errors[] = {
		MAYFLY_WRONG, MAYFLY_CHANGED, MAYFLY_CHANGED, MAYFLY_CHANGED, MAYFLY_CHANGED};
	struct mayfly_receipt r;
	char text[MAYFLY_TEXT];

	for (unsigned i = 0; i < 5; i++) {
		struct mayfly_answer answer = scene_ask((struct mayfly_request){0});

		assert_int_equal(answer.error, MAYFLY_OK);
		assert_int_equal(mayfly_receipt(&answer, &r, text), errors[i]);
		mayfly_answer_free(&answer);
	}
}

static void one_that_is_whole(void **state)
{
	struct center c;
	struct mayfly_answer answer;
	struct mayfly_receipt r;
	char text[MAYFLY_TEXT], base64[2 * RECEIPT_MOST], head[3 * RECEIPT_MOST];
	struct turn turn = {.answer = head};

	(void)state;
	/* with and without '=' at its end */
	for (unsigned i = 0; i < 3; i++) {
		c = center_of();
		memset(c.receipt.account, 'x', i);
		c.receipt.account[4 + i] = '\0';
		memset(c.receipt.account, 'x', 4 + i);
		sign(&c);
		sodium_bin2base64(base64, sizeof(base64), (const uint8_t *)c.line, strlen(c.line),
			sodium_base64_VARIANT_ORIGINAL);
		snprintf(head, sizeof(head), HEAD "mayfly-receipt: %s\r\n\r\n", base64);
		scene_play(&turn, 1);
		answer = scene_ask((struct mayfly_request){0});
		assert_int_equal(mayfly_receipt(&answer, &r, text), MAYFLY_OK);
		assert_string_equal(r.line, c.line);
		mayfly_answer_free(&answer);
		scene_end(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_says),
		cmocka_unit_test(what_it_is_held_against),
		cmocka_unit_test(each_bit),
		cmocka_unit_test(keys),
		TEST(of_answers),
		cmocka_unit_test(one_that_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
