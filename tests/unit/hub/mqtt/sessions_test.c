/* hub/mqtt/sessions: what was subscribed to is there after a restart; damaged files are refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/mqtt/sessions.h"

static char directory[] = "/tmp/mayfly-sessions-XXXXXX";
static char file[64];
static char error[MQTT_ERROR_MAX];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/mqtt-sessions", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(directory);
}

static struct mqtt_sessions opened(void)
{
	struct mqtt_sessions s;

	assert_int_equal(mqtt_sessions_open(&s, directory, false, error), 0);
	return s;
}

static void test_kept(void **state)
{
	char a[] = "home/+/set", b[] = "$share/g/a b", c[] = "#";
	const struct mqtt_subscription two[] = {{.filter = a, .qos = 1}, {.filter = b}},
				       one[] = {{.filter = c, .qos = 1}};
	struct mqtt_sessions s = opened();
	char prefix[sizeof(s.prefix)];

	(void)state;
	assert_int_equal(strncmp(s.prefix, "mayfly-", 7), 0);
	memcpy(prefix, s.prefix, sizeof(prefix));
	assert_null(mqtt_sessions_of(&s, "x"));
	mqtt_sessions_set(&s, "x", two, 2);
	mqtt_sessions_set(&s, "y", one, 1);
	mqtt_sessions_set(&s, "y", NULL, 0);
	mqtt_sessions_close(&s);
	s = opened();
	assert_string_equal(s.prefix, prefix);
	assert_int_equal(mqtt_sessions_of(&s, "x")->count, 2);
	assert_true(mqtt_session_has(mqtt_sessions_of(&s, "x"), b, 0));
	assert_false(mqtt_session_has(mqtt_sessions_of(&s, "x"), b, 1));
	assert_null(mqtt_sessions_of(&s, "y"));
	mqtt_sessions_close(&s);
}

/* What the broker has refused is not remembered as subscribed: it would never be asked for again. */
static void test_refused(void **state)
{
	char a[] = "a", b[] = "b";
	struct mqtt_subscription two[] = {{.filter = a, .qos = 1}, {.filter = b, .qos = 1}};
	struct mqtt_sessions s = opened();

	(void)state;
	mqtt_sessions_set(&s, "z", two, 2);
	assert_true(mqtt_session_has(mqtt_sessions_of(&s, "z"), a, 1));
	two[0].refused = true;
	mqtt_sessions_set(&s, "z", two, 2);
	mqtt_sessions_close(&s);
	s = opened();
	assert_false(mqtt_session_has(mqtt_sessions_of(&s, "z"), a, 1));
	assert_true(mqtt_session_has(mqtt_sessions_of(&s, "z"), b, 1));
	two[0].refused = false; /* the next time the broker lets it */
	mqtt_sessions_set(&s, "z", two, 2);
	assert_int_equal(mqtt_sessions_of(&s, "z")->count, 2);
	mqtt_sessions_close(&s);
}

static void test_damaged(void **state)
{
	static const char *const texts[] = {
		"",
		"mayfly mqtt 2\nprefix a\n",
		"mayfly mqtt 1\n",
		"mayfly mqtt 1\nprefix A\n",
		"mayfly mqtt 1\nprefix a\nclient\n",
		"mayfly mqtt 1\nprefix a\nclient 2 x\n",
		"mayfly mqtt 1\nprefix a\nclient 1 \n",
		"mayfly mqtt 1\nprefix a\nclient 11 x\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct mqtt_sessions s;
		FILE *to = fopen(file, "w");

		assert_non_null(to);
		fputs(texts[i], to);
		fclose(to);
		if (mqtt_sessions_open(&s, directory, false, error) != -EINVAL ||
			!strstr(error, "is damaged"))
			fail_msg("%s", texts[i]);
		mqtt_sessions_close(&s);
	}
	unlink(file);
}

/* `mayflyd --check` makes nothing. */
static void test_check(void **state)
{
	struct mqtt_sessions s;

	(void)state;
	assert_int_equal(mqtt_sessions_open(&s, directory, true, error), 0);
	assert_int_equal(access(file, F_OK), -1);
	mqtt_sessions_close(&s);
	assert_int_equal(mqtt_sessions_open(&s, "/proc/nonexistent", true, error), 0);
	assert_int_equal(mqtt_sessions_open(&s, "/proc/nonexistent", false, error), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
