/* tests/unit/services/door/main_test.c - services/door */
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

static enum mf_outcome load(const char *after, const char *again)
{
	const char *const config[][2] = {
		{"after", after}, {"again", again}, {"availability", "none"}, {NULL, NULL}};

	return http_init(NULL, config);
}

/* A door that Home Assistant knows. */
static const char *says(const char *word, const char *state, int64_t time_s)
{
	char both[128];

	snprintf(both, sizeof(both), "%s\ndoors=front", state);
	return happens(&(struct happening){.source = MF_SOURCE_MQTT,
		.subject = "door/front/contact",
		.payload = word,
		.state = both,
		.time_s = time_s});
}

static const char *later(const char *state, int64_t time_s)
{
	return happens(&(struct happening){.source = MF_SOURCE_SCHEDULE,
		.subject = "open/front",
		.state = state,
		.time_s = time_s});
}

#define ALARM(word, open_s)                                                                        \
	"emit1r door/front/alarm = " word                                                          \
	"\nupstream1 door/front/alarm = {\"door\":\"front\",\"alarm\":\"" word                     \
	"\",\"open_s\":" open_s "}\n"

static void closed_in_time_nobody_hears_of_it(void **state)
{
	(void)state;
	assert_int_equal(load("60", "60"), MF_OUTCOME_OK);
	assert_string_equal(says("open", "open/front", 1000),
		"put open/front = 1000000\nschedule open/front 60s\n");
	assert_string_equal(says("closed", "open/front=1000000", 1059),
		"delete open/front\nschedule open/front 0s\n");
	assert_string_equal(later("open/front", 1060), "");
}

static void left_open_it_is_told_again_and_again(void **state)
{
	(void)state;
	assert_int_equal(load("60", "90"), MF_OUTCOME_OK);
	assert_string_equal(later("open/front=1000000", 1060),
		ALARM("ON", "60") "put open/front = 1000000 alarm\nschedule open/front 90s\n");
	assert_string_equal(later("open/front=1000000 alarm", 1150),
		ALARM("ON", "150") "schedule open/front 90s\n");
	assert_non_null(strstr(logged(), "front: alarm ON, open for 150 s"));
	assert_string_equal(says("closed", "open/front=1000000 alarm", 1160),
		"delete open/front\nschedule open/front 0s\n" ALARM("OFF", "160"));
}

static void once_may_be_enough(void **state)
{
	(void)state;
	assert_int_equal(load("60", "0"), MF_OUTCOME_OK);
	assert_string_equal(later("open/front=1000000", 1060),
		ALARM("ON", "60") "put open/front = 1000000 alarm\n");
}

/* What is over may not stay on for ever, whatever clocks say. */
static void an_alarm_that_was_raised_is_taken_back(void **state)
{
	(void)state;
	assert_int_equal(load("60", "60"), MF_OUTCOME_OK);
	assert_non_null(strstr(says("closed", "open/front=1000000 alarm", 10), ALARM("OFF", "0")));
}

static void what_is_said_twice_counts_once(void **state)
{
	(void)state;
	assert_int_equal(load("60", "60"), MF_OUTCOME_OK);
	assert_string_equal(says("open", "open/front=1000000", 1030), "");
	assert_string_equal(says("closed", "open/front", 1030), "");
}

static void words(void **state)
{
	static const char *const bad[] = {"ajar", "", "opened", "ope", "true"};

	(void)state;
	assert_int_equal(load("60", "60"), MF_OUTCOME_OK);
	assert_string_not_equal(says("ON", "open/front", 1000), "");
	assert_string_not_equal(says("OPEN", "open/front", 1000), "");
	assert_string_not_equal(says("off", "open/front=1000000", 1000), "");
	assert_string_not_equal(says("Closed", "open/front=1000000", 1000), "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_string_equal(says(bad[i], "open/front", 1030), "");
		assert_non_null(strstr(logged(), "\": expected open or closed"));
	}
}

static void bad_config(void **state)
{
	static const char *const bad[] = {"", "0", "-1", "1m", "86401"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load(bad[i], "60"), MF_OUTCOME_FAILED);
		assert_non_null(strstr(http_log(), "expected 1 to 86400 seconds"));
	}
	assert_int_equal(load("60", "x"), MF_OUTCOME_FAILED);
}

#define DEVICE(name)                                                                               \
	"\"device\":{\"identifiers\":[\"mayfly-door-" name "\"],\"name\":\"" name                  \
	"\",\"manufacturer\":\"mayfly\",\"model\":\"door\"},\"origin\":{\"name\":\"mayfly\"}}\n"
#define CONFIG(name)                                                                               \
	"emit1r homeassistant/binary_sensor/" name                                                 \
	"/contact/config = {\"name\":null,\"unique_id\":"                                          \
	"\"mayfly-door-" name "-contact\",\"state_topic\":\"door/" name "/contact\",\"qos\":1,"    \
	"\"device_class\":\"door\",\"value_template\":"                                            \
	"\"{{ 'ON' if value|lower in ['on', 'open'] else 'OFF' }}\"," DEVICE(                      \
		name) "emit1r homeassistant/binary_sensor/" name                                   \
		      "/alarm/config = {\"name\":\"alarm\",\"unique_id\":\"mayfly-door-" name      \
		      "-alarm\",\"state_topic\":\"door/" name                                      \
		      "/alarm\",\"qos\":1,\"device_class\":\"problem\"," DEVICE(name)

static const char *happened(
	enum mf_source source, const char *subject, const char *payload, const char *state)
{
	return happens(&(struct happening){
		.source = source, .subject = subject, .payload = payload, .state = state});
}

static void home_assistant_hears_of_a_new_door(void **state)
{
	(void)state;
	assert_int_equal(load("60", "60"), MF_OUTCOME_OK);
	assert_string_equal(
		happened(MF_SOURCE_MQTT, "door/back/contact", "off", "open/back\ndoors=front"),
		"put doors = front back\n" CONFIG("back"));
	assert_string_equal(
		happened(MF_SOURCE_MQTT, "door/back/contact", "ajar", "open/back\ndoors=front"),
		"");
}

static void home_assistant_has_started(void **state)
{
	static const char all[] = "doors=d0 d1 d2 d3 d4";
	const char *said;

	(void)state;
	assert_int_equal(load("60", "60"), MF_OUTCOME_OK);
	assert_string_equal(
		happened(MF_SOURCE_MQTT, "homeassistant/status", "online", "doors=front back"),
		CONFIG("front") CONFIG("back"));
	assert_string_equal(
		happened(MF_SOURCE_MQTT, "homeassistant/status", "offline", "doors=front"), "");
	said = happened(MF_SOURCE_MQTT, "homeassistant/status", "online", all);
	assert_non_null(strstr(said, "/d3/alarm/config"));
	assert_null(strstr(said, "/d4/"));
	assert_non_null(strstr(said, "schedule homeassistant 0s\n"));
	assert_string_equal(happened(MF_SOURCE_SCHEDULE, "homeassistant", "4", all), CONFIG("d4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_in_time_nobody_hears_of_it),
		cmocka_unit_test(left_open_it_is_told_again_and_again),
		cmocka_unit_test(once_may_be_enough),
		cmocka_unit_test(an_alarm_that_was_raised_is_taken_back),
		cmocka_unit_test(what_is_said_twice_counts_once),
		cmocka_unit_test(words),
		cmocka_unit_test(bad_config),
		cmocka_unit_test(home_assistant_hears_of_a_new_door),
		cmocka_unit_test(home_assistant_has_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
