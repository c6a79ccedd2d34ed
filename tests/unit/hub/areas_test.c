/* hub/areas: who holds an area, who waits for one, what a worker finds and leaves. */
#include "hub/areas.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/hub.h"

#define INPUT  (3u << 20)
#define OUTPUT 8192u

static struct hub hub;
static struct service service;
static struct areas *areas;
static unsigned woken;

static int set_up(void **state)
{
	(void)state;
	hub_init(&hub);
	assert_int_equal(loop_open(&hub.loop), 0);
	service_init(&service, &hub);
	service.head.threads = 1;
	areas_head(&service.head, INPUT, OUTPUT);
	assert_int_equal(service.head.areas, 3);
	assert_int_equal(areas_open(&areas, &service), 0);
	woken = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	areas_close(areas);
	loop_close(hub.loop);
	return 0;
}

static void go_round(void)
{
	assert_int_equal(loop_once(hub.loop, 0), 0);
}

static void none_for_others(void **state)
{
	struct mfw_head head = {.threads = 4};

	(void)state;
	areas_head(&head, 0, 0);
	assert_int_equal(head.areas, 0);
}

/* The lowest number first, so that few are ever touched; the last is not for who fills it for a while. */
static void numbers(void **state)
{
	(void)state;
	assert_false(areas_used(areas));
	assert_int_equal(areas_take_early(areas), 0);
	assert_int_equal(areas_take_early(areas), 1);
	assert_int_equal(areas_take_early(areas), -EAGAIN);
	assert_int_equal(areas_take(areas), 2);
	assert_int_equal(areas_take(areas), -EAGAIN);
	areas_keep(areas, 1);
	areas_drop(areas, 1);
	assert_int_equal(areas_take(areas), -EAGAIN);
	areas_drop(areas, 1);
	assert_int_equal(areas_take(areas), 1);
	for (int i = 0; i < 3; i++)
		areas_drop(areas, i);
	assert_false(areas_used(areas));
}

static void on_ready(struct areas_wait *wait)
{
	(void)wait;
	woken++;
}

static void waiting(void **state)
{
	struct areas_wait a = {.ready = on_ready}, b = {.ready = on_ready}, c = {.ready = on_ready};

	(void)state;
	assert_int_equal(areas_take(areas), 0);
	assert_int_equal(areas_take(areas), 1);
	assert_int_equal(areas_take(areas), 2);
	areas_wait(areas, &a);
	areas_wait(areas, &b);
	areas_wait(areas, &c);
	areas_wait_no_more(&b);
	areas_wait_no_more(&b);
	go_round();
	assert_int_equal(woken, 0);
	areas_drop(areas, 1); /* that one is left for others */
	go_round();
	assert_int_equal(woken, 0);
	areas_drop(areas, 0);
	go_round();
	assert_int_equal(woken, 1); /* as many as there are */
	assert_null(a.areas);
	assert_non_null(c.areas);
	areas_drop(areas, 2);
	go_round();
	assert_int_equal(woken, 2);
	assert_null(c.areas);
}

static off_t size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

/* Inputs outlive a worker, outputs don't; both are zero when they are new. */
static void workers(void **state)
{
	struct areas_hold hold = {0}, other = {0};
	int input, output, again, number;

	(void)state;
	number = areas_take(areas);
	memset(areas_input(areas, number), 0x5a, 100);
	areas_filled(areas, number, 100);
	assert_int_equal(areas_for_worker(areas, &input, &output), 0);
	assert_int_equal(size_of(input), 3 * MFW_AREA(INPUT));
	assert_int_equal(size_of(output), 3 * MFW_AREA(OUTPUT));
	assert_int_equal(ftruncate(output, 0), -1); /* sealed */
	areas_post(areas, number);
	assert_int_equal(pwrite(output, "reply", 5, 0), 5);
	areas_hold(&hold, areas, number);
	areas_hold_more(&other, &hold);
	areas_over(areas, number);
	areas_over(areas, number);
	areas_without_worker(areas);
	/* who sends goes on */
	assert_memory_equal(areas_output(&other, 5).p, "reply", 5);
	areas_release(&hold);
	areas_release(&hold);
	assert_int_equal(areas_for_worker(areas, &again, &output), 0);
	assert_int_equal(again, input);
	areas_hold(&hold, areas, number);
	assert_memory_equal(areas_output(&hold, 5).p, "\0\0\0\0\0", 5);
	assert_memory_equal(areas_output(&other, 5).p, "reply", 5);
	assert_int_equal(areas_dirty(areas, number), 100);
	areas_wiped(areas, number, 10);
	assert_int_equal(areas_dirty(areas, number), 10);
	areas_release(&hold);
	areas_release(&other);
	areas_without_worker(areas);
	areas_drop(areas, number);
	assert_null(areas_input(areas, 0)); /* nobody uses any, and no worker knows them */
	assert_int_equal(areas_dirty(areas, number), 0);
}

/* The worker needn't be there before, nor a body. */
static void a_worker_first(void **state)
{
	int input, output;

	(void)state;
	assert_int_equal(areas_for_worker(areas, &input, &output), 0);
	assert_true(input >= 0 && output >= 0);
	assert_int_equal(areas_take(areas), 0);
	assert_non_null(areas_input(areas, 0));
	areas_drop(areas, 0);
	assert_non_null(areas_input(areas, 0)); /* they stay warm */
}

/* The service is gone, and somebody still sends, or fills. */
static void outlived(void **state)
{
	struct areas_wait a = {.ready = on_ready};
	struct areas_hold hold;
	int input, output;

	(void)state;
	assert_int_equal(areas_take(areas), 0);
	assert_int_equal(areas_for_worker(areas, &input, &output), 0);
	assert_int_equal(pwrite(output, "reply", 5, 0), 5);
	areas_hold(&hold, areas, 0);
	areas_wait(areas, &a);
	areas_close(areas);
	assert_int_equal(woken, 1);
	assert_null(areas_service(hold.areas));
	assert_memory_equal(areas_output(&hold, 5).p, "reply", 5);
	areas_drop(hold.areas, 0);
	areas_release(&hold);
	assert_int_equal(areas_open(&areas, &service), 0); /* for tear_down */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(none_for_others),
		TEST(numbers),
		TEST(waiting),
		TEST(workers),
		TEST(a_worker_first),
		TEST(outlived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
