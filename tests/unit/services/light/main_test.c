/* tests/unit/services/light/main_test.c - services/light */
/* with: tests/unit/services/event.c tests/unit/libos/guest.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/services/event.h"

#define CONFIG                                                                                     \
	"emit1r homeassistant/light/hall/config = "                                                \
	"{\"name\":\"hall\",\"unique_id\":\"mayfly-light-"                                         \
	"hall\",\"command_topic\":\"light/hall/set\",\"state_topic\":\"light/hall/"                \
	"state\",\"qos\":1}\n"
#define SET(word)                                                                                  \
	"put lamp/hall = " word "\nemit1 lamp/hall/set = " word                                    \
	"\nemit1r light/hall/state = " word "\n"

static const char *message(const char *topic, const char *payload, const char *state)
{
	return happens(&(struct happening){MF_SOURCE_MQTT, NULL, topic, payload, state, 0});
}

static const char *request(
	const char *method, const char *path, const char *body, const char *state)
{
	return happens(&(struct happening){MF_SOURCE_HTTP, method, path, body, state, 0});
}

static void a_button_toggles(void **state)
{
	(void)state;
	assert_string_equal(message("button/hall", "press", "lamp/hall"), CONFIG SET("ON"));
	assert_string_equal(message("button/hall", "press", "lamp/hall=ON"), SET("OFF"));
	assert_string_equal(message("button/hall", NULL, "lamp/hall=OFF"), SET("ON"));
}

static void it_is_told_what_to_be(void **state)
{
	(void)state;
	assert_string_equal(message("light/hall/set", "ON", "lamp/hall=ON"), SET("ON"));
	assert_string_equal(message("light/hall/set", "OFF", "lamp/hall=ON"), SET("OFF"));
	assert_string_equal(message("light/hall/set", "TOGGLE", "lamp/hall=ON"), SET("OFF"));
	assert_string_equal(message("light/hall/set", "on", "lamp/hall=ON"), "");
	assert_non_null(strstr(logged(), "expected ON, OFF or TOGGLE"));
}

static void names_that_would_mean_something_else(void **state)
{
	static const char *const bad[] = {"button/", "button/a\"b", "button/a b", "button",
		"button/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(message(bad[i], "press", NULL), "");
	assert_non_null(strstr(request("GET", "/light/a%22b", NULL, NULL), "reply 404"));
}

static void over_http(void **state)
{
	(void)state;
	assert_string_equal(
		request("GET", "/light/hall", NULL, "lamp/hall=ON"), "reply 200 = ON\n\n");
	assert_string_equal(
		request("GET", "/light/hall", NULL, "lamp/hall"), "reply 200 = OFF\n\n");
	assert_string_equal(request("POST", "/light/hall", NULL, "lamp/hall=ON"),
		SET("OFF") "reply 200 = OFF\n\n");
	assert_string_equal(request("POST", "/light/hall", "ON", "lamp/hall"),
		CONFIG SET("ON") "reply 200 = ON\n\n");
	assert_non_null(strstr(request("POST", "/light/hall", "bright", "lamp/hall"), "reply 400"));
	assert_non_null(strstr(request("PUT", "/light/hall", "ON", "lamp/hall"), "reply 405"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_button_toggles),
		cmocka_unit_test(it_is_told_what_to_be),
		cmocka_unit_test(names_that_would_mean_something_else),
		cmocka_unit_test(over_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
