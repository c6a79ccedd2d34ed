/* hub/http/keys.c - see keys.h */
#include "hub/http/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/http/access.h"
#include "hub/http/conn.h"
#include "hub/http/router.h"
#include "hub/http/token.h"
#include "hub/hub.h"
#include "image/money.h"
#include "sys/clock.h"
#include "wire/base64.h"

#define BEARER  "Bearer realm=\"mayfly\""
#define INVALID BEARER ", error=\"invalid_token\""

bool keys_wanted(const struct conn *c, const struct route *route, const struct request *request)
{
	(void)c;
	return route->service && paid_wanted(route->service, request->path) &&
		!quote_wanted(route, request);
}

bool keys_withhold(const struct route *route, struct mf_str name)
{
	return route->service && route->service->hub->till && pricing_has(route->service) &&
		(token_is(name, "authorization") || token_is(name, "mayfly-key"));
}

/* ------------------------------------------------------------------------ who asks */

static bool refuse(struct conn *c, unsigned status, const char *detail, const char *authenticate)
{
	const struct problem p = {
		.status = status, .retry_after = status == 503 ? 1 : 0, .detail = detail};
	struct response r = {.authenticate = authenticate};

	exchange_turn_away(c, &p, &r);
	return false;
}

static const struct wrong {
	unsigned status;
	const char *detail, *authenticate;
} no_key = {401, "this costs money: a key is needed, Authorization: Bearer mfy_live_...", BEARER},
  no_key_header = {401, "this costs money: a key is needed, Mayfly-Key: mfy_live_...", BEARER},
  several = {400, "the key stands there twice", BEARER ", error=\"invalid_request\""},
  no_form = {401, "this is no key: it was mistyped, or cut off", INVALID},
  a_test = {403,
	  "this key is for trying things out, and costs can't be charged to it: ask with "
	  "?quote, or with a key that begins with mfy_live_",
	  BEARER ", error=\"insufficient_scope\""};

/* NULL, or what is wrong. */
static const struct wrong *find_key(
	const struct route *route, const struct request *request, struct mf_str *key)
{
	static const struct mf_str bearer = MF_STR("bearer ");
	const bool header = access_has_tokens(route->access); /* Authorization is the token's */
	const char *name = header ? "mayfly-key" : "authorization";
	unsigned next = 0;

	*key = request_header(request, name, &next);
	if (!key->p)
		return header ? &no_key_header : &no_key;
	if (request_header(request, name, &next).p)
		return &several;
	if (!header &&
		(key->n < bearer.n || !token_is(mf_str_of(key->p, bearer.n - 1), "bearer") ||
			key->p[bearer.n - 1] != ' '))
		return &no_key;
	if (!header)
		*key = mf_str_of(key->p + bearer.n, key->n - bearer.n);
	if (!market_key_is_one(*key))
		return &no_form;
	return market_key_is_test(*key) ? &a_test : NULL;
}

static void say_quota(struct keys_problem *to, const struct paying *p)
{
	to->problem.status = 429;
	to->problem.retry_after = (unsigned)((p->wait_ns + CLOCK_S - 1) / CLOCK_S);
	to->problem.detail = p->quota == QUOTA_RATE
		? "more requests a second than the account's plan has"
		: "more requests at once than the account's plan has";
}

static bool refuse_quota(struct conn *c, struct paying *p)
{
	struct keys_problem k = {.problem = {.status = 429}};

	p->hub->center->unpaid[p->quota == QUOTA_RATE ? UNPAID_RATE : UNPAID_AT_ONCE]++;
	say_quota(&k, p);
	exchange_turn_away(c, &k.problem, &(struct response){0});
	return false;
}

bool keys_admit(struct conn *c, const struct route *route, const struct request *request)
{
	struct mf_str key;
	const struct wrong *wrong = find_key(route, request, &key);
	struct paying asked = {.hub = c->http->input.hub};

	if (wrong)
		c->http->input.hub->center->unpaid[UNPAID_NO_KEY]++;
	if (wrong)
		return refuse(c, wrong->status, wrong->detail, wrong->authenticate);
	if (!paying_can(c->http->input.hub))
		return refuse(c, 503, "what this costs can't be charged at the moment", NULL);
	market_key_hash(key, asked.hash);
	return paying_would_admit(&asked) || refuse_quota(c, &asked);
}

/* ------------------------------------------------------------------- what it asks for */

static bool read_idempotency(struct conn *c, const struct request *request, struct paid *paid)
{
	char key[ANSWERS_KEY];
	unsigned next = 0;
	struct mf_str field = request_header(request, "idempotency-key", &next);
	size_t n = 0;

	if (!field.p)
		return true;
	if (request_header(request, "idempotency-key", &next).p || !answers_key(field, key, &n))
		return refuse(c, 400,
			"the Idempotency-Key is no string of at most 255 bytes, or stands there "
			"twice",
			NULL);
	memcpy(paid->paying.idempotency, key, n);
	paid->paying.idempotency_n = n;
	paid->asked_twice = true;
	return true;
}

static bool read_budget(struct conn *c, const struct request *request, struct paid *paid)
{
	char text[MONEY_TEXT] = "", currency[MONEY_CURRENCY + 1] = "";
	unsigned next = 0;
	struct mf_str field = request_header(request, "mayfly-budget", &next);

	if (!field.p)
		return true;
	if (field.n < sizeof(text))
		memcpy(text, field.p, field.n);
	if (field.n >= sizeof(text) || request_header(request, "mayfly-budget", &next).p ||
		money_read(text, &paid->budget, currency) ||
		strcmp(currency, till_currency(c->http->input.hub->till)) != 0)
		return refuse(c, 400,
			"Mayfly-Budget is an amount in this center's currency, as in 0.05 EUR",
			NULL);
	return true;
}

static bool is_there(const struct task *task)
{
	return ((const struct conn *)task->context)->fd >= 0;
}

struct paid *keys_begin(struct conn *c, const struct service *service, const struct route *route,
	const struct request *request)
{
	struct mf_str key;
	struct paid *paid = keys_admit(c, route, request) && !find_key(route, request, &key)
		? paid_make(c->http->input.hub, service, key)
		: NULL;

	if (!paid)
		return NULL;
	paid->waits = is_there;
	if (read_idempotency(c, request, paid) && read_budget(c, request, paid)) {
		if (paying_admits(&paid->paying))
			return paid;
		(void)refuse_quota(c, &paid->paying);
	}
	paid_free(paid);
	return NULL;
}

/* ------------------------------------------------------------------------- refusals */

/* What was to be paid, and what there is. */
static void say_amounts(struct keys_problem *to, const struct paid *paid, int64_t left)
{
	const struct paying *p = &paid->paying;
	const char *currency = till_currency(p->hub->till);
	const char *text = paid->over_budget ? "more than its Mayfly-Budget"
					     : ledger_meanings[p->verdict].text;
	char quoted[MONEY_TEXT], rest[MONEY_TEXT];

	(void)money_write(p->most, quoted);
	if (left == LEDGER_UNLIMITED) {
		(void)snprintf(to->detail, sizeof(to->detail), "it may cost %s %s: %s", quoted,
			currency, text);
		(void)snprintf(to->members, sizeof(to->members),
			",\"quoted\":\"%s\",\"currency\":\"%s\"", quoted, currency);
		return;
	}
	(void)money_write(left > 0 ? left : 0, rest);
	(void)snprintf(to->detail, sizeof(to->detail), "it may cost %s %s, and %s is left: %s",
		quoted, currency, rest, text);
	(void)snprintf(to->members, sizeof(to->members),
		",\"quoted\":\"%s\",\"left\":\"%s\",\"currency\":\"%s\"", quoted, rest, currency);
}

static int64_t left_of(const struct paid *paid)
{
	const struct ledger_subscriber *s = &paid->paying.subscriber;

	if (paid->over_budget)
		return paid->budget;
	return paid->paying.verdict == LEDGER_BALANCE     ? s->left
		: paid->paying.verdict == LEDGER_KEY_MOST ? s->key_left
							  : LEDGER_UNLIMITED;
}

void keys_refusal(const struct paid *paid, struct keys_problem *to)
{
	const struct paying *p = &paid->paying;

	*to = (struct keys_problem){.problem = {.status = ledger_meanings[p->verdict].status,
					    .detail = ledger_meanings[p->verdict].text}};
	if (p->quota != QUOTA_OK) {
		say_quota(to, p);
		return;
	}
	if (paid->over_budget)
		to->problem.status = 402;
	if (to->problem.status == 402) {
		say_amounts(to, paid, left_of(paid));
		to->problem.detail = to->detail;
	}
	if (paid->unkept) {
		to->problem.status = 409;
		to->problem.detail = p->verdict == LEDGER_AGAIN
			? "the request with this Idempotency-Key was done, and charged; its "
			  "answer was too large to be kept"
			: "the request with this Idempotency-Key was done, and not charged; its "
			  "answer was too large to be kept";
	}
	if (p->verdict == LEDGER_UNDER_WAY)
		to->problem.retry_after = 1;
	if (to->problem.status == 401)
		to->authenticate = INVALID;
	if (p->verdict == LEDGER_SCOPE)
		to->authenticate = BEARER ", error=\"insufficient_scope\"";
}

/* -------------------------------------------------------------------------- answers */

char *keys_lines(const struct paying *p, struct mf_str lines, size_t *n)
{
	static const char receipt[] = "Mayfly-Receipt: ";
	const struct mf_str line = p->first.receipt;
	char *text, amount[MONEY_TEXT];

	text = malloc(sizeof(receipt) + BASE64_TEXT(line.n) + 64 + MONEY_TEXT + lines.n);
	if (!text)
		return NULL;
	memcpy(text, receipt, sizeof(receipt) - 1);
	*n = sizeof(receipt) - 1;
	*n += base64_write(line, text + *n);
	*n += (size_t)sprintf(text + *n, "\r\nMayfly-Charge: %s %s\r\n",
		money_write(p->first.amount, amount), till_currency(p->hub->till));
	if (lines.n > 0)
		memcpy(text + *n, lines.p, lines.n);
	*n += lines.n;
	return text;
}
