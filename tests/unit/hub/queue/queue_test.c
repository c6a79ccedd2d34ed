/* hub/queue/queue: tasks go from one hub to another and back, each counted once; on a PostgreSQL (tests/e2e/test_queue.py starts one). */
#include "hub/queue/queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SHORT_MS 100u /* a lease that shall end */
#define TRIES    400  /* of 50 ms */

static struct queue *owner, *a, *b;

static struct queue *hub(const char *name, uint32_t lease_ms)
{
	const struct queue_options options = {.database = getenv("MAYFLY_TEST_POSTGRES"),
		.name = name,
		.url = "http://there",
		.lease_ms = lease_ms};
	char error[QUEUE_ERROR_MAX] = "";
	struct queue *queue = NULL;

	if (queue_open(&queue, &options, error) < 0)
		fail_msg("%s", error);
	return queue;
}

static int open_all(void **state)
{
	const struct queue_item cancel = {.verb = QUEUE_CANCEL, .job = "job"};
	struct queue_item item = cancel;
	struct queue_turn turn = {.items = &item};

	(void)state;
	if (!getenv("MAYFLY_TEST_POSTGRES"))
		return 0;
	owner = hub("owner", 0);
	a = hub("a", SHORT_MS);
	b = hub("b", 0);
	assert_int_equal(queue_turn(owner, &turn), 0);
	queue_turn_end(&turn);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	queue_close(owner);
	queue_close(a);
	queue_close(b);
	owner = a = b = NULL;
	return 0;
}

static bool none(void)
{
	if (!getenv("MAYFLY_TEST_POSTGRES"))
		skip();
	return false;
}

/* True: it was accepted. */
static bool say(struct queue *queue, enum queue_verb verb, uint32_t number, uint64_t ticket)
{
	struct queue_item item = {.verb = verb,
		.number = number,
		.ticket = ticket,
		.units = 7,
		.job = "job",
		.kind = "linalg@1",
		.about = "{\"é\": 1}",
		.needs = "[]",
		.result = verb == QUEUE_TELL ? "what it came to" : NULL};
	struct queue_turn turn = {.items = &item};

	assert_int_equal(queue_turn(queue, &turn), 0);
	queue_turn_end(&turn);
	return !item.refused;
}

static unsigned take(struct queue *queue, unsigned most, struct queue_turn *turn)
{
	unsigned n = 0;

	*turn = (struct queue_turn){.take = most, .kinds = "dns@2 linalg@1"};
	assert_int_equal(queue_turn(queue, turn), 0);
	for (const struct queue_task *t = turn->taken; t; t = t->next)
		n++;
	return n;
}

/* The one task that there is to take, in the end. */
static uint64_t take_one(struct queue *queue)
{
	struct queue_turn turn;
	uint64_t ticket = 0;

	for (int i = 0; i < TRIES && ticket == 0; i++) {
		if (take(queue, 5, &turn) == 1)
			ticket = turn.taken->ticket;
		else
			usleep(50000);
		queue_turn_end(&turn);
	}
	assert_true(ticket > 0);
	return ticket;
}

static void ended(const char *by, bool failed)
{
	struct queue_turn turn = {0};

	assert_int_equal(queue_turn(owner, &turn), 0);
	if (!by) {
		assert_null(turn.ended);
		return;
	}
	assert_non_null(turn.ended);
	assert_null(turn.ended->next);
	assert_string_equal(turn.ended->hub, by);
	assert_int_equal(turn.ended->failed, failed);
	if (!failed) {
		assert_string_equal(turn.ended->result, "what it came to");
		assert_int_equal(turn.ended->units, 7);
	}
	queue_turn_end(&turn);
}

static void there_and_back(void **state)
{
	struct queue_turn turn;

	(void)state;
	if (none())
		return;
	assert_int_equal(take(b, 5, &turn), 0);
	say(owner, QUEUE_OFFER, 1, 0);
	say(owner, QUEUE_OFFER, 1, 0);
	say(owner, QUEUE_OFFER, 2, 0);
	assert_int_equal(take(owner, 5, &turn), 0); /* its own */
	assert_int_equal(take(b, 1, &turn), 1);
	assert_int_equal(turn.taken->number, 1);
	assert_string_equal(turn.taken->hub, "owner");
	assert_string_equal(turn.taken->kind, "linalg@1");
	assert_string_equal(turn.taken->url, "http://there");
	assert_string_equal(turn.taken->about, "{\"é\": 1}");
	assert_string_equal(turn.taken->needs, "[]");
	assert_true(say(b, QUEUE_TELL, 1, turn.taken->ticket));
	assert_true(say(b, QUEUE_TELL, 1, turn.taken->ticket)); /* it doesn't matter how often */
	queue_turn_end(&turn);
	ended("b", false);
	ended("b", false); /* until it is removed */
	assert_true(say(owner, QUEUE_REMOVE, 1, 0));
	assert_false(say(owner, QUEUE_REMOVE, 2, 0));
	ended(NULL, false);
	assert_true(say(owner, QUEUE_RECALL, 2, 0));
	assert_int_equal(take(b, 5, &turn), 0);
}

static void who_has_it(void **state)
{
	struct queue_turn turn;
	uint64_t ticket;

	(void)state;
	if (none())
		return;
	say(owner, QUEUE_OFFER, 1, 0);
	ticket = take_one(b);
	assert_false(say(owner, QUEUE_RECALL, 1, 0));
	assert_int_equal(take(a, 5, &turn), 0);
	assert_false(say(a, QUEUE_TELL, 1, ticket));
	assert_false(say(b, QUEUE_TELL, 1, ticket + 1));
	assert_false(say(b, QUEUE_TELL, 2, ticket));
	assert_true(say(b, QUEUE_BACK, 1, ticket));
	assert_false(say(b, QUEUE_TELL, 1, ticket));
	ticket = take_one(a);
	assert_true(say(a, QUEUE_FAIL, 1, ticket));
	ended("a", true);
}

static void a_lease_ends(void **state)
{
	uint64_t first, second;

	(void)state;
	if (none())
		return;
	say(owner, QUEUE_OFFER, 1, 0);
	first = take_one(a);
	second = take_one(b); /* comes when the lease of a is over */
	assert_true(second != first);
	assert_false(say(a, QUEUE_TELL, 1, first));
	assert_true(say(b, QUEUE_TELL, 1, second));
	assert_false(say(a, QUEUE_TELL, 1, first));
	ended("b", false);
}

/* A lease that is over is no harm while nobody else has taken the task. */
static void late_but_first(void **state)
{
	struct queue_counts counts = {.taken = 1};
	uint64_t ticket;

	(void)state;
	if (none())
		return;
	say(owner, QUEUE_OFFER, 1, 0);
	ticket = take_one(a);
	for (int i = 0; i < TRIES && counts.taken == 1; i++) {
		struct queue_turn turn = {0};

		usleep(50000);
		assert_int_equal(queue_turn(a, &turn), 0); /* sees what is overdue */
		assert_int_equal(queue_count(a, &counts), 0);
	}
	assert_int_equal(counts.ready, 1);
	assert_true(say(a, QUEUE_TELL, 1, ticket));
	ended("a", false);
}

static void made_longer(void **state)
{
	struct queue_task have = {.job = "job", .number = 1};
	struct queue_turn turn;

	(void)state;
	if (none())
		return;
	say(owner, QUEUE_OFFER, 1, 0);
	have.ticket = take_one(b);
	queue_close(b);
	b = hub("b", 0); /* started again: it has nothing any more */
	turn = (struct queue_turn){.have = &have};
	assert_int_equal(queue_turn(b, &turn), 0);
	assert_true(have.lost_now);
	have.ticket = take_one(b);
	assert_int_equal(queue_reopen(b, (char[QUEUE_ERROR_MAX]){""}), 0); /* the same one */
	assert_int_equal(queue_turn(b, &turn), 0);
	assert_false(have.lost_now);
	assert_true(say(b, QUEUE_TELL, 1, have.ticket));
}

static void one_name_two_hubs(void **state)
{
	struct queue *other;
	struct queue_turn turn = {0};

	(void)state;
	if (none())
		return;
	assert_int_equal(queue_turn(b, &turn), 0);
	other = hub("b", 0);
	assert_int_equal(queue_reopen(b, (char[QUEUE_ERROR_MAX]){""}), 0);
	assert_int_equal(queue_turn(b, &turn), 0);
	assert_true(turn.replaced);
	assert_int_equal(queue_turn(other, &turn), 0);
	assert_false(turn.replaced);
	queue_close(other);
}

/* A task over which hubs are lost again and again. */
static void it_fails_in_the_end(void **state)
{
	(void)state;
	if (none())
		return;
	say(owner, QUEUE_OFFER, 1, 0);
	for (int i = 0; i <= QUEUE_LOST_MOST; i++) {
		(void)take_one(b);
		queue_close(b);
		b = hub("b", 0); /* started again */
	}
	ended("b", true);
}

static void no_database(void **state)
{
	const struct queue_options options = {
		.database = "postgresql:///x?host=/nowhere", .name = "a", .url = ""};
	char error[QUEUE_ERROR_MAX] = "";
	struct queue *queue = NULL;

	(void)state;
	if (none())
		return;
	assert_int_equal(queue_open(&queue, &options, error), -ECONNREFUSED);
	assert_non_null(strstr(error, "PostgreSQL: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there_and_back, open_all, close_all),
		cmocka_unit_test_setup_teardown(who_has_it, open_all, close_all),
		cmocka_unit_test_setup_teardown(a_lease_ends, open_all, close_all),
		cmocka_unit_test_setup_teardown(late_but_first, open_all, close_all),
		cmocka_unit_test_setup_teardown(made_longer, open_all, close_all),
		cmocka_unit_test_setup_teardown(one_name_two_hubs, open_all, close_all),
		cmocka_unit_test_setup_teardown(it_fails_in_the_end, open_all, close_all),
		cmocka_unit_test(no_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
