/* hub/database: when the hub has one, and what it does while it can't be written. */
/* with: tests/unit/store/disk.c */
#include "hub/database.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "hub/plan.h"
#include "hub/setup.h"
#include "tests/unit/hub/fake_worker.h"
#include "tests/unit/hub/stage.h"
#include "tests/unit/store/disk.h"

/* It is there when some service may write, and only then; it needs a directory. */
static void who_needs_it(void **state)
{
	struct config_service one = {0};
	const struct config config = {.services = &one, .services_count = 1};
	char error[HUB_ERROR_MAX] = "", directory[] = "/nowhere";
	struct plan plan = {.hub = &stage.hub, .config = &config};

	(void)state;
	stage_open("put");
	plan.services = &stage.service;
	stage.hub.options.file = "hub.yaml";
	assert_int_equal(database_wanted(&plan, error), 0);
	assert_false(plan.database);
	stage.service->note.grants |= MFI_GRANT(MF_EFFECT_PUT);
	assert_int_equal(database_wanted(&plan, error), SETUP_USAGE);
	assert_non_null(strstr(error, "hub.yaml: state: what put may put"));
	stage.hub.state = directory;
	assert_int_equal(database_wanted(&plan, error), 0);
	assert_true(plan.database);
	assert_int_equal(database_open(&stage.hub, error), SETUP_FAILED);
	assert_non_null(strstr(error, "/nowhere"));
	assert_null(stage.hub.store);
	stage.hub.state = NULL;
	stage_close();
}

static void services_have_numbers_for_ever(void **state)
{
	uint32_t number;

	(void)state;
	stage_open_kept("put");
	number = database_service(stage.service);
	assert_true(number > 0);
	assert_ptr_equal(database_find(&stage.hub, number), stage.service);
	assert_null(database_find(&stage.hub, number + 1));
	stage_ask_all(1);
	stage_run(1, 20000);
	stage_again();
	assert_int_equal(database_service(stage.service), number);
	stage_close();
}

static bool is_down(void)
{
	return database_down(&stage.hub) == -ENOSPC;
}

static bool is_up(void)
{
	return database_down(&stage.hub) == 0;
}

/* A full disk: who asked hears of it, who comes is refused at the door, and by itself it goes on when there is room. */
static void a_full_disk(void **state)
{
	enum refusal why;

	(void)state;
	stage_open_kept("put");
	disk_begin(stage.directory);
	stage_again();
	stage_ask_all(1);
	stage_run(1, 20000);
	assert_int_equal(stage.replies, 1);
	disk_full_at(1);
	stage_ask_all(1);
	stage_until(is_down);
	stage_run(2, 20000);
	assert_int_equal(stage.refused[REFUSED_STORE], 1);
	assert_false(stage_ask("question", &why));
	assert_int_equal(why, REFUSED_STORE);
	disk_full_at(0);
	stage_until(is_up);
	stage_ask_all(1);
	stage_run(3, 20000);
	assert_int_equal(stage.replies, 2);
	stage_close();
	disk_end();
}

/* What was submitted is on the disk when it was drained. */
static void it_is_drained_before_the_end(void **state)
{
	static const struct store_which any;
	uint64_t seen;
	struct store_life life;

	(void)state;
	stage_open_kept("put");
	stage.service->durability = DURABILITY_NONE;
	stage_ask_all(4);
	stage_run(4, 20000);
	database_drain(&stage.hub);
	assert_int_equal(store_waiting(stage.hub.store), 0);
	stage_again();
	assert_int_equal(store_life_before(stage.hub.store, UINT64_MAX, &any, 10, &seen, &life), 1);
	assert_int_equal(life.number, 4);
	stage_close();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_needs_it),
		cmocka_unit_test(services_have_numbers_for_ever),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(it_is_drained_before_the_end),
	};

	fake_worker_if_asked(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
