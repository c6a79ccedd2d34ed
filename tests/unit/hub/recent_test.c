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

static unsigned came_again;

static const struct recent_event *find(const char *id)
{
	return recent_find(&recent, mf_str_of(id, strlen(id)), &came_again);
}

static void turn_away(const struct service *service, enum refusal why)
{
	recent_note(&recent,
		&(struct recent_note){.service = service,
			.result = refusal_names[why],
			.refused = true,
			.times = 1});
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
	assert_null(find("a")); /* the tenth */
	e = find("b");
	assert_non_null(e);
	assert_string_equal(e->subject, "button/hall");
	assert_string_equal(e->service, "light");
	assert_null(find(""));
}

static void long_subjects_are_cut(void **state)
{
	char subject[200];

	(void)state;
	memset(subject, 'x', sizeof(subject) - 1);
	subject[sizeof(subject) - 1] = '\0';
	end("1", subject);
	assert_int_equal(strlen(find("1")->subject), RECENT_SUBJECT);
}

static void a_flood_of_refusals_is_one_entry(void **state)
{
	const struct recent_event *e;

	(void)state;
	end("1", "button/hall");
	for (unsigned i = 0; i < 100000; i++)
		turn_away(&light, REFUSED_BUSY);
	turn_away(&door, REFUSED_BUSY);
	turn_away(&door, REFUSED_OPEN);
	end("2", "button/hall");
	turn_away(&door, REFUSED_OPEN);
	assert_int_equal(recent.number, 6);
	e = recent_next(&recent, 1);
	assert_int_equal(e->times, 100000);
	assert_string_equal(e->result, refusal_names[REFUSED_BUSY]);
	assert_string_equal(e->id, "");
	assert_null(e->source);
}

/* What ran is told of, however often it came again; each flood of the same is one entry. */
static void what_came_again_is_counted(void **state)
{
	const struct recent_repeat repeat = {.service = &light, .source = "mqtt", .id = "1"};

	(void)state;
	recent_again(&recent, &repeat);
	assert_string_equal(find("1")->result, "duplicate");
	end("1", "button/hall");
	for (unsigned i = 0; i < 1000; i++)
		recent_again(&recent, &repeat);
	assert_int_equal(recent.number, 3);
	assert_string_equal(find("1")->result, "ok");
	assert_int_equal(came_again, 1001);
	end("2", "button/hall");
	find("2");
	assert_int_equal(came_again, 0);
}

static void ticks_and_strangers(void **state)
{
	struct recent_note tick = {.service = &light,
				   .source = "timer",
				   .subject = MF_STR("night"),
				   .result = "missed",
				   .times = 3},
			   nobody = {.source = "http",
				   .subject = MF_STR("/nonesuch"),
				   .result = "no service",
				   .refused = true,
				   .times = 1};

	(void)state;
	recent_note(&recent, &tick);
	recent_note(&recent, &tick);
	recent_note(&recent, &nobody);
	nobody.subject = MF_STR("/b");
	recent_note(&recent, &nobody);
	assert_int_equal(recent.number, 2);
	assert_int_equal(recent_next(&recent, 0)->times, 6);
	assert_string_equal(recent_next(&recent, 0)->subject, "night");
	assert_int_equal(recent_next(&recent, 1)->times, 2);
	assert_string_equal(recent_next(&recent, 1)->service, "");
	assert_string_equal(recent_next(&recent, 1)->subject, "/b"); /* the last of them */
}

/* Why, and how long it was on its way to the disk. */
static void why_and_how_long(void **state)
{
	const struct ending ending = {.refused = true, .result = "denied", .detail = "it may not"};
	struct task task = {.service = &light, .origin = &origin, .slot = -1, .id = "7"};

	(void)state;
	task.phase = TASK_COMMITTING;
	recent_end(&recent, &task, &ending);
	assert_string_equal(find("7")->why, "it may not");
	assert_true(find("7")->commit_ns > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_newest_are_there, begin),
		cmocka_unit_test_setup(long_subjects_are_cut, begin),
		cmocka_unit_test_setup(a_flood_of_refusals_is_one_entry, begin),
		cmocka_unit_test_setup(what_came_again_is_counted, begin),
		cmocka_unit_test_setup(ticks_and_strangers, begin),
		cmocka_unit_test_setup(why_and_how_long, begin),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	recent_close(&recent);
	return failed;
}
