/* hub/queue/thread: what the loop says reaches the other hub, and what that says comes back; on a PostgreSQL, as queue_test.c. */
#include "hub/queue/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "sys/loop.h"

#define TASKS   1500u /* more than one transaction takes */
#define SECONDS 60u

struct side {
	struct queue_thread *thread;
	unsigned states, taken, told, ended, recalled, lost;
	bool up;
};

static struct loop *loop;
static struct side owner, worker;
static bool counted[TASKS];

static void say(struct side *side, enum queue_verb verb, uint32_t number, uint64_t ticket)
{
	const struct queue_item item = {.verb = verb,
		.number = number,
		.ticket = ticket,
		.job = "a job",
		.kind = "k",
		.about = "about",
		.needs = "needs",
		.result = "result"};

	assert_true(queue_say(side->thread, &item));
}

static void on_taken(void *context, struct queue_task *task)
{
	struct side *side = context;

	assert_string_equal(task->about, "about");
	assert_string_equal(task->needs, "needs");
	side->taken++;
	say(side, QUEUE_TELL, task->number, task->ticket);
	queue_tasks_free(task);
}

static void on_lost(void *context, const char *job, uint32_t number, uint64_t ticket)
{
	(void)job;
	(void)number;
	(void)ticket;
	((struct side *)context)->lost++;
}

static void on_ended(void *context, const struct queue_task *task)
{
	struct side *side = context;

	assert_true(task->number < TASKS);
	assert_string_equal(task->result, "result");
	side->ended += !counted[task->number];
	counted[task->number] = true;
	say(side, QUEUE_REMOVE, task->number, 0);
	if (side->ended == TASKS)
		loop_stop(loop);
}

static void on_said(void *context, const struct queue_item *item)
{
	struct side *side = context;

	assert_string_equal(item->job, "a job");
	if (item->verb == QUEUE_TELL)
		side->told += !item->refused;
}

static void on_state(void *context, const char *error, uint64_t hubs, bool replaced)
{
	struct side *side = context;

	assert_false(replaced);
	(void)hubs;
	side->states++;
	side->up = error == NULL;
}

static void too_late(struct loop_timer *timer)
{
	(void)timer;
	fail_msg("not after %u s", SECONDS);
}

static void begin(struct side *side, const char *name, const char *database)
{
	static const struct queue_events events = {on_taken, on_lost, on_ended, on_said, on_state};
	const struct queue_options options = {.database = database, .name = name, .url = ""};

	assert_int_equal(queue_thread_open(&side->thread, loop, &options, &events, side), 0);
	assert_int_equal(queue_thread_start(side->thread), 0);
}

static void all_of_them(void **state)
{
	struct loop_timer late = {.fire = too_late};

	(void)state;
	if (!getenv("MAYFLY_TEST_POSTGRES"))
		skip();
	assert_int_equal(loop_open(&loop), 0);
	assert_int_equal(loop_timer_set(loop, &late, loop_now(loop) + SECONDS * CLOCK_S), 0);
	begin(&owner, "thread-owner", getenv("MAYFLY_TEST_POSTGRES"));
	begin(&worker, "thread-worker", getenv("MAYFLY_TEST_POSTGRES"));
	queue_want(worker.thread, "k", 64);
	say(&owner, QUEUE_CANCEL, 0, 0);
	for (uint32_t i = 0; i < TASKS; i++)
		say(&owner, QUEUE_OFFER, i, 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(owner.ended, TASKS);
	assert_int_equal(worker.lost, 0);
	assert_true(worker.taken >= TASKS && owner.up && worker.up);
	loop_timer_clear(loop, &late);
	queue_thread_close(worker.thread);
	queue_thread_close(owner.thread);
	loop_close(loop);
}

static void stop_it(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(loop);
}

/* It says so once, goes on trying, and can be closed meanwhile. */
static void no_database(void **state)
{
	struct loop_timer soon = {.fire = stop_it};
	struct side alone = {0};

	(void)state;
	if (!getenv("MAYFLY_TEST_POSTGRES"))
		skip();
	assert_int_equal(loop_open(&loop), 0);
	begin(&alone, "alone", "postgresql:///x?host=/nowhere");
	say(&alone, QUEUE_OFFER, 1, 0);
	while (alone.states == 0) {
		assert_int_equal(loop_timer_set(loop, &soon, loop_now(loop) + CLOCK_S / 10), 0);
		assert_int_equal(loop_run(loop), 0);
	}
	assert_int_equal(loop_timer_set(loop, &soon, loop_now(loop) + CLOCK_S * 3 / 2), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(alone.states, 1);
	assert_false(alone.up);
	queue_thread_close(alone.thread);
	loop_close(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_them),
		cmocka_unit_test(no_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
