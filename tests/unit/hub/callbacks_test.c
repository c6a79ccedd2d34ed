/* hub/callbacks: whom the hub may call, and how it signs */
#include "hub/callbacks.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define A "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB" /* 24 times A */
#define B "whsec_QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"
#define C "whsec_Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0ND"

static struct mf_str text(const char *s)
{
	return mf_str_of(s, strlen(s));
}

static struct callbacks *callbacks_of(const char *lines)
{
	char error[CALLBACKS_ERROR_MAX] = "";
	struct callbacks *callbacks = NULL;

	if (callbacks_parse(&callbacks, "file", text(lines), error) < 0)
		fail_msg("%s", error);
	return callbacks;
}

/* Which letter its secret is made of; 0: it may not be called. */
static char whose(const struct callbacks *callbacks, const char *url)
{
	struct callback found;

	return callbacks_find(callbacks, text(url), &found) ? (char)found.secret.p[0] : 0;
}

static void test_find(void **state)
{
	struct callbacks *c = callbacks_of("# whom we call\n"
					   "https://hooks.example.org/mayfly " A "\n"
					   "https://*.example.org/hooks/\t" B "\n"
					   "\n"
					   "http://127.0.0.1:8080 " C "\n");
	static const struct {
		const char *url;
		char whose;
	} urls[] = {
		{"https://hooks.example.org/mayfly", 'A'},
		{"https://HOOKS.example.org/mayfly/x?y=z", 'A'},
		{"https://hooks.example.org/mayfly?y=z", 'A'},
		{"https://hooks.example.org/mayflys", 0},
		{"https://hooks.example.org/", 0},
		{"https://hooks.example.org/hooks/1", 'B'},
		{"https://a.b.example.org/hooks/1", 'B'},
		{"https://example.org/hooks/1", 0},
		{"https://.example.org/hooks/1", 0},
		{"https://badexample.org/hooks/1", 0},
		{"https://a.example.org.evil.net/hooks/1", 0},
		{"https://a.example.org/hooks", 0},
		{"https://a.example.org/hooks/../admin", 0},
		{"https://a.example.org/hooks/%2e%2e/admin", 0},
		{"https://evil.net/hooks/@a.example.org/hooks/", 0},
		{"https://evil.net@a.example.org/hooks/", 0},
		{"https://a.example.org:8443/hooks/1", 0},
		{"http://a.example.org/hooks/1", 0},
		{"http://127.0.0.1:8080", 'C'},
		{"http://127.0.0.1:8080/any", 'C'},
		{"http://127.0.0.1:8081/any", 0},
		{"http://127.0.0.1/any", 0},
		{"ftp://127.0.0.1:8080/", 0},
		{"", 0},
	};
	struct callback found;

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		if (whose(c, urls[i].url) != urls[i].whose)
			fail_msg("%s: another line", urls[i].url);
	assert_true(callbacks_find(c, text("https://hooks.example.org/mayfly"), &found));
	assert_true(found.named);
	assert_int_equal(found.secret.n, 24);
	assert_true(callbacks_find(c, text("https://x.example.org/hooks/"), &found));
	assert_false(found.named);
	callbacks_close(c);
	assert_false(callbacks_find(NULL, text("https://hooks.example.org/mayfly"), &found));
	callbacks_close(NULL);
}

static void assert_wrong(const char *lines, const char *why)
{
	char error[CALLBACKS_ERROR_MAX] = "";
	struct callbacks *callbacks = NULL;

	assert_int_equal(callbacks_parse(&callbacks, "file", text(lines), error), -EINVAL);
	if (!strstr(error, why))
		fail_msg("%s: not \"%s\"", error, why);
	assert_null(callbacks);
}

static void test_refused(void **state)
{
	(void)state;
	assert_wrong("", "there is no line in it");
	assert_wrong("https://a.example.org/", "write it as");
	assert_wrong("https://a.example.org/ " A " " B, "write it as");
	assert_wrong("a.example.org " A, "begins neither with");
	assert_wrong("https://*.org/ " A, "a whole top-level domain");
	assert_wrong("https://*./ " A, "no host");
	assert_wrong("http://*.example.org/ " A, "https:// only");
	assert_wrong("https://a.*.example.org/ " A, "no host");
	assert_wrong("https://a.example.org/ secret", "openssl rand");
	assert_wrong("https://a.example.org/ whsec_", "openssl rand");
	assert_wrong("https://a.example.org/ whsec_QUFB", "openssl rand");
	assert_wrong("https://a.example.org/ " A "x", "openssl rand");
	assert_wrong("\n\nhttps://a.example.org/ " A "\nhttps://b.example.org/", "line 4");
}

/* An example of Standard Webhooks' libraries. */
static void test_signature(void **state)
{
	struct callbacks *c =
		callbacks_of("https://a.example.org/ whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	struct callback found;
	char signature[CALLBACK_SIGNATURE];

	(void)state;
	assert_true(callbacks_find(c, text("https://a.example.org/"), &found));
	callback_sign(&found, text("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
		text("{\"test\": 2432232314}"), signature);
	assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	callbacks_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
