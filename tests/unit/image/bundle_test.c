/* tests/unit/image/bundle_test.c - attached data: packed, found again, refused when it lies */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/bundle.h"

static uint8_t *pack(size_t *size)
{
	struct bundle_item items[] = {
		{MF_DATA_CONFIG, "ttl", "300", 3},
		{MF_DATA_FILE, "zone", "text", 4},
		{MF_DATA_FILE, "empty", NULL, 0},
		{MF_DATA_FILE, "ttl", "a file", 6},
	};
	uint8_t *bytes;

	assert_int_equal(bundle_pack(items, 4, &bytes, size), 0);
	return bytes;
}

static struct mf_data_entry entry(const uint8_t *bytes, unsigned i)
{
	struct mf_data_entry e;

	memcpy(&e, bytes + sizeof(struct mf_data_head) + i * sizeof(e), sizeof(e));
	return e;
}

static void set_entry(uint8_t *bytes, unsigned i, struct mf_data_entry e)
{
	memcpy(bytes + sizeof(struct mf_data_head) + i * sizeof(e), &e, sizeof(e));
}

static void test_packs_in_order(void **state)
{
	static const char *const names[] = {"empty", "ttl", "zone", "ttl"};
	static const char *const values[] = {"", "a file", "text", "300"};
	size_t size;
	uint8_t *bytes = pack(&size);
	struct mf_data_head head;

	(void)state;
	memcpy(&head, bytes, sizeof(head));
	assert_int_equal(head.magic, MF_DATA_MAGIC);
	assert_int_equal(head.bytes, size);
	assert_int_equal(head.count, 4);
	for (unsigned i = 0; i < 4; i++) {
		struct mf_data_entry e = entry(bytes, i);

		assert_int_equal(e.kind, i < 3 ? MF_DATA_FILE : MF_DATA_CONFIG);
		assert_int_equal(e.name_len, strlen(names[i]));
		assert_memory_equal(bytes + e.name_off, names[i], e.name_len);
		assert_int_equal(e.value_len, strlen(values[i]));
		assert_memory_equal(bytes + e.value_off, values[i], e.value_len);
		assert_int_equal(e.value_off % 16, 0);
	}
	assert_int_equal(bundle_check(bytes, size), 0);
	free(bytes);
}

static void test_nothing(void **state)
{
	uint8_t *bytes;
	size_t size;

	(void)state;
	assert_int_equal(bundle_pack(NULL, 0, &bytes, &size), 0);
	assert_int_equal(bundle_check(bytes, size), 0);
	free(bytes);
}

static void test_refuses(void **state)
{
	struct bundle_item twice[] = {{MF_DATA_FILE, "a", "x", 1}, {MF_DATA_FILE, "a", "y", 1}};
	struct bundle_item big[] = {{MF_DATA_FILE, "a", "x", MF_ADDR_DATA_END - MF_ADDR_DATA}};
	struct bundle_item huge[] = {{MF_DATA_FILE, "a", "x", SIZE_MAX}};
	uint8_t *bytes;
	size_t size;

	(void)state;
	assert_int_equal(bundle_pack(twice, 2, &bytes, &size), -EEXIST);
	assert_int_equal(bundle_pack(big, 1, &bytes, &size), -EFBIG);
	assert_int_equal(bundle_pack(huge, 1, &bytes, &size), -EFBIG);
}

static void test_truncated_anywhere(void **state)
{
	size_t size;
	uint8_t *bytes = pack(&size);

	(void)state;
	for (size_t n = 0; n < size; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, bytes, n);
		assert_int_equal(bundle_check(copy, n), -EINVAL);
		free(copy);
	}
	free(bytes);
}

static void test_lies(void **state)
{
	size_t size;
	uint8_t *bytes = pack(&size);
	struct mf_data_entry right = entry(bytes, 1), e;
	struct mf_data_entry wrong[] = {right, right, right, right, right, right, right, right};

	(void)state;
	wrong[0].kind = 3;
	wrong[1].name_off = UINT64_MAX;
	wrong[2].value_off = size + 1;
	wrong[3].value_len = UINT64_MAX - right.value_off + 1;
	wrong[4].name_off = 0; /* the head */
	wrong[5].name_len = UINT32_MAX;
	wrong[6] = entry(bytes, 0); /* a name twice */
	wrong[7] = entry(bytes, 3); /* out of order */
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		set_entry(bytes, 1, wrong[i]);
		assert_int_equal(bundle_check(bytes, size), -EINVAL);
	}
	set_entry(bytes, 1, right);
	assert_int_equal(bundle_check(bytes, size), 0);
	e = right;
	bytes[e.name_off] = 0;
	assert_int_equal(bundle_check(bytes, size), -EINVAL);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packs_in_order),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_truncated_anywhere),
		cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
