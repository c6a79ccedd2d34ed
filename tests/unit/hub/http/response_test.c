/* hub/http/response.c and problem.c: heads of answers, problem details, what guests may say. */
#include "hub/http/response.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hub/http/problem.h"

static char text[RESPONSE_HEAD_MOST + 1];

static const char *head(const struct response *r)
{
	text[response_head(r, text)] = '\0';
	return text;
}

#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static void writes_heads(void **state)
{
	struct response r = {.status = 200,
		.content_type = MF_STR("text/plain"),
		.length = 12345,
		.event = "0123",
		.minor = 1,
		.keep_alive = true,
		.now = 784111777};

	(void)state;
	assert_string_equal(head(&r),
		"HTTP/1.1 200 OK\r\n" DATE
		"Mayfly-Event: 0123\r\nContent-Type: text/plain\r\nContent-Length: 12345\r\n");
	r.minor = 0;
	assert_non_null(strstr(head(&r), "\r\nConnection: keep-alive\r\n"));
	r.keep_alive = false;
	assert_non_null(strstr(head(&r), "\r\nConnection: close\r\n"));
	r = (struct response){.status = 503,
		.event = "0",
		.retry_after = 10,
		.keep_alive = true,
		.minor = 1,
		.now = 784111777};
	assert_string_equal(head(&r),
		"HTTP/1.1 503 Service Unavailable\r\n" DATE
		"Mayfly-Event: 0\r\nContent-Length: 0\r\nRetry-After: 10\r\n");
}

static void some_have_no_body(void **state)
{
	struct response r = {.status = 204, .event = "0", .minor = 1, .keep_alive = true};

	(void)state;
	assert_null(strstr(head(&r), "Content-Length"));
	r.status = 304;
	assert_null(strstr(head(&r), "Content-Length"));
	r.status = 299;
	assert_non_null(strstr(head(&r), "HTTP/1.1 299 \r\n"));
	assert_non_null(strstr(head(&r), "Content-Length: 0\r\n"));
}

/* The longest that there can be still fits. */
static void all_fits(void **state)
{
	static char type[256], allow[128], id[TASK_ID + 1];
	struct response r = {.status = 431,
		.content_type = {(const uint8_t *)type, sizeof(type)},
		.length = SIZE_MAX,
		.event = id,
		.allow = allow,
		.coding = "identity",
		.retry_after = UINT32_MAX,
		.now = 1ll << 40};

	(void)state;
	memset(type, 'a', sizeof(type));
	memset(allow, 'A', sizeof(allow) - 1);
	memset(id, '0', TASK_ID);
	assert_non_null(strstr(head(&r), "\r\nConnection: close\r\n"));
	assert_non_null(strstr(text, "\r\nRetry-After: 4294967295\r\n"));
}

static void problems_are_json(void **state)
{
	char id[TASK_ID + 1] = "00112233445566778899aabbccddeeff", body[PROBLEM_MOST];

	(void)state;
	for (int why = 0; why < REFUSALS; why++) {
		const struct problem *p = problem_of((enum refusal)why);
		size_t n = problem_write(p, id, body);
		json_t *o = json_loadb(body, n, 0, NULL);

		assert_non_null(o);
		assert_int_equal(json_integer_value(json_object_get(o, "status")), p->status);
		assert_string_equal(json_string_value(json_object_get(o, "type")), "about:blank");
		assert_string_equal(
			json_string_value(json_object_get(o, "title")), response_reason(p->status));
		assert_string_equal(json_string_value(json_object_get(o, "detail")), p->detail);
		assert_string_equal(json_string_value(json_object_get(o, "id")), id);
		assert_true(p->status >= 400 && *response_reason(p->status));
		assert_true((p->status == 503) == (p->retry_after > 0));
		json_decref(o);
	}
}

static bool allowed(unsigned status, const char *type, const char *lines, size_t body, char *why)
{
	return response_allowed(
		status, mf_str_of(type, strlen(type)), mf_str_of(lines, strlen(lines)), body, why);
}

static void guests_may_say(void **state)
{
	char why[RESPONSE_WHY_MOST];

	(void)state;
	assert_true(allowed(200, "text/html; charset=utf-8", "", 5, why));
	assert_true(
		allowed(200, "", "ETag: \"a\"\r\nX-Y:\r\nCache-Control: max-age=5\r\n", 5, why));
	assert_true(allowed(204, "", "X: y\r\n", 0, why));
	assert_true(allowed(304, "", "", 0, why));
	assert_true(allowed(599, "", "X: caf\xc3\xa9\t\r\n", 0, why));
}

static void guests_may_not_say(void **state)
{
	static const struct {
		unsigned status;
		const char *type, *lines;
		size_t body;
		const char *said;
	} cases[] = {
		{100, "", "", 0, "status 100"},
		{199, "", "", 0, "status 199"},
		{600, "", "", 0, "status 600"},
		{0, "", "", 0, "status 0"},
		{204, "", "", 1, "status 204"},
		{304, "", "", 1, "status 304"},
		{205, "", "", 1, "status 205"},
		{200, "a\r\nX: y", "", 0, "content type"},
		{200, "a\nX: y", "", 0, "content type"},
		{200, "", "Content-Length: 3\r\n", 0,
			"line 1 (\"Content-Length: 3\"): that is for"},
		{200, "", "X: y\r\ntransfer-encoding: chunked\r\n", 0, "line 2"},
		{200, "", "Connection: close\r\n", 0, "line 1"},
		{200, "", "Mayfly-Event: 1\r\n", 0, "line 1"},
		{200, "", "Date: now\r\n", 0, "line 1"},
		{200, "", "X: y", 0, "doesn't end in CR LF"},
		{200, "", "X: y\n", 0, "doesn't end in CR LF"},
		{200, "", "X: y\nZ: a\r\n", 0, "control byte"},
		{200, "", "X: y\rZ: a\r\n", 0, "(\"X: y\\x0dZ: a\"): its value has a control"},
		{200, "", "X: y\r\n\r\nbody\r\n", 0, "line 2 (\"\"): it has no name"},
		{200, "", "X y\r\n", 0, "no name and colon"},
		{200, "", ": y\r\n", 0, "no name and colon"},
		{200, "", "X : y\r\n", 0, "its name"},
		{200, "", " X: y\r\n", 0, "its name"},
		{200, "", "X: y\r\n folded: z\r\n", 0, "line 2"},
	};
	char why[RESPONSE_WHY_MOST];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (allowed(cases[i].status, cases[i].type, cases[i].lines, cases[i].body, why))
			fail_msg("case %zu is allowed", i);
		if (!strstr(why, cases[i].said))
			fail_msg("case %zu: \"%s\" doesn't say \"%s\"", i, why, cases[i].said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_heads),
		cmocka_unit_test(some_have_no_body),
		cmocka_unit_test(all_fits),
		cmocka_unit_test(problems_are_json),
		cmocka_unit_test(guests_may_say),
		cmocka_unit_test(guests_may_not_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
