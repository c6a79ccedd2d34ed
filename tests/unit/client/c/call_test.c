/* client/c/call, request, answer, engine: calls that wait, asked of a server that does what it is told */
#include "client/c/mayfly-client.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/client/c/scene.h"

#define BUSY     "HTTP/1.1 503 Service Unavailable\r\n" EMPTY
#define FAILED   "HTTP/1.1 502 Bad Gateway\r\n" EMPTY
#define CONFLICT "HTTP/1.1 409 Conflict\r\n"
#define SINGULAR                                                                                   \
	"HTTP/1.1 422 Unprocessable Content\r\nContent-Type: application/problem+json\r\n"         \
	"Mayfly-Event: 0011\r\nContent-Length: 85\r\n\r\n"                                         \
	"{\"title\":\"Singular\",\"status\":422,\"detail\":\"a is\\n "                             \
	"singular\",\"argument\":\"a\",\"pivot\":3}"

/* ------------------------------------------------------------------- what is sent */

static const struct mayfly_piece hello[] = {{"hel", 3, 0, 0}, {"l.o.", 1, 2, 2}};

static void a_request_as_it_arrives(void **state)
{
	static const char *const more[] = {"X-More: yes, please", "X-Other: 2"};
	struct mayfly_answer answer;
	char line[128];

	PLAY({.answer = OK});
	answer = scene_ask((struct mayfly_request){.path = "/a/b?c=d",
		.pieces = hello,
		.pieces_count = 2,
		.operands = "-, 00ff",
		.keep_s = 600,
		.flags = MAYFLY_MINIMAL,
		.headers = more,
		.headers_count = 2});
	scene_is(&answer, "hello");
	assert_string_equal(answer.content_type, "text/plain");
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.attempts, 1);
	assert_int_equal(strlen(answer.id), 32);
	assert_ptr_equal(
		strstr(server_seen(scene.server, 0)->head, "POST /a/b?c=d HTTP/1.1\r\nHost: 127"),
		server_seen(scene.server, 0)->head);
	snprintf(line, sizeof(line), "Idempotency-Key: \"%s\"", answer.id);
	assert_true(server_heard(scene.server, 0, line));
	assert_true(server_heard(scene.server, 0, "Content-Length: 5"));
	assert_true(server_heard(scene.server, 0, "Content-Type: application/octet-stream"));
	assert_true(server_heard(scene.server, 0, "Mayfly-Operands: -, 00ff"));
	assert_true(server_heard(scene.server, 0, "Mayfly-Keep: 600s"));
	assert_true(server_heard(scene.server, 0, "Prefer: return=minimal"));
	assert_true(
		server_heard(scene.server, 0, more[0]) && server_heard(scene.server, 0, more[1]));
	assert_null(strstr(server_seen(scene.server, 0)->head, "Expect"));
	assert_memory_equal(server_seen(scene.server, 0)->body, "hello", 5);
	assert_true(answer.sent_ns > 0 && answer.sent_ns < answer.first_ns);
	assert_true(answer.first_ns <= answer.whole_ns);
	mayfly_answer_free(&answer);
	assert_null(answer.body);
}

static void other_methods(void **state)
{
	static const char *const methods[] = {"GET", "DELETE", "PUT", "PATCH"};
	struct mayfly_answer answer;

	PLAY({.answer = OK});
	for (size_t i = 0; i < 4; i++) {
		answer = scene_ask((struct mayfly_request){.method = methods[i]});
		scene_is(&answer, "hello");
		assert_memory_equal(
			server_seen(scene.server, i)->head, methods[i], strlen(methods[i]));
		assert_true(
			!strstr(server_seen(scene.server, i)->head, "Idempotency-Key") == (i < 3));
		assert_true(
			!strstr(server_seen(scene.server, i)->head, "Content-Length") == (i < 2));
		mayfly_answer_free(&answer);
	}
	answer = scene_ask((struct mayfly_request){.id = "mine-1", .content_type = "text/x"});
	assert_string_equal(answer.id, "mine-1");
	assert_true(server_heard(scene.server, 4, "Idempotency-Key: \"mine-1\""));
	assert_true(server_heard(scene.server, 4, "Content-Length: 0"));
	mayfly_answer_free(&answer);
	answer = scene_ask((struct mayfly_request){.flags = MAYFLY_PURE});
	assert_string_equal(answer.id, "");
	assert_null(strstr(server_seen(scene.server, 5)->head, "Idempotency-Key"));
	mayfly_answer_free(&answer);
}

static void a_long_body_in_many_pieces(void **state)
{
	size_t n = 3u << 20;
	char *text = malloc(n);
	struct mayfly_piece rows[3] = {{text, 1000, 1000, 1000}, {text + 1000000, 7, 100000, 7},
		{text + 1700000, n - 1700000, 0, 0}};
	struct mayfly_answer answer;

	PLAY({.answer = OK, .unread = true, .close = true}, {.answer = OK});
	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)(i * i >> 7);
	/* the first answer comes before the body has been sent; libcurl may take it, or see its connection end */
	answer = scene_ask((struct mayfly_request){.pieces = rows, .pieces_count = 3});
	assert_int_equal(answer.error, MAYFLY_OK);
	mayfly_answer_free(&answer);
	answer = scene_ask((struct mayfly_request){.pieces = rows, .pieces_count = 3});
	scene_is(&answer, "hello");
	mayfly_answer_free(&answer);
	assert_int_equal(server_seen(scene.server, 1)->size, n);
	assert_memory_equal(server_seen(scene.server, 1)->body, text, n);
	free(text);
}

static void requests_that_are_none(void **state)
{
	static const char *const header[] = {"X-A: b\r\nX-C: d"}, *const half[] = {"X-A"};
	static const struct mayfly_piece nowhere = {NULL, 1, 0, 0};
	static const struct mayfly_request wrong[] = {
		{.path = "ask"},
		{.path = "/a b"},
		{.path = "/a\r\nX: y"},
		{.path = "/a#b"},
		{.path = "/", .method = "GET /x"},
		{.path = "/", .method = ""},
		{.path = "/", .content_type = "a\r\nb"},
		{.path = "/", .id = "\"quoted\""},
		{.path = "/", .id = ""},
		{.path = "/", .id = "two words"},
		{.path = "/", .operands = "-\n"},
		{.path = "/", .headers = header, .headers_count = 1},
		{.path = "/", .headers = half, .headers_count = 1},
		{.path = "/", .pieces = &nowhere, .pieces_count = 1},
		{.path = "/", .pieces_count = 1},
	};

	PLAY({.answer = OK});
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct mayfly_answer answer = scene_ask(wrong[i]);

		assert_int_equal(answer.error, MAYFLY_WRONG);
		assert_true(answer.text[0] && !strpbrk(answer.text, "\r\n"));
		assert_int_equal(answer.attempts, 0);
		mayfly_answer_free(&answer);
	}
	assert_int_equal(server_count(scene.server), 0);
}

/* ----------------------------------------------------------------- what comes back */

static void a_refusal_in_the_services_words(void **state)
{
	struct mayfly_answer answer;
	char small[2];

	PLAY({.answer = SINGULAR});
	answer = scene_ask((struct mayfly_request){.into = small, .into_size = sizeof(small)});
	assert_int_equal(answer.error, MAYFLY_REFUSED);
	assert_int_equal(answer.status, 422);
	assert_non_null(strstr(answer.text, "/ask: 422 Singular: a is? singular (event 0011)"));
	assert_int_equal(mayfly_problem_number(&answer, "pivot", -1), 3);
	assert_int_equal(mayfly_problem_number(&answer, "argument", -1), -1);
	assert_string_equal(mayfly_problem_text(&answer, "argument"), "a");
	assert_null(mayfly_problem_text(&answer, "pivot"));
	assert_string_equal(answer.event, "0011");
	assert_int_equal(answer.size, 85);
	assert_ptr_not_equal(answer.body, small);
	assert_string_equal(mayfly_header(&answer, "CONTENT-LENGTH"), "85");
	assert_null(mayfly_header(&answer, "Content-Lengt"));
	mayfly_answer_free(&answer);
	assert_null(mayfly_header(&answer, "Content-Length"));
	assert_int_equal(mayfly_problem_number(&answer, "pivot", -1), -1);
}

static void other_refusals(void **state)
{
	static const struct {
		const char *words;
		int status;
	} cases[] = {{"302 Found", 302}, {"404 Not Found: no such thing here", 404},
		{"400 Bad", 400}, {"422 ", 422}};
	struct mayfly_answer answer;

	PLAY({.answer = "HTTP/1.1 302 Found\r\nLocation: /other\r\n" EMPTY},
		{.answer = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
			   "Content-Length: 19\r\n\r\n no such thing here"},
		{.answer = "HTTP/1.1 400 Bad\r\nContent-Type: application/problem+json\r\n"
			   "Content-Length: 5\r\n\r\n{\"a\":"},
		{.answer = "HTTP/1.1 422 \r\nContent-Type: application/problem+json\r\n"
			   "Content-Length: 12\r\n\r\n{\"detail\":1}"});
	for (size_t i = 0; i < 4; i++) {
		answer = scene_ask((struct mayfly_request){0});
		assert_int_equal(answer.error, MAYFLY_REFUSED);
		assert_int_equal(answer.status, cases[i].status);
		assert_non_null(strstr(answer.text, cases[i].words));
		mayfly_answer_free(&answer);
	}
	assert_int_equal(server_count(scene.server), 4); /* the redirect wasn't followed */
}

static void what_is_no_http(void **state)
{
	static const char *const answers[] = {
		"hello\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct turn turn = {.answer = answers[i], .close = true};
		struct mayfly_answer answer;

		scene_play(&turn, 1);
		answer = scene_ask((struct mayfly_request){.deadline_ms = 2000});
		assert_int_equal(answer.error, MAYFLY_NO_HTTP);
		mayfly_answer_free(&answer);
		scene_end(NULL);
	}
}

static void a_head_without_end(void **state)
{
	static char flood[300000] = "HTTP/1.1 200 OK\r\n";
	struct turn turn = {.answer = flood, .close = true};
	struct mayfly_answer answer;

	(void)state;
	for (size_t n = strlen(flood); n + 20 < sizeof(flood); n = strlen(flood))
		for (unsigned i = 0; i < 1000 && n + 20 < sizeof(flood); i++, n += 8)
			memcpy(flood + n, "X-A: b\r\n", 9);
	scene_play(&turn, 1);
	answer = scene_ask((struct mayfly_request){0});
	assert_int_equal(answer.error, MAYFLY_NO_HTTP);
	mayfly_answer_free(&answer);
}

static void an_answer_for_our_own_memory(void **state)
{
	struct mayfly_answer answer;
	char memory[5];

	PLAY({.answer = OK});
	answer = scene_ask((struct mayfly_request){.into = memory, .into_size = 5});
	scene_is(&answer, "hello");
	assert_ptr_equal(answer.body, memory);
	mayfly_answer_free(&answer);
	answer = scene_ask((struct mayfly_request){.into = memory, .into_size = 4});
	assert_int_equal(answer.error, MAYFLY_TOO_LARGE);
	mayfly_answer_free(&answer);
	assert_int_equal(server_count(scene.server), 2);
}

struct sunk {
	char text[64];
	uint64_t size;
	unsigned begun;
	uint64_t most;
};

static int sink(void *context, uint64_t offset, const void *bytes, size_t n)
{
	struct sunk *to = context;

	to->begun += offset == 0;
	assert_true(offset + n < sizeof(to->text));
	memcpy(to->text + offset, bytes, n);
	to->size = offset + n;
	return to->size > to->most;
}

static void an_answer_for_a_sink_that_begins_again(void **state)
{
	struct sunk to = {.most = 5};
	struct mayfly_answer answer;

	PLAY({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhexx", .close = true},
		{.answer = OK});
	answer = scene_ask((struct mayfly_request){.sink = sink, .context = &to});
	assert_int_equal(answer.error, MAYFLY_OK);
	assert_int_equal(answer.attempts, 2);
	assert_int_equal(answer.size, 5);
	assert_null(answer.body);
	assert_memory_equal(to.text, "hello", 5);
	assert_int_equal(to.begun, 2);
	mayfly_answer_free(&answer);
	to.most = 4;
	answer = scene_ask((struct mayfly_request){.sink = sink, .context = &to});
	assert_int_equal(answer.error, MAYFLY_STOPPED);
	mayfly_answer_free(&answer);
	answer = scene_ask((struct mayfly_request){.sink = sink, .into = &to, .into_size = 1});
	assert_int_equal(answer.error, MAYFLY_WRONG);
	mayfly_answer_free(&answer);
}

static void what_comes_in_chunks_and_without_a_length(void **state)
{
	struct mayfly_answer answer;

	PLAY({.answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
			"chunked\r\n"
			"X-A:  b \r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"},
		{.answer = "HTTP/1.1 200 OK\r\n\r\nhello", .close = true},
		{.answer = "HTTP/1.1 204 No Content\r\n\r\n"});
	answer = scene_ask((struct mayfly_request){0});
	scene_is(&answer, "hello");
	assert_string_equal(mayfly_header(&answer, "x-a"), "b");
	mayfly_answer_free(&answer);
	answer = scene_ask((struct mayfly_request){0});
	scene_is(&answer, "hello");
	mayfly_answer_free(&answer);
	answer = scene_ask((struct mayfly_request){0});
	assert_int_equal(answer.error, MAYFLY_OK);
	assert_int_equal(answer.status, 204);
	mayfly_answer_free(&answer);
}

/* ------------------------------------------------------------------------ again */

static bool all_have_the_same_id(const char *id, size_t count)
{
	char line[128];

	snprintf(line, sizeof(line), "Idempotency-Key: \"%s\"", id);
	for (size_t i = 0; i < count; i++)
		if (!server_heard(scene.server, i, line))
			return false;
	return server_count(scene.server) == count;
}

static void what_may_pass_is_asked_again_with_the_same_id(void **state)
{
	struct mayfly_answer answer;

	PLAY({.answer = NULL, .close = true}, /* gone without a word */
		{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", .close = true},
		{.answer = BUSY}, {.answer = CONFLICT "Retry-After: 0\r\n" EMPTY},
		{.answer = "HTTP/1.1 429 Too Many Requests\r\n" EMPTY},
		{.answer = "HTTP/1.1 200 OK\r\nIdempotency-Replayed: true\r\nMayfly-Blob: ab\r\n"
			   "Content-Length: 5\r\n\r\nhello"});
	answer = scene_ask((struct mayfly_request){.pieces = hello, .pieces_count = 2});
	scene_is(&answer, "hello");
	assert_int_equal(answer.attempts, 6);
	assert_true(answer.replayed);
	assert_string_equal(answer.blob, "ab");
	assert_true(all_have_the_same_id(answer.id, 6));
	for (size_t i = 0; i < 6; i++)
		assert_memory_equal(server_seen(scene.server, i)->body, "hello", 5);
	mayfly_answer_free(&answer);
}

static void what_fails_thrice_failed(void **state)
{
	struct mayfly_answer answer;

	PLAY({.answer = FAILED});
	answer = scene_ask((struct mayfly_request){0});
	assert_int_equal(answer.error, MAYFLY_REFUSED);
	assert_int_equal(answer.status, 502);
	assert_int_equal(answer.attempts, 3);
	assert_non_null(strstr(answer.text, "502 Bad Gateway (asked 3 times)"));
	mayfly_answer_free(&answer);
}

static void what_will_not_pass_is_asked_once(void **state)
{
	static const char *const answers[] = {CONFLICT EMPTY, SINGULAR,
		"HTTP/1.1 500 Internal Server Error\r\n" EMPTY,
		"HTTP/1.1 507 Insufficient Storage\r\n" EMPTY};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct turn turn = {.answer = answers[i]};
		struct mayfly_answer answer;

		scene_play(&turn, 1);
		answer = scene_ask((struct mayfly_request){0});
		assert_int_equal(answer.error, MAYFLY_REFUSED);
		assert_int_equal(answer.attempts, 1);
		mayfly_answer_free(&answer);
		assert_int_equal(server_count(scene.server), 1);
		scene_end(NULL);
	}
}

static void once_is_once(void **state)
{
	struct mayfly_answer answer;

	PLAY({.answer = OK}, {.answer = NULL, .close = true}, {.answer = BUSY}, {.answer = OK});
	answer = scene_ask((struct mayfly_request){.flags = MAYFLY_ONCE});
	scene_is(&answer, "hello");
	mayfly_answer_free(&answer);
	answer = scene_ask((struct mayfly_request){.flags = MAYFLY_ONCE});
	assert_int_equal(answer.error, MAYFLY_UNREACHABLE);
	mayfly_answer_free(&answer);
	answer = scene_ask((struct mayfly_request){.flags = MAYFLY_ONCE});
	assert_int_equal(answer.status, 503);
	assert_int_equal(answer.attempts, 1);
	mayfly_answer_free(&answer);
	assert_int_equal(server_count(scene.server), 3);
}

static void longer_than_there_is_time_is_not_waited(void **state)
{
	struct mayfly_answer answer;

	PLAY({.answer = "HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\n" EMPTY});
	answer = scene_ask((struct mayfly_request){0});
	assert_int_equal(answer.status, 503);
	assert_int_equal(answer.retry_s, 3600);
	assert_int_equal(answer.attempts, 1);
	mayfly_answer_free(&answer);
}

static void nobody_there(void **state)
{
	struct mayfly_answer answer;

	PLAY({.answer = OK});
	server_stop(scene.server);
	scene.server = NULL;
	answer = scene_ask((struct mayfly_request){.deadline_ms = 300, .flags = MAYFLY_ONCE});
	assert_int_equal(answer.error, MAYFLY_UNREACHABLE);
	assert_int_equal(answer.status, 0);
	assert_true(answer.attempts > 1); /* nothing was sent */
	assert_true(answer.first_ns == 0 && answer.whole_ns == 0);
	assert_non_null(strstr(answer.text, "can't be reached"));
	mayfly_answer_free(&answer);
}

static void one_try(void **state)
{
	struct mayfly_answer answer;

	PLAY({.answer = NULL, .close = true}, {.answer = OK});
	answer = scene_ask((struct mayfly_request){.flags = MAYFLY_ONE_TRY | MAYFLY_PURE});
	assert_int_equal(answer.error, MAYFLY_UNREACHABLE);
	assert_int_equal(answer.attempts, 1);
	mayfly_answer_free(&answer);
}

static void no_answer_in_time(void **state)
{
	struct mayfly_answer answer;

	PLAY({.answer = OK, .wait = true});
	answer = scene_ask((struct mayfly_request){.deadline_ms = 100});
	assert_int_equal(answer.error, MAYFLY_DEADLINE);
	assert_non_null(strstr(answer.text, "no answer within 100 ms"));
	mayfly_answer_free(&answer);
}

/* ------------------------------------------------------------------------- token */

static char token[] = "/tmp/mayfly-call-XXXXXX";

static void write_token(const char *text)
{
	FILE *file = fopen(token, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void a_token_is_read_again_when_it_changed(void **state)
{
	struct mayfly_answer answer;
	char url[64], text[MAYFLY_TEXT];
	struct mayfly_settings settings = {.url = url, .token_file = token};

	PLAY({.answer = OK});
	mayfly_close(scene.client);
	close(mkstemp(token));
	write_token("first\n");
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/under/", server_port(scene.server));
	assert_int_equal(mayfly_open(&scene.client, &settings, text), MAYFLY_OK);
	answer = scene_ask((struct mayfly_request){0});
	scene_is(&answer, "hello");
	mayfly_answer_free(&answer);
	assert_true(server_heard(scene.server, 0, "Authorization: Bearer first"));
	assert_memory_equal(server_seen(scene.server, 0)->head, "POST /under/ask ", 16);
	write_token("the second\n"); /* no token */
	answer = scene_ask((struct mayfly_request){0});
	assert_int_equal(answer.error, MAYFLY_FILE);
	mayfly_answer_free(&answer);
	write_token("second\r\n");
	answer = scene_ask((struct mayfly_request){0});
	scene_is(&answer, "hello");
	mayfly_answer_free(&answer);
	assert_true(server_heard(scene.server, 1, "Authorization: Bearer second"));
	unlink(token);
	answer = scene_ask((struct mayfly_request){0});
	assert_int_equal(answer.error, MAYFLY_FILE);
	mayfly_answer_free(&answer);
	assert_int_equal(server_count(scene.server), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_as_it_arrives),
		TEST(other_methods),
		TEST(a_long_body_in_many_pieces),
		TEST(requests_that_are_none),
		TEST(a_refusal_in_the_services_words),
		TEST(other_refusals),
		TEST(what_is_no_http),
		TEST(a_head_without_end),
		TEST(an_answer_for_our_own_memory),
		TEST(an_answer_for_a_sink_that_begins_again),
		TEST(what_comes_in_chunks_and_without_a_length),
		TEST(what_may_pass_is_asked_again_with_the_same_id),
		TEST(what_fails_thrice_failed),
		TEST(what_will_not_pass_is_asked_once),
		TEST(once_is_once),
		TEST(longer_than_there_is_time_is_not_waited),
		TEST(nobody_there),
		TEST(one_try),
		TEST(no_answer_in_time),
		TEST(a_token_is_read_again_when_it_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
