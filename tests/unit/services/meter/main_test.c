/* tests/unit/services/meter/main_test.c - services/meter */
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

static enum mf_outcome load_with(const char *every, const char *unit, const char *availability)
{
	const char *const config[][2] = {
		{"every", every}, {"unit", unit}, {"availability", availability}, {NULL, NULL}};

	return http_init(NULL, config);
}

static enum mf_outcome load(const char *every)
{
	return load_with(every, "none", "none");
}

/* Of a meter that Home Assistant knows. */
static const char *reading(const char *value, const char *state)
{
	char both[128];

	snprintf(both, sizeof(both), "%s\nmeters=boiler", state);
	return happens(&(struct happening){.source = MF_SOURCE_MQTT,
		.subject = "meter/boiler/reading",
		.payload = value,
		.state = both,
		.time_s = 1000});
}

static const char *minute_ends(const char *state)
{
	return happens(&(struct happening){.source = MF_SOURCE_SCHEDULE,
		.subject = "minute/boiler",
		.state = state,
		.time_s = 1060});
}

static void a_minute(void **state)
{
	(void)state;
	assert_int_equal(load("60"), MF_OUTCOME_OK);
	assert_string_equal(reading("203.1", "minute/boiler"),
		"schedule minute/boiler 60s\nput minute/boiler = 1000 1 203100 203100 203100\n");
	assert_string_equal(reading("199", "minute/boiler=990 1 203100 203100 203100"),
		"put minute/boiler = 990 2 402100 199000 203100\n");
	assert_string_equal(reading("-1.5", "minute/boiler=990 2 402100 199000 203100"),
		"put minute/boiler = 990 3 400600 -1500 203100\n");
	assert_string_equal(minute_ends("minute/boiler=1000 3 400600 -1500 203100"),
		"upstream0 meter/boiler/summary = {\"start\":1000,\"end\":1060,"
		"\"count\":3,\"mean\":133.533,\"least\":-1.500,\"most\":203.100}\n"
		"delete minute/boiler\n");
	assert_string_equal(minute_ends("minute/boiler"), "");
}

static void what_the_broker_had_kept_is_no_reading(void **state)
{
	(void)state;
	assert_int_equal(load("60"), MF_OUTCOME_OK);
	assert_string_equal(happens(&(struct happening){.source = MF_SOURCE_MQTT,
				    .subject = "meter/boiler/reading",
				    .payload = "1",
				    .retained = true}),
		"");
}

static void what_is_no_number_is_left_out(void **state)
{
	static const char *const bad[] = {"", "on", "1e5", "1000000000.001", "-99999999999"};

	(void)state;
	assert_int_equal(load("60"), MF_OUTCOME_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_string_equal(reading(bad[i], "minute/boiler"), "");
		assert_non_null(strstr(logged(), "\": expected a number"));
	}
}

/* Somebody has put something else there by hand: it begins anew. */
static void spoiled_state(void **state)
{
	static const char *const bad[] = {"minute/boiler=", "minute/boiler=1 1 2 3",
		"minute/boiler=1 0 0 0 0", "minute/boiler=a b c d e"};

	(void)state;
	assert_int_equal(load("60"), MF_OUTCOME_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_string_equal(reading("1", bad[i]),
			"schedule minute/boiler 60s\nput minute/boiler = 1000 1 1000 1000 1000\n");
		assert_string_equal(minute_ends(bad[i]), "");
	}
}

static void bad_config(void **state)
{
	(void)state;
	assert_int_equal(load("0"), MF_OUTCOME_FAILED);
	assert_int_equal(load("soon"), MF_OUTCOME_FAILED);
	assert_non_null(strstr(http_log(), "every: \"soon\""));
}

#define CONFIG(name, more, online)                                                                 \
	"emit1r homeassistant/sensor/" name                                                        \
	"/config = {\"name\":null,\"unique_id\":\"mayfly-meter-" name                              \
	"\",\"state_topic\":\"meter/" name "/reading\",\"state_class\":\"measurement\"" more       \
	",\"qos\":1" online ",\"device\":{\"identifiers\":[\"mayfly-meter-" name                   \
	"\"],\"name\":\"" name                                                                     \
	"\",\"manufacturer\":\"mayfly\",\"model\":\"meter\"},\"origin\":{\"name\":\"mayfly\"}}\n"

static const char *says(const char *topic, const char *payload, const char *state)
{
	return happens(&(struct happening){.source = MF_SOURCE_MQTT,
		.subject = topic,
		.payload = payload,
		.state = state,
		.time_s = 1000});
}

static void home_assistant_hears_of_a_new_meter(void **state)
{
	(void)state;
	assert_int_equal(load("60"), MF_OUTCOME_OK);
	assert_string_equal(says("meter/pump/reading", "1", "minute/pump\nmeters=boiler"),
		"put meters = boiler pump\n" CONFIG("pump", "",
			"") "schedule minute/pump 60s\nput minute/pump = 1000 1 1000 1000 1000\n");
	assert_string_equal(says("meter/pump/reading", "much", "minute/pump\nmeters"), "");
	assert_int_equal(load_with("60", "°C", "mayfly/status"), MF_OUTCOME_OK);
	assert_string_equal(says("homeassistant/status", "online", "meters=boiler pump"),
		CONFIG("boiler", ",\"unit_of_measurement\":\"°C\"",
			",\"availability_topic\":\"mayfly/status\"")
			CONFIG("pump", ",\"unit_of_measurement\":\"°C\"",
				",\"availability_topic\":\"mayfly/status\""));
	assert_string_equal(says("homeassistant/status", "offline", "meters=boiler"), "");
}

static void units_that_would_mean_something_else(void **state)
{
	static const char *const bad[] = {"", "a\"b", "a\\b", "a\nb", "a\x7f", "12345678901234567"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load_with("60", bad[i], "none"), MF_OUTCOME_FAILED);
		assert_non_null(strstr(http_log(), "unit: \""));
	}
	assert_int_equal(load_with("60", "1234567890123456", "none"), MF_OUTCOME_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minute),
		cmocka_unit_test(what_the_broker_had_kept_is_no_reading),
		cmocka_unit_test(what_is_no_number_is_left_out),
		cmocka_unit_test(spoiled_state),
		cmocka_unit_test(bad_config),
		cmocka_unit_test(home_assistant_hears_of_a_new_meter),
		cmocka_unit_test(units_that_would_mean_something_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
