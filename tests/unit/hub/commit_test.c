/* hub/commit, hub/history: what lives ask for is written at once, or not at all. */
#include "hub/commit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "hub/database.h"
#include "hub/ids.h"
#include "image/capsule.h"
#include "tests/unit/hub/fake_worker.h"
#include "tests/unit/hub/stage.h"

static bool none_waits(void)
{
	return store_waiting(stage.hub.store) == 0;
}

/* As the database has it; its version, 0: it isn't there. */
static uint64_t value_of(const char *key, struct mf_str *value)
{
	struct store_value v;

	stage_until(none_waits);
	assert_true(store_state(stage.hub.store, database_service(stage.service),
			    mf_str_of(key, strlen(key)), &v) >= 0);
	*value = v.value;
	return v.version;
}

static unsigned lives(struct capsule *newest)
{
	static const struct store_which any;
	uint64_t before = UINT64_MAX, seen;
	struct store_life life;
	unsigned n = 0;

	for (; store_life_before(stage.hub.store, before, &any, 100, &seen, &life) == 1; n++)
		before = life.number;
	if (store_life_before(stage.hub.store, UINT64_MAX, &any, 1, &seen, &life) == 1)
		assert_null(capsule_read(newest, life.capsule.p, life.capsule.n));
	return n;
}

/* The reply is heard when all of it is written: the value, the life. */
static void what_it_puts_is_there_when_it_replies(void **state)
{
	struct effects_reader r;
	struct mf_str value = {0};
	struct capsule c = {0};
	struct mf_event e;
	enum refusal why;
	uint32_t record;

	(void)state;
	stage_open_kept("put");
	assert_true(stage_ask("question", &why));
	stage_run(1, 20000);
	assert_int_equal(stage.replies, 1);
	assert_string_equal(stage.last, "done");
	assert_int_equal(value_of("k", &value), 1);
	assert_int_equal(value.n, 8);
	assert_int_equal(lives(&c), 1);
	e = capsule_event(&c);
	assert_true(mf_str_is(capsule_text(&c, e.subject), "here"));
	assert_true(mf_str_is(capsule_text(&c, e.payload), "question"));
	assert_null(effects_open(&r, c.effects.p, c.effects.n, ~0u, &record));
	assert_int_equal(r.left, 2);
	assert_int_equal(stage.service->counts.commits, 1);
	stage_close();
}

static void many_share_a_commit_and_none_is_lost(void **state)
{
	struct mf_str value = {0};
	struct store_counts counts;

	(void)state;
	stage_open_kept("put");
	for (unsigned i = 0; i < 20; i++) {
		stage_ask_all(8);
		stage_run(8 * (i + 1), 20000);
	}
	assert_int_equal(stage.replies, 160);
	assert_int_equal(value_of("k", &value), 160);
	store_look(stage.hub.store, &counts);
	assert_int_equal(counts.lives, 160);
	assert_true(counts.commits <= 160);
	stage_close();
}

/* Nothing of a life whose condition doesn't hold is written, and it is told. */
static void a_condition_that_does_not_hold(void **state)
{
	struct mf_str value;
	const struct recent_event *e;
	enum refusal why;

	(void)state;
	stage_open_kept("put-if");
	assert_true(stage_ask("question", &why));
	stage_run(1, 20000);
	assert_int_equal(stage.refused[REFUSED_FAILED], 1);
	assert_int_equal(value_of("k", &value), 0);
	e = recent_next(&stage.hub.recent, 0);
	assert_non_null(strstr(e->why, "has version 0, and not 7"));
	stage_close();
}

/* What isn't granted takes all of the life with it. */
static void what_it_may_not_put(void **state)
{
	char *others[] = {(char[]){"other/+"}};
	struct mf_str value;
	struct capsule c = {0};
	enum refusal why;

	(void)state;
	stage_open_kept("put");
	stage.service->manifest.writes = others;
	assert_true(stage_ask("question", &why));
	stage_run(1, 20000);
	assert_int_equal(stage.refused[REFUSED_DENIED], 1);
	assert_int_equal(value_of("k", &value), 0);
	assert_int_equal(lives(&c), 1);
	assert_true(c.denied);
	assert_non_null(strstr((const char *)c.why.p, "writes"));
	stage_close();
}

/* State that the event has attached changes while its life runs: it runs again, and sees what is there now. */
static void a_race_is_run_again(void **state)
{
	char *reads[] = {(char[]){"k"}};
	struct commit_put put = {.key = MF_STR("k"), .value = MF_STR("mine")};
	struct mf_str value = {0};
	struct capsule c = {0};
	enum refusal why;
	uint64_t version;
	struct mf_event e;

	(void)state;
	stage_open_kept("put");
	stage.service->manifest.reads = reads;
	stage.service->manifest.reads_count = 1;
	stage.service->stateful = true;
	stage_ask_all(1);
	stage_run(1, 20000); /* the worker is there: the next event is posted at once */
	assert_true(stage_ask("q2", &why));
	assert_int_equal(stage.service->running.count, 1);
	assert_int_equal(commit_put(stage.service, &put, &version), 0);
	stage_run(2, 20000);
	assert_int_equal(stage.replies, 2);
	assert_int_equal(stage.service->counts.races, 1);
	assert_true(value_of("k", &value) > version);
	assert_true(mf_str_is(value, "q2"));
	assert_int_equal(lives(&c), 2);
	e = capsule_event(&c);
	assert_int_equal(e.state_count, 1);
	stage.service->manifest.reads = NULL;
	stage.service->manifest.reads_count = 0;
	stage_close();
}

static void an_operator_puts(void **state)
{
	struct commit_put put = {.key = MF_STR("k"), .value = MF_STR("1")};
	struct mf_str value;
	uint64_t version, now;

	(void)state;
	stage_open_kept("put");
	assert_int_equal(commit_put(stage.service, &put, &version), 0);
	put.conditional = true;
	put.if_version = version + 1;
	assert_int_equal(commit_put(stage.service, &put, &now), -ESTALE);
	assert_int_equal(now, version);
	put.if_version = version;
	put.value = mf_str_of(NULL, 0); /* away with it */
	assert_int_equal(commit_put(stage.service, &put, &now), 0);
	assert_int_equal(value_of("k", &value), 0);
	stage_close();
}

/* What it schedules comes, once, and is gone when its life's effects are written. */
static bool is_put(void)
{
	struct mf_str value;

	return stage.hub.store && value_of("k", &value) > 0;
}

static void what_it_schedules_comes(void **state)
{
	struct store_counts counts;
	enum refusal why;

	(void)state;
	stage_open_kept("later");
	assert_true(stage_ask("question", &why));
	stage_until(is_put);
	assert_int_equal(stage.replies, 1);
	assert_int_equal(stage.service->counts.scheduled, 1);
	store_look(stage.hub.store, &counts);
	assert_int_equal(counts.later, 0);
	stage_close();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_puts_is_there_when_it_replies),
		cmocka_unit_test(many_share_a_commit_and_none_is_lost),
		cmocka_unit_test(a_condition_that_does_not_hold),
		cmocka_unit_test(what_it_may_not_put),
		cmocka_unit_test(a_race_is_run_again),
		cmocka_unit_test(an_operator_puts),
		cmocka_unit_test(what_it_schedules_comes),
	};

	fake_worker_if_asked(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
