/* market/ledger_accounts.c - see ledger.h: plans and accounts. */
#include "market/ledger_inner.h"

static bool is_amount(int64_t amount)
{
	return amount >= 0 && amount <= LEDGER_AMOUNT_MOST;
}

static bool is_limit(int64_t limit)
{
	return is_amount(limit) || limit == LEDGER_UNLIMITED;
}

/* ----------------------------------------------------------------------- plans */

int ledger_plan_put(struct ledger *l, const struct ledger_plan *p)
{
	if (!ledger_is_name(p->name) || !is_amount(p->credit) || !is_limit(p->day_most) ||
		p->rate < 0 || p->at_once < 0)
		return -EINVAL;
	if (ledger_do(l, PLAN_PUT,
		    LEDGER_IN(ledger_text(p->name), sql_int(p->credit), sql_int(p->day_most),
			    sql_int(p->rate), sql_int(p->at_once))) < 0)
		return l->error;
	return ledger_note(l, sql_tell(l->sql));
}

static bool take_plan(const struct sql_value *row, struct ledger_plan *p)
{
	*p = (struct ledger_plan){
		.credit = row[1].n, .day_most = row[2].n, .rate = row[3].n, .at_once = row[4].n};
	return ledger_take_text(&row[0], p->name, LEDGER_NAME);
}

int ledger_plan_get(struct ledger *l, const char *name, struct ledger_plan *plan)
{
	struct sql_value row[5];
	int e = ledger_one(l, PLAN_GET, LEDGER_IN(ledger_text(name)), row, 5);

	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	return take_plan(row, plan) ? 0 : ledger_note(l, -EUCLEAN);
}

int ledger_plan_remove(struct ledger *l, const char *name)
{
	struct sql_value row[1];
	int e = ledger_one(l, PLAN_USERS, LEDGER_IN(ledger_text(name)), row, 1);

	if (e != 0)
		return e < 0 ? e : -EBUSY;
	e = ledger_do(l, PLAN_REMOVE, LEDGER_IN(ledger_text(name)));
	return e > 0 ? 0 : e == 0 ? -ENOENT : e;
}

struct plans {
	void (*each)(const struct ledger_plan *plan, void *context);
	void *context;
	bool wrong;
};

static bool next_plan(void *context, const struct sql_value *row)
{
	struct plans *plans = context;
	struct ledger_plan plan;

	plans->wrong = !take_plan(row, &plan);
	if (!plans->wrong)
		plans->each(&plan, plans->context);
	return !plans->wrong;
}

int ledger_plans(struct ledger *l, void (*each)(const struct ledger_plan *plan, void *context),
	void *context)
{
	struct plans plans = {each, context, false};
	int e = sql_each(l->sql, PLANS, NULL, 0, next_plan, &plans);

	return ledger_note(l, plans.wrong ? -EUCLEAN : e);
}

/* -------------------------------------------------------------------- accounts */

static struct sql_value limit_of(int64_t limit)
{
	struct sql_value none = {.kind = SQL_NULL};

	return limit == LEDGER_AS_PLANNED ? none : sql_int(limit);
}

static bool are_limits(const struct ledger_account *a, bool there)
{
	return (a->credit == LEDGER_AS_PLANNED || is_amount(a->credit) ||
		       (there && a->credit == LEDGER_AS_THERE)) &&
		(a->day_most == LEDGER_AS_PLANNED || is_limit(a->day_most) ||
			(there && a->day_most == LEDGER_AS_THERE));
}

int ledger_account_add(struct ledger *l, struct ledger_account *a)
{
	struct sql_value row[1];
	struct ledger_account there;
	struct ledger_plan plan;
	int e;

	if (!ledger_is_name(a->name) || !are_limits(a, false))
		return -EINVAL;
	e = ledger_plan_get(l, a->plan, &plan);
	if (e < 0)
		return e;
	e = ledger_account_get(l, a->name, &there);
	if (e != -ENOENT)
		return e < 0 ? e : -EEXIST;
	e = ledger_one(l, ACCOUNT_ADD,
		LEDGER_IN(ledger_text(a->name), ledger_text(a->plan), limit_of(a->credit),
			limit_of(a->day_most), sql_int(a->made)),
		row, 1);
	if (e == 1)
		a->number = (uint64_t)row[0].n;
	return e < 0 ? e : 0;
}

static bool take_account(const struct sql_value *row, struct ledger_account *a)
{
	*a = (struct ledger_account){.number = (uint64_t)row[0].n,
		.balance = row[3].n,
		.held = row[4].n,
		.credit = row[5].n,
		.day_most = row[6].n,
		.closed = row[7].n != 0,
		.made = row[8].n};
	return ledger_take_text(&row[1], a->name, LEDGER_NAME) &&
		ledger_take_text(&row[2], a->plan, LEDGER_NAME);
}

int ledger_account_get(struct ledger *l, const char *name, struct ledger_account *account)
{
	struct sql_value row[9];
	int e = ledger_one(l, ACCOUNT_GET, LEDGER_IN(ledger_text(name)), row, 9);

	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	return take_account(row, account) ? 0 : ledger_note(l, -EUCLEAN);
}

int ledger_account_set(struct ledger *l, const struct ledger_account *a)
{
	struct ledger_plan plan;
	int e = are_limits(a, true) ? ledger_plan_get(l, a->plan, &plan) : -EINVAL;

	if (e < 0)
		return e;
	e = ledger_do(l, ACCOUNT_SET,
		LEDGER_IN(ledger_text(a->plan), sql_int(a->closed),
			sql_int(a->credit != LEDGER_AS_THERE), limit_of(a->credit),
			sql_int(a->day_most != LEDGER_AS_THERE), limit_of(a->day_most),
			sql_int((int64_t)a->number)));
	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	return ledger_note(l, sql_tell(l->sql));
}

struct accounts {
	void (*each)(const struct ledger_account *account, void *context);
	void *context;
	bool wrong;
};

static bool next_account(void *context, const struct sql_value *row)
{
	struct accounts *accounts = context;
	struct ledger_account account;

	accounts->wrong = !take_account(row, &account);
	if (!accounts->wrong)
		accounts->each(&account, accounts->context);
	return !accounts->wrong;
}

int ledger_accounts(struct ledger *l,
	void (*each)(const struct ledger_account *account, void *context), void *context)
{
	struct accounts accounts = {each, context, false};
	int e = sql_each(l->sql, ACCOUNTS, NULL, 0, next_account, &accounts);

	return ledger_note(l, accounts.wrong ? -EUCLEAN : e);
}
