/* tests/unit/services/bridge/main_test.c - services/bridge */
/* with: tests/unit/services/event.c tests/unit/libos/guest.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/services/event.h"

static const char *request(
	const char *method, const char *path, const char *body, const char *state)
{
	return happens(&(struct happening){.source = MF_SOURCE_COAP,
		.method = method,
		.subject = path,
		.payload = body,
		.state = state});
}

static void a_value_is_kept_and_published(void **state)
{
	(void)state;
	assert_string_equal(
		request("PUT", "/sensor/attic/temperature", "20.4", "value/attic/temperature"),
		"put value/attic/temperature = 20.4\nemit1r sensor/attic/temperature = 20.4\nreply "
		"201 = \n");
	assert_string_equal(request("POST", "/sensor/attic/temperature", "20.5",
				    "value/attic/temperature=20.4"),
		"put value/attic/temperature = 20.5\nemit1r sensor/attic/temperature = 20.5\nreply "
		"204 = \n");
	assert_string_equal(
		request("GET", "/sensor/attic/temperature", NULL, "value/attic/temperature=20.5"),
		"reply 200 = 20.5\n");
}

static void refusals(void **state)
{
	char large[300];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	assert_non_null(strstr(
		request("GET", "/sensor/attic/rain", NULL, "value/attic/rain"), "reply 404"));
	assert_non_null(strstr(
		request("PUT", "/sensor/attic/rain", large, "value/attic/rain"), "reply 413"));
	assert_non_null(strstr(
		request("PUT", "/sensor/attic/rain", NULL, "value/attic/rain"), "reply 400"));
	assert_non_null(strstr(request("PUT", "/sensor/+/rain", "1", NULL), "reply 404"));
	assert_non_null(strstr(request("PUT", "/sensor/attic/a b", "1", NULL), "reply 404"));
	assert_non_null(strstr(request("PUT", "/sensor/attic", "1", NULL), "reply 404"));
}

static const char *put_as(const char *type, const char *body)
{
	return happens(&(struct happening){.source = MF_SOURCE_COAP,
		.method = "PUT",
		.subject = "/sensor/attic/rain",
		.payload = body,
		.type = type,
		.state = "value/attic/rain"});
}

static void values_are_text(void **state)
{
	static const char *const good[] = {"text/plain; charset=utf-8", "application/json", NULL};
	static const char *const bad[] = {"application/cbor", "text", "application/octet-stream"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_non_null(strstr(put_as(good[i], "{\"mm\": 3}"), "reply 201"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(strstr(put_as(bad[i], "3"), "reply 415"));
	assert_non_null(strstr(put_as(NULL, "\xf9\x4d\x1a"), "reply 415"));
	assert_non_null(strstr(put_as(NULL, "1\x01"), "reply 415"));
	assert_null(strstr(put_as(NULL, "1\x01"), "put"));
}

static void what_is_deleted_is_forgotten(void **state)
{
	(void)state;
	assert_string_equal(request("DELETE", "/sensor/attic/rain", NULL, "value/attic/rain=3"),
		"delete value/attic/rain\nemit1r sensor/attic/rain = \nreply 204 = \n");
	assert_string_equal(request("DELETE", "/sensor/attic/rain", NULL, "value/attic/rain"),
		"reply 204 = \n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_kept_and_published),
		cmocka_unit_test(refusals),
		cmocka_unit_test(values_are_text),
		cmocka_unit_test(what_is_deleted_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
