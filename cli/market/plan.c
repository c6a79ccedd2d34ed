/* cli/market/plan.c - `mayfly plan`: what accounts of a center have in common. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/market/desk.h"
#include "cli/market/show.h"

static const char help[] =
	"usage: mayfly plan put NAME [--credit AMOUNT] [--day AMOUNT|none] [--rate N] [--at-once "
	"N]\n"
	"       mayfly plan ls | show NAME\n"
	"       mayfly plan rm NAME\n"
	"Plans of a center's accounts. put makes one, or changes it for all accounts that have "
	"it:\n"
	"  --credit AMOUNT  so far below zero may a balance go; without it 0: prepaid\n"
	"  --day AMOUNT     may be charged on a day (UTC)\n"
	"  --rate N         requests a second; 0: as many as come\n"
	"  --at-once N      requests that are worked at; 0: as many as come\n"
	"  --currency CUR   of a ledger that isn't there yet; without it EUR\n" DESK_HELP
	"Exit status: 0 ok, 1 failed or in use, 2 usage, 3 not found, 4 denied, 6 no hub.\n";

static void list(const json_t *rows)
{
	static const char *const heads[] = {"PLAN", ">CREDIT", ">DAY", ">RATE", ">AT ONCE"};
	char rate[SHOW_NUMBER], at_once[SHOW_NUMBER];
	struct table table;
	const json_t *p;
	size_t i;

	table_open(&table, heads, 5);
	json_array_foreach(rows, i, p) table_row(&table,
		(const char *const[]){show_text(p, "name"), show_text(p, "credit"),
			show_text(p, "day"), show_number(p, "rate", rate),
			show_number(p, "at_once", at_once)});
	table_close(&table, stdout);
}

static void tell(const char *verb, const json_t *answer)
{
	if (strcmp(verb, "ls") == 0)
		list(json_object_get(answer, "plans"));
	else if (strcmp(verb, "show") == 0)
		show_members(answer);
}

int cmd_plan(int argc, char **argv)
{
	static const struct desk_command plan = {
		"plan", help, "mayfly plan put NAME, ls, show NAME, rm NAME", tell};

	return desk_main(&plan, argc, argv);
}
