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
	assert_int_equal(
		store_life_before(r.store, UINT64_MAX, &(struct store_which){0}, 10, &seen, &life),
		1);
	rig_same(life.id, "c");
	assert_int_equal(life.wall_ns, 5);
	assert_int_equal(
		store_life_before(r.store, life.number, &(struct store_which){0}, 10, &seen, &life),
		1);
	rig_same(life.id, "b");
	assert_int_equal(life.capsule.n, 5000);
	assert_int_equal(
		store_life_before(r.store, 3, &(struct store_which){.service = 1}, 1, &seen, &life),
		0);
	assert_int_equal(seen, 2); /* looked at one row only, another service's */
	assert_int_equal(store_life_before(r.store, seen, &(struct store_which){.service = 1}, 1,
				 &seen, &life),
		1);
	rig_same(life.id, "a");
	assert_int_equal(
		store_life_before(r.store, 1, &(struct store_which){0}, 10, &seen, &life), 0);
	assert_int_equal(seen, 0);
	assert_int_equal(store_life_before(r.store, UINT64_MAX,
				 &(struct store_which){.id = rig_str("a")}, 10, &seen, &life),
		1);
	assert_int_equal(life.number, 1);
	assert_int_equal(
		store_life_before(r.store, UINT64_MAX,
			&(struct store_which){.id = rig_str("a"), .service = 2}, 10, &seen, &life),
		0);
	rig_close(&r);
}

static void put_later(struct rig *r, const char *name, int64_t due)
{
	struct store_tx *tx = rig_begin(r, STORE_BATCH);

	store_later(tx,
		&(struct store_later){
			.service = 1, .name = rig_str(name), .id = rig_str("i"), .due_ns = due});
	rig_commit(r, tx);
}

static uint64_t later_count(struct rig *r)
{
	struct store_counts c;

	store_look(r->store, &c);
	return c.later;
}

/* Also where one takes the place of another, and after a start. */
static void test_scheduled_are_counted(void **state)
{
	struct store_tx *tx;
	struct rig r;

	(void)state;
	rig_open(&r);
	put_later(&r, "a", 5);
	put_later(&r, "b", 6);
	put_later(&r, "a", 7);
	assert_int_equal(later_count(&r), 2);
	rig_again(&r);
	assert_int_equal(later_count(&r), 2);
	tx = rig_begin(&r, STORE_BATCH);
	store_later_done(tx, 1, rig_str("a"), rig_str("other"));
	store_later_done(tx, 1, rig_str("b"), rig_str("i"));
	store_later_done(tx, 1, rig_str("none"), rig_str(""));
	rig_commit(&r, tx);
	assert_int_equal(later_count(&r), 1);
	rig_close(&r);
}

static void test_figures(void **state)
{
	struct store_counts c;
	struct rig r;

	(void)state;
	rig_open(&r);
	store_look(r.store, &c);
	assert_int_equal(c.commits + c.transactions + c.lives + c.history_bytes, 0);
	assert_true(c.file_bytes > 0);
	add_life(&r, 1, "a", 1000);
	add_life(&r, 1, "b", 1000);
	store_look(r.store, &c);
	assert_int_equal(c.commits, 2);
	assert_int_equal(c.transactions, 2);
	assert_int_equal(c.lives, 2);
	assert_int_equal(c.failed, 0);
	assert_int_equal(histogram_count(&c.commit), 2);
	assert_true(c.history_bytes >= 2000 && c.log_bytes > 0);
	assert_int_equal(c.waiting_bytes, 0);
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
	while (store_life_before(r.store, before, &(struct store_which){0}, 10, &seen, &life) ==
		1) {
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
		cmocka_unit_test(test_scheduled_are_counted),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_history_trimmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
