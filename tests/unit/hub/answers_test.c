/* hub/answers: keys, the first answer again, conflicts, bounds. */
#include "hub/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct answers answers;
static struct answers_entry *entry;
static struct answer answer;
static uint64_t now;

static int fresh(void **state)
{
	(void)state;
	memset(&answers, 0, sizeof(answers));
	now = 5 * CLOCK_S;
	return 0;
}

static int done(void **state)
{
	(void)state;
	answers_close(&answers);
	assert_int_equal(answers.count, 0);
	assert_int_equal(answers.bytes, 0);
	return 0;
}

static struct mf_str str(const char *s)
{
	return mf_str_of(s, strlen(s));
}

static enum answers_found ask(const char *scope, const char *key, const char *body)
{
	const struct answers_request request = {
		.owner = str(scope),
		.scope = str(scope),
		.method = MF_STR("POST"),
		.path = MF_STR("/press"),
		.query = MF_STR(""),
		.body = str(body),
	};

	return answers_find(&answers, str(key), &request, now, &entry, &answer);
}

static void keep(unsigned status, const char *body)
{
	const struct answer given = {
		.id = "0123",
		.reply = {.status = status,
			.content_type = MF_STR("text/plain"),
			.headers = MF_STR("A: b\r\n"),
			.body = str(body)},
	};

	answers_keep(&answers, entry, &given, now);
}

/* ---------------------------------------------------------------------- keys */

static void test_keys(void **state)
{
	static const struct {
		const char *field, *key; /* NULL: refused */
	} table[] = {
		{"\"8e03978e-40d5-43e8-bc93-6894a57f9324\"",
			"8e03978e-40d5-43e8-bc93-6894a57f9324"},
		{"8e03978e-40d5", "8e03978e-40d5"},
		{" \t\"x\" ", "x"},
		{"\"with space\"", "with space"},
		{"\"a\\\"b\\\\c\"", "a\"b\\c"},
		{"KG5LxwFBepaKHyUD", "KG5LxwFBepaKHyUD"},
		{"a:b/c=d+e", "a:b/c=d+e"},
		{"", NULL},
		{"  ", NULL},
		{"\"\"", NULL},
		{"\"", NULL},
		{"\"open", NULL},
		{"open\"", NULL},
		{"\"a\"b\"", NULL},
		{"\"a\\n\"", NULL},
		{"\"a\\\"", NULL},
		{"two words", NULL},
		{"a, b", NULL},
		{"\"a\"; p=1", NULL},
		{"\"a\tb\"", NULL},
		{"gr\xc3\xbcn", NULL},
		{"\"gr\xc3\xbcn\"", NULL},
	};
	char key[ANSWERS_KEY];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(answers_key(str(table[i].field), key, &n), table[i].key != NULL);
		if (table[i].key) {
			assert_int_equal(n, strlen(table[i].key));
			assert_memory_equal(key, table[i].key, n);
		}
	}
}

static void test_key_length(void **state)
{
	char field[300], key[ANSWERS_KEY];
	size_t n;

	(void)state;
	memset(field, 'k', sizeof(field));
	assert_true(answers_key(mf_str_of(field, 255), key, &n));
	assert_int_equal(n, 255);
	assert_false(answers_key(mf_str_of(field, 256), key, &n));
	field[0] = field[256] = '"';
	assert_true(answers_key(mf_str_of(field, 257), key, &n));
	assert_int_equal(n, 255);
}

/* ------------------------------------------------------------------- answers */

static void test_the_first_answer_again(void **state)
{
	(void)state;
	assert_int_equal(ask("r", "k", "body"), ANSWERS_NEW);
	assert_int_equal(ask("r", "k", "body"), ANSWERS_RUNNING);
	assert_int_equal(ask("r", "k", "other"), ANSWERS_OTHER);
	keep(201, "made");
	for (int i = 0; i < 3; i++) {
		memset(&answer, 0xff, sizeof(answer));
		assert_int_equal(ask("r", "k", "body"), ANSWERS_KEPT);
		assert_string_equal(answer.id, "0123");
		assert_false(answer.empty);
		assert_int_equal(answer.reply.status, 201);
		assert_true(mf_str_is(answer.reply.content_type, "text/plain"));
		assert_true(mf_str_is(answer.reply.headers, "A: b\r\n"));
		assert_true(mf_str_is(answer.reply.body, "made"));
	}
	assert_int_equal(ask("r", "k", "other"), ANSWERS_OTHER);
	assert_int_equal(ask("r", "k2", "body"), ANSWERS_NEW);
	answers_drop(&answers, entry);
	assert_int_equal(ask("r2", "k", "body"), ANSWERS_NEW); /* another route's */
	answers_drop(&answers, entry);
	assert_int_equal(answers.replayed, 3);
	assert_int_equal(answers.conflicts, 3);
}

/* Method, path, query and body all belong to the request; pieces don't run together. */
static void test_the_whole_request(void **state)
{
	static const char *const whats[][4] = {{"PUT", "/a", "q", "b"}, {"POST", "/b", "q", "b"},
		{"POST", "/a", "p", "b"}, {"POST", "/aq", "", "b"}, {"POST", "/a", "", "qb"},
		{"POST", "/a", "q", ""}};
	struct answers_request request = {.scope = MF_STR("r"),
		.method = MF_STR("POST"),
		.path = MF_STR("/a"),
		.query = MF_STR("q"),
		.body = MF_STR("b")};

	(void)state;
	assert_int_equal(
		answers_find(&answers, MF_STR("k"), &request, now, &entry, &answer), ANSWERS_NEW);
	keep(200, "");
	for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++) {
		const struct answers_request other = {.scope = MF_STR("r"),
			.method = str(whats[i][0]),
			.path = str(whats[i][1]),
			.query = str(whats[i][2]),
			.body = str(whats[i][3])};

		assert_int_equal(answers_find(&answers, MF_STR("k"), &other, now, &entry, &answer),
			ANSWERS_OTHER);
	}
	assert_int_equal(
		answers_find(&answers, MF_STR("k"), &request, now, &entry, &answer), ANSWERS_KEPT);
	/* nor do scope, who asks, and key */
	for (unsigned i = 1; i <= 3; i++) {
		const struct mf_str who[] = {
			MF_STR("cookie"), MF_STR("somebody"), MF_STR("cookie2")};
		struct answers_request other = request;

		other.who = who;
		other.who_count = i;
		assert_int_equal(answers_find(&answers, MF_STR("k"), &other, now, &entry, &answer),
			ANSWERS_NEW);
		keep(200, "theirs");
		assert_int_equal(answers_find(&answers, MF_STR("k"), &other, now, &entry, &answer),
			ANSWERS_KEPT);
	}
	request.scope = MF_STR("rk");
	assert_int_equal(
		answers_find(&answers, MF_STR(""), &request, now, &entry, &answer), ANSWERS_NEW);
	answers_drop(&answers, entry);
}

static void test_no_reply_is_an_answer(void **state)
{
	const struct answer nothing = {
		.id = "77", .empty = true, .reply = {.body = {(const uint8_t *)"gone", 4}}};

	(void)state;
	assert_int_equal(ask("r", "k", ""), ANSWERS_NEW);
	answers_keep(&answers, entry, &nothing, now);
	assert_int_equal(ask("r", "k", ""), ANSWERS_KEPT);
	assert_true(answer.empty);
	assert_string_equal(answer.id, "77");
}

static void test_failures_are_not_kept(void **state)
{
	(void)state;
	assert_int_equal(ask("r", "k", "body"), ANSWERS_NEW);
	keep(500, "oh");
	assert_int_equal(ask("r", "k", "other body, even"), ANSWERS_NEW);
	answers_drop(&answers, entry);
	assert_int_equal(ask("r", "k", "body"), ANSWERS_NEW);
	keep(404, "no such thing");
	assert_int_equal(ask("r", "k", "body"), ANSWERS_KEPT);
	assert_int_equal(answer.reply.status, 404);
}

/* -------------------------------------------------------------------- bounds */

static void test_age(void **state)
{
	(void)state;
	assert_int_equal(ask("r", "old", ""), ANSWERS_NEW);
	now += CLOCK_S; /* counts from when it is kept */
	keep(200, "old");
	now += CLOCK_S;
	assert_int_equal(ask("r", "new", ""), ANSWERS_NEW);
	keep(200, "new");
	now += ANSWERS_AGE_NS - CLOCK_S - 1;
	assert_int_equal(ask("r", "old", ""), ANSWERS_KEPT);
	now++;
	assert_int_equal(ask("r", "old", ""), ANSWERS_NEW);
	answers_drop(&answers, entry);
	assert_int_equal(ask("r", "new", ""), ANSWERS_KEPT);
	now += CLOCK_S;
	answers_expire(&answers, now);
	assert_int_equal(answers.count, 0);
}

static void test_bytes(void **state)
{
	struct answers_entry *running;
	char key[16], *body = malloc(50001);
	unsigned kept;

	(void)state;
	memset(body, 'x', 50000);
	body[50000] = '\0';
	assert_int_equal(ask("r", "running", ""), ANSWERS_NEW);
	running = entry;
	for (unsigned i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(ask("r", key, ""), ANSWERS_NEW);
		keep(200, body);
		assert_true(answers.bytes <= ANSWERS_BYTES);
	}
	kept = answers.count - answers.running;
	assert_in_range(kept, ANSWERS_BYTES / 50000 - 3, ANSWERS_BYTES / 50000);
	snprintf(key, sizeof(key), "k%u", 300 - kept); /* the oldest that is left */
	assert_int_equal(ask("r", key, ""), ANSWERS_KEPT);
	snprintf(key, sizeof(key), "k%u", 299 - kept);
	assert_int_equal(ask("r", key, ""), ANSWERS_NEW);
	answers_drop(&answers, entry);
	assert_int_equal(ask("r", "running", ""), ANSWERS_RUNNING); /* is never pushed out */
	answers_drop(&answers, running);
	free(body);
}

/* Where there is no room, who has most makes it. */
static void test_owners(void **state)
{
	char key[16], *body = malloc(50001);

	(void)state;
	memset(body, 'x', 50000);
	body[50000] = '\0';
	assert_int_equal(ask("quiet", "k", ""), ANSWERS_NEW);
	keep(200, "paid");
	for (unsigned i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(ask(i % 3 ? "loud" : "louder", key, ""), ANSWERS_NEW);
		keep(200, body);
		assert_true(answers.bytes <= ANSWERS_BYTES);
	}
	assert_int_equal(ask("quiet", "k", ""), ANSWERS_KEPT);
	assert_int_equal(ask("loud", "k299", ""), ANSWERS_KEPT);
	assert_int_equal(ask("louder", "k297", ""), ANSWERS_KEPT);
	now += ANSWERS_AGE_NS;
	answers_expire(&answers, now);
	assert_int_equal(answers.count, 0);
	assert_null(answers.owners);
	free(body);
}

static void test_too_large(void **state)
{
	size_t n = ANSWERS_LARGE;
	char *body = malloc(n + 1);

	(void)state;
	memset(body, 'x', n);
	body[n] = '\0';
	assert_int_equal(ask("r", "small", ""), ANSWERS_NEW);
	keep(200, "small");
	assert_int_equal(ask("r", "large", ""), ANSWERS_NEW);
	keep(200, body);
	assert_int_equal(ask("r", "large", ""), ANSWERS_NEW);
	answers_drop(&answers, entry);
	assert_int_equal(ask("r", "small", ""), ANSWERS_KEPT);
	free(body);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keys),
		TEST(test_key_length),
		TEST(test_the_first_answer_again),
		TEST(test_the_whole_request),
		TEST(test_no_reply_is_an_answer),
		TEST(test_failures_are_not_kept),
		TEST(test_age),
		TEST(test_bytes),
		TEST(test_owners),
		TEST(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
