/* store/events: ids with their answers, history; both trimmed. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "tests/unit/store/rig.h"

static void each_id(const struct store_id *id, void *context)
{
	char **at = context;

	*at += sprintf(*at, "%llu=%.*s@%lld ", (unsigned long long)id->number, (int)id->id.n,
		(const char *)id->id.p, (long long)id->at_ns);
	assert_null(id->answer.p);
}

static void add_id(struct rig *r, const char *id, int64_t at)
{
	struct store_tx *tx = rig_begin(r, STORE_BATCH);

	store_clock(r->store, at, 0);
	store_id(tx,
		&(struct store_id){.number = store_number(r->store, STORE_IDS),
			.id = rig_str(id),
			.service = 3,
			.at_ns = at,
			.answer = rig_str("answer")});
	rig_commit(r, tx);
}

static void test_ids(void **state)
{
	struct rig r;
	struct store_id id;
	char told[200], *at = told;

	(void)state;
	rig_open(&r);
	add_id(&r, "one", 10);
	add_id(&r, "two", 20);
	assert_int_equal(store_ids_each(r.store, each_id, &at), 0);
	assert_string_equal(told, "1=one@10 2=two@20 ");
	assert_int_equal(store_id_read(r.store, 2, &id), 1);
	rig_same(id.id, "two");
	rig_same(id.answer, "answer");
	assert_int_equal(id.service, 3);
	assert_int_equal(store_id_read(r.store, 3, &id), 0);
	rig_again(&r);
	assert_int_equal(store_number(r.store, STORE_IDS), 3);
	rig_close(&r);
}

static uint64_t first_id;
static unsigned ids;
static void count_id(const struct store_id *id, void *context)
{
	(void)context;
	if (ids++ == 0)
		first_id = id->number;
}

/* Those that are too many go, and those that are too old, the oldest first. */
static void test_ids_trimmed(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.options.ids_most = 100;
	r.options.ids_age_ns = 1000 * CLOCK_S;
	rig_start(&r);
	for (int i = 0; i < 400; i++) {
		add_id(&r, "id", (int64_t)CLOCK_S);
		ids = 0;
		assert_int_equal(store_ids_each(r.store, count_id, NULL), 0);
		assert_true(ids <= 164);
		assert_true(i < 100 || ids >= 100);
		assert_int_equal(first_id + ids - 1, i + 1);
	}
	rig_again(&r);
	for (int i = 0; i < 4; i++)
		add_id(&r, "late", (int64_t)(1002 + i) * (int64_t)CLOCK_S);
	ids = 0;
	assert_int_equal(store_ids_each(r.store, count_id, NULL), 0);
	assert_int_equal(ids, 4);
	assert_int_equal(first_id, 401);
	rig_close(&r);
}

static void add_life(struct rig *r, uint32_t service, const char *id, size_t bytes)
{
	struct store_tx *tx = rig_begin(r, STORE_BATCH);
	void *capsule = store_room(tx, bytes);

	store_life(tx,
		&(struct store_life){.number = store_number(r->store, STORE_HISTORY),
			.service = service,
			.wall_ns = 5,
			.id = rig_str(id),
			.capsule = mf_str_of(capsule, bytes)});
	rig_commit(r, tx);
}

static void test_history(void **state)
{
	struct rig r;
	struct store_life life;
	uint64_t seen;

	(void)state;
	rig_open(&r);
	add_life(&r, 1, "a", 10);
	add_life(&r, 2, "b", 5000);
	add_life(&r, 1, "c", 0);
	assert_int_equal(store_life_before(r.store, UINT64_MAX, 0, 10, &seen, &life), 1);
	rig_same(life.id, "c");
	assert_int_equal(life.wall_ns, 5);
	assert_int_equal(store_life_before(r.store, life.number, 0, 10, &seen, &life), 1);
	rig_same(life.id, "b");
	assert_int_equal(life.capsule.n, 5000);
	assert_int_equal(store_life_before(r.store, 3, 1, 1, &seen, &life), 0);
	assert_int_equal(seen, 2); /* looked at one row only, another service's */
	assert_int_equal(store_life_before(r.store, seen, 1, 1, &seen, &life), 1);
	rig_same(life.id, "a");
	assert_int_equal(store_life_before(r.store, 1, 0, 10, &seen, &life), 0);
	assert_int_equal(seen, 0);
	rig_close(&r);
}

/* History stays within its bytes, and what is kept is the newest. */
static void test_history_trimmed(void **state)
{
	struct rig r;
	struct store_life life;
	uint64_t before = UINT64_MAX, seen, n = 0;

	(void)state;
	rig_init(&r);
	r.options.history_bytes = 100000;
	rig_start(&r);
	for (int i = 0; i < 600; i++)
		add_life(&r, 1, "life", 600);
	while (store_life_before(r.store, before, 0, 10, &seen, &life) == 1) {
		assert_int_equal(life.number, 600 - n);
		before = life.number;
		n++;
	}
	assert_true(n * 668 <= 100000 + 668);
	assert_true((n + 64) * 668 >= 100000);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_ids_trimmed),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_history_trimmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
