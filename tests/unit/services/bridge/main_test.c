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
	return happens(&(struct happening){MF_SOURCE_COAP, method, path, body, state, 0});
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
		request("PUT", "/sensor/attic/rain", large, "value/attic/rain"), "reply 400"));
	assert_non_null(strstr(
		request("PUT", "/sensor/attic/rain", NULL, "value/attic/rain"), "reply 400"));
	assert_non_null(strstr(request("PUT", "/sensor/+/rain", "1", NULL), "reply 404"));
	assert_non_null(strstr(request("PUT", "/sensor/attic/a b", "1", NULL), "reply 404"));
	assert_non_null(strstr(request("PUT", "/sensor/attic", "1", NULL), "reply 404"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_kept_and_published),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
