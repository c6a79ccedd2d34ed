/* store/outbox: what waits for a destination, by priority and age. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/store/rig.h"

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
			.id = rig_str("id"),
			.name = rig_str("topic"),
			.type = rig_str("t"),
			.body = rig_str(body)});
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
	rig_same(out->name, "topic");
	rig_same(out->id, "id");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
