/* hub/http/access, bearers: files of tokens, patterns, who may ask */
#include "hub/http/access.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/http/bearers.h"
#include "sys/token.h"

#define HALL    "mft_hall-hall-hall-hall-hall-hall"
#define KITCHEN "mft_kitchen-kitchen-kitchen-kitchen"

static char error[BEARERS_ERROR_MAX];

static struct mf_str str(const char *text)
{
	return mf_str_of(text, strlen(text));
}

static int parse(struct bearers **tokens, const char *text)
{
	return bearers_parse(tokens, "file", str(text), error);
}

static struct bearers *two(void)
{
	char text[2 * TOKEN_LINE + 64], line[2][TOKEN_LINE];
	struct bearers *tokens = NULL;
	uint8_t hash[TOKEN_HASH];

	token_hash(str(HALL), hash);
	token_line("hall", hash, line[0]);
	token_hash(str(KITCHEN), hash);
	token_line("kitchen", hash, line[1]);
	snprintf(text, sizeof(text), "# ours\n\n  %s\r\n%s", line[0], line[1]);
	assert_int_equal(parse(&tokens, text), 0);
	return tokens;
}

static void test_files(void **state)
{
	struct bearers *tokens = two();

	(void)state;
	assert_string_equal(bearers_path(tokens), "file");
	assert_string_equal(bearers_find(tokens, str(HALL)), "hall");
	assert_string_equal(bearers_find(tokens, str(KITCHEN)), "kitchen");
	assert_null(bearers_find(tokens, str("mft_nobody-nobody-nobody-nobody")));
	assert_null(bearers_find(tokens, str("")));
	assert_ptr_equal(bearers_hold(tokens), tokens);
	bearers_drop(tokens);
	assert_string_equal(bearers_find(tokens, str(HALL)), "hall");
	bearers_drop(tokens);
	bearers_drop(NULL);
}

static void test_files_that_are_none(void **state)
{
	static const char hash[] =
		"5a6e6fc1a3c0ec6a3c0d1e93d36aa03d29ff52f1e8ef3c3bbc1c8f9c7e3d0cd7";
	struct bearers *tokens = NULL;
	char text[400];

	(void)state;
	assert_int_equal(parse(&tokens, ""), -EINVAL);
	assert_non_null(strstr(error, "there is none in it"));
	assert_int_equal(parse(&tokens, "\n#\nhall " HALL "\n"), -EINVAL);
	assert_non_null(strstr(error, "tokens \"file\": line 3: "));
	assert_null(strstr(error, HALL));
	snprintf(text, sizeof(text), "a sha256:%s\nb sha256:%s\n", hash, hash);
	assert_int_equal(parse(&tokens, text), -EINVAL);
	assert_non_null(strstr(error, "line 2: this token stands there already"));
	assert_null(tokens);
}

static void test_too_many(void **state)
{
	size_t room = (BEARERS_MOST + 2) * TOKEN_LINE, n = 0;
	char *text = malloc(room), line[TOKEN_LINE];
	struct bearers *tokens = NULL;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i <= BEARERS_MOST; i++) {
		uint8_t hash[TOKEN_HASH] = {(uint8_t)i, (uint8_t)(i >> 8)};

		token_line("n", hash, line);
		n += (size_t)snprintf(text + n, room - n, "%s\n", line);
		if (i == BEARERS_MOST - 1) {
			assert_int_equal(parse(&tokens, text), 0);
			bearers_drop(tokens);
		}
	}
	assert_int_equal(parse(&tokens, text), -EINVAL);
	assert_non_null(strstr(error, "line 1025: there are more than 1024"));
	free(text);
}

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool fits;
	} all[] = {
		{"hall", "token:hall", true},
		{"hall", "cn:hall", true},
		{"hall", "cn:Hall", false},
		{"token:hall", "token:hall", true},
		{"token:hall", "cn:hall", false},
		{"cn:*", "cn:Hall lamp", true},
		{"cn:*", "token:hall", false},
		{"*", "uri:spiffe://home/hall", true},
		{"*.home.test", "dns:hall.home.test", true},
		{"*.home.test", "dns:.home.test", false},
		{"*.home.test", "dns:home.test", false},
		{"*.home.test", "dns:a.b.home.test", false},
		{"*.home.test", "dns:hall.home.test.evil.test", false},
		{"hall.*", "dns:hall.test", true},
		{"hall.*", "dns:hall.test.evil", false},
		{"*@home.test", "email:ann@home.test", true},
		{"*@home.test", "email:ann@evil.test", false},
		{"*@home.test", "email:ann@evil@home.test", false},
		{"spiffe://home/*", "uri:spiffe://home/hall", true},
		{"spiffe://home/*", "uri:spiffe://home/hall/lamp", false},
		{"uri:spiffe://home/*", "uri:spiffe://home/hall", true},
		{"spiffe://home", "uri:spiffe://home", true},
		{"", "token:hall", false},
		{"hal", "token:hall", false},
		{"halls", "token:hall", false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (access_pattern_fits(all[i].pattern, all[i].name) != all[i].fits)
			fail_msg("'%s' and %s", all[i].pattern, all[i].name);
	assert_null(access_pattern_wrong("a*b"));
	assert_non_null(access_pattern_wrong("a*b*"));
}

static struct access *make(bool tokens, bool certificate, const char *client)
{
	struct access_rules rules = {.tokens = tokens ? two() : NULL,
		.certificate = certificate,
		.clients = &client,
		.clients_count = client != NULL};
	struct access *access;

	assert_int_equal(access_make(&access, &rules), 0);
	bearers_drop(rules.tokens);
	assert_int_equal(access_has_tokens(access), tokens);
	return access;
}

static struct access_certificate *certificate(void)
{
	struct access_certificate *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	access_certificate_add(c, "dns", "hall.home.test", 14);
	access_certificate_add(c, "cn", "Hall", 4);
	return c;
}

static void is(struct access *access, const char *credentials, const struct access_certificate *c,
	enum access_result expected, const char *name)
{
	struct access_client client = {.certificate = c, .believed = true};
	struct mf_str who;
	enum access_result result;

	if (credentials)
		client.credentials = str(credentials);
	result = access_check(access, &client, &who);
	if (result != expected)
		fail_msg("%s: %s", credentials, access_result_names[result]);
	if (result == ACCESS_GRANTED)
		assert_true(name ? mf_str_is(who, name) : !who.p);
}

static void test_tokens(void **state)
{
	struct access *any = make(true, false, NULL), *hall = make(true, false, "hall");

	(void)state;
	is(NULL, NULL, NULL, ACCESS_GRANTED, NULL);
	is(NULL, "Bearer " HALL, NULL, ACCESS_GRANTED, NULL);
	is(any, "Bearer " HALL, NULL, ACCESS_GRANTED, "token:hall");
	is(any, "bearer  " KITCHEN, NULL, ACCESS_GRANTED, "token:kitchen");
	is(any, NULL, NULL, ACCESS_NO_TOKEN, NULL);
	is(any, "", NULL, ACCESS_NO_TOKEN, NULL);
	is(any, "Bearer", NULL, ACCESS_MALFORMED, NULL);
	is(any, "Bearers " HALL, NULL, ACCESS_NO_TOKEN, NULL);
	is(any, "Bearer\t" HALL, NULL, ACCESS_NO_TOKEN, NULL);
	is(any, "Bearer " HALL ",", NULL, ACCESS_MALFORMED, NULL);
	is(any, "Bearer " HALL "x", NULL, ACCESS_BAD_TOKEN, NULL);
	is(any, HALL, NULL, ACCESS_NO_TOKEN, NULL);
	is(hall, "Bearer " HALL, NULL, ACCESS_GRANTED, "token:hall");
	is(hall, "Bearer " KITCHEN, NULL, ACCESS_NOT_NAMED, NULL);
	access_drop(any);
	access_drop(hall);
}

static void test_certificates(void **state)
{
	struct access *need = make(false, true, NULL), *hall = make(false, false, "cn:Hall");
	struct access *other = make(false, false, "other");
	struct access_certificate *c = certificate(), *none = calloc(1, sizeof(*none));

	(void)state;
	is(NULL, NULL, c, ACCESS_GRANTED, "dns:hall.home.test");
	is(need, NULL, c, ACCESS_GRANTED, "dns:hall.home.test");
	is(need, NULL, NULL, ACCESS_NO_CERTIFICATE, NULL);
	is(need, NULL, none, ACCESS_GRANTED, NULL); /* of nobody, but an authority gave it */
	is(hall, NULL, c, ACCESS_GRANTED, "cn:Hall");
	is(hall, NULL, NULL, ACCESS_NO_CERTIFICATE, NULL);
	is(hall, NULL, none, ACCESS_NOT_NAMED, NULL);
	is(other, NULL, c, ACCESS_NOT_NAMED, NULL);
	access_certificate_free(c);
	access_certificate_free(none);
	access_drop(need);
	access_drop(hall);
	access_drop(other);
}

/* All that is asked for is needed. */
static void test_both(void **state)
{
	struct access *both = make(true, true, NULL), *named = make(true, true, "cn:Hall");
	struct access_certificate *c = certificate();

	(void)state;
	is(both, "Bearer " HALL, NULL, ACCESS_NO_CERTIFICATE, NULL);
	is(both, NULL, c, ACCESS_NO_TOKEN, NULL);
	is(both, "Bearer " HALL, c, ACCESS_GRANTED, "token:hall");
	is(named, "Bearer " KITCHEN, c, ACCESS_GRANTED, "token:kitchen");
	access_certificate_free(c);
	access_drop(both);
	access_drop(named);
}

static void test_certificates_of_before(void **state)
{
	struct access *need = make(false, true, NULL), *hall = make(false, false, "cn:Hall");
	struct access_certificate *c = certificate();
	const struct access_client old = {.certificate = c};
	struct mf_str who;

	(void)state;
	assert_int_equal(access_check(need, &old, &who), ACCESS_OLD_CERTIFICATE);
	assert_int_equal(access_check(hall, &old, &who), ACCESS_OLD_CERTIFICATE);
	assert_int_equal(access_check(NULL, &old, &who), ACCESS_GRANTED);
	assert_null(who.p);
	access_certificate_free(c);
	access_drop(need);
	access_drop(hall);
}

static void test_names_that_are_none(void **state)
{
	struct access_certificate *c = calloc(1, sizeof(*c));
	char longest[2 * ACCESS_NAME];

	(void)state;
	access_certificate_add(c, "dns", "root\0.evil.test", 15);
	access_certificate_add(c, "cn", "", 0);
	access_certificate_add(c, "cn", "two\nlines", 9);
	access_certificate_add(c, "cn", "\xff\xfe", 2);
	memset(longest, 'a', sizeof(longest));
	access_certificate_add(c, "cn", longest, sizeof(longest));
	access_certificate_add(c, "cn", longest, ACCESS_NAME - 3);
	assert_int_equal(c->count, 0);
	access_certificate_add(c, "cn",
		"K\xc3\xbc"
		"che",
		6);
	assert_string_equal(c->names[0],
		"cn:K\xc3\xbc"
		"che");
	for (unsigned i = 0; i < 2 * ACCESS_NAMES; i++)
		access_certificate_add(c, "cn", longest, ACCESS_NAME - 4);
	assert_int_equal(c->count, ACCESS_NAMES);
	access_certificate_free(c);
	access_certificate_free(NULL);
}

static void test_holds(void **state)
{
	struct access *access = make(true, false, NULL);

	(void)state;
	assert_ptr_equal(access_hold(access), access);
	access_drop(access);
	is(access, "Bearer " HALL, NULL, ACCESS_GRANTED, "token:hall");
	access_drop(access);
	access_drop(NULL);
	assert_null(access_hold(NULL));
	assert_false(access_has_tokens(NULL));
	for (unsigned i = 0; i < ACCESS_RESULTS; i++)
		assert_non_null(access_result_names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_files_that_are_none),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_both),
		cmocka_unit_test(test_certificates_of_before),
		cmocka_unit_test(test_names_that_are_none),
		cmocka_unit_test(test_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
