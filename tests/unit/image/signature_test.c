/* image/signature: minisign's texts, ours among them, and every way to spoil one */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "image/image.h"
#include "image/signature.h"

/* What minisign 0.11 wrote for a file "hello\n". */
static const char minisigned[] =
	"untrusted comment: signature from minisign secret key\n"
	"RUSkDqEQGdqnlXFdJA68qI0A4R3/0rquSbiA7oZPAOd6PiWwbeGKXSqjcIsCkxCzBxKX6g3MdHZaiR8/"
	"XkyrU1IqLJqz+M"
	"tSOAE=\n"
	"trusted comment: timestamp:1795329783\tfile:f\thashed\n"
	"88kwAdJVambHkx/"
	"ethI8bxlEAIyBp7G5SVCzQSOfKxyazvtM8e5bbjN0oqlbvEqgEmwIqKV81Mp05lxoInqMDQ==\n";

static char error[SIGNATURE_ERROR_MAX];

static int parse(const char *text, struct signature *s)
{
	error[0] = '\0';
	return signature_parse((const uint8_t *)text, strlen(text), s, error);
}

static void refused(const char *text, const char *words)
{
	struct signature s;

	assert_int_equal(parse(text, &s), -EINVAL);
	if (!strstr(error, words))
		fail_msg("said \"%s\" and not \"%s\"", error, words);
}

/* A copy of the text above with its first `old` replaced. */
static const char *with(const char *old, const char *new)
{
	static char text[2048];
	const char *at = strstr(minisigned, old);

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - minisigned), minisigned, new,
		at + strlen(old));
	return text;
}

static void test_minisign(void **state)
{
	char id[SIGNATURE_ID_TEXT];
	struct signature s;

	(void)state;
	assert_int_equal(parse(minisigned, &s), 0);
	assert_string_equal(signature_id(s.key_id, id), "95A7DA1910A10EA4");
	assert_string_equal(s.comment, "timestamp:1795329783\tfile:f\thashed");
	assert_string_equal(s.service, "");
	assert_int_equal(s.bytes[0], 0x71);
	assert_int_equal(s.global[0], 0xf3);
}

static void test_written_and_read(void **state)
{
	struct signature s = {.key_id = {1, 2, 3}}, again;
	char text[MFI_SIGNATURE_MAX];
	size_t n;

	(void)state;
	memset(s.bytes, 0xa5, sizeof(s.bytes));
	memset(s.global, 0x5a, sizeof(s.global));
	signature_claim(&s, "a-service", INT64_MAX);
	n = signature_write(&s, text);
	assert_int_equal(n, strlen(text));
	assert_int_equal(signature_parse((uint8_t *)text, n, &again, error), 0);
	assert_memory_equal(&s, &again, sizeof(s));
	assert_string_equal(again.service, "a-service");
	assert_true(again.counter == INT64_MAX);
	memset(s.comment, 'x', SIGNATURE_COMMENT_MAX);
	assert_true(signature_write(&s, text) < MFI_SIGNATURE_MAX);
}

static void test_lines(void **state)
{
	char *cut = strdup(minisigned);

	(void)state;
	refused("", "it has 0 whole lines");
	for (size_t n = strlen(cut); n-- > 0;) {
		cut[n] = '\0';
		refused(cut, "whole lines, a minisign signature has 4");
	}
	free(cut);
	refused(with("MDQ==\n", "MDQ==\n\n"), "1 bytes are behind its fourth line");
	refused(with("untrusted c", "Untrusted c"), "its first line");
	refused(with("trusted comment: time", "trusted: time"), "its third line");
	refused(with("RUSk", "RUS"), "its second line is not");
	refused(with("OAE=\n", "OAF=\n"), "its second line is not"); /* bits that mean nothing */
	refused(with("OAE=\n", "OAE= \n"), "its second line is not");
	refused(with("OAE=\n", "OAE=\r\n"), "its second line is not");
	refused(with("RUSk", "RWSk"), "legacy");
	refused(with("RUSk", "RXSk"), "its algorithm is not known");
	refused(with("MDQ==", "MDR=="), "its fourth line");
	refused(with("MDQ==", "MDQ="), "its fourth line");
}

static void test_comments(void **state)
{
	char text[1024 + SIGNATURE_COMMENT_MAX], comment[SIGNATURE_COMMENT_MAX + 2];
	struct signature s;

	(void)state;
	refused(with("\tfile",
			"\x01"
			"file"),
		"control character 0x01");
	refused(with("\tfile",
			"\x7f"
			"file"),
		"control character 0x7f");
	memset(comment, 'x', sizeof(comment) - 1);
	comment[sizeof(comment) - 1] = '\0';
	snprintf(text, sizeof(text), "%s", with("timestamp:1795329783\tfile:f\thashed", comment));
	refused(text, "trusted comment has 641 bytes");
	comment[SIGNATURE_COMMENT_MAX] = '\0';
	assert_int_equal(parse(with("timestamp:1795329783\tfile:f\thashed", comment), &s), 0);
}

/* Ours, but not as we write it. */
static void test_claims(void **state)
{
	static const char *const wrong[] = {"mayfly ",
		"mayfly service:a counter:", "mayfly service:a", "mayfly service:A counter:1",
		"mayfly service:a counter:01", "mayfly service:a counter:1 ",
		"mayfly service:a  counter:1", "mayfly service:a counter:-1",
		"mayfly service:a counter:9223372036854775808",
		"mayfly service:a counter:99999999999999999999999",
		"mayfly service:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
		"counter:1"};
	struct signature s;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refused(with("timestamp:1795329783\tfile:f\thashed", wrong[i]),
			"begins as mayfly's");
	assert_int_equal(
		parse(with("timestamp:1795329783\tfile:f\thashed", "mayfly service:a counter:0"),
			&s),
		0);
	assert_string_equal(s.service, "a");
	assert_int_equal(s.counter, 0);
}

/* An image of the name "a" with counter 5, as far as signatures look at it. */
static int of_image(const char *text, uint64_t *counter)
{
	struct image image = {.note = {.name = "a", .counter = 5}};
	struct signature s;

	if (text)
		image.signature = mf_str_of(text, strlen(text));
	return signature_of_image(&image, &s, counter, error);
}

static const char *claiming(const char *service, uint64_t counter)
{
	static char text[MFI_SIGNATURE_MAX];
	struct signature s = {.key_id = {1}};

	signature_claim(&s, service, counter);
	signature_write(&s, text);
	return text;
}

static void test_of_an_image(void **state)
{
	struct signature s;
	char text[MFI_SIGNATURE_MAX];
	uint64_t counter;

	(void)state;
	assert_int_equal(of_image(NULL, &counter), -ENOENT);
	assert_int_equal(of_image(claiming("a", 5), &counter), 0);
	assert_int_equal(counter, 5);
	assert_int_equal(of_image(claiming("a", 6), &counter), 0);
	assert_int_equal(counter, 6);
	assert_int_equal(of_image(claiming("a", 4), &counter), -EINVAL);
	assert_string_equal(error, "its signature says counter 4, the image itself 5");
	assert_int_equal(of_image(claiming("b", 6), &counter), -EINVAL);
	assert_string_equal(error, "its signature is for b, the image is a");
	/* minisign's own first line isn't signed, so it may not be there */
	assert_int_equal(of_image(minisigned, &counter), -EINVAL);
	assert_non_null(strstr(error, "not written as mayfly sign"));
	assert_int_equal(parse(minisigned, &s), 0);
	signature_write(&s, text);
	assert_int_equal(of_image(text, &counter), 0);
	assert_int_equal(counter, 5);
	text[40] ^= 1;
	assert_int_equal(of_image(text, &counter), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minisign),
		cmocka_unit_test(test_written_and_read),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_of_an_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
