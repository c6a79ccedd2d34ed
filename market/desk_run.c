/* market/desk_run.c - see desk.h: each word, done. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "market/desk_inner.h"
#include "market/written.h"

/* What an error means of what was named. */
static int fail(int e, const char *name, char *error)
{
	switch (e) {
	case -ENOENT: return desk_say(error, e, "\"%s\": there is none", name);
	case -EEXIST: return desk_say(error, e, "\"%s\" is there already", name);
	case -EBUSY: return desk_say(error, e, "\"%s\": somebody else uses it", name);
	case -EINVAL: return desk_say(error, e, "\"%s\": it can't be so", name);
	default: return desk_say(error, e, "\"%s\": %s", name, strerror(-e));
	}
}

/* A list that a walk over rows fills. */
struct list {
	json_t *rows;
	int64_t now;
};

static int give_list(
	struct ledger *l, int e, const char *name, json_t *rows, json_t **answer, char *error)
{
	if (e < 0) {
		json_decref(rows);
		return fail(e, name, error);
	}
	*answer = json_pack("{ss so}", "currency", ledger_currency(l), name, rows);
	return 0;
}

/* ----------------------------------------------------------------------- plans */

static json_t *plan_json(const struct ledger_plan *p)
{
	return json_pack("{ss so so sI sI}", "name", p->name, "credit",
		written_amount_json(p->credit), "day", written_amount_json(p->day_most), "rate",
		(json_int_t)p->rate, "at_once", (json_int_t)p->at_once);
}

int desk_plan_put(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	struct ledger_plan plan = {.credit = ask->credit,
		.day_most = ask->day,
		.rate = (int64_t)ask->rate,
		.at_once = (int64_t)ask->at_once};
	int e;

	memcpy(plan.name, ask->name, sizeof(plan.name));
	e = ledger_plan_put(l, &plan);
	*answer = plan_json(&plan);
	return e < 0 ? fail(e, ask->name, error) : 0;
}

int desk_plan_show(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	struct ledger_plan plan;
	int e = ledger_plan_get(l, ask->name, &plan);

	if (e < 0)
		return fail(e, ask->name, error);
	*answer = plan_json(&plan);
	return 0;
}

int desk_plan_rm(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	int e = ledger_plan_remove(l, ask->name);

	*answer = json_pack("{ss}", "name", ask->name);
	return e < 0 ? fail(e, ask->name, error) : 0;
}

static void add_plan(const struct ledger_plan *plan, void *context)
{
	json_array_append_new(((struct list *)context)->rows, plan_json(plan));
}

int desk_plan_ls(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	struct list list = {json_array(), ask->now};

	return give_list(l, ledger_plans(l, add_plan, &list), "plans", list.rows, answer, error);
}

/* -------------------------------------------------------------------- accounts */

static json_t *account_json(const struct ledger_account *a)
{
	char made[WRITTEN_TIME];

	return json_pack("{sI ss ss so so so so sb ss}", "number", (json_int_t)a->number, "name",
		a->name, "plan", a->plan, "balance", written_amount_json(a->balance), "held",
		written_amount_json(a->held), "credit", written_amount_json(a->credit), "day",
		written_amount_json(a->day_most), "closed", a->closed, "made",
		written_date(a->made, made));
}

static int get_account(
	struct ledger *l, const char *name, struct ledger_account *account, char *error)
{
	int e = ledger_account_get(l, name, account);

	return e < 0 ? fail(e, name, error) : 0;
}

int desk_account_show(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	struct ledger_account account;
	int e = get_account(l, ask->name, &account, error);

	if (e == 0)
		*answer = account_json(&account);
	return e;
}

static int look_for_plan(struct ledger *l, const char *name, char *error)
{
	struct ledger_plan plan;
	int e = ledger_plan_get(l, name, &plan);

	return e == -ENOENT
		? desk_say(error, e, "plan \"%s\": there is none: mayfly plan ls shows them", name)
		: e < 0 ? fail(e, name, error)
			: 0;
}

int desk_account_add(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	struct ledger_account account = {
		.credit = desk_given(ask, "credit") ? ask->credit : LEDGER_AS_PLANNED,
		.day_most = desk_given(ask, "day") ? ask->day : LEDGER_AS_PLANNED,
		.made = ask->now};
	int e = look_for_plan(l, ask->plan, error);

	if (e < 0)
		return e;
	memcpy(account.name, ask->name, sizeof(account.name));
	memcpy(account.plan, ask->plan, sizeof(account.plan));
	e = ledger_account_add(l, &account);
	return e < 0 ? fail(e, ask->name, error) : desk_account_show(ask, l, answer, error);
}

/* What isn't said stays as it is, but what it has from its plan becomes its own only if that is said. */
static int change(
	struct desk_ask *ask, struct ledger *l, const bool *closed, json_t **answer, char *error)
{
	struct ledger_account account;
	int e = get_account(l, ask->name, &account, error);

	if (e == 0 && desk_given(ask, "plan")) {
		e = look_for_plan(l, ask->plan, error);
		memcpy(account.plan, ask->plan, sizeof(account.plan));
	}
	if (e < 0)
		return e;
	if (closed)
		account.closed = *closed;
	account.credit = desk_given(ask, "credit") ? ask->credit : LEDGER_AS_THERE;
	account.day_most = desk_given(ask, "day") ? ask->day : LEDGER_AS_THERE;
	e = ledger_account_set(l, &account);
	return e < 0 ? fail(e, ask->name, error) : desk_account_show(ask, l, answer, error);
}

int desk_account_set(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	return change(ask, l, NULL, answer, error);
}

int desk_account_close(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	static const bool closed = true;

	return change(ask, l, &closed, answer, error);
}

int desk_account_open(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	static const bool closed = false;

	return change(ask, l, &closed, answer, error);
}

typedef int moving(struct ledger *ledger, uint64_t account, int64_t amount, int64_t now,
	struct mf_str note, uint64_t *entry);

static int move(struct desk_ask *ask, struct ledger *l, moving *how, json_t **answer, char *error)
{
	struct ledger_account account;
	uint64_t entry = 0;
	int e = get_account(l, ask->name, &account, error);

	if (e < 0)
		return e;
	e = how(l, account.number, ask->amount, ask->now, mf_str_of(ask->note, strlen(ask->note)),
		&entry);
	if (e == -EINVAL)
		return desk_say(error, e, "amount: nothing, or what can't be given");
	*answer = json_pack("{ss sI}", "account", ask->name, "entry", (json_int_t)entry);
	return e < 0 ? fail(e, ask->name, error) : 0;
}

int desk_account_pay(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	return move(ask, l, ledger_pay, answer, error);
}

int desk_account_credit(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	return move(ask, l, ledger_credit, answer, error);
}

static void add_account(const struct ledger_account *account, void *context)
{
	json_array_append_new(((struct list *)context)->rows, account_json(account));
}

int desk_account_ls(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	struct list list = {json_array(), ask->now};

	return give_list(
		l, ledger_accounts(l, add_account, &list), "accounts", list.rows, answer, error);
}

/* ------------------------------------------------------------------------ keys */

static const char *state_of(const struct ledger_key *k, int64_t now)
{
	return k->revoked ? "revoked" : k->expires && k->expires <= now ? "expired" : "good";
}

static json_t *key_json(const struct ledger_key *k, int64_t now)
{
	char expires[WRITTEN_TIME];

	return json_pack("{sI sI ss ss ss ss so so so sI}", "number", (json_int_t)k->number,
		"account", (json_int_t)k->account, "key", k->shown, "state", state_of(k, now),
		"services", k->services, "expires", written_date(k->expires, expires), "spent",
		written_amount_json(k->spent), "most", written_amount_json(k->most), "day",
		written_amount_json(k->day_most), "replaces", (json_int_t)k->replaces);
}

static int get_key(struct desk_ask *ask, struct ledger *l, struct ledger_key *key, char *error)
{
	int e = ledger_key_get(l, ask->number, key);
	char name[24];

	(void)snprintf(name, sizeof(name), "%llu", (unsigned long long)ask->number);
	return e < 0 ? fail(e, name, error) : 0;
}

int desk_key_show(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	struct ledger_key key;
	int e = get_key(ask, l, &key, error);

	if (e == 0)
		*answer = key_json(&key, ask->now);
	return e;
}

/* The same text when it is done once more. */
static void make(struct desk_ask *ask, bool test, struct ledger_key *key)
{
	struct mf_str text = {(const uint8_t *)ask->key, MARKET_KEY_LETTERS};

	if (!ask->key[0])
		market_key_new(test, ask->key);
	market_key_hash(text, key->hash);
	market_key_show(text, key->shown);
}

static json_t *new_key_json(const struct desk_ask *ask, const struct ledger_key *key)
{
	return json_pack("{sI ss}", "number", (json_int_t)key->number, "key", ask->key);
}

int desk_key_add(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	struct ledger_account account;
	struct ledger_key key = {.made = ask->now,
		.expires = ask->expires ? ask->now + ask->expires : 0,
		.most = ask->most,
		.day_most = ask->day};
	int e = get_account(l, ask->name, &account, error);

	if (e < 0)
		return e;
	key.account = account.number;
	memcpy(key.services, ask->services, sizeof(key.services));
	make(ask, ask->test, &key);
	e = ledger_key_add(l, &key);
	if (e == -EINVAL)
		return desk_say(error, e, "services \"%s\": names of services, with commas between",
			ask->services);
	*answer = new_key_json(ask, &key);
	return e < 0 ? fail(e, ask->name, error) : 0;
}

int desk_key_rotate(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	struct ledger_key old, key = {0};
	int e = get_key(ask, l, &old, error);

	if (e < 0)
		return e;
	make(ask, strncmp(old.shown, "mfy_test_", 9) == 0, &key);
	e = ledger_key_rotate(l, ask->number, ask->now, ask->overlap, &key);
	if (e == -EPERM)
		return desk_say(error, e,
			"%llu: it has ended already: mayfly key add makes another",
			(unsigned long long)ask->number);
	*answer = new_key_json(ask, &key);
	return e < 0 ? fail(e, old.shown, error) : 0;
}

int desk_key_revoke(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	struct ledger_key key;
	int e = get_key(ask, l, &key, error);

	if (e == 0)
		e = ledger_key_revoke(l, ask->number, ask->now);
	return e < 0 ? e : desk_key_show(ask, l, answer, error);
}

static void add_key(const struct ledger_key *key, void *context)
{
	struct list *list = context;

	json_array_append_new(list->rows, key_json(key, list->now));
}

int desk_key_ls(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	struct list list = {NULL, ask->now};
	struct ledger_account account = {0};
	int e = desk_given(ask, "account") ? get_account(l, ask->name, &account, error) : 0;

	if (e < 0)
		return e;
	list.rows = json_array();
	e = ledger_keys(l, account.number, add_key, &list);
	return give_list(l, e, "keys", list.rows, answer, error);
}

/* ---------------------------------------------------------------------- ledger */

int desk_ledger_void(struct desk_ask *ask, struct ledger *l, json_t **answer, char *error)
{
	const unsigned long long number = ask->number;
	uint64_t entry = 0;
	char name[24];
	int e = ledger_void(
		l, ask->number, ask->now, mf_str_of(ask->note, strlen(ask->note)), &entry);

	(void)snprintf(name, sizeof(name), "%llu", number);
	if (e == -EALREADY || e == -EPERM)
		return desk_say(error, e, "entry %llu: it %s", number,
			e == -EPERM ? "takes another one back itself" : "was taken back already");
	*answer = json_pack("{sI}", "entry", (json_int_t)entry);
	return e < 0 ? fail(e, name, error) : 0;
}
