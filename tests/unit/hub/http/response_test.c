/* hub/http/response.c and problem.c: heads of answers, problem details. */
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
		size_t n = problem_write(p, NULL, id, body);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_heads),
		cmocka_unit_test(some_have_no_body),
		cmocka_unit_test(all_fits),
		cmocka_unit_test(problems_are_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
