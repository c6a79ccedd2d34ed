/* tests/unit/services/thermostat/main_test.c - services/thermostat */
/* with: tests/unit/services/event.c tests/unit/services/http.c tests/unit/libos/guest.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/services/event.h"
#include "tests/unit/services/http.h"

#define AGAIN "schedule lost/attic 1800s\n"
#define ON    "put heating/attic = ON\nemit1r room/attic/heating/set = ON\n"
#define OFF   "delete heating/attic\nemit1r room/attic/heating/set = OFF\n"

static enum mf_outcome load(const char *target, const char *hysteresis, const char *lost)
{
	const char *const config[][2] = {
		{"target", target}, {"hysteresis", hysteresis}, {"lost", lost}, {NULL, NULL}};

	return http_init(NULL, config);
}

static const char *says(const char *topic, const char *word, const char *state)
{
	return happens(&(struct happening){MF_SOURCE_MQTT, NULL, topic, word, state, 0});
}

static const char *measured(const char *word, const char *state)
{
	return says("room/attic/temperature", word, state);
}

static void between_the_two_it_stays_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(load("20.0", "0.5", "1800"), MF_OUTCOME_OK);
	assert_string_equal(measured("19.4", "target/attic\nheating/attic"), ON AGAIN);
	assert_string_equal(measured("19.5", "target/attic\nheating/attic"), AGAIN);
	assert_string_equal(measured("20.5", "target/attic\nheating/attic=ON"), AGAIN);
	assert_string_equal(measured("20.501", "target/attic\nheating/attic=ON"), OFF AGAIN);
	assert_string_equal(measured("25", "target/attic\nheating/attic"), AGAIN);
	assert_string_equal(measured("-5.25", "target/attic\nheating/attic=ON"), AGAIN);
}

static void the_target_is_state(void **state)
{
	(void)state;
	assert_int_equal(load("20.0", "0.5", "1800"), MF_OUTCOME_OK);
	assert_string_equal(says("room/attic/target/set", "22.5", "target/attic\nheating/attic"),
		"put target/attic = 22.500\nemit1r room/attic/target = 22.500\n");
	assert_string_equal(measured("21", "target/attic=22.500\nheating/attic"), ON AGAIN);
	assert_string_equal(says("room/attic/target/set", "60", NULL), "");
	assert_non_null(strstr(logged(), "expected degrees"));
}

static void a_broken_sensor(void **state)
{
	static const char *const bad[] = {
		"", "nan", "-1000", "hot", "20,5", "999999999999999999999"};

	(void)state;
	assert_int_equal(load("20.0", "0.5", "1800"), MF_OUTCOME_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(measured(bad[i], "target/attic\nheating/attic=ON"), "");
}

static void a_silent_sensor(void **state)
{
	const struct happening silence = {
		MF_SOURCE_SCHEDULE, NULL, "lost/attic", NULL, "target/attic\nheating/attic=ON", 0};

	(void)state;
	assert_int_equal(load("20.0", "0.5", "1800"), MF_OUTCOME_OK);
	assert_string_equal(happens(&silence), OFF "upstream1 room/attic/lost = no reading\n");
}

static void bad_config(void **state)
{
	(void)state;
	assert_int_equal(load("warm", "0.5", "1800"), MF_OUTCOME_FAILED);
	assert_non_null(strstr(http_log(), "target: \"warm\""));
	assert_int_equal(load("20", "-1", "1800"), MF_OUTCOME_FAILED);
	assert_int_equal(load("20", "0.5", "0"), MF_OUTCOME_FAILED);
	assert_int_equal(load("90", "0.5", "60"), MF_OUTCOME_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(between_the_two_it_stays_as_it_is),
		cmocka_unit_test(the_target_is_state),
		cmocka_unit_test(a_broken_sensor),
		cmocka_unit_test(a_silent_sensor),
		cmocka_unit_test(bad_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
