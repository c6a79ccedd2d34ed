/* store/: things due later, ticks, meters, what failed, the clock; order and bounds of transactions. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "tests/unit/store/rig.h"

static void each_later(const struct store_later *later, void *context)
{
	char *text = context;
	size_t n = strlen(text);

	sprintf(text + n, "%.*s/%.*s=%.*s@%lld ", (int)later->name.n, (const char *)later->name.p,
		(int)later->id.n, (const char *)later->id.p, (int)later->body.n,
		(const char *)later->body.p, (long long)later->due_ns);
}

static void add_later(struct rig *r, const char *name, const char *id, int64_t due)
{
	struct store_tx *tx = rig_begin(r, STORE_BATCH);

	store_later(tx,
		&(struct store_later){.service = 1,
			.name = rig_str(name),
			.id = rig_str(id),
			.type = rig_str("t"),
			.body = rig_str("body"),
			.due_ns = due});
	rig_commit(r, tx);
}

static bool each_due(const struct store_later *later, void *context)
{
	each_later(later, context);
	return strlen(context) < 30;
}

/* alarm is due at 70, and two more. */
static void look_due(struct rig *r)
{
	char text[200] = "";
	int64_t due = 0;
	struct store_tx *tx;

	add_later(r, "soon", "5", 20);
	add_later(r, "late", "6", 90);
	assert_int_equal(store_later_due(r->store, 70, each_due, text), 0);
	assert_string_equal(text, "soon/5=body@20 alarm/2=body@70 ");
	assert_int_equal(store_later_next(r->store, 70, &due), 1);
	assert_int_equal(due, 90);
	assert_int_equal(store_later_next(r->store, 90, &due), 0);
	text[0] = '\0';
	assert_int_equal(store_later_due(r->store, 90, each_due, text), 0);
	assert_string_equal(text, "soon/5=body@20 alarm/2=body@70 "); /* enough */
	tx = rig_begin(r, STORE_BATCH);
	store_later_done(tx, 1, rig_str("late"), rig_str("")); /* whatever its id is */
	store_later_done(tx, 1, rig_str("soon"), rig_str("5"));
	rig_commit(r, tx);
	assert_int_equal(store_later_next(r->store, 0, &due), 1);
	assert_int_equal(due, 70);
}

static void test_later(void **state)
{
	struct rig r;
	struct store_tx *tx;
	char text[200] = "";
	int64_t tick = 0;

	(void)state;
	rig_open(&r);
	add_later(&r, "alarm", "1", 60);
	add_later(&r, "alarm", "2", 70);
	add_later(&r, "off", "3", 80);
	tx = rig_begin(&r, STORE_BATCH);
	store_later_done(tx, 1, rig_str("alarm"), rig_str("1")); /* has been replaced: stays */
	store_later_done(tx, 1, rig_str("off"), rig_str("3"));
	store_tick(tx, 1, rig_str("every"), 5);
	store_tick(tx, 1, rig_str("every"), 6);
	rig_commit(&r, tx);
	assert_int_equal(store_later_each(r.store, each_later, text), 0);
	assert_string_equal(text, "alarm/2=body@70 ");
	look_due(&r);
	assert_int_equal(store_tick_read(r.store, 1, rig_str("every"), &tick), 1);
	assert_int_equal(tick, 6);
	assert_int_equal(store_tick_read(r.store, 2, rig_str("every"), &tick), 0);
	rig_close(&r);
}

static void each_meter(uint32_t service, struct mf_str unit, uint64_t sum, void *context)
{
	char *text = context;
	size_t n = strlen(text);

	sprintf(text + n, "%u %.*s %llu ", service, (int)unit.n, (const char *)unit.p,
		(unsigned long long)sum);
}

static void test_meters(void **state)
{
	struct rig r;
	char text[200] = "";

	(void)state;
	rig_open(&r);
	for (int i = 0; i < 3; i++) {
		struct store_tx *tx = rig_begin(&r, STORE_BATCH);

		store_meter(tx, 1, rig_str("flop"), 1000);
		store_meter(tx, 1, rig_str("flop"), 1);
		store_meter(tx, 2, rig_str("all"), UINT64_MAX - 5);
		rig_commit(&r, tx);
	}
	assert_int_equal(store_meters_each(r.store, each_meter, text), 0);
	assert_string_equal(text, "1 flop 3003 2 all 9223372036854775807 ");
	rig_close(&r);
}

static bool each_failed(const struct store_failed *failed, void *context)
{
	char *text = context;

	sprintf(text + strlen(text), "%llu:%.*s ", (unsigned long long)failed->number,
		(int)failed->why.n, (const char *)failed->why.p);
	return true;
}

static void test_failed(void **state)
{
	struct rig r;
	struct store_tx *tx;
	struct store_failed failed;
	char text[100] = "";

	(void)state;
	rig_open(&r);
	tx = rig_begin(&r, STORE_SYNC);
	for (unsigned i = 0; i < 3; i++)
		store_failed(tx, STORE_RETRIES,
			&(struct store_failed){.number = store_number(r.store, STORE_RETRIES),
				.attempt = i,
				.due_ns = 9,
				.id = rig_str("id"),
				.why = rig_str("crash"),
				.capsule = rig_str("capsule")});
	store_failed_done(tx, STORE_RETRIES, 2);
	store_failed(tx, STORE_DEAD,
		&(struct store_failed){
			.number = store_number(r.store, STORE_DEAD), .why = rig_str("dead")});
	rig_commit(&r, tx);
	rig_again(&r);
	assert_int_equal(store_failed_count(r.store, STORE_RETRIES), 2);
	assert_int_equal(store_failed_count(r.store, STORE_DEAD), 1);
	assert_int_equal(store_failed_each(r.store, STORE_RETRIES, 0, 10, each_failed, text), 2);
	assert_int_equal(store_failed_each(r.store, STORE_RETRIES, 1, 10, each_failed, text), 1);
	assert_int_equal(store_failed_each(r.store, STORE_DEAD, 0, 10, each_failed, text), 1);
	assert_string_equal(text, "1:crash 3:crash 3:crash 1:dead ");
	assert_int_equal(store_failed_read(r.store, STORE_RETRIES, 3, &failed), 1);
	assert_int_equal(failed.attempt, 2);
	rig_same(failed.capsule, "capsule");
	assert_int_equal(store_failed_read(r.store, STORE_RETRIES, 2, &failed), 0);
	rig_close(&r);
}

static void test_clock(void **state)
{
	struct rig r;
	int64_t elapsed, wall;

	(void)state;
	rig_open(&r);
	store_clock_read(r.store, &elapsed, &wall);
	assert_int_equal(elapsed | wall, 0);
	store_clock(r.store, 100, -5);
	rig_put(&r, 1, "k", "v");
	store_clock(r.store, 200, 6); /* no commit has it */
	rig_again(&r);
	store_clock_read(r.store, &elapsed, &wall);
	assert_int_equal(elapsed, 100);
	assert_int_equal(wall, -5);
	rig_close(&r);
}

/* --- order and bounds */

static unsigned next;
static void in_order(struct store_tx *tx, int error)
{
	unsigned *number = store_context(tx);

	assert_int_equal(error, 0);
	assert_int_equal(*number, next++);
}

/* Whichever way they are submitted, they are reported as they came. */
static void test_order(void **state)
{
	enum { N = 500 };
	static unsigned number[N];
	struct rig r;

	(void)state;
	rig_open(&r);
	next = 0;
	for (unsigned i = 0; i < N; i++) {
		struct store_tx *tx;

		number[i] = i;
		tx = store_begin(
			r.store, i % 3 == 0 ? STORE_SYNC : STORE_BATCH, in_order, &number[i]);
		store_put(tx, 1, rig_str("counter"), mf_str_of(&i, sizeof(i)),
			store_version(r.store));
		if (i % 5 == 0)
			store_submit_now(tx);
		else
			store_submit(tx);
		if (i % 7 == 0)
			store_reap(r.store);
		if (i % 11 == 0)
			usleep(200);
	}
	store_close(r.store);
	assert_int_equal(next, N);
	rig_start(&r);
	rig_close(&r);
}

static void test_bound(void **state)
{
	struct rig r;
	unsigned n = 0;

	(void)state;
	rig_init(&r);
	r.options.most_bytes = 1 << 20;
	rig_start(&r);
	for (;;) {
		struct store_tx *tx = store_begin(r.store, STORE_BATCH, rig_done, &r);

		if (!tx)
			break;
		r.begun++;
		store_put(tx, 1, rig_str("k"), mf_str_of(store_room(tx, 50000), 50000), ++n);
		store_submit(tx);
		assert_true(n < 30);
	}
	assert_true(n >= 20);
	rig_wait(&r, r.begun);
	rig_put(&r, 1, "k", "again");
	rig_close(&r);
}

/* submit_now calls back before it returns, where nothing waits; dropped ones never do. */
static void test_now(void **state)
{
	struct rig r;
	unsigned now = 0;

	(void)state;
	rig_init(&r);
	r.options.sync_ns =
		3600 * CLOCK_S; /* a flush that is late makes the next one the thread's */
	rig_start(&r);
	for (int i = 0; i < 20; i++) {
		struct store_tx *tx = rig_begin(&r, STORE_BATCH);

		store_put(tx, 1, rig_str("k"), rig_str("v"), store_version(r.store));
		store_submit_now(tx);
		now += r.done == r.begun;
		rig_wait(&r, r.begun);
		tx = store_begin(r.store, STORE_BATCH, rig_done, &r);
		store_put(tx, 1, rig_str("k"), rig_str("dropped"), store_version(r.store));
		store_drop(tx);
	}
	assert_true(now >= 15); /* not the first, which starts the thread and makes the log */
	rig_state(&r, 1, "k", "v");
	rig_close(&r);
}

/* Reports what was not reported, and keeps it. */
static void test_close(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r);
	for (int i = 0; i < 50; i++) {
		struct store_tx *tx = rig_begin(&r, STORE_BATCH);

		store_put(tx, 1, rig_str("k"), mf_str_of(&i, sizeof(i)), store_version(r.store));
		store_submit(tx);
	}
	store_close(r.store);
	assert_int_equal(r.done, 50);
	rig_start(&r);
	{
		struct store_value v;
		int last = 49;

		assert_int_equal(store_state(r.store, 1, rig_str("k"), &v), 0);
		assert_memory_equal(v.value.p, &last, sizeof(last));
	}
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_meters),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_now),
		cmocka_unit_test(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
