/* hub/coap/speech, hub/coap/psk: tables of CoAP, files of keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "hub/coap/message.h"
#include "hub/coap/psk.h"
#include "hub/coap/speech.h"

static struct mf_str text(const char *s)
{
	return mf_str_of(s, strlen(s));
}

static void test_codes(void **state)
{
	(void)state;
	assert_int_equal(speech_code(200, METHOD_GET), MESSAGE_CODE(2, 5));
	assert_int_equal(speech_code(200, METHOD_FETCH), MESSAGE_CODE(2, 5));
	assert_int_equal(speech_code(200, METHOD_POST), MESSAGE_CODE(2, 4));
	assert_int_equal(speech_code(204, METHOD_DELETE), MESSAGE_CODE(2, 2));
	assert_int_equal(speech_code(201, METHOD_GET), MESSAGE_CODE(2, 1));
	assert_int_equal(speech_code(429, METHOD_GET), MESSAGE_CODE(4, 29));
	assert_int_equal(speech_code(499, METHOD_GET), MESSAGE_CODE(4, 0));
	assert_int_equal(speech_code(301, METHOD_GET), MESSAGE_CODE(5, 0));
	assert_int_equal(speech_code(0, METHOD_GET), MESSAGE_CODE(5, 0));
	for (unsigned i = 0; i < REFUSALS; i++) {
		assert_true(MESSAGE_CLASS(speech_refusal((enum refusal)i)->code) >= 4);
		assert_non_null(speech_refusal((enum refusal)i)->detail);
	}
}

static void test_methods(void **state)
{
	(void)state;
	for (uint8_t i = METHOD_GET; i < METHODS_END; i++)
		assert_int_equal(speech_method_code(speech_method(i)), i);
	assert_null(speech_method(0));
	assert_null(speech_method(METHODS_END));
	assert_int_equal(speech_method_code("HEAD"), 0);
}

/* Every number has a type, and the type has that number again. */
static void test_formats(void **state)
{
	char media[SPEECH_MEDIA_MOST];

	(void)state;
	for (uint32_t i = 0; i <= 65535; i++) {
		size_t n = speech_media(i, media);

		assert_true(n > 0 && n < SPEECH_MEDIA_MOST);
		assert_int_equal(speech_format(mf_str_of(media, n)), i);
	}
	assert_int_equal(speech_format(text("application/json")), 50);
	assert_int_equal(speech_format(text("APPLICATION/JSON ; a=b")), 50);
	assert_int_equal(speech_format(text("text/plain")), 0);
	assert_int_equal(speech_format(text("coap-format/65536")), -1);
	assert_int_equal(speech_format(text("coap-format/")), -1);
	assert_int_equal(speech_format(text("video/mp4")), -1);
	assert_int_equal(speech_format(text("")), -1);
}

static void test_keys(void **state)
{
	char error[PSK_ERROR_MAX];
	struct psk *psk;
	struct mf_str key;

	(void)state;
	assert_int_equal(
		psk_parse(&psk, "f",
			text("# lamps\n\nlamp  12345678\r\n\tlock\thex:00ff00ff00ff00ff "), error),
		0);
	assert_true(psk_find(psk, text("lamp"), &key));
	assert_true(mf_str_is(key, "12345678"));
	assert_true(psk_find(psk, text("lock"), &key));
	assert_int_equal(key.n, 8);
	assert_memory_equal(key.p, "\0\xff\0\xff\0\xff\0\xff", 8);
	assert_false(psk_find(psk, text("lam"), &key));
	assert_false(psk_find(psk, text("lamps"), &key));
	assert_false(psk_find(psk, text(""), &key));
	psk_close(psk);
}

static void test_bad_keys(void **state)
{
	static const char *const bad[][2] = {
		{"lamp", "line 1: a key is missing"},
		{"# x\nlamp 1234567", "line 2: the key has less than 8 bytes"},
		{"lamp hex:0102030405060", "hexadecimal"},
		{"lamp hex:010203040506zz", "hexadecimal"},
		{"lamp 12345678 9", "more than IDENTITY KEY"},
		{"l\xc3\xa4mp 12345678", "visible ASCII"},
		{"", "there is no key in it"},
	};
	char error[PSK_ERROR_MAX], line[200];
	struct psk *psk;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(psk_parse(&psk, "f", text(bad[i][0]), error), -EINVAL);
		assert_non_null(strstr(error, bad[i][1]));
	}
	memset(line, 'x', sizeof(line));
	line[65] = ' ';
	line[199] = '\0';
	assert_int_equal(psk_parse(&psk, "f", text(line), error), -EINVAL);
	line[64] = ' ';
	assert_int_equal(psk_parse(&psk, "f", text(line), error), -EINVAL);
	assert_non_null(strstr(error, "more than 64 bytes"));
	assert_int_equal(psk_read(&psk, "/nowhere/at/all", error), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bad_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
