/* client/c/call.c - a call's life: attempts, rests between them, an end; and the functions that drive calls. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/c/inner.h"

#define MS UINT64_C(1000000)

/* ------------------------------------------------------------------------- attempts */

static void put_into(struct mayfly_call *call, struct mayfly_call **list)
{
	call->next = *list;
	call->at = list;
	if (call->next)
		call->next->at = &call->next;
	*list = call;
}

static void take_out(struct mayfly_call *call)
{
	*call->at = call->next;
	if (call->next)
		call->next->at = call->at;
}

void call_end(struct mayfly_call *call)
{
	struct mayfly_answer *answer = &call->answer;
	struct engine *engine = call->engine;

	if (answer->error != MAYFLY_OK && answer->attempts > 1)
		text_add(answer->text, " (asked %u times)", answer->attempts);
	call->ended = true;
	call->rest_until = NEVER;
	engine->under_way--;
	engine->unseen++;
	take_out(call);
	put_into(call, &engine->fresh);
}

static void stop_running(struct mayfly_call *call)
{
	if (call->running)
		(void)curl_multi_remove_handle(call->engine->multi, call->easy);
	call->running = false;
}

/* Milliseconds until the deadline, up; 0: it has passed. */
static uint64_t left_ms(const struct mayfly_call *call)
{
	uint64_t now = now_ns();

	return now >= call->deadline ? 0 : (call->deadline - now + MS - 1) / MS;
}

static void end_late(struct mayfly_call *call)
{
	const struct mayfly_request *r = &call->request;
	uint64_t ms = r->deadline_ms ? r->deadline_ms : call->engine->client->deadline_ms;

	call->answer.error = MAYFLY_DEADLINE;
	call->answer.text[0] = '\0';
	text_add(call->answer.text, "%s%.200s: no answer within %llu ms", call->engine->client->url,
		r->path, (unsigned long long)ms);
}

static void begin(struct mayfly_call *call)
{
	uint64_t ms = call->deadline == NEVER ? 0 : left_ms(call);

	answer_begin(call);
	call->rest_until = NEVER;
	call->answer.attempts++;
	call->began = now_ns();
	cursor_seek(&call->cursor, 0);
	if (call->deadline != NEVER && ms == 0) {
		end_late(call);
		call_end(call);
		return;
	}
	(void)curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, ms < INT32_MAX ? (long)ms : 0L);
	call->running = curl_multi_add_handle(call->engine->multi, call->easy) == CURLM_OK;
	if (!call->running) {
		call->answer.error = MAYFLY_NO_MEMORY;
		call_end(call);
	}
}

void call_again(struct mayfly_call *call)
{
	begin(call);
}

/* ------------------------------------------------------------------ how an attempt ended */

static const struct {
	CURLcode code;
	enum mayfly_error error;
} meanings[] = {
	{CURLE_OUT_OF_MEMORY, MAYFLY_NO_MEMORY},
	{CURLE_PEER_FAILED_VERIFICATION, MAYFLY_UNTRUSTED},
	{CURLE_SSL_ISSUER_ERROR, MAYFLY_UNTRUSTED},
	{CURLE_SSL_CERTPROBLEM, MAYFLY_FILE},
	{CURLE_SSL_CACERT_BADFILE, MAYFLY_FILE},
	{CURLE_UNSUPPORTED_PROTOCOL, MAYFLY_NO_HTTP},
	{CURLE_WEIRD_SERVER_REPLY, MAYFLY_NO_HTTP},
	{CURLE_BAD_CONTENT_ENCODING, MAYFLY_NO_HTTP},
	{CURLE_URL_MALFORMAT, MAYFLY_WRONG},
};

static enum mayfly_error meaning(const struct mayfly_call *call, CURLcode code)
{
	if (call->broken != MAYFLY_OK)
		return call->broken;
	if (code == CURLE_OK)
		return MAYFLY_OK;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return left_ms(call) <= 1 ? MAYFLY_DEADLINE : MAYFLY_UNREACHABLE;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].code == code)
			return meanings[i].error;
	/* OpenSSL's word for what the other side says before it leaves: it wants a certificate */
	return strstr(call->error, " alert ") ? MAYFLY_UNTRUSTED : MAYFLY_UNREACHABLE;
}

/* One line: where, what went wrong, what was said of it. */
static void describe(struct mayfly_call *call, CURLcode code)
{
	struct mayfly_answer *answer = &call->answer;

	if (answer->error == MAYFLY_OK)
		return;
	if (answer->error == MAYFLY_DEADLINE) {
		end_late(call);
		return;
	}
	answer->text[0] = '\0';
	text_add(answer->text, "%s%.200s: ", call->engine->client->url, call->request.path);
	if (answer->error == MAYFLY_REFUSED) {
		answer_quote(answer);
		return;
	}
	text_add(answer->text, "%s", mayfly_error_text(answer->error));
	if (call->broken == MAYFLY_OK)
		text_add(answer->text, ": %s",
			call->error[0] ? call->error : curl_easy_strerror(code));
}

static void judge(struct mayfly_call *call, CURLcode code)
{
	struct mayfly_answer *answer = &call->answer;

	answer_read_heads(answer);
	answer->error = meaning(call, code);
	/* whether its connection lives on or the rest of a long body came is no matter then */
	if (answer->status > 0 && answer->status / 100 != 2 && answer->error != MAYFLY_DEADLINE &&
		answer->error != MAYFLY_NO_MEMORY)
		answer->error = MAYFLY_REFUSED;
	describe(call, code);
}

/* True: it will be asked again. */
static bool rests(struct mayfly_call *call)
{
	const struct mayfly_answer *answer = &call->answer;
	const char *said = mayfly_header(answer, "retry-after");
	struct outcome outcome = {answer->error, answer->status, said != NULL, false};
	uint64_t random = 0, pause;
	long sent = 0;

	(void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
	outcome.sent = sent > 0;
	if (!retry_may(&outcome, call->request.flags, answer->attempts))
		return false;
	(void)!getrandom(&random, sizeof(random), 0);
	pause = retry_pause_ns(answer->attempts, answer->retry_s, random);
	if (call->deadline != NEVER && now_ns() + pause >= call->deadline)
		return false;
	call->rest_until = now_ns() + pause;
	return true;
}

void call_done(struct mayfly_call *call, CURLcode code)
{
	if (call->answer.first_ns)
		call->answer.whole_ns = now_ns() - call->began;
	judge(call, code);
	stop_running(call);
	if (!rests(call))
		call_end(call);
}

/* --------------------------------------------------------------------- start and free */

static uint64_t deadline_of(const struct engine *engine, const struct mayfly_request *request)
{
	uint64_t ms = request->deadline_ms ? request->deadline_ms : engine->client->deadline_ms;
	uint64_t now = now_ns();

	return ms > (NEVER - now) / MS - 1 ? NEVER : now + ms * MS;
}

struct mayfly_call *call_start(struct engine *engine, const struct mayfly_request *request)
{
	struct mayfly_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->engine = engine;
	call->request = *request;
	call->cursor = (struct cursor){.pieces = request->pieces, .count = request->pieces_count};
	call->deadline = deadline_of(engine, request);
	call->rest_until = NEVER;
	call->easy = curl_easy_init();
	if (!call->easy) {
		free(call);
		return NULL;
	}
	put_into(call, &engine->calls);
	engine->under_way++;
	call->answer.error = request_prepare(call);
	if (call->answer.error == MAYFLY_OK)
		begin(call);
	else
		call_end(call);
	engine_arm(engine);
	return call;
}

void call_free(struct mayfly_call *call)
{
	struct engine *engine = call->engine;

	stop_running(call);
	take_out(call);
	if (!call->ended)
		engine->under_way--;
	curl_easy_cleanup(call->easy);
	for (struct curl_slist *each = call->headers; each; each = each->next)
		explicit_bzero(each->data, strlen(each->data)); /* the token */
	curl_slist_free_all(call->headers);
	mayfly_answer_free(&call->answer);
	free(call);
}

void call_hand_over(struct mayfly_call *call, struct mayfly_answer *answer)
{
	*answer = call->answer;
	call->answer = (struct mayfly_answer){0};
	call_free(call);
}

/* --------------------------------------------------------------------- what others see */

static struct engine *own_of(struct mayfly_client *client)
{
	if (!client->own)
		client->own = engine_open(client);
	return client->own;
}

int mayfly_fd(struct mayfly_client *client)
{
	const struct engine *engine = own_of(client);

	return engine ? engine->fd : -1;
}

struct mayfly_call *mayfly_start(struct mayfly_client *client, const struct mayfly_request *request)
{
	struct engine *engine = own_of(client);

	return engine ? call_start(engine, request) : NULL;
}

size_t mayfly_work(struct mayfly_client *client)
{
	if (!client->own)
		return 0;
	engine_work(client->own);
	return client->own->under_way;
}

size_t mayfly_wait(struct mayfly_client *client, int64_t ms)
{
	struct engine *engine = client->own;
	uint64_t until = ms < 0 ? NEVER : now_ns() + (uint64_t)ms * MS;

	if (!engine)
		return 0;
	engine_work(engine);
	while (engine->unseen == 0 && engine->under_way > 0 && now_ns() < until) {
		engine_pause(engine, until);
		engine_work(engine);
	}
	engine->unseen = 0;
	return engine->under_way;
}

int mayfly_ended(const struct mayfly_call *call)
{
	return call->ended;
}

enum mayfly_error mayfly_finish(struct mayfly_call *call, struct mayfly_answer *answer)
{
	while (!call->ended) {
		engine_pause(call->engine, NEVER);
		engine_work(call->engine);
	}
	call_hand_over(call, answer);
	return answer->error;
}

void mayfly_cancel(struct mayfly_call *call)
{
	struct engine *engine = call->engine;

	call_free(call);
	engine_arm(engine);
}

enum mayfly_error mayfly_call(struct mayfly_client *client, const struct mayfly_request *request,
	struct mayfly_answer *answer)
{
	struct engine *engine = engine_take(client);
	struct mayfly_request own = *request;
	struct mayfly_call *call;

	own.done = NULL;
	call = engine ? call_start(engine, &own) : NULL;
	if (call) {
		(void)mayfly_finish(call, answer);
	} else {
		*answer = (struct mayfly_answer){.error = MAYFLY_NO_MEMORY};
		text_add(answer->text, "%s", mayfly_error_text(MAYFLY_NO_MEMORY));
	}
	if (engine)
		engine_give(engine);
	return answer->error;
}
