/* hub/recent.h */
#include "hub/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/hub.h"

static struct recent recent;
static char name[] = "light", other[] = "door";
static struct service light = {.name = name}, door = {.name = other};
static const struct origin_ops origin = {.source = "mqtt"};

static int begin(void **state)
{
	(void)state;
	recent_close(&recent);
	return 0;
}

static void end(const char *id, const char *subject)
{
	const struct ending ending = {.result = "ok"};
	struct task task = {.service = &light, .origin = &origin, .slot = -1};

	snprintf(task.id, sizeof(task.id), "%s", id);
	task.subject = mf_str_of(subject, strlen(subject));
	recent_end(&recent, &task, &ending);
}

static void the_newest_are_there(void **state)
{
	const struct recent_event *e;
	uint64_t after = 0;
	unsigned n = 0;
	char id[16];

	(void)state;
	assert_null(recent_next(&recent, 0));
	for (unsigned i = 1; i <= RECENT_MOST + 10; i++) {
		snprintf(id, sizeof(id), "%x", i);
		end(id, "button/hall");
	}
	for (; (e = recent_next(&recent, after)); after = e->number, n++)
		assert_int_equal(e->number, n + 11);
	assert_int_equal(n, RECENT_MOST);
	assert_null(recent_find(&recent, MF_STR("a"))); /* the tenth */
	e = recent_find(&recent, MF_STR("b"));
	assert_non_null(e);
	assert_string_equal(e->subject, "button/hall");
	assert_string_equal(e->service, "light");
	assert_null(recent_find(&recent, MF_STR("")));
}

static void long_subjects_are_cut(void **state)
{
	char subject[200];

	(void)state;
	memset(subject, 'x', sizeof(subject) - 1);
	subject[sizeof(subject) - 1] = '\0';
	end("1", subject);
	assert_int_equal(strlen(recent_find(&recent, MF_STR("1"))->subject), RECENT_SUBJECT);
}

static void a_flood_of_refusals_is_one_entry(void **state)
{
	const struct recent_event *e;

	(void)state;
	end("1", "button/hall");
	for (unsigned i = 0; i < 100000; i++)
		recent_turned_away(&recent, &light, REFUSED_BUSY);
	recent_turned_away(&recent, &door, REFUSED_BUSY);
	recent_turned_away(&recent, &door, REFUSED_OPEN);
	end("2", "button/hall");
	recent_turned_away(&recent, &door, REFUSED_OPEN);
	assert_int_equal(recent.number, 6);
	e = recent_next(&recent, 1);
	assert_int_equal(e->times, 100000);
	assert_string_equal(e->result, refusal_names[REFUSED_BUSY]);
	assert_string_equal(e->id, "");
	assert_null(e->source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_newest_are_there, begin),
		cmocka_unit_test_setup(long_subjects_are_cut, begin),
		cmocka_unit_test_setup(a_flood_of_refusals_is_one_entry, begin),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	recent_close(&recent);
	return failed;
}
