/* client/c/answer.c - what comes back: header lines, a body where it is wanted, problem details. */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/c/inner.h"

#define QUOTE_MOST 300u

/* The answer's own. */
struct owned {
	char *heads; /* lines, each with a zero byte behind it */
	size_t heads_n;
	void *body; /* NULL: it went elsewhere */
	json_t *problem;
};

static struct owned *own(struct mayfly_answer *answer)
{
	if (!answer->owned)
		answer->owned = calloc(1, sizeof(struct owned));
	return answer->owned;
}

static void forget(struct mayfly_answer *answer)
{
	struct owned *owned = answer->owned;

	if (!owned)
		return;
	free(owned->heads);
	free(owned->body);
	json_decref(owned->problem);
	free(owned);
	answer->owned = NULL;
}

void mayfly_answer_free(struct mayfly_answer *answer)
{
	forget(answer);
	*answer = (struct mayfly_answer){0};
}

void answer_begin(struct mayfly_call *call)
{
	struct mayfly_answer old = call->answer;

	forget(&old);
	call->answer = (struct mayfly_answer){.attempts = old.attempts};
	memcpy(call->answer.id, old.id, sizeof(old.id));
	call->broken = MAYFLY_OK;
	call->room = 0;
	call->error[0] = '\0';
}

/* ---------------------------------------------------------------------- header lines */

static void drop_heads(struct owned *owned)
{
	free(owned->heads);
	owned->heads = NULL;
	owned->heads_n = 0;
}

static bool keep_line(struct owned *owned, const char *line, size_t n)
{
	char *longer;

	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r' || line[n - 1] == ' '))
		n--;
	if (owned->heads_n + n + 1 > HEADS_MOST)
		return false;
	longer = realloc(owned->heads, owned->heads_n + n + 1);
	if (!longer)
		return false;
	memcpy(longer + owned->heads_n, line, n);
	owned->heads = longer;
	owned->heads_n += n + 1;
	longer[owned->heads_n - 1] = '\0';
	return true;
}

size_t answer_head(char *bytes, size_t size, size_t n, void *context)
{
	struct mayfly_call *call = context;
	struct owned *owned = own(&call->answer);

	if (!call->answer.first_ns)
		call->answer.first_ns = now_ns() - call->began;
	if (owned && size * n > 5 && memcmp(bytes, "HTTP/", 5) == 0)
		drop_heads(owned); /* an answer of 1xx was before it */
	if (owned && keep_line(owned, bytes, size * n))
		return size * n;
	call->broken = owned ? MAYFLY_NO_HTTP : MAYFLY_NO_MEMORY;
	return 0;
}

const char *mayfly_header(const struct mayfly_answer *answer, const char *name)
{
	const struct owned *owned = answer->owned;
	size_t n = strlen(name);
	const char *line = owned ? owned->heads : NULL;
	const char *end = line ? line + owned->heads_n : NULL;

	for (; line && line < end; line += strlen(line) + 1)
		if (strncasecmp(line, name, n) == 0 && line[n] == ':')
			return line + n + 1 + strspn(line + n + 1, " \t");
	return NULL;
}

static void take(const struct mayfly_answer *answer, const char *name, char *to, size_t size)
{
	const char *value = mayfly_header(answer, name);

	if (value && strlen(value) < size)
		memcpy(to, value, strlen(value) + 1);
}

/* Seconds; a date is taken for one (RFC 9110, 10.2.3), which is soon enough to look again. */
static uint64_t read_retry(const char *value)
{
	if (!value)
		return 0;
	return isdigit((unsigned char)*value) ? strtoull(value, NULL, 10) : 1;
}

void answer_read_heads(struct mayfly_answer *answer)
{
	const struct owned *owned = answer->owned;
	const char *replayed = mayfly_header(answer, "idempotency-replayed"), *code;

	code = owned && owned->heads ? strchr(owned->heads, ' ') : NULL;
	answer->status = code ? (int)strtol(code, NULL, 10) : 0;
	answer->replayed = replayed && strcmp(replayed, "true") == 0;
	answer->retry_s = read_retry(mayfly_header(answer, "retry-after"));
	take(answer, "mayfly-event", answer->event, sizeof(answer->event));
	take(answer, "mayfly-blob", answer->blob, sizeof(answer->blob));
	take(answer, "content-type", answer->content_type, sizeof(answer->content_type));
}

/* ------------------------------------------------------------------------------ body */

/* libcurl ends the call then; what it makes of that is not asked. */
static size_t stop(struct mayfly_call *call, enum mayfly_error why)
{
	call->broken = why;
	return 0;
}

/* Room for n more bytes: what Content-Length says, or twice as much each time. */
static bool make_room(struct mayfly_call *call, size_t n)
{
	struct owned *owned = own(&call->answer);
	size_t wanted = (size_t)call->answer.size + n, room = call->room * 2;
	curl_off_t said = -1;
	void *larger;

	if (!owned || wanted <= call->room)
		return owned != NULL;
	(void)curl_easy_getinfo(call->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &said);
	if (said > 0 && (uint64_t)said <= call->engine->client->answer_most && room == 0)
		room = (size_t)said;
	if (room < wanted)
		room = wanted;
	larger = realloc(owned->body, room);
	if (!larger)
		return false;
	call->answer.body = owned->body = larger;
	call->room = room;
	return true;
}

static size_t take_own(struct mayfly_call *call, const char *bytes, size_t n)
{
	struct mayfly_answer *answer = &call->answer;

	if (!make_room(call, n))
		return stop(call, MAYFLY_NO_MEMORY);
	memcpy((char *)answer->body + answer->size, bytes, n);
	answer->size += n;
	return n;
}

/* What is too long of it is left out. */
static size_t take_refusal(struct mayfly_call *call, const char *bytes, size_t n)
{
	uint64_t left = REFUSAL_MOST - call->answer.size;
	size_t some = n < left ? n : (size_t)left;

	if (some > 0 && take_own(call, bytes, some) == 0)
		return 0;
	return some == n ? n : stop(call, MAYFLY_REFUSED);
}

size_t answer_body(char *bytes, size_t size, size_t n, void *context)
{
	struct mayfly_call *call = context;
	const struct mayfly_request *r = &call->request;
	struct mayfly_answer *answer = &call->answer;
	long status = 0;

	n *= size;
	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status / 100 != 2)
		return take_refusal(call, bytes, n);
	if (n > call->engine->client->answer_most - answer->size ||
		(r->into && n > r->into_size - answer->size))
		return stop(call, MAYFLY_TOO_LARGE);
	if (!r->into && !r->sink)
		return take_own(call, bytes, n);
	if (r->sink && r->sink(r->context, answer->size, bytes, n) != 0)
		return stop(call, MAYFLY_STOPPED);
	if (r->into) {
		answer->body = r->into;
		memcpy((char *)r->into + answer->size, bytes, n);
	}
	answer->size += n;
	return n;
}

/* -------------------------------------------------------------------- problem details */

static const json_t *problem_of(const struct mayfly_answer *answer)
{
	struct owned *owned = answer->owned;
	static const char json[] = "application/problem+json";

	if (!owned || answer->error != MAYFLY_REFUSED || !answer->body ||
		strncasecmp(answer->content_type, json, sizeof(json) - 1) != 0)
		return NULL;
	if (!owned->problem)
		owned->problem = json_loadb(answer->body, (size_t)answer->size, 0, NULL);
	return owned->problem;
}

int64_t mayfly_problem_number(
	const struct mayfly_answer *answer, const char *member, int64_t otherwise)
{
	const json_t *value = json_object_get(problem_of(answer), member);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

const char *mayfly_problem_text(const struct mayfly_answer *answer, const char *member)
{
	return json_string_value(json_object_get(problem_of(answer), member));
}

/* The reason of the status line: what stands behind "HTTP/1.1 404 ". */
static const char *reason_of(const struct mayfly_answer *answer)
{
	const struct owned *owned = answer->owned;
	const char *code = strchr(owned->heads, ' ');

	return code && strlen(code) > 5 ? code + 5 : "";
}

void answer_quote(struct mayfly_answer *answer)
{
	const char *title = mayfly_problem_text(answer, "title");
	const char *detail = mayfly_problem_text(answer, "detail");
	const char *text = answer->body;

	text_add(answer->text, "%d ", answer->status);
	if (!title)
		title = reason_of(answer);
	text_add_quoted(answer->text, title, strnlen(title, QUOTE_MOST));
	if (!detail && text && strncasecmp(answer->content_type, "text/plain", 10) == 0) {
		text_add(answer->text, ": ");
		text_add_quoted(answer->text, text,
			answer->size < QUOTE_MOST ? (size_t)answer->size : QUOTE_MOST);
	} else if (detail) {
		text_add(answer->text, ": ");
		text_add_quoted(answer->text, detail, strnlen(detail, QUOTE_MOST));
	}
	if (answer->event[0])
		text_add(answer->text, " (event %s)", answer->event);
}
