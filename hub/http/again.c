/* hub/http/again.c - requests that a client may send again: an Idempotency-Key, and the answer. */
#include <stdio.h>
#include <string.h>

#include "hub/answers.h"
#include "hub/http/conn.h"
#include "hub/http/problem.h"
#include "hub/hub.h"

static const struct problem bad_key = {
	400, 0, "the Idempotency-Key is no string of at most 255 bytes, or stands there twice"};
static const struct problem running = {
	409, 1, "the first request with this Idempotency-Key is still at work"};
static const struct problem other = {409, 0, "this Idempotency-Key was used for another request"};
static const struct problem full = {503, 1, "the hub has no memory to keep an answer"};

/* Asking twice for what changes nothing is no matter (RFC 9110, 9.2.1). */
static bool is_safe(struct mf_str method)
{
	return mf_str_is(method, "GET") || mf_str_is(method, "HEAD") ||
		mf_str_is(method, "OPTIONS") || mf_str_is(method, "TRACE");
}

static void replay(struct conn *c, const struct answer *answer)
{
	struct response r = {.status = 204, .event = answer->id};
	const struct reply *reply = &answer->reply;

	r.replayed = true;
	if (answer->empty) {
		send_answer(c, &r, (struct mf_str){NULL, 0}, (struct mf_str){NULL, 0});
		return;
	}
	r.status = reply->status;
	r.content_type = reply->content_type;
	send_answer(c, &r, reply->headers, reply->body);
}

/* A route of a service is a scope: its name, host and pattern, which have no line's end in them. */
static struct mf_str scope_of(const struct route *route, char *to, size_t size)
{
	int n = snprintf(to, size, "%s\n%s\n%s", route->service->name,
		route->host ? route->host : "", route->path);

	return mf_str_of(to, (size_t)n < size ? (size_t)n : size - 1);
}

/* What a service may tell its clients by: the answer to one is not for another that knows the key.
 * By which name the hub knows him; the names and values of all lines, for a service gets them all. */
#define WHO_MOST (2u + 2u * REQUEST_HEADERS_MOST)
static size_t take_who(struct mf_str who[static WHO_MOST], const struct route *route,
	const struct request *request, struct mf_str client)
{
	static const struct mf_str names[] = {MF_STR("authorization"), MF_STR("cookie")};
	struct mf_str value;
	size_t n = 0;

	if (client.p) {
		who[n++] = MF_STR(MF_CLIENT);
		who[n++] = client;
	}
	for (unsigned i = 0, next = 0; i < 2; i++, next = 0)
		while (exchange_names(route, (const char *)names[i].p) &&
			(value = request_header(request, (const char *)names[i].p, &next)).p) {
			who[n++] = names[i];
			who[n++] = value;
		}
	return n;
}

bool again_begin(struct conn *c, const struct route *route, const struct request *request,
	struct mf_str client, struct mf_str body)
{
	struct hub *hub = c->http->input.hub;
	static struct mf_str who[WHO_MOST];
	char key[ANSWERS_KEY], scope[1024];
	struct answers_request what = {.method = request->method,
		.who = who,
		.path = request->path,
		.query = request->query,
		.body = body};
	struct answer answer;
	unsigned next = 0;
	size_t n;
	struct mf_str field = request_header(request, "idempotency-key", &next);

	if (!field.p || is_safe(request->method))
		return true;
	if (request_header(request, "idempotency-key", &next).p || !answers_key(field, key, &n)) {
		exchange_problem(c, &bad_key);
		return false;
	}
	what.owner = mf_str_of(route->service->name, strlen(route->service->name));
	what.scope = scope_of(route, scope, sizeof(scope));
	what.who_count = take_who(who, route, request, client);
	switch (answers_find(
		&hub->answers, mf_str_of(key, n), &what, loop_now(hub->loop), &c->entry, &answer)) {
	case ANSWERS_NEW: return true;
	case ANSWERS_RUNNING: exchange_problem(c, &running); return false;
	case ANSWERS_OTHER: exchange_problem(c, &other); return false;
	case ANSWERS_KEPT: replay(c, &answer); return false;
	default: exchange_problem(c, &full); return false;
	}
}

/* Kept also, and above all, when the client is gone. */
void again_keep(struct conn *c, const char *event, const struct reply *reply)
{
	struct hub *hub = c->http->input.hub;
	struct answer answer = {.empty = !reply};

	if (!c->entry)
		return;
	memcpy(answer.id, event, sizeof(answer.id));
	if (reply)
		answer.reply = *reply;
	answers_keep(&hub->answers, c->entry, &answer, loop_now(hub->loop));
	c->entry = NULL;
}

void again_drop(struct conn *c)
{
	if (c->entry)
		answers_drop(&c->http->input.hub->answers, c->entry);
	c->entry = NULL;
}
