/* tests/unit/services/button/main_test.c - services/button */
/* with: tests/unit/services/http.c tests/unit/libos/guest.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/services/http.h"

static const struct http_answer *press(const char *line, const char *const *headers)
{
	return http_ask(line, headers, NULL, 0);
}

static void assert_problem(const struct http_answer *a, unsigned status, const char *words)
{
	assert_int_equal(a->outcome, MF_OUTCOME_OK);
	assert_int_equal(a->status, status);
	assert_string_equal(a->type, "application/problem+json");
	if (!strstr((const char *)a->body, words))
		fail_msg("no \"%s\" in %s", words, (const char *)a->body);
}

static void test_a_press_as_text(void **state)
{
	const struct http_answer *a = press("POST /button/hall", NULL);

	(void)state;
	assert_int_equal(a->status, 200);
	assert_string_equal(a->type, "text/plain; charset=utf-8");
	assert_string_equal((const char *)a->body, "hall: short\n");
	assert_string_equal(http_header("Vary"), "Accept");
}

static void test_the_answer_is_by_accept(void **state)
{
	static const struct {
		const char *accept, *type;
	} cases[] = {
		{"Accept: */*", "text/plain; charset=utf-8"},
		{"Accept: ", "text/plain; charset=utf-8"},
		{"Accept: application/json", "application/json"},
		{"Accept: application/*;q=0.9, text/*;q=0.1", "application/json"},
		{"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
			"text/html; charset=utf-8"},
		{"Accept: image/png", "application/problem+json"},
		{"Accept: text/plain;q=0", "application/problem+json"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct http_answer *a = press("POST /button/hall", HEADERS(cases[i].accept));

		assert_string_equal(a->type, cases[i].type);
		assert_int_equal(a->status, strstr(a->type, "problem") ? 406 : 200);
	}
}

static void test_json(void **state)
{
	const struct http_answer *a;

	(void)state;
	http_time_ns = 1700000000123456789;
	a = press("POST /button/front-door_2?x&kind=double", HEADERS("Accept: application/json"));
	assert_string_equal((const char *)a->body,
		"{\"button\":\"front-door_2\",\"kind\":\"double\",\"time_ms\":1700000000123}\n");
}

static void test_a_form(void **state)
{
	const char *const *form = HEADERS("Content-Type: application/x-www-form-urlencoded");
	const char *const *charset =
		HEADERS("Content-Type: Application/X-www-form-urlencoded; charset=utf-8");
	const char *const *other = HEADERS("Content-Type: application/x-www-form-urlencoded2");

	(void)state;
	assert_string_equal(
		(const char *)http_ask("POST /button/a", form, "kind=long", 9)->body, "a: long\n");
	assert_string_equal(
		(const char *)http_ask("POST /button/a", charset, "x=1", 3)->body, "a: short\n");
	/* the form says more than the address it was sent to */
	assert_string_equal(
		(const char *)http_ask("POST /button/a?kind=double", form, "kind=long", 9)->body,
		"a: long\n");
	assert_problem(http_ask("POST /button/a", other, "kind=long", 9), 415, "expected an empty");
	assert_problem(http_ask("POST /button/a", NULL, "{}", 2), 415, "expected an empty");
}

static void test_refusals(void **state)
{
	static const char *const paths[] = {"POST /button/", "POST /button/a%62",
		"POST /button/a.b", "GET /button/<b>",
		"POST /button/abcdefghijklmnopqrstuvwxyz0123456"};

	(void)state;
	assert_problem(press("POST /button/hall?kind=", NULL), 400, "short, long or double");
	assert_problem(press("POST /button/hall?kind=Long", NULL), 400, "short, long or double");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_problem(press(paths[i], NULL), 404, "1 to 32 letters");
	assert_problem(press("PUT /button/hall", NULL), 405, "POST presses it");
	assert_string_equal(http_header("Allow"), "GET, HEAD, POST");
	assert_problem(press("POST /button/hall", HEADERS("Sec-Fetch-Site: cross-site")), 403,
		"another site");
	assert_int_equal(
		press("POST /button/hall", HEADERS("Sec-Fetch-Site: same-origin"))->status, 200);
}

static void test_the_page(void **state)
{
	const struct http_answer *a = press("GET /button/hall", NULL);

	(void)state;
	assert_int_equal(a->status, 200);
	assert_string_equal(a->type, "text/html; charset=utf-8");
	assert_non_null(strstr((const char *)a->body, "<h1>hall</h1><p>not pressed"));
	assert_non_null(strstr((const char *)a->body, "<form method=post><button name=kind"));
	assert_non_null(strstr(http_header("Content-Security-Policy"), "default-src 'none'"));
	assert_int_equal(press("HEAD /button/hall", NULL)->status, 200);
	a = press("POST /button/hall?kind=long", HEADERS("Accept: text/html"));
	assert_non_null(strstr((const char *)a->body, "<h1>hall</h1><p>long"));
	assert_non_null(http_header("Content-Security-Policy"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_press_as_text),
		cmocka_unit_test(test_the_answer_is_by_accept),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_a_form),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_the_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
