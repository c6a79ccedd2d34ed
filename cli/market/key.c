/* cli/market/key.c - `mayfly key`: with which subscribers ask a center. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/market/desk.h"
#include "cli/market/show.h"

static const char help[] =
	"usage: mayfly key add ACCOUNT [--services NAME,...] [--expires TIME] [--most AMOUNT]\n"
	"                  [--day AMOUNT] [--test]\n"
	"       mayfly key ls [ACCOUNT]\n"
	"       mayfly key show NUMBER\n"
	"       mayfly key rotate NUMBER [--overlap TIME]\n"
	"       mayfly key revoke NUMBER\n"
	"Keys of a center's accounts. add and rotate show a key once; the ledger has its hash "
	"only.\n"
	"rotate makes another key with the same rights and limits; the old one is good for "
	"--overlap\n"
	"more (24h if it isn't said). revoke ends one at once.\n"
	"  --services NAME,...  it is good for these only\n"
	"  --expires TIME       it ends in so long: 90d, 12h\n"
	"  --most AMOUNT        may be charged to it in all; --day AMOUNT: on a day (UTC)\n"
	"  --test               for trying things out: mfy_test_...\n" DESK_HELP
	"Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied, 6 no hub.\n";

static void list(const json_t *rows)
{
	static const char *const heads[] = {
		">NUMBER", "KEY", "STATE", "EXPIRES", "SERVICES", ">SPENT", ">MOST", ">DAY"};
	char number[SHOW_NUMBER];
	struct table table;
	const json_t *k;
	size_t i;

	table_open(&table, heads, 8);
	json_array_foreach(rows, i, k) table_row(&table,
		(const char *const[]){show_number(k, "number", number), show_text(k, "key"),
			show_text(k, "state"), show_text(k, "expires"),
			*show_text(k, "services") ? show_text(k, "services") : "all",
			show_text(k, "spent"), show_text(k, "most"), show_text(k, "day")});
	table_close(&table, stdout);
}

static void tell(const char *verb, const json_t *answer)
{
	if (strcmp(verb, "ls") == 0)
		list(json_object_get(answer, "keys"));
	else if (strcmp(verb, "show") == 0)
		show_members(answer);
	else if (strcmp(verb, "add") == 0 || strcmp(verb, "rotate") == 0)
		printf("%s\n", show_text(answer, "key"));
}

int cmd_key(int argc, char **argv)
{
	static const struct desk_command key = {"key", help,
		"mayfly key add ACCOUNT, ls, show NUMBER, rotate NUMBER, revoke NUMBER", tell};

	return desk_main(&key, argc, argv);
}
