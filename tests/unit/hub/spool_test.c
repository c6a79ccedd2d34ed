/* hub/spool: an input is filled, from memory and from files, hashed, given to a task or not. */
#include "hub/spool.h"

#include <errno.h>
#include <setjmp.h>
#include <sodium/crypto_generichash_blake2b.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/hub.h"
#include "sys/fd.h"

#define INPUT (1u << 20)

static struct hub hub;
static struct service service;
static struct spool spool;

static int set_up(void **state)
{
	(void)state;
	hub_init(&hub);
	assert_int_equal(loop_open(&hub.loop), 0);
	service_init(&service, &hub);
	service.head.threads = 1;
	service.note.input_bytes = INPUT;
	areas_head(&service.head, INPUT, 0);
	assert_int_equal(areas_open(&service.areas, &service), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	areas_close(service.areas);
	loop_close(hub.loop);
	return 0;
}

static void filled(void **state)
{
	size_t room;

	(void)state;
	assert_int_equal(spool_begin(&spool, &service), 0);
	assert_ptr_equal(spool_service(&spool), &service);
	assert_int_equal(spool_append(&spool, "hello ", 6), 0);
	memcpy(spool_room(&spool, &room), "world", 5);
	assert_int_equal(room, INPUT - 6);
	spool_took(&spool, 5);
	assert_memory_equal(areas_input(service.areas, spool.number), "hello world", 11);
	assert_int_equal(areas_dirty(service.areas, spool.number), 11);
	assert_int_equal(spool_append(&spool, "x", INPUT - 10), -EFBIG);
	assert_int_equal(spool.bytes, 11);
	spool_end(&spool);
	spool_end(&spool);
	assert_false(areas_used(service.areas));
}

static void from_a_file(void **state)
{
	int fd = fd_memory_sealed("test", "0123456789", 10);

	(void)state;
	assert_int_equal(spool_begin(&spool, &service), 0);
	assert_int_equal(spool_append_file(&spool, fd, 3, 4), 0);
	assert_int_equal(spool_append_file(&spool, fd, 0, 2), 0);
	assert_memory_equal(areas_input(service.areas, spool.number), "345601", 6);
	assert_int_equal(spool_append_file(&spool, fd, 8, 3), -EIO); /* it is shorter */
	assert_int_equal(spool_append_file(&spool, fd, 0, INPUT), -EFBIG);
	assert_int_equal(spool_append_file(&spool, -1, 0, 1), -EBADF);
	spool_end(&spool);
	fd_close(&fd);
}

/* However it came. */
static void hashed(void **state)
{
	uint8_t want[SPOOL_DIGEST];

	(void)state;
	crypto_generichash_blake2b(want, sizeof(want), (const uint8_t *)"abcdef", 6, NULL, 0);
	for (size_t n = 1; n <= 6; n++) {
		assert_int_equal(spool_begin(&spool, &service), 0);
		assert_int_equal(spool_hash(&spool), 0);
		for (size_t at = 0; at < 6; at += n)
			assert_int_equal(
				spool_append(&spool, "abcdef" + at, 6 - at < n ? 6 - at : n), 0);
		assert_memory_equal(spool_digest(&spool).p, want, sizeof(want));
		spool_end(&spool);
	}
	assert_int_equal(spool_begin(&spool, &service), 0);
	assert_int_equal(spool_hash(&spool), 0);
	spool_end(&spool); /* never asked for: freed all the same */
}

static void given(void **state)
{
	struct task *task = task_get(&hub.tasks);

	(void)state;
	task->service = &service;
	assert_int_equal(spool_begin(&spool, &service), 0);
	assert_int_equal(spool_append(&spool, "abc", 3), 0);
	spool_give(&spool, task);
	spool_end(&spool);
	assert_int_equal(task->area, 0);
	assert_int_equal(task->head.input_bytes, 3);
	assert_true(areas_used(service.areas));
	task_put(&hub.tasks, task);
	assert_false(areas_used(service.areas));
	task_pool_close(&hub.tasks);
}

static void refused(void **state)
{
	struct spool second, third;
	struct service without = service;

	(void)state;
	assert_int_equal(spool_begin(&spool, &service), 0);
	assert_int_equal(spool_begin(&second, &service), 0);
	assert_int_equal(spool_begin(&third, &service), -EAGAIN);
	spool_end(&third);
	spool_end(&spool);
	assert_int_equal(spool_begin(&third, &service), 0);
	spool_end(&second);
	spool_end(&third);
	without.areas = NULL;
	assert_int_equal(spool_begin(&spool, &without), -EFBIG);
	without = service;
	without.note.input_bytes = 0; /* only an output */
	assert_int_equal(spool_begin(&spool, &without), -EFBIG);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(filled),
		TEST(from_a_file),
		TEST(hashed),
		TEST(given),
		TEST(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
