/* market/desk_inner.h - what desk.c and desk_run.c share; nobody else includes it. */
#ifndef MARKET_DESK_INNER_H
#define MARKET_DESK_INNER_H

#include "market/desk.h"

typedef int desk_doing(struct desk_ask *ask, struct ledger *ledger, json_t **answer, char *error);
desk_doing desk_plan_put, desk_plan_ls, desk_plan_show, desk_plan_rm;
desk_doing desk_account_add, desk_account_set, desk_account_ls, desk_account_show, desk_account_pay,
	desk_account_credit, desk_account_close, desk_account_open;
desk_doing desk_key_add, desk_key_ls, desk_key_show, desk_key_rotate, desk_key_revoke;
desk_doing desk_ledger_void;

bool desk_given(const struct desk_ask *ask, const char *member);
/* Gives `as` back. */
int desk_say(char *error, int as, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
