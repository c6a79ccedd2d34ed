/* hub/http/again.c - requests that a client may send again: an Idempotency-Key, and the answer. */
#include <sodium/crypto_generichash.h>
#include <stdio.h>
#include <string.h>

#include "hub/answers.h"
#include "hub/http/conn.h"
#include "hub/http/problem.h"
#include "hub/hub.h"
#include "hub/ids.h"

static const struct problem bad_key = {
	400, 0, "the Idempotency-Key is no string of at most 255 bytes, or stands there twice"};
static const struct problem running = {
	409, 1, "the first request with this Idempotency-Key is still at work"};
static const struct problem other = {409, 0, "this Idempotency-Key was used for another request"};
static const struct problem large = {409, 0,
	"the request with this Idempotency-Key was done; its answer was too large to be kept"};
static const struct problem full = {503, 1, "the hub has no memory to keep an answer"};

/* Asking twice for what changes nothing is no matter (RFC 9110, 9.2.1). */
static bool is_safe(struct mf_str method)
{
	return mf_str_is(method, "GET") || mf_str_is(method, "HEAD") ||
		mf_str_is(method, "OPTIONS") || mf_str_is(method, "TRACE");
}

static void replay(
	struct conn *c, const struct route *route, struct mf_str path, const struct answer *answer)
{
	struct response r = {.status = 204, .event = answer->id};
	const struct reply *reply = &answer->reply;

	recent_again(&c->http->input.hub->recent,
		&(struct recent_repeat){.service = route->service,
			.source = c->http->input.ops->name,
			.id = answer->id,
			.kind = MF_SOURCE_HTTP,
			.subject = path});
	r.replayed = true;
	r.version = answer->version[0] ? answer->version : NULL;
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

/* A request that carries a key: what it is, as hub/answers.h wants it, and what names it in the database. */
#define SCOPE_MOST 1024u
struct keyed {
	char key[ANSWERS_KEY], scope[SCOPE_MOST];
	size_t key_n;
	struct answers_request what;
	struct mf_str who[WHO_MOST];
};

/* False: it is none that could be done twice, or (*bad) its key is no key. */
static bool look(struct keyed *k, const struct route *route, const struct request *request,
	struct mf_str client, struct mf_str body, bool *bad)
{
	unsigned next = 0;
	struct mf_str field = request_header(request, "idempotency-key", &next);

	*bad = false;
	if (!field.p || is_safe(request->method))
		return false;
	*bad = request_header(request, "idempotency-key", &next).p ||
		!answers_key(field, k->key, &k->key_n);
	if (*bad)
		return false;
	k->what = (struct answers_request){
		.owner = mf_str_of(route->service->name, strlen(route->service->name)),
		.scope = scope_of(route, k->scope, sizeof(k->scope)),
		.who = k->who,
		.who_count = take_who(k->who, route, request, client),
		.method = request->method,
		.path = request->path,
		.query = request->query,
		.body = body,
	};
	return true;
}

/* ------------------------------------------------------------- in the database */

static void hash_request(const struct answers_request *what, uint8_t to[static 32])
{
	const struct mf_str pieces[] = {what->method, what->path, what->query, what->body};
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t n = pieces[i].n;

		crypto_generichash_update(&state, (const uint8_t *)&n, sizeof(n));
		crypto_generichash_update(&state, pieces[i].p, n);
	}
	crypto_generichash_final(&state, to, 32);
}

/* Scope, key, who asks. */
static unsigned name_pieces(const struct keyed *k, struct mf_str to[static WHO_MOST + 2])
{
	unsigned n = 0;

	to[n++] = k->what.scope;
	to[n++] = mf_str_of(k->key, k->key_n);
	for (size_t i = 0; i < k->what.who_count; i++)
		to[n++] = k->who[i];
	return n;
}

/* What its life put is in the database, and so is what it answered. */
static void replay_kept(struct conn *c, const struct route *route, const struct keyed *k,
	const struct store_id *row)
{
	struct ids_answer kept;
	struct answer answer = {0};
	uint8_t hash[32];

	hash_request(&k->what, hash);
	if (!ids_answer_read(row->answer, &kept)) {
		exchange_problem(c, &large);
	} else if (memcmp(kept.request, hash, sizeof(hash)) != 0) {
		c->http->input.hub->answers.conflicts++;
		exchange_problem(c, &other);
	} else {
		c->http->input.hub->answers.replayed++;
		memcpy(answer.id, row->id.p, row->id.n < TASK_ID ? row->id.n : TASK_ID);
		answer.empty = kept.empty;
		answer.reply = kept.reply;
		replay(c, route, k->what.path, &answer);
	}
}

/* Was it done before the hub started again? Then it is answered: false. */
static bool is_new(struct conn *c, const struct route *route, const struct keyed *k)
{
	struct hub *hub = c->http->input.hub;
	struct mf_str pieces[WHO_MOST + 2];
	char id[TASK_ID + 1];
	struct store_id row;

	if (!route->service->may_write || !hub->ids)
		return true;
	task_identity_id(id, MF_SOURCE_HTTP, route->service->name, pieces, name_pieces(k, pieces));
	switch (ids_find(hub->ids, mf_str_of(id, TASK_ID), &row)) {
	case IDS_RUNNING: exchange_problem(c, &running); return false;
	case IDS_DONE: replay_kept(c, route, k, &row); return false;
	default: return true;
	}
}

void again_identify(struct conn *c, struct task *task, const struct route *route,
	const struct request *request, struct mf_str client, struct mf_str body)
{
	static struct keyed k;
	struct mf_str pieces[WHO_MOST + 2];
	bool bad;

	if (!c->entry || !task->service->may_write || !look(&k, route, request, client, body, &bad))
		return;
	task_identify(task, pieces, name_pieces(&k, pieces), TASK_KEEP);
	hash_request(&k.what, task->request);
}

/* Jobs are in the database themselves: their name is enough. */
bool again_name(struct conn *c, const struct route *route, const struct request *request,
	struct mf_str client, char id[static TASK_ID + 1])
{
	static struct keyed k;
	struct mf_str pieces[WHO_MOST + 2];
	bool bad;

	id[0] = '\0';
	if (look(&k, route, request, client, (struct mf_str){NULL, 0}, &bad))
		task_identity_id(
			id, MF_SOURCE_JOB, route->service->name, pieces, name_pieces(&k, pieces));
	if (bad)
		exchange_turn_away(c, &bad_key, &(struct response){0});
	return !bad;
}

/* ------------------------------------------------------------------ in memory */

bool again_begin(struct conn *c, const struct route *route, const struct request *request,
	struct mf_str client, struct mf_str body)
{
	struct hub *hub = c->http->input.hub;
	static struct keyed k;
	struct answer answer;
	bool bad;

	if (!look(&k, route, request, client, body, &bad)) {
		if (bad)
			exchange_problem(c, &bad_key);
		return !bad;
	}
	switch (answers_find(&hub->answers, mf_str_of(k.key, k.key_n), &k.what, loop_now(hub->loop),
		&c->entry, &answer)) {
	case ANSWERS_NEW:
		if (is_new(c, route, &k))
			return true;
		again_drop(c);
		return false;
	case ANSWERS_RUNNING: exchange_problem(c, &running); return false;
	case ANSWERS_OTHER: exchange_problem(c, &other); return false;
	case ANSWERS_KEPT: replay(c, route, k.what.path, &answer); return false;
	default: exchange_problem(c, &full); return false;
	}
}

/* Kept also, and above all, when the client is gone. */
void again_keep(struct conn *c, const char *event, const char *version, const struct reply *reply)
{
	struct hub *hub = c->http->input.hub;
	struct answer answer = {.empty = !reply};

	if (!c->entry)
		return;
	memcpy(answer.id, event, TASK_ID);
	snprintf(answer.version, sizeof(answer.version), "%s", version);
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
