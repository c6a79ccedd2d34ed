/* client/c/engine: calls that don't block, in a loop of ours and without one */
#include "client/c/mayfly-client.h"

#include <poll.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/client/c/scene.h"

struct many {
	size_t ended, more;
	struct mayfly_request request;
};

static void one_has_ended(void *context, struct mayfly_call *call)
{
	struct many *many = context;
	struct mayfly_answer answer;

	assert_true(mayfly_ended(call));
	assert_int_equal(mayfly_finish(call, &answer), MAYFLY_OK);
	mayfly_answer_free(&answer);
	many->ended++;
	if (many->more > 0) {
		many->more--;
		assert_non_null(mayfly_start(scene.client, &many->request));
	}
}

static void two_hundred_at_once_in_a_loop_of_ours(void **state)
{
	struct many many = {
		.more = 50, .request = {.path = "/many", .done = one_has_ended, .context = &many}};
	struct pollfd fd;

	PLAY({.answer = OK});
	fd = (struct pollfd){.fd = mayfly_fd(scene.client), .events = POLLIN};
	assert_true(fd.fd >= 0);
	for (unsigned i = 0; i < 200; i++)
		assert_non_null(mayfly_start(scene.client, &many.request));
	while (many.ended < 250) {
		assert_int_equal(poll(&fd, 1, 20000), 1);
		(void)mayfly_work(scene.client);
	}
	assert_int_equal(mayfly_work(scene.client), 0);
	assert_int_equal(server_count(scene.server), 250);
	assert_int_equal(poll(&fd, 1, 0), 0); /* nothing to do, and it says so */
}

static void waiting_for_each(void **state)
{
	const struct mayfly_request request = {.path = "/each"}, wrong = {.path = "no"};
	struct mayfly_call *calls[3];
	struct mayfly_answer answer;
	size_t left;

	PLAY({.answer = OK});
	assert_int_equal(mayfly_wait(scene.client, -1), 0); /* for nothing */
	for (unsigned i = 0; i < 3; i++)
		calls[i] = mayfly_start(scene.client, i == 1 ? &wrong : &request);
	assert_true(mayfly_ended(calls[1]));
	do
		left = mayfly_wait(scene.client, 20000);
	while (left > 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(mayfly_ended(calls[i]));
		assert_int_equal(
			mayfly_finish(calls[i], &answer), i == 1 ? MAYFLY_WRONG : MAYFLY_OK);
		mayfly_answer_free(&answer);
	}
	assert_int_equal(mayfly_wait(scene.client, 0), 0);
}

static void a_call_that_nobody_wants(void **state)
{
	const struct mayfly_request request = {.path = "/slow"};
	struct mayfly_call *call, *other;
	struct mayfly_answer answer;

	PLAY({.answer = OK, .wait = true});
	call = mayfly_start(scene.client, &request);
	other = mayfly_start(scene.client, &request);
	while (server_count(scene.server) < 2)
		(void)mayfly_wait(scene.client, 10);
	mayfly_cancel(call);
	server_release(scene.server);
	assert_int_equal(mayfly_finish(other, &answer), MAYFLY_OK);
	mayfly_answer_free(&answer);
	while (server_gone(scene.server) < 1) /* its connection is closed */
		usleep(1000);
	assert_int_equal(mayfly_work(scene.client), 0);
}

static void called_off_while_it_rests_and_left_open(void **state)
{
	const struct mayfly_request request = {.path = "/rest"};
	struct mayfly_call *call;

	PLAY({.answer = "HTTP/1.1 503 Busy\r\nRetry-After: 5\r\n" EMPTY});
	call = mayfly_start(scene.client, &request);
	assert_non_null(mayfly_start(scene.client, &request)); /* mayfly_close frees it */
	while (server_count(scene.server) < 2)
		(void)mayfly_wait(scene.client, 10);
	mayfly_cancel(call);
	assert_int_equal(mayfly_work(scene.client), 1);
}

static struct mayfly_call *victim;

static void takes_another_along(void *context, struct mayfly_call *call)
{
	struct mayfly_answer answer;

	(void)context;
	if (victim && victim != call)
		mayfly_cancel(victim);
	victim = NULL;
	(void)mayfly_finish(call, &answer);
	mayfly_answer_free(&answer);
}

static void ends_that_end_others(void **state)
{
	const struct mayfly_request wrong = {.path = "no", .done = takes_another_along};

	PLAY({.answer = OK});
	victim = mayfly_start(scene.client, &wrong);
	assert_non_null(mayfly_start(scene.client, &wrong));
	assert_int_equal(mayfly_work(scene.client), 0);
	assert_null(victim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_hundred_at_once_in_a_loop_of_ours),
		TEST(waiting_for_each),
		TEST(a_call_that_nobody_wants),
		TEST(called_off_while_it_rests_and_left_open),
		TEST(ends_that_end_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
