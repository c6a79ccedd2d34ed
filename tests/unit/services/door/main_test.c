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

static enum mf_outcome load(const char *after, const char *again)
{
	const char *const config[][2] = {{"after", after}, {"again", again}, {NULL, NULL}};

	return http_init(NULL, config);
}

static const char *says(const char *word, const char *state, int64_t time_s)
{
	return happens(&(struct happening){.source = MF_SOURCE_MQTT,
		.subject = "door/front/contact",
		.payload = word,
		.state = state,
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
