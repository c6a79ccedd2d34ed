/* libmayfly among threads: one client, many that call and one that doesn't block (for ThreadSanitizer too) */
#include "client/c/mayfly-client.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/client/c/server.h"

#define THREADS 24 /* more than engines are kept */
#define CALLS   10

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct mayfly_client *client;
static char token[] = "/tmp/mayfly-threads-XXXXXX";

static void write_token(const char *text)
{
	FILE *file = fopen(token, "w");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

/* Each has its count of answers that were as they should be. */
static void *calls(void *context)
{
	const struct mayfly_request request = {.path = "/threads"};
	size_t *well = context;

	for (unsigned i = 0; i < CALLS; i++) {
		struct mayfly_answer answer;

		*well += mayfly_call(client, &request, &answer) == MAYFLY_OK && answer.size == 5;
		mayfly_answer_free(&answer);
	}
	return NULL;
}

static void *starts(void *context)
{
	const struct mayfly_request request = {.path = "/threads"};
	size_t *well = context;

	for (unsigned i = 0; i < CALLS; i++) {
		struct mayfly_call *call = mayfly_start(client, &request);
		struct mayfly_answer answer;

		*well += call && mayfly_finish(call, &answer) == MAYFLY_OK;
		mayfly_answer_free(&answer);
	}
	return NULL;
}

static void many_on_one_client(void **state)
{
	static const struct turn turns[] = {{.answer = OK}};
	struct server *server = server_start(turns, 1);
	char url[64], text[MAYFLY_TEXT];
	struct mayfly_settings settings = {.url = url, .token_file = token};
	pthread_t threads[THREADS];
	size_t well[THREADS] = {0};

	(void)state;
	write_token("first\n");
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", server_port(server));
	assert_int_equal(mayfly_open(&client, &settings, text), MAYFLY_OK);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, i == 0 ? starts : calls, &well[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(well[i], CALLS);
	assert_int_equal(server_count(server), THREADS * CALLS);
	mayfly_close(client);
	server_stop(server);
}

static void *has_its_own(void *context)
{
	struct mayfly_client *own;
	char text[MAYFLY_TEXT];
	const struct mayfly_request request = {.path = "/own"};
	struct mayfly_answer answer;

	if (mayfly_open(&own, &(struct mayfly_settings){.url = context}, text) != MAYFLY_OK)
		return NULL;
	(void)mayfly_call(own, &request, &answer);
	mayfly_answer_free(&answer);
	mayfly_close(own);
	return NULL;
}

static void clients_of_their_own(void **state)
{
	static const struct turn turns[] = {{.answer = OK}};
	struct server *server = server_start(turns, 1);
	pthread_t threads[THREADS];
	char url[64];

	(void)state;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", server_port(server));
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, has_its_own, url), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(server_count(server), THREADS);
	server_stop(server);
}

static int setup(void **state)
{
	int fd = mkstemp(token);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_on_one_client),
		cmocka_unit_test(clients_of_their_own),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
