/* client/c/client: settings that will do, and those that won't, with their words */
#include "client/c/inner.h"

#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char token[] = "/tmp/mayfly-client-XXXXXX";

static void write_token(const char *text, mode_t mode)
{
	FILE *file = fopen(token, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(token, mode), 0);
}

static int setup(void **state)
{
	int fd = mkstemp(token);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(token);
}

static void addresses(void **state)
{
	static const struct {
		const char *url, *words; /* NULL: fine */
	} cases[] = {
		{"http://127.0.0.1:8080", NULL},
		{"http://127.0.0.1:8080/", NULL},
		{"https://hub.example/under/this/", NULL},
		{NULL, "there is none"},
		{"", "https://HOST:PORT"},
		{"hub.example:8443", "https://HOST:PORT"},
		{"ftp://hub.example", "neither http nor https"},
		{"http://me@hub.example", "more than host"},
		{"http://me:secret@hub.example", "more than host"},
		{"http://hub.example/?a=b", "more than host"},
		{"http://hub.example/#part", "more than host"},
		{"http://hub.example:99999", "https://HOST:PORT"},
		{"http://a b/", "https://HOST:PORT"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mayfly_settings settings = {.url = cases[i].url};
		struct mayfly_client *client;
		char text[MAYFLY_TEXT];
		enum mayfly_error error = mayfly_open(&client, &settings, text);

		if (!cases[i].words) {
			assert_int_equal(error, MAYFLY_OK);
			assert_string_equal(text, "");
			assert_true(client->url[strlen(client->url) - 1] != '/');
		} else {
			assert_int_equal(error, MAYFLY_WRONG);
			assert_null(client);
			if (!strstr(text, cases[i].words))
				fail_msg("%s", text);
		}
		mayfly_close(client);
	}
}

static enum mayfly_error open_with_token(const char *url, char *text)
{
	struct mayfly_settings settings = {.url = url, .token_file = token};
	struct mayfly_client *client;
	enum mayfly_error error = mayfly_open(&client, &settings, text);

	mayfly_close(client);
	return error;
}

static void tokens(void **state)
{
	char text[MAYFLY_TEXT];

	(void)state;
	write_token("mft_abc\n", 0600);
	assert_int_equal(open_with_token("https://hub.example", text), MAYFLY_OK);
	assert_int_equal(open_with_token("http://localhost:80", text), MAYFLY_OK);
	assert_int_equal(open_with_token("http://[::1]:80", text), MAYFLY_OK);
	assert_int_equal(open_with_token("http://hub.example", text), MAYFLY_WRONG);
	assert_non_null(strstr(text, "over https"));
	write_token("mft_abc\n", 0644);
	assert_int_equal(open_with_token("https://hub.example", text), MAYFLY_FILE);
	assert_non_null(strstr(text, "chmod 600"));
	write_token("two words\n", 0600);
	assert_int_equal(open_with_token("https://hub.example", text), MAYFLY_FILE);
	assert_non_null(strstr(text, "no token"));
	write_token("", 0600);
	assert_int_equal(open_with_token("https://hub.example", text), MAYFLY_FILE);
}

static void files_that_are_not_there(void **state)
{
	static const struct mayfly_settings cases[] = {
		{.url = "https://a", .token_file = "/nowhere/token"},
		{.url = "https://a", .authorities_file = "/nowhere/ca"},
		{.url = "https://a", .certificate_file = "/nowhere/cert"},
	};
	struct mayfly_client *client;
	char text[MAYFLY_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(mayfly_open(&client, &cases[i], text), MAYFLY_FILE);
		assert_null(client);
		assert_non_null(strstr(text, "\"/nowhere/"));
	}
	assert_int_equal(
		mayfly_open(&client,
			&(struct mayfly_settings){.url = "https://a", .key_file = token}, text),
		MAYFLY_WRONG);
}

static void words_for_everything(void **state)
{
	(void)state;
	for (int i = MAYFLY_OK; i <= MAYFLY_CHANGED; i++)
		assert_null(strstr(mayfly_error_text((enum mayfly_error)i), "newer"));
	assert_non_null(strstr(mayfly_error_text((enum mayfly_error)99), "newer"));
	assert_true(strlen(mayfly_version()) >= 5);
	mayfly_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(tokens),
		cmocka_unit_test(files_that_are_not_there),
		cmocka_unit_test(words_for_everything),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
