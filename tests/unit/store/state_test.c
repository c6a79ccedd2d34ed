/* store/state: what was put is there again, whole, also after the store was closed. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/store/rig.h"

static void test_state(void **state)
{
	struct rig r;
	uint32_t lamp, door;
	uint64_t version;
	struct store_tx *tx;

	(void)state;
	rig_open(&r);
	lamp = store_service(r.store, rig_str("lamp"));
	door = store_service(r.store, rig_str("door"));
	assert_int_equal(store_service(r.store, rig_str("lamp")), lamp);
	assert_int_not_equal(lamp, door);
	rig_put(&r, lamp, "on", "1");
	rig_put(&r, door, "on", "other");
	rig_put(&r, lamp, "on", "2");
	rig_put(&r, lamp, "gone", "x");
	tx = rig_begin(&r, STORE_SYNC);
	store_delete(tx, lamp, rig_str("gone"));
	rig_commit(&r, tx);
	version = store_version(r.store);
	for (int i = 0; i < 2; i++) {
		rig_state(&r, lamp, "on", "2");
		rig_state(&r, door, "on", "other");
		rig_state(&r, lamp, "gone", NULL);
		rig_same(store_service_name(r.store, door), "door");
		assert_int_equal(store_service_name(r.store, 99).n, 0);
		rig_again(&r);
		assert_int_equal(store_service(r.store, rig_str("door")), door);
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
		rig_put(&r, 1, keys[i], "x");
	assert_int_equal(store_state_next(r.store, 1, rig_str("lamp/"), rig_str(""), &v), 1);
	rig_same(v.key, "lamp/1");
	assert_int_equal(store_state_next(r.store, 1, rig_str("lamp/"), rig_str("lamp/1"), &v), 1);
	rig_same(v.key, "lamp/2");
	assert_int_equal(store_state_next(r.store, 1, rig_str("lamp/"), rig_str("lamp/20"), &v), 0);
	assert_int_equal(store_state_next(r.store, 1, rig_str("lamp/"), rig_str("b"), &v), 1);
	rig_same(v.key, "lamp/1");
	assert_int_equal(store_state_next(r.store, 1, rig_str(""), rig_str("lamp/20"), &v), 1);
	rig_same(v.key, "lampe");
	assert_int_equal(store_state_next(r.store, 2, rig_str(""), rig_str(""), &v), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
