/* cli/market/account.c - `mayfly account`: who pays a center, and with what. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/market/desk.h"
#include "cli/market/show.h"

static const char help[] =
	"usage: mayfly account add NAME [--plan PLAN] [--credit AMOUNT] [--day AMOUNT|none]\n"
	"       mayfly account set NAME [--plan PLAN] [--credit AMOUNT] [--day AMOUNT|none]\n"
	"       mayfly account ls | show NAME\n"
	"       mayfly account pay NAME AMOUNT [--note TEXT]\n"
	"       mayfly account credit NAME AMOUNT [--note TEXT]\n"
	"       mayfly account close NAME | open NAME\n"
	"Accounts of a center. pay: it paid so much (or got it back: -- -AMOUNT); credit: it was "
	"given so\n"
	"much. close (or rm): none of its keys is good any more; what it did stays in the\n"
	"ledger, and open opens it again.\n"
	"  --plan PLAN      without it 'prepaid'\n"
	"  --credit AMOUNT  so far below zero may its balance go; without it as the plan says\n"
	"  --day AMOUNT     may be charged on a day (UTC); the same\n"
	"  --note TEXT      stands in the ledger\n"
	"  --currency CUR   of a ledger that isn't there yet; without it EUR\n" DESK_HELP
	"Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied, 6 no hub.\n";

static void list(const json_t *rows)
{
	static const char *const heads[] = {
		"ACCOUNT", "PLAN", ">BALANCE", ">HELD", ">CREDIT", ">DAY"};
	struct table table;
	const json_t *a;
	size_t i;

	table_open(&table, heads, 6);
	json_array_foreach(rows, i, a) table_row(&table,
		(const char *const[]){show_text(a, "name"),
			json_is_true(json_object_get(a, "closed")) ? "closed"
								   : show_text(a, "plan"),
			show_text(a, "balance"), show_text(a, "held"), show_text(a, "credit"),
			show_text(a, "day")});
	table_close(&table, stdout);
}

static void tell(const char *verb, const json_t *answer)
{
	if (strcmp(verb, "ls") == 0)
		list(json_object_get(answer, "accounts"));
	else if (strcmp(verb, "show") == 0)
		show_members(answer);
	else if (strcmp(verb, "pay") == 0 || strcmp(verb, "credit") == 0)
		show_entry(answer);
}

int cmd_account(int argc, char **argv)
{
	static const struct desk_command account = {"account", help,
		"mayfly account add NAME, set, ls, show, pay NAME AMOUNT, credit, close, open",
		tell};

	return desk_main(&account, argc, argv);
}
