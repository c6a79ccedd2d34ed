/* Questions to a center's book, as the command line and the admin API ask them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "market/desk.h"
#include "tests/unit/market/books.h"

static json_t *read_json(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	return json;
}

static int read_words(const char *noun, const char *verb, const char *members, struct desk_ask *ask,
	char error[static DESK_ERROR_MAX])
{
	const struct desk_word *word = desk_find(noun, verb);
	json_t *json = read_json(members);
	int e;

	assert_non_null(word);
	e = desk_read(word, json, "--", ask, error);
	json_decref(json);
	return e;
}

/* What is answered; as JSON in one line, or "!" and why not. */
static const char *ask(struct ledger *l, const char *noun, const char *verb, const char *members)
{
	static char text[2048];
	char error[DESK_ERROR_MAX], *json;
	struct desk_ask ask;
	json_t *answer = NULL;

	assert_int_equal(read_words(noun, verb, members, &ask, error), 0);
	assert_int_equal(ledger_begin(l, true), 0);
	if (desk_run(&ask, l, BOOKS_NOW, &answer, error) < 0) {
		assert_null(answer);
		ledger_rollback(l);
		snprintf(text, sizeof(text), "!%s", error);
		return text;
	}
	assert_int_equal(ledger_commit(l), 0);
	json = json_dumps(answer, JSON_COMPACT);
	snprintf(text, sizeof(text), "%s", json);
	free(json);
	json_decref(answer);
	desk_forget(&ask);
	return text;
}

static void plans_and_accounts(void **state)
{
	struct books books;
	struct ledger *l;

	(void)state;
	books_make(&books);
	l = books_open(&books);
	assert_string_equal(
		ask(l, "plan", "put", "{\"name\":\"gold\",\"credit\":\"5\",\"at_once\":3}"),
		"{\"name\":\"gold\",\"credit\":\"5.000000\",\"day\":null,\"rate\":0,\"at_once\":"
		"3}");
	assert_non_null(strstr(ask(l, "account", "add", "{\"name\":\"anna\",\"plan\":\"gold\"}"),
		"\"balance\":\"0.000000\",\"held\":\"0.000000\",\"credit\":\"5.000000\",\"day\":"
		"null"));
	assert_string_equal(
		ask(l, "account", "add", "{\"name\":\"anna\"}"), "!\"anna\" is there already");
	assert_string_equal(ask(l, "account", "add", "{\"name\":\"b\",\"plan\":\"tin\"}"),
		"!plan \"tin\": there is none: mayfly plan ls shows them");
	assert_string_equal(ask(l, "account", "pay", "{\"name\":\"anna\",\"amount\":\"2.5\"}"),
		"{\"account\":\"anna\",\"entry\":1}");
	assert_string_equal(ask(l, "account", "credit", "{\"name\":\"anna\",\"amount\":\"-1\"}"),
		"!amount: nothing, or what can't be given");
	assert_string_equal(ask(l, "ledger", "void", "{\"number\":1}"), "{\"entry\":2}");
	assert_string_equal(
		ask(l, "ledger", "void", "{\"number\":1}"), "!entry 1: it was taken back already");
	/* an account has its plan's limits until it has its own */
	assert_non_null(strstr(ask(l, "account", "set", "{\"name\":\"anna\",\"day\":\"7\"}"),
		"\"day\":\"7.000000\",\"closed\":false"));
	assert_non_null(
		strstr(ask(l, "account", "close", "{\"name\":\"anna\"}"), "\"closed\":true"));
	assert_non_null(strstr(ask(l, "account", "set", "{\"name\":\"anna\",\"day\":null}"),
		"\"day\":null,\"closed\":true"));
	assert_string_equal(
		ask(l, "plan", "rm", "{\"name\":\"gold\"}"), "!\"gold\": somebody else uses it");
	assert_string_equal(ask(l, "account", "show", "{\"name\":\"x\"}"), "!\"x\": there is none");
	ledger_close(l);
	books_remove(&books);
}

/* What is done twice, since the first transaction was lost, gives one key. */
static void a_key_is_made_once(void **state)
{
	char error[DESK_ERROR_MAX], first[MARKET_KEY_TEXT];
	struct ledger_key key;
	uint8_t hash[MARKET_KEY_HASH];
	struct books books;
	struct desk_ask asked;
	struct ledger *l;
	json_t *answer;

	(void)state;
	books_make(&books);
	l = books_open(&books);
	(void)ask(l, "account", "add", "{\"name\":\"anna\"}");
	assert_int_equal(read_words("key", "add", "{\"account\":\"anna\",\"services\":\"a,b\"}",
				 &asked, error),
		0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ledger_begin(l, true), 0);
		assert_int_equal(desk_run(&asked, l, BOOKS_NOW, &answer, error), 0);
		if (i == 0)
			memcpy(first, asked.key, sizeof(first));
		assert_string_equal(json_string_value(json_object_get(answer, "key")), first);
		json_decref(answer);
		if (i == 0)
			ledger_rollback(l);
	}
	assert_int_equal(ledger_commit(l), 0);
	desk_forget(&asked);
	assert_int_equal(asked.key[0], '\0');
	market_key_hash(mf_str_of(first, MARKET_KEY_LETTERS), hash);
	assert_int_equal(ledger_look(l), 0);
	assert_int_equal(ledger_key_find(l, hash, &key), 0);
	ledger_rollback(l);
	assert_string_equal(key.services, "a b");
	/* nobody sees it again */
	assert_null(strstr(ask(l, "key", "ls", "{\"account\":\"anna\"}"), first));
	assert_null(strstr(ask(l, "key", "show", "{\"number\":\"1\"}"), first));
	assert_non_null(
		strstr(ask(l, "key", "rotate", "{\"number\":1,\"overlap\":\"0s\"}"), "mfy_live_"));
	assert_string_equal(ask(l, "key", "rotate", "{\"number\":1}"),
		"!1: it has ended already: mayfly key add makes another");
	assert_non_null(strstr(ask(l, "key", "revoke", "{\"number\":2}"), "revoked"));
	ledger_close(l);
	books_remove(&books);
}

static void what_makes_no_sense_is_refused_before(void **state)
{
	static const struct {
		const char *noun, *verb, *members, *why;
	} rows[] = {
		{"account", "add", "{}", "name: say it"},
		{"account", "add", "{\"name\":\"a b\"}", "name \"a b\": names have"},
		{"account", "add", "{\"name\":7.5}", "name \"...\": a text is wanted"},
		{"account", "add", "{\"name\":null}", "name \"...\": a text is wanted"},
		{"account", "add", "{\"name\":\"a\",\"credit\":\"1.0000001\"}",
			"--credit \"1.0000001\": an amount"},
		{"account", "add", "{\"name\":\"a\",\"day\":\"-1\"}", "--day \"-1\": an amount"},
		{"account", "ls", "{\"name\":\"a\"}", "--name: account ls doesn't take it"},
		{"account", "ls", "{\"colour\":\"a\"}", "colour: account ls doesn't take it"},
		{"plan", "put", "{\"name\":\"a\",\"at_once\":\"x\"}", "--at-once \"x\": a number"},
		{"plan", "put", "{\"name\":\"a\",\"rate\":-1}", "--rate \"-1\": a number"},
		{"key", "add", "{\"account\":\"a\",\"services\":\"a,,b\"}",
			"--services \"a,,b\": names"},
		{"key", "add", "{\"account\":\"a\",\"test\":\"maybe\"}",
			"--test \"maybe\": true or false"},
		{"key", "add", "{\"account\":\"a\",\"expires\":\"soon\"}",
			"--expires \"soon\": a time"},
		{"key", "rotate", "{\"number\":0}", "number \"0\": a number, as ls"},
	};
	char error[DESK_ERROR_MAX];
	struct desk_ask asked;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(
			read_words(rows[i].noun, rows[i].verb, rows[i].members, &asked, error),
			-EINVAL);
		assert_ptr_equal(strstr(error, rows[i].why), error);
	}
	assert_null(desk_find("account", "sell"));
	assert_null(desk_find("house", "ls"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_and_accounts),
		cmocka_unit_test(a_key_is_made_once),
		cmocka_unit_test(what_makes_no_sense_is_refused_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
