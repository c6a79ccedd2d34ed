/* tests/unit/services/thermostat/main_test.c - services/thermostat */
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

#define AGAIN "schedule lost/attic 1800s\n"
#define ON    "put heating/attic = ON\nemit1r room/attic/heating/set = ON\n"
#define OFF   "put heating/attic = OFF\nemit1r room/attic/heating/set = OFF\n"
/* a room that is known, in the state that is named */
#define ROOM "rooms=attic\nmode/attic\n"
#define COLD ROOM "target/attic\nheating/attic=OFF\n"
#define WARM ROOM "target/attic\nheating/attic=ON\n"

static enum mf_outcome load(const char *target, const char *hysteresis, const char *lost)
{
	const char *const config[][2] = {{"target", target}, {"hysteresis", hysteresis},
		{"lost", lost}, {"availability", "mayfly/status"}, {NULL, NULL}};

	return http_init(NULL, config);
}

static const char *says(const char *topic, const char *word, const char *state)
{
	return happens(&(struct happening){
		.source = MF_SOURCE_MQTT, .subject = topic, .payload = word, .state = state});
}

static const char *measured(const char *word, const char *state)
{
	return says("room/attic/temperature", word, state);
}

static void between_the_two_it_stays_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(load("20.0", "0.5", "1800"), MF_OUTCOME_OK);
	assert_string_equal(
		measured("19.4", COLD "reading/attic=20"), "put reading/attic = 19.4\n" AGAIN ON);
	assert_string_equal(
		measured("19.5", COLD "reading/attic=20"), "put reading/attic = 19.5\n" AGAIN);
	assert_string_equal(
		measured("20.5", WARM "reading/attic=20"), "put reading/attic = 20.5\n" AGAIN);
	assert_string_equal(measured("20.501", WARM "reading/attic=20"),
		"put reading/attic = 20.501\n" AGAIN OFF);
	assert_string_equal(
		measured("25", COLD "reading/attic=20"), "put reading/attic = 25\n" AGAIN);
	assert_string_equal(
		measured("-5.25", WARM "reading/attic=20"), "put reading/attic = -5.25\n" AGAIN);
}

/* The valve may be as it likes until it is told. */
static void a_room_that_is_new(void **state)
{
	const char *said = measured("21", "rooms=hall");

	(void)state;
	assert_non_null(strstr(said, "emit1r room/attic/available = online\n"));
	assert_non_null(strstr(said, "put rooms = hall attic\n"));
	assert_non_null(strstr(said, "emit1r homeassistant/climate/attic/config = {"));
	assert_non_null(strstr(said,
		"\"availability_mode\":\"all\",\"availability\":[{\"topic\":\"room/attic/"
		"available\"},{\"topic\":\"mayfly/status\"}],\"device\""));
	assert_non_null(strstr(said, "emit1r room/attic/target = 20\n"));
	assert_non_null(strstr(said, "emit1r room/attic/mode = heat\n"));
	assert_non_null(strstr(said, OFF));
}

static void the_target_is_state(void **state)
{
	(void)state;
	assert_int_equal(load("20.0", "0.5", "1800"), MF_OUTCOME_OK);
	assert_string_equal(says("room/attic/target/set", "22.5", COLD "reading/attic"),
		"put target/attic = 22.5\nemit1r room/attic/target = 22.5\n");
	assert_string_equal(
		measured("21", ROOM "target/attic=22.5\nheating/attic=OFF\nreading/attic=21"),
		"put reading/attic = 21\n" AGAIN ON);
	assert_string_equal(says("room/attic/target/set", "60", COLD), "");
	assert_non_null(
		strstr(logged(), "room/attic/target/set: \"60\": expected 5 to 35 degrees"));
}

/* Nobody wants to wait for the next reading. */
static void a_target_acts_at_once(void **state)
{
	(void)state;
	assert_string_equal(says("room/attic/target/set", "22.5", COLD "reading/attic=21"),
		"put target/attic = 22.5\nemit1r room/attic/target = 22.5\n" ON);
}

static void a_target_put_by_hand_that_is_none(void **state)
{
	(void)state;
	assert_string_equal(
		measured("21", ROOM "target/attic=warm\nheating/attic=OFF\nreading/attic=21"),
		"put reading/attic = 21\n" AGAIN);
	assert_non_null(strstr(logged(), "state target/attic is \"warm\": expected 5 to 35"));
}

static void a_mode(void **state)
{
	static const char off[] =
		"rooms=attic\nmode/attic=off\ntarget/attic\nheating/attic=OFF\nreading/attic=10";

	(void)state;
	assert_string_equal(says("room/attic/mode/set", "off", WARM "reading/attic=10"),
		"put mode/attic = off\nemit1r room/attic/mode = off\n" OFF);
	assert_string_equal(measured("9", off), "put reading/attic = 9\n" AGAIN);
	assert_string_equal(says("room/attic/mode/set", "heat", off),
		"put mode/attic = heat\nemit1r room/attic/mode = heat\n" ON);
	assert_string_equal(says("room/attic/mode/set", "cool", off), "");
	assert_non_null(strstr(logged(), "expected heat or off"));
}

static void a_broken_sensor(void **state)
{
	static const char *const bad[] = {
		"", "nan", "-1000", "hot", "20,5", "999999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_string_equal(measured(bad[i], WARM), "");
		assert_non_null(strstr(logged(), "room/attic/temperature: \""));
	}
	assert_string_equal(says("room/a b/temperature", "20", NULL), "");
	assert_non_null(strstr(logged(), "expected a room's name"));
}

static void a_silent_sensor(void **state)
{
	const struct happening silence = {.source = MF_SOURCE_SCHEDULE,
		.subject = "lost/attic",
		.state = WARM "reading/attic=10"};

	(void)state;
	assert_string_equal(happens(&silence),
		"delete reading/attic\nemit1r room/attic/available = offline\n"
		"upstream1 room/attic/lost = no reading\n" OFF);
}

static void home_assistant_has_started(void **state)
{
	static const char all[] = "rooms=r0 r1 r2 r3 r4 r5";
	const char *said = says("homeassistant/status", "online", all);

	(void)state;
	assert_non_null(strstr(said, "homeassistant/climate/r0/config"));
	assert_non_null(strstr(said, "homeassistant/climate/r3/config"));
	assert_null(strstr(said, "homeassistant/climate/r4/config"));
	said = happens(&(struct happening){.source = MF_SOURCE_SCHEDULE,
		.subject = "homeassistant",
		.payload = "4",
		.state = all});
	assert_null(strstr(said, "homeassistant/climate/r3/config"));
	assert_non_null(strstr(said, "homeassistant/climate/r5/config"));
	assert_null(strstr(said, "schedule"));
	assert_string_equal(says("homeassistant/status", "offline", all), "");
}

static void bad_config(void **state)
{
	(void)state;
	assert_int_equal(load("warm", "0.5", "1800"), MF_OUTCOME_FAILED);
	assert_non_null(strstr(http_log(), "target: \"warm\""));
	assert_int_equal(load("20", "-1", "1800"), MF_OUTCOME_FAILED);
	assert_int_equal(load("20", "6", "1800"), MF_OUTCOME_FAILED);
	assert_int_equal(load("20", "0.5", "0"), MF_OUTCOME_FAILED);
	assert_int_equal(load("90", "0.5", "60"), MF_OUTCOME_FAILED);
	assert_int_equal(load("4", "0.5", "60"), MF_OUTCOME_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(between_the_two_it_stays_as_it_is),
		cmocka_unit_test(a_room_that_is_new),
		cmocka_unit_test(the_target_is_state),
		cmocka_unit_test(a_target_acts_at_once),
		cmocka_unit_test(a_target_put_by_hand_that_is_none),
		cmocka_unit_test(a_mode),
		cmocka_unit_test(a_broken_sensor),
		cmocka_unit_test(a_silent_sensor),
		cmocka_unit_test(home_assistant_has_started),
		cmocka_unit_test(bad_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
