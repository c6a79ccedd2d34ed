/* client/c/upload: blobs' names, and sending what the hub hasn't, from where it ended */
#include "client/c/mayfly-client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/client/c/server.h"

#define EMPTY   "Content-Length: 0\r\n\r\n"
#define HAS     "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" /* to HEAD */
#define NOT     "HTTP/1.1 404 Not Found\r\n"
#define CREATED "HTTP/1.1 201 Created\r\n" EMPTY
#define NAME    "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9" /* FIPS 180-4 */
#define PATH    "/.well-known/mayfly/blobs/" NAME

/* "hello world", in rows */
static const struct mayfly_piece pieces[] = {
	{"hel.lo .", 3, 2, 4}, {"wor-l", 3, 1, 0}, {"l.d.", 1, 2, 2}};

static struct server *server;
static struct mayfly_client *client;
static struct mayfly_answer answer;
static char name[MAYFLY_HASH];

static int end(void **state)
{
	(void)state;
	mayfly_answer_free(&answer);
	mayfly_close(client);
	client = NULL;
	if (server)
		server_stop(server);
	server = NULL;
	return 0;
}

static enum mayfly_error upload(const struct turn *turns, size_t count, uint64_t deadline_ms)
{
	char url[64], text[MAYFLY_TEXT];

	server = server_start(turns, count);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", server_port(server));
	assert_int_equal(
		mayfly_open(&client, &(struct mayfly_settings){.url = url}, text), MAYFLY_OK);
	return mayfly_upload(client, pieces, 3, deadline_ms, name, &answer);
}

static void is(size_t i, const char *first, const char *range, const char *body)
{
	const struct seen *seen = server_seen(server, i);
	char line[128];

	assert_non_null(seen);
	assert_memory_equal(seen->head, first, strlen(first));
	assert_int_equal(seen->size, strlen(body));
	assert_memory_equal(seen->body, body, seen->size);
	snprintf(line, sizeof(line), "Content-Range: %s", range ? range : "");
	assert_true(range ? server_heard(server, i, line) : !strstr(seen->head, "Content-Range"));
}

static void names(void **state)
{
	static const struct mayfly_piece whole = {"hello world", 11, 1, 0},
					 nowhere = {NULL, 1, 1, 1};

	(void)state;
	assert_int_equal(mayfly_hash(&whole, 1, name), MAYFLY_OK);
	assert_string_equal(name, NAME);
	assert_int_equal(mayfly_hash(NULL, 0, name), MAYFLY_OK);
	assert_memory_equal(name, "e3b0c44298fc1c149afbf4c8996fb924", 32);
	assert_int_equal(mayfly_hash(&nowhere, 1, name), MAYFLY_WRONG);
	assert_string_equal(name, "");
}

static void what_is_there_is_not_sent(void **state)
{
	static const struct turn turns[] = {{.answer = HAS}};

	(void)state;
	assert_int_equal(upload(turns, 1, 0), MAYFLY_OK);
	assert_string_equal(name, NAME);
	assert_int_equal(server_count(server), 1);
	is(0, "HEAD " PATH " HTTP/1.1\r\n", NULL, "");
}

static void what_is_not_is(void **state)
{
	static const struct turn turns[] = {{.answer = NOT EMPTY}, {.answer = CREATED}};

	(void)state;
	assert_int_equal(upload(turns, 2, 0), MAYFLY_OK);
	assert_int_equal(answer.status, 201);
	assert_int_equal(server_count(server), 2);
	is(1, "PUT " PATH " HTTP/1.1\r\n", NULL, "hello world");
}

/* Wherever it ended: in a row, between rows, between pieces. */
static void the_rest_of_it(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 11; n++) {
		char half[128], range[64];
		const struct turn turns[] = {{.answer = NOT EMPTY}, {.answer = NULL, .close = true},
			{.answer = half}, {.answer = CREATED}};

		snprintf(half, sizeof(half), NOT "Upload-Offset: %u\r\n" EMPTY, n);
		snprintf(range, sizeof(range), "bytes %u-10/11", n);
		assert_int_equal(upload(turns, 4, 0), MAYFLY_OK);
		assert_int_equal(server_count(server), 4);
		is(3, "PUT " PATH, range, &"hello world"[n]);
		end(NULL);
	}
}

static void an_offset_that_is_none(void **state)
{
	static const struct turn turns[] = {
		{.answer = NOT "Upload-Offset: 11\r\n" EMPTY}, {.answer = CREATED}};

	(void)state;
	assert_int_equal(upload(turns, 2, 0), MAYFLY_OK);
	is(1, "PUT " PATH, NULL, "hello world");
}

static void what_moves_while_it_is_sent(void **state)
{
	static const struct turn turns[] = {{.answer = NOT EMPTY},
		{.answer = "HTTP/1.1 416 Range Not Satisfiable\r\n" EMPTY},
		{.answer = NOT "Upload-Offset: 6\r\n" EMPTY},
		{.answer = "HTTP/1.1 202 Accepted\r\n" EMPTY}, {.answer = HAS}},
				 never[] = {{.answer = NOT EMPTY},
					 {.answer = "HTTP/1.1 202 Accepted\r\n" EMPTY},
					 {.answer = NOT EMPTY},
					 {.answer = "HTTP/1.1 202 Accepted\r\n" EMPTY},
					 {.answer = NOT EMPTY},
					 {.answer = "HTTP/1.1 202 Accepted\r\n" EMPTY},
					 {.answer = NOT EMPTY}};

	(void)state;
	assert_int_equal(upload(turns, 5, 0), MAYFLY_OK);
	is(3, "PUT " PATH, "bytes 6-10/11", "world");
	assert_int_equal(server_count(server), 5);
	end(NULL);
	assert_int_equal(upload(never, 7, 0), MAYFLY_REFUSED);
	assert_int_equal(server_count(server), 6);
}

static void what_it_is_not(void **state)
{
	static const struct turn turns[] = {
		{.answer = NOT EMPTY}, {.answer = "HTTP/1.1 422 Unprocessable Content\r\n" EMPTY}};

	(void)state;
	assert_int_equal(upload(turns, 2, 0), MAYFLY_CHANGED);
	assert_int_equal(server_count(server), 2);
}

static void refusals(void **state)
{
	static const struct turn
		door[] = {{.answer = "HTTP/1.1 401 Unauthorized\r\n" EMPTY}},
		full[] = {{.answer = NOT EMPTY},
			{.answer = "HTTP/1.1 507 Insufficient Storage\r\n" EMPTY}},
		busy[] = {{.answer = NOT EMPTY},
			{.answer = "HTTP/1.1 503 Busy\r\nRetry-After: 99\r\n" EMPTY}};

	(void)state;
	assert_int_equal(upload(door, 1, 0), MAYFLY_REFUSED);
	assert_int_equal(answer.status, 401);
	assert_int_equal(server_count(server), 1);
	end(NULL);
	assert_int_equal(upload(full, 2, 0), MAYFLY_REFUSED);
	assert_int_equal(answer.status, 507);
	end(NULL);
	assert_int_equal(upload(busy, 2, 0), MAYFLY_REFUSED);
	assert_int_equal(answer.retry_s, 99);
	assert_int_equal(server_count(server), 2);
}

static void no_time(void **state)
{
	static const struct turn turns[] = {
		{.answer = NOT EMPTY}, {.answer = CREATED, .wait = true}};

	(void)state;
	assert_int_equal(upload(turns, 2, 200), MAYFLY_DEADLINE);
}

static void pieces_that_are_none(void **state)
{
	static const struct mayfly_piece nowhere = {NULL, 1, 1, 1};

	(void)state;
	assert_int_equal(mayfly_open(&client, &(struct mayfly_settings){.url = "http://localhost"},
				 (char[MAYFLY_TEXT]){0}),
		MAYFLY_OK);
	assert_int_equal(mayfly_upload(client, &nowhere, 1, 0, name, &answer), MAYFLY_WRONG);
	assert_true(answer.text[0]);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names),
		TEST(what_is_there_is_not_sent),
		TEST(what_is_not_is),
		TEST(the_rest_of_it),
		TEST(an_offset_that_is_none),
		TEST(what_moves_while_it_is_sent),
		TEST(what_it_is_not),
		TEST(refusals),
		TEST(no_time),
		TEST(pieces_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
