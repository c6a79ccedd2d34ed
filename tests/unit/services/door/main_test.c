/* tests/unit/services/door/main_test.c - services/door */
/* with: tests/unit/services/event.c tests/unit/services/http.c tests/unit/libos/guest.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/services/event.h"
#include "tests/unit/services/http.h"

static enum mf_outcome load(const char *after)
{
	const char *const config[][2] = {{"after", after}, {NULL, NULL}};

	return http_init(NULL, config);
}

static const char *says(const char *word, const char *state, int64_t time_s)
{
	return happens(&(struct happening){
		MF_SOURCE_MQTT, NULL, "door/front/contact", word, state, time_s});
}

static const char *later(const char *state, int64_t time_s)
{
	return happens(&(struct happening){
		MF_SOURCE_SCHEDULE, NULL, "open/front", "front", state, time_s});
}

static void closed_in_time_nobody_hears_of_it(void **state)
{
	(void)state;
	assert_int_equal(load("60"), MF_OUTCOME_OK);
	assert_string_equal(says("open", "open/front", 1000),
		"put open/front = 1000\nschedule open/front 60s\n");
	assert_string_equal(says("closed", "open/front=1000", 1059),
		"delete open/front\nschedule open/front 0s\n");
	assert_string_equal(later("open/front", 1060), "");
}

static void left_open_it_is_told_again_and_again(void **state)
{
	(void)state;
	assert_int_equal(load("60"), MF_OUTCOME_OK);
	assert_string_equal(later("open/front=1000", 1060),
		"emit1r door/front/alarm = ON, open for 60 s\nupstream1 door/front/alarm = ON, "
		"open for 60 s\n"
		"schedule open/front 60s\n");
	assert_non_null(strstr(later("open/front=1000", 1120), "open for 120 s"));
	assert_string_equal(says("closed", "open/front=1000", 1130),
		"delete open/front\nschedule open/front 0s\nemit1r door/front/alarm = OFF\n"
		"upstream1 door/front/alarm = OFF\n");
}

static void what_is_said_twice_counts_once(void **state)
{
	(void)state;
	assert_int_equal(load("60"), MF_OUTCOME_OK);
	assert_string_equal(says("open", "open/front=1000", 1030), "");
	assert_string_equal(says("closed", "open/front", 1030), "");
	assert_string_equal(says("ajar", "open/front", 1030), "");
	assert_non_null(strstr(logged(), "expected open or closed"));
}

/* A clock that was set back while it stood open doesn't give a huge number. */
static void a_clock_that_goes_back(void **state)
{
	(void)state;
	assert_int_equal(load("60"), MF_OUTCOME_OK);
	assert_non_null(strstr(later("open/front=1000", 10), "open for 0 s"));
}

static void bad_config(void **state)
{
	static const char *const bad[] = {"", "0", "-1", "1m", "86401"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load(bad[i]), MF_OUTCOME_FAILED);
		assert_non_null(strstr(http_log(), "expected 1 to 86400 seconds"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_in_time_nobody_hears_of_it),
		cmocka_unit_test(left_open_it_is_told_again_and_again),
		cmocka_unit_test(what_is_said_twice_counts_once),
		cmocka_unit_test(a_clock_that_goes_back),
		cmocka_unit_test(bad_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
