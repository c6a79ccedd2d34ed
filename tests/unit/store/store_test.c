/* store/: what is committed is there again, in order, whole; numbers, totals, trimming. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "tests/unit/store/rig.h"

static struct mf_str str(const char *s)
{
	return mf_str_of(s, strlen(s));
}

static void assert_str(struct mf_str s, const char *want)
{
	assert_int_equal(s.n, strlen(want));
	assert_memory_equal(s.p, want, s.n);
}

/* --- state */

static void put(struct rig *r, uint32_t service, const char *key, const char *value)
{
	struct store_tx *tx = rig_begin(r, STORE_BATCH);

	store_put(tx, service, str(key), str(value), store_version(r->store));
	rig_commit(r, tx);
}

static void assert_state(struct rig *r, uint32_t service, const char *key, const char *want)
{
	struct store_value v;

	assert_int_equal(store_state(r->store, service, str(key), &v), 0);
	if (!want) {
		assert_int_equal(v.version, 0);
		return;
	}
	assert_true(v.version > 0);
	assert_str(v.key, key);
	assert_str(v.value, want);
}

static void test_state(void **state)
{
	struct rig r;
	uint32_t lamp, door;
	uint64_t version;
	struct store_tx *tx;

	(void)state;
	rig_open(&r);
	lamp = store_service(r.store, str("lamp"));
	door = store_service(r.store, str("door"));
	assert_int_equal(store_service(r.store, str("lamp")), lamp);
	assert_int_not_equal(lamp, door);
	put(&r, lamp, "on", "1");
	put(&r, door, "on", "other");
	put(&r, lamp, "on", "2");
	put(&r, lamp, "gone", "x");
	tx = rig_begin(&r, STORE_SYNC);
	store_delete(tx, lamp, str("gone"));
	rig_commit(&r, tx);
	version = store_version(r.store);
	for (int i = 0; i < 2; i++) {
		assert_state(&r, lamp, "on", "2");
		assert_state(&r, door, "on", "other");
		assert_state(&r, lamp, "gone", NULL);
		assert_str(store_service_name(r.store, door), "door");
		assert_int_equal(store_service_name(r.store, 99).n, 0);
		rig_again(&r);
		assert_int_equal(store_service(r.store, str("door")), door);
	}
	assert_true(store_version(r.store) >= version);
	rig_close(&r);
}

static void test_keys(void **state)
{
	static const char *const keys[] = {"a", "lamp/1", "lamp/2", "lamp/20", "lampe"};
	struct rig r;
	struct store_value v;

	(void)state;
	rig_open(&r);
	for (unsigned i = 0; i < 5; i++)
		put(&r, 1, keys[i], "x");
	assert_int_equal(store_state_next(r.store, 1, str("lamp/"), str(""), &v), 1);
	assert_str(v.key, "lamp/1");
	assert_int_equal(store_state_next(r.store, 1, str("lamp/"), str("lamp/1"), &v), 1);
	assert_str(v.key, "lamp/2");
	assert_int_equal(store_state_next(r.store, 1, str("lamp/"), str("lamp/20"), &v), 0);
	assert_int_equal(store_state_next(r.store, 1, str("lamp/"), str("b"), &v), 1);
	assert_str(v.key, "lamp/1");
	assert_int_equal(store_state_next(r.store, 1, str(""), str("lamp/20"), &v), 1);
	assert_str(v.key, "lampe");
	assert_int_equal(store_state_next(r.store, 2, str(""), str(""), &v), 0);
	rig_close(&r);
}

/* Bytes of every kind, in all sizes: values of several pages, keys with zeros. */
static void test_bytes(void **state)
{
	static const size_t sizes[] = {0, 1, 600, 4095, 70000, 3000000};
	struct rig r;
	uint8_t *bytes = malloc(3000000);

	(void)state;
	for (size_t i = 0; i < 3000000; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	rig_open(&r);
	for (unsigned i = 0; i < 6; i++) {
		struct store_tx *tx = rig_begin(&r, STORE_BATCH);
		uint8_t *own = store_room(tx, 3);
		struct store_value v;

		assert_int_equal(own[0] | own[1] | own[2], 0);
		own[1] = (uint8_t)i; /* a key in the transaction's room isn't copied */
		store_put(tx, 1, mf_str_of(own, 3), mf_str_of(bytes, sizes[i]),
			store_version(r.store));
		rig_commit(&r, tx);
		assert_int_equal(
			store_state(r.store, 1, mf_str_of((uint8_t[]){0, (uint8_t)i, 0}, 3), &v),
			0);
		assert_int_equal(v.value.n, sizes[i]);
		assert_memory_equal(v.value.p, bytes, sizes[i]);
	}
	free(bytes);
	rig_close(&r);
}

/* --- ids and history */

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
			.id = str(id),
			.service = 3,
			.at_ns = at,
			.answer = str("answer")});
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
	assert_str(id.id, "two");
	assert_str(id.answer, "answer");
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
			.id = str(id),
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
	assert_str(life.id, "c");
	assert_int_equal(life.wall_ns, 5);
	assert_int_equal(store_life_before(r.store, life.number, 0, 10, &seen, &life), 1);
	assert_str(life.id, "b");
	assert_int_equal(life.capsule.n, 5000);
	assert_int_equal(store_life_before(r.store, 3, 1, 1, &seen, &life), 0);
	assert_int_equal(seen, 2); /* looked at one row only, another service's */
	assert_int_equal(store_life_before(r.store, seen, 1, 1, &seen, &life), 1);
	assert_str(life.id, "a");
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

/* --- outbox */

static void add_out(struct store_tx *tx, struct rig *r, uint32_t priority, const char *body)
{
	store_out(tx,
		&(struct store_out){.number = store_number(r->store, STORE_OUTBOX),
			.destination = 2,
			.priority = priority,
			.service = 7,
			.flags = 5,
			.at_ns = 11,
			.wall_ns = 12,
			.id = str("id"),
			.name = str("topic"),
			.type = str("t"),
			.body = str(body)});
}

struct told {
	char text[400];
	struct store_out last;
	unsigned most;
};

static bool each_out(const struct store_out *out, void *context)
{
	struct told *told = context;
	size_t n = strlen(told->text);

	snprintf(told->text + n, sizeof(told->text) - n, "%u:%.*s ", out->priority,
		(int)out->body.n, (const char *)out->body.p);
	told->last = *out;
	assert_str(out->name, "topic");
	assert_str(out->id, "id");
	assert_int_equal(out->service, 7);
	assert_int_equal(out->flags, 5);
	assert_int_equal(out->at_ns, 11);
	assert_int_equal(out->wall_ns, 12);
	assert_int_equal(out->destination, 2);
	return told->most == 0 || --told->most > 0;
}

static void test_outbox(void **state)
{
	struct rig r;
	struct store_tx *tx;
	struct store_out_total total;
	struct told told = {.most = 0};

	(void)state;
	rig_open(&r);
	tx = rig_begin(&r, STORE_BATCH);
	add_out(tx, &r, 1, "a");
	add_out(tx, &r, 5, "b");
	add_out(tx, &r, 0, "c");
	add_out(tx, &r, 5, "d");
	rig_commit(&r, tx);
	total = store_out_total(r.store, 2);
	assert_int_equal(total.count, 4);
	assert_int_equal(store_out_read(r.store, 2, NULL, 100, each_out, &told), 4);
	assert_string_equal(told.text, "5:b 5:d 1:a 0:c ");
	told = (struct told){.most = 2};
	assert_int_equal(store_out_read(r.store, 2, NULL, 3, each_out, &told), 2);
	assert_int_equal(store_out_read(r.store, 2, &told.last, 1, each_out, &told), 1);
	assert_string_equal(told.text, "5:b 5:d 1:a ");
	assert_int_equal(store_out_read(r.store, 1, NULL, 100, each_out, &told), 0);
	assert_int_equal(store_out_read(r.store, 3, NULL, 100, each_out, &told), 0);
	told = (struct told){.most = 0};
	assert_int_equal(store_out_oldest(r.store, 2, 0, 100, each_out, &told), 1);
	assert_string_equal(told.text, "0:c ");
	tx = rig_begin(&r, STORE_BATCH);
	store_out_done(tx, &told.last);
	rig_commit(&r, tx);
	rig_again(&r);
	assert_int_equal(store_out_total(r.store, 2).count, 3);
	assert_int_equal(store_out_total(r.store, 2).bytes, total.bytes / 4 * 3);
	told = (struct told){.most = 0};
	assert_int_equal(store_out_oldest(r.store, 2, 0, 100, each_out, &told), 1);
	assert_int_equal(store_out_oldest(r.store, 2, 2, 100, each_out, &told), 2);
	assert_int_equal(store_out_oldest(r.store, 2, 6, 100, each_out, &told), 0);
	assert_string_equal(told.text, "1:a 5:b 5:d ");
	assert_int_equal(store_out_total(r.store, 1).count, 0);
	rig_close(&r);
}

/* --- the rest */

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
			.name = str(name),
			.id = str(id),
			.type = str("t"),
			.body = str("body"),
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
	store_later_done(tx, 1, str("late"), str("")); /* whatever its id is */
	store_later_done(tx, 1, str("soon"), str("5"));
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
	store_later_done(tx, 1, str("alarm"), str("1")); /* has been replaced: stays */
	store_later_done(tx, 1, str("off"), str("3"));
	store_tick(tx, 1, str("every"), 5);
	store_tick(tx, 1, str("every"), 6);
	rig_commit(&r, tx);
	assert_int_equal(store_later_each(r.store, each_later, text), 0);
	assert_string_equal(text, "alarm/2=body@70 ");
	look_due(&r);
	assert_int_equal(store_tick_read(r.store, 1, str("every"), &tick), 1);
	assert_int_equal(tick, 6);
	assert_int_equal(store_tick_read(r.store, 2, str("every"), &tick), 0);
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

		store_meter(tx, 1, str("flop"), 1000);
		store_meter(tx, 1, str("flop"), 1);
		store_meter(tx, 2, str("all"), UINT64_MAX - 5);
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
				.id = str("id"),
				.why = str("crash"),
				.capsule = str("capsule")});
	store_failed_done(tx, STORE_RETRIES, 2);
	store_failed(tx, STORE_DEAD,
		&(struct store_failed){
			.number = store_number(r.store, STORE_DEAD), .why = str("dead")});
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
	assert_str(failed.capsule, "capsule");
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
	put(&r, 1, "k", "v");
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
		store_put(tx, 1, str("counter"), mf_str_of(&i, sizeof(i)), store_version(r.store));
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
		store_put(tx, 1, str("k"), mf_str_of(store_room(tx, 50000), 50000), ++n);
		store_submit(tx);
		assert_true(n < 30);
	}
	assert_true(n >= 20);
	rig_wait(&r, r.begun);
	put(&r, 1, "k", "again");
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

		store_put(tx, 1, str("k"), str("v"), store_version(r.store));
		store_submit_now(tx);
		now += r.done == r.begun;
		rig_wait(&r, r.begun);
		tx = store_begin(r.store, STORE_BATCH, rig_done, &r);
		store_put(tx, 1, str("k"), str("dropped"), store_version(r.store));
		store_drop(tx);
	}
	assert_true(now >= 15); /* not the first, which starts the thread and makes the log */
	assert_state(&r, 1, "k", "v");
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

		store_put(tx, 1, str("k"), mf_str_of(&i, sizeof(i)), store_version(r.store));
		store_submit(tx);
	}
	store_close(r.store);
	assert_int_equal(r.done, 50);
	rig_start(&r);
	{
		struct store_value v;
		int last = 49;

		assert_int_equal(store_state(r.store, 1, str("k"), &v), 0);
		assert_memory_equal(v.value.p, &last, sizeof(last));
	}
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_ids_trimmed),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_history_trimmed),
		cmocka_unit_test(test_outbox),
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
