/* tests/unit/services/light/main_test.c - services/light */
/* with: tests/unit/services/event.c tests/unit/services/http.c tests/unit/libos/guest.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/services/event.h"
#include "tests/unit/services/http.h"

#define CONFIG(name)                                                                               \
	"emit1r homeassistant/light/" name "/config = "                                            \
	"{\"name\":null,\"unique_id\":\"mayfly-light-" name "\",\"command_topic\":\"light/" name   \
	"/set\",\"state_topic\":\"light/" name                                                     \
	"/state\",\"qos\":1,\"device\":{\"identifiers\":[\"mayfly-light-" name                     \
	"\"],\"name\":\"" name "\",\"manufacturer\":\"mayfly\",\"model\":\"light\"},"              \
	"\"origin\":{\"name\":\"mayfly\"}}\n"
#define SET(word)                                                                                  \
	"put lamp/hall = " word "\nemit1 lamp/hall/set = " word                                    \
	"\nemit1r light/hall/state = " word "\nupstream0 light/hall/state = " word "\n"
#define FIRST CONFIG("hall") "put lamps = hall\n"

static enum mf_outcome load(const char *availability)
{
	const char *const config[][2] = {{"availability", availability}, {NULL, NULL}};

	return http_init(NULL, config);
}

static const char *message(const char *topic, const char *payload, const char *state)
{
	return happens(&(struct happening){
		.source = MF_SOURCE_MQTT, .subject = topic, .payload = payload, .state = state});
}

static const char *request(
	const char *method, const char *path, const char *body, const char *state)
{
	return happens(&(struct happening){.source = MF_SOURCE_HTTP,
		.method = method,
		.subject = path,
		.payload = body,
		.state = state});
}

static void a_button_toggles(void **state)
{
	(void)state;
	assert_int_equal(load("none"), MF_OUTCOME_OK);
	assert_string_equal(message("button/hall", "press", "lamp/hall\nlamps"), FIRST SET("ON"));
	assert_string_equal(
		message("button/hall", "press", "lamp/hall=ON\nlamps=hall"), SET("OFF"));
	assert_string_equal(message("button/hall", NULL, "lamp/hall=OFF\nlamps=hall"), SET("ON"));
	assert_string_equal(
		message("zigbee2mqtt/hall/action", "single", "lamp/hall=OFF\nlamps=hall"),
		SET("ON"));
}

static void a_press_that_was_kept_is_none(void **state)
{
	struct happening press = {.source = MF_SOURCE_MQTT,
		.subject = "button/hall",
		.payload = "press",
		.state = "lamp/hall=ON",
		.retained = true};

	(void)state;
	assert_string_equal(happens(&press), "");
	assert_non_null(strstr(logged(), "the broker had kept this one"));
	press.subject = "light/hall/set"; /* a wish may be kept */
	press.payload = "OFF";
	assert_string_equal(happens(&press), SET("OFF"));
}

static void it_is_told_what_to_be(void **state)
{
	(void)state;
	assert_string_equal(message("light/hall/set", "ON", "lamp/hall=ON"), SET("ON"));
	assert_string_equal(message("light/hall/set", "OFF", "lamp/hall=ON"), SET("OFF"));
	assert_string_equal(message("light/hall/set", "TOGGLE", "lamp/hall=ON"), SET("OFF"));
	assert_string_equal(message("light/hall/set", "on", "lamp/hall=ON"), "");
	assert_non_null(strstr(logged(), "light/hall/set: \"on\": expected ON, OFF or TOGGLE"));
}

static void home_assistant_has_started(void **state)
{
	(void)state;
	assert_int_equal(load("none"), MF_OUTCOME_OK);
	assert_string_equal(message("homeassistant/status", "online", "lamps=hall attic"),
		CONFIG("hall") CONFIG("attic"));
	assert_string_equal(message("homeassistant/status", "offline", "lamps=hall"), "");
	assert_string_equal(message("homeassistant/status", "online", "lamps"), "");
}

/* Eight at once, the others later. */
static void home_assistant_hears_of_many(void **state)
{
	static const char all[] = "lamps=l0 l1 l2 l3 l4 l5 l6 l7 l8 l9";
	const char *said = message("homeassistant/status", "online", all);

	(void)state;
	assert_non_null(strstr(said, "homeassistant/light/l0/config"));
	assert_non_null(strstr(said, "homeassistant/light/l7/config"));
	assert_null(strstr(said, "homeassistant/light/l8/config"));
	assert_non_null(strstr(said, "schedule homeassistant 0s\n"));
	said = happens(&(struct happening){.source = MF_SOURCE_SCHEDULE,
		.subject = "homeassistant",
		.payload = "8",
		.state = all});
	assert_string_equal(said, CONFIG("l8") CONFIG("l9"));
}

static void a_list_that_is_full(void **state)
{
	char all[2100] = "lamps=";

	(void)state;
	for (int i = 0; i < 45; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%030d", i ? " " : "", i);
	snprintf(all + strlen(all), sizeof(all) - strlen(all), " %0140d", 0);
	assert_string_equal(message("button/hall", "", all), CONFIG("hall") SET("ON"));
	assert_non_null(strstr(logged(), "so many lamps"));
}

static void availability(void **state)
{
	static const char *const bad[] = {"a\"b", "a\\b", "a/+", "#", "a\nb"};

	(void)state;
	assert_int_equal(load("mayfly/status"), MF_OUTCOME_OK);
	assert_non_null(strstr(message("button/hall", "press", NULL),
		"\"qos\":1,\"availability_topic\":\"mayfly/status\",\"device\":{"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load(bad[i]), MF_OUTCOME_FAILED);
		assert_non_null(strstr(http_log(), "expected a topic"));
	}
}

static void names_that_would_mean_something_else(void **state)
{
	static const char *const bad[] = {"button/", "button/a\"b", "button/a b", "button",
		"button/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_string_equal(message(bad[i], "press", NULL), "");
		assert_non_null(strstr(logged(), "1 to 32 letters"));
	}
	assert_non_null(strstr(request("GET", "/light/a%22b", NULL, NULL), "reply 404"));
}

static void over_http(void **state)
{
	(void)state;
	assert_int_equal(load("none"), MF_OUTCOME_OK);
	assert_string_equal(
		request("GET", "/light/hall", NULL, "lamp/hall=ON"), "reply 200 = ON\n\n");
	assert_string_equal(
		request("GET", "/light/hall", NULL, "lamp/hall"), "reply 200 = OFF\n\n");
	assert_string_equal(request("POST", "/light/hall", NULL, "lamp/hall=ON"),
		SET("OFF") "reply 200 = OFF\n\n");
	assert_string_equal(request("POST", "/light/hall", "ON", "lamp/hall"),
		FIRST SET("ON") "reply 200 = ON\n\n");
	assert_non_null(strstr(request("POST", "/light/hall", "bright", "lamp/hall"), "reply 400"));
	assert_non_null(strstr(request("PUT", "/light/hall", "ON", "lamp/hall"), "reply 405"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_button_toggles),
		cmocka_unit_test(a_press_that_was_kept_is_none),
		cmocka_unit_test(it_is_told_what_to_be),
		cmocka_unit_test(home_assistant_has_started),
		cmocka_unit_test(home_assistant_hears_of_many),
		cmocka_unit_test(a_list_that_is_full),
		cmocka_unit_test(availability),
		cmocka_unit_test(names_that_would_mean_something_else),
		cmocka_unit_test(over_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
