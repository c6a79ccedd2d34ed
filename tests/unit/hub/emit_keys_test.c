/* hub/emit_keys: whom what is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "hub/emit_keys.h"
#include "sys/net.h"

static struct mf_str text(const char *s)
{
	return mf_str_of(s, strlen(s));
}

static struct emit_keys *keys_of(const char *lines)
{
	char error[EMIT_KEYS_ERROR_MAX] = "";
	struct emit_keys *keys = NULL;

	if (emit_keys_parse(&keys, "file", text(lines), error) < 0)
		fail_msg("%s", error);
	return keys;
}

static void assert_token(const struct emit_keys *keys, const char *url, const char *want)
{
	struct mf_str token;
	bool found = emit_keys_token(keys, text(url), &token);

	if (found != (want != NULL) || (want && !mf_str_is(token, want)))
		fail_msg("%s: another token", url);
}

static void test_below(void **state)
{
	struct emit_keys *keys = keys_of("# whom what\n\n"
					 "https://a.example/ of-all\n"
					 "\thttps://a.example/door  of-door\r\n"
					 "https://b.example of-b");

	(void)state;
	assert_token(keys, "https://a.example/", "of-all");
	assert_token(keys, "https://a.example/doors", "of-all");
	assert_token(keys, "https://a.example/door", "of-door");
	assert_token(keys, "https://a.example/door?x", "of-door");
	assert_token(keys, "https://a.example/door/x", "of-door");
	assert_token(keys, "https://a.example:443/door", NULL);
	assert_token(keys, "https://b.example", "of-b");
	assert_token(keys, "https://b.example/x", "of-b");
	assert_token(keys, "https://b.example.org/", NULL);
	assert_token(keys, "https://b.example:8443/", NULL);
	assert_token(keys, "http://a.example/", NULL);
	assert_token(NULL, "https://a.example/", NULL);
	emit_keys_close(keys);
}

static void assert_psk(
	const struct emit_keys *keys, const char *device, const char *identity, const char *key)
{
	struct mf_str got, got_key;
	struct net_address address;

	assert_int_equal(net_parse(&address, device), 0);
	assert_int_equal(emit_keys_psk(keys, &address, &got, &got_key), identity != NULL);
	if (!identity)
		return;
	assert_true(mf_str_is(got, identity));
	assert_true(mf_str_is(got_key, key));
}

static void test_devices(void **state)
{
	struct emit_keys *keys = keys_of("coaps://+ any secret-of-any\n"
					 "coaps://192.0.2.7 hub secret-of-7\n"
					 "coaps://[2001:db8::7]:99 hub6 hex:3132333435363738\n");
	struct emit_keys *few = keys_of("coaps://192.0.2.7:5684 hub secret-of-7\n");

	(void)state;
	assert_psk(keys, "192.0.2.7:5684", "hub", "secret-of-7");
	assert_psk(keys, "192.0.2.7:5685", "any", "secret-of-any");
	assert_psk(keys, "[2001:db8::7]:99", "hub6", "12345678");
	assert_psk(few, "192.0.2.7:5684", "hub", "secret-of-7");
	assert_psk(few, "192.0.2.8:5684", NULL, NULL);
	assert_psk(NULL, "192.0.2.8:5684", NULL, NULL);
	emit_keys_close(keys);
	emit_keys_close(few);
}

static void test_wrong(void **state)
{
	static const struct {
		const char *lines, *want;
	} wrong[] = {
		{"https://a.example/", "line 1: write it as https://HOST/PATH TOKEN"},
		{"# x\nhttps://a.example/ a b", "line 2: write it as https://HOST/PATH TOKEN"},
		{"http://a.example/ a", "https:// only"},
		{"mqtt://a.example/ a", "it begins neither"},
		{"https://a.example/ t\xc3\xb6", "no visible ASCII"},
		{"coaps://lamp a 12345678", "the device is no number"},
		{"coaps://192.0.2.7 a", "a key is missing: write it as IDENTITY KEY"},
		{"coaps://192.0.2.7 a 12345678 b", "more than IDENTITY KEY"},
		{"coaps://192.0.2.7 a 1234567", "less than 8 bytes"},
	};
	char error[EMIT_KEYS_ERROR_MAX];
	struct emit_keys *keys;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(
			emit_keys_parse(&keys, "file", text(wrong[i].lines), error), -EINVAL);
		if (!strstr(error, wrong[i].want) || !strstr(error, "keys \"file\": "))
			fail_msg("%s", error);
	}
	assert_int_equal(emit_keys_read(&keys, "/proc/nonexistent", error), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
