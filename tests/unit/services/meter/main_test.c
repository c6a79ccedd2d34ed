/* tests/unit/services/meter/main_test.c - services/meter */
/* with: tests/unit/services/event.c tests/unit/services/http.c tests/unit/libos/guest.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/services/event.h"
#include "tests/unit/services/http.h"

static enum mf_outcome load(const char *every)
{
	const char *const config[][2] = {{"every", every}, {NULL, NULL}};

	return http_init(NULL, config);
}

static const char *reading(const char *value, const char *state)
{
	return happens(&(struct happening){.source = MF_SOURCE_MQTT,
		.subject = "meter/boiler/reading",
		.payload = value,
		.state = state,
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minute),
		cmocka_unit_test(what_the_broker_had_kept_is_no_reading),
		cmocka_unit_test(what_is_no_number_is_left_out),
		cmocka_unit_test(spoiled_state),
		cmocka_unit_test(bad_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
