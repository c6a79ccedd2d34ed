/* hub/in_timer: ticks that are due become events; what becomes of those that were missed. */
#include "hub/in_timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/plan.h"
#include "hub/setup.h"
#include "hub/tick.h"
#include "image/capsule.h"
#include "sys/clock.h"
#include "tests/unit/hub/fake_worker.h"
#include "tests/unit/hub/stage.h"

#define HOUR (3600 * (int64_t)CLOCK_S)

static struct manifest_trigger beat = {.type = TRIGGER_TIMER, .name = (char[]){"beat"}};
static char hourly[] = "1h", word[8];
static struct config_service of_service;
static const struct config config = {.services = &of_service, .services_count = 1};

static int64_t now(void)
{
	clocks_look(&stage.hub);
	return (int64_t)time_elapsed(&stage.hub.clocks.kept);
}

/* Elapsed time jumps to just behind the `n`-th tick from now. */
static void jump(unsigned n)
{
	struct tick_rule rule;
	int64_t at = now();

	tick_every(&rule, HOUR, stage.service->name, "beat");
	while (n-- > 0)
		at = tick_next(&rule, at, NULL);
	stage.hub.clocks.kept.elapsed_more += (uint64_t)(at + (int64_t)CLOCK_MS - now());
	timers_look(&stage.hub);
}

static void configure(void)
{
	char error[HUB_ERROR_MAX];
	struct plan plan = {.hub = &stage.hub, .config = &config, .services = &stage.service};

	stage.service->manifest.triggers = &beat;
	stage.service->manifest.triggers_count = 1;
	assert_int_equal(timers_make(&plan, error), 0);
	timers_commit(&plan);
}

static void begin(const char *missed)
{
	beat.every = hourly;
	snprintf(word, sizeof(word), "%s", missed);
	beat.missed = word;
	of_service = (struct config_service){0};
	stage_open_kept("put");
	configure();
	assert_int_equal(stage.service->counts.ticks, 0);
}

/* They are none of its own. */
static void forget(void)
{
	stage.service->manifest.triggers = NULL;
	stage.service->manifest.triggers_count = 0;
}

static void end(void)
{
	forget();
	stage_close();
}

static unsigned wanted;

static bool have_lived(void)
{
	return stage.service->counts.commits == wanted && service_quiet(stage.service) &&
		store_waiting(stage.hub.store) == 0;
}

static void wait_for(unsigned lives)
{
	wanted = lives;
	stage_until(have_lived);
}

/* The newest event's attribute; empty: it has none of this name. */
static bool has_attribute(const char *name, const char *value)
{
	static const struct store_which any;
	struct store_life life;
	struct mf_record r;
	struct capsule c;
	struct mf_event e;
	struct mf_str left;
	uint64_t seen;

	assert_int_equal(store_life_before(stage.hub.store, UINT64_MAX, &any, 1, &seen, &life), 1);
	assert_null(capsule_read(&c, life.capsule.p, life.capsule.n));
	e = capsule_event(&c);
	assert_int_equal(e.source, MF_SOURCE_TIMER);
	assert_true(mf_str_is(capsule_text(&c, e.subject), "beat"));
	left = capsule_text(&c, e.attributes);
	for (uint32_t n = e.attributes_count; n > 0; n--) {
		memcpy(&r, left.p, sizeof(r));
		if (mf_str_is(mf_str_of(left.p + sizeof(r), r.name_len), name))
			return !value ||
				mf_str_is(mf_str_of(left.p + sizeof(r) + r.name_len, r.value_len),
					value);
		left = mf_str_of(left.p + r.size, left.n - r.size);
	}
	return false;
}

static void a_tick_is_an_event(void **state)
{
	char text[64];

	(void)state;
	begin("skip");
	jump(1);
	wait_for(1);
	assert_int_equal(stage.service->counts.ticks, 1);
	assert_int_equal(stage.service->counts.ticks_missed, 0);
	assert_true(has_attribute("scheduled", NULL));
	assert_false(has_attribute("missed", NULL));
	timers_look(&stage.hub); /* it was dealt with */
	assert_int_equal(stage.service->counts.ticks, 1);
	assert_true(timers_text(&stage.hub, stage.service, 0, text, sizeof(text)) > 0);
	assert_string_equal(text, "timer beat every 1h");
	assert_int_equal(timers_text(&stage.hub, stage.service, 1, text, sizeof(text)), 0);
	end();
}

/* Those whose time passed: the last is due now, the others are over. */
static void missed_ticks_are_skipped(void **state)
{
	const struct recent_event *e;

	(void)state;
	begin("skip");
	jump(3);
	wait_for(1);
	assert_int_equal(stage.service->counts.ticks, 1);
	assert_int_equal(stage.service->counts.ticks_missed, 2);
	assert_true(has_attribute("missed", "2"));
	e = recent_next(&stage.hub.recent, 0);
	assert_string_equal(e->result, "missed");
	assert_string_equal(e->subject, "beat");
	assert_int_equal(e->times, 2);
	end();
}

/* A minute is as late as one may come. */
static void late_is_missed(void **state)
{
	(void)state;
	begin("skip");
	stage.hub.stopping = true; /* nothing is looked at */
	jump(1);
	stage.hub.clocks.kept.elapsed_more += 61 * CLOCK_S;
	stage.hub.stopping = false;
	timers_look(&stage.hub);
	assert_int_equal(stage.service->counts.ticks, 0);
	assert_int_equal(stage.service->counts.ticks_missed, 1);
	end();
}

static void the_newest_comes_once(void **state)
{
	(void)state;
	begin("once");
	jump(4);
	stage.hub.clocks.kept.elapsed_more += 1800 * CLOCK_S;
	wait_for(1);
	assert_int_equal(stage.service->counts.ticks, 1);
	assert_true(has_attribute("missed", "3"));
	end();
}

static void all_come_one_after_another(void **state)
{
	(void)state;
	begin("all");
	jump(4);
	wait_for(4);
	assert_int_equal(stage.service->counts.ticks, 4);
	assert_int_equal(stage.service->counts.ticks_missed, 0);
	end();
}

/* What is refused for the time being comes when it can. */
static void a_refused_tick_comes_later(void **state)
{
	(void)state;
	begin("once");
	stage.service->queue_most = 0;
	jump(1);
	assert_int_equal(stage.service->counts.ticks, 0);
	assert_int_equal(stage.service->counts.refused[REFUSED_BUSY], 1);
	stage.service->queue_most = 8;
	wait_for(1);
	end();
}

/* The database knows the last one that was dealt with: what came due while the hub was down is made up. */
static void what_a_hub_that_was_down_missed(void **state)
{
	(void)state;
	begin("once");
	jump(1);
	wait_for(1);
	forget();
	stage_again();
	now();
	stage.hub.clocks.kept.elapsed_more += 2 * 3600 * CLOCK_S;
	configure();
	wait_for(1);
	assert_int_equal(stage.service->counts.ticks, 1);
	assert_true(has_attribute("missed", "1"));
	end();
}

static void a_reload_keeps_where_it_stands(void **state)
{
	struct config_timer over = {.name = (char[]){"beat"}, .every = (char[]){"2h"}};

	(void)state;
	begin("skip");
	jump(1);
	wait_for(1);
	configure();
	timers_look(&stage.hub);
	assert_int_equal(stage.service->counts.ticks, 1);
	of_service.timers = &over;
	of_service.timers_count = 1;
	configure(); /* another rhythm begins now */
	jump(1);
	assert_true(stage.service->counts.ticks <= 2);
	end();
}

static void a_timer_that_is_not_there(void **state)
{
	struct config_timer over = {.name = (char[]){"bet"}, .every = (char[]){"2h"}};
	char error[HUB_ERROR_MAX];
	struct plan plan = {.hub = &stage.hub, .config = &config, .services = &stage.service};

	(void)state;
	begin("skip");
	of_service.timers = &over;
	of_service.timers_count = 1;
	assert_int_equal(timers_make(&plan, error), SETUP_USAGE);
	assert_non_null(strstr(error, "has no timer 'bet'"));
	timers_drop(&plan);
	end();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tick_is_an_event),
		cmocka_unit_test(missed_ticks_are_skipped),
		cmocka_unit_test(late_is_missed),
		cmocka_unit_test(the_newest_comes_once),
		cmocka_unit_test(all_come_one_after_another),
		cmocka_unit_test(a_refused_tick_comes_later),
		cmocka_unit_test(what_a_hub_that_was_down_missed),
		cmocka_unit_test(a_reload_keeps_where_it_stands),
		cmocka_unit_test(a_timer_that_is_not_there),
	};

	fake_worker_if_asked(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
