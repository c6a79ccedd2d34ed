/* cli/market/plan.c - `mayfly plan`: what accounts of a center have in common. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cli/commands.h"
#include "cli/hub/table.h"
#include "cli/market/book.h"
#include "cli/out.h"

static const char help[] =
	"usage: mayfly plan put NAME [--credit AMOUNT] [--day AMOUNT|none] [--rate N] [--at-once "
	"N]\n"
	"       mayfly plan ls\n"
	"       mayfly plan rm NAME\n"
	"Plans of a center's accounts. put makes one, or changes it for all accounts that have "
	"it:\n"
	"  --credit AMOUNT  so far below zero may a balance go; without it 0: prepaid\n"
	"  --day AMOUNT     may be charged on a day (UTC)\n"
	"  --rate N         requests a second; 0: as many as come\n"
	"  --at-once N      requests that are worked at; 0: as many as come\n"
	"  --currency CUR   of a ledger that isn't there yet; without it EUR\n" BOOK_HELP
	"Exit status: 0 ok, 1 failed or in use, 2 usage, 3 not found, 4 denied.\n";

enum { OPT_CREDIT = BOOK_OWN, OPT_DAY, OPT_RATE, OPT_AT_ONCE, OPT_CURRENCY };

struct args {
	struct book book;
	struct ledger_plan plan;
	const char *what, *name;
};

static int take_count(const struct args *a, const char *what, int64_t *count)
{
	uint64_t n;

	if (!num_parse(mf_str_of(optarg, strlen(optarg)), &n) || n > 1000000000)
		return out_say(a->book.command, STATUS_USAGE, "%s \"%s\": a number", what, optarg);
	*count = (int64_t)n;
	return STATUS_OK;
}

static int take(struct args *a, int c, char **argv)
{
	switch (c) {
	case OPT_CREDIT: return book_amount(&a->book, "--credit", optarg, false, &a->plan.credit);
	case OPT_DAY: return book_limit(&a->book, "--day", optarg, &a->plan.day_most);
	case OPT_RATE: return take_count(a, "--rate", &a->plan.rate);
	case OPT_AT_ONCE: return take_count(a, "--at-once", &a->plan.at_once);
	case OPT_CURRENCY: a->book.currency = optarg; return STATUS_OK;
	default: return book_option(&a->book, c, argv);
	}
}

static int parse(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {{"credit", required_argument, NULL, OPT_CREDIT},
		{"day", required_argument, NULL, OPT_DAY},
		{"rate", required_argument, NULL, OPT_RATE},
		{"at-once", required_argument, NULL, OPT_AT_ONCE},
		{"currency", required_argument, NULL, OPT_CURRENCY}, BOOK_LONG_OPTIONS,
		{NULL, 0, NULL, 0}};
	int c, status = STATUS_OK;

	opterr = 0;
	while (status == STATUS_OK && (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
		status = take(a, c, argv);
	if (status != STATUS_OK)
		return status;
	a->what = optind < argc ? argv[optind] : "";
	a->name = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (strcmp(a->what, "ls") == 0
			? argc - optind == 1
			: (strcmp(a->what, "put") == 0 || strcmp(a->what, "rm") == 0) &&
				argc - optind == 2)
		return STATUS_OK;
	return out_say("plan", STATUS_USAGE, "say what to do: mayfly plan put NAME, ls, rm NAME");
}

static int put(struct args *a)
{
	int e;

	if (strlen(a->name) > LEDGER_NAME)
		return book_fail(&a->book, -EINVAL, a->name);
	(void)strcpy(a->plan.name, a->name);
	e = ledger_plan_put(a->book.ledger, &a->plan);
	return e < 0 ? book_fail(&a->book, e, a->name) : STATUS_OK;
}

/* ------------------------------------------------------------------------ list */

struct list {
	struct table table;
	json_t *rows; /* NULL: the table is wanted */
};

static void show(const struct ledger_plan *p, void *context)
{
	struct list *list = context;
	char credit[BOOK_AMOUNT], day[BOOK_AMOUNT], rate[24], at_once[24];

	if (list->rows) {
		json_array_append_new(list->rows,
			json_pack("{ss so so sI sI}", "name", p->name, "credit",
				book_json(p->credit), "day", book_json(p->day_most), "rate",
				(json_int_t)p->rate, "at_once", (json_int_t)p->at_once));
		return;
	}
	(void)snprintf(rate, sizeof(rate), "%lld", (long long)p->rate);
	(void)snprintf(at_once, sizeof(at_once), "%lld", (long long)p->at_once);
	table_row(&list->table,
		(const char *const[]){p->name, book_money(p->credit, credit),
			book_money(p->day_most, day), rate, at_once});
}

static int ls(struct args *a)
{
	static const char *const heads[] = {"PLAN", ">CREDIT", ">DAY", ">RATE", ">AT ONCE"};
	struct list list = {.rows = a->book.json ? json_array() : NULL};
	int e;

	table_open(&list.table, heads, 5);
	e = ledger_plans(a->book.ledger, show, &list);
	if (e < 0) {
		json_decref(list.rows);
		return book_fail(&a->book, e, a->book.directory);
	}
	if (a->book.json)
		return out_json("plan", STATUS_OK,
			json_pack("{ss so}", "currency", ledger_currency(a->book.ledger), "plans",
				list.rows));
	table_close(&list.table, stdout);
	return out_end("plan", STATUS_OK);
}

static int rm(struct args *a)
{
	int e = ledger_plan_remove(a->book.ledger, a->name);

	return e < 0 ? book_fail(&a->book, e, a->name) : STATUS_OK;
}

int cmd_plan(int argc, char **argv)
{
	struct args a = {
		.book = {.command = "plan", .help = help}, .plan = {.day_most = LEDGER_UNLIMITED}};
	int status = parse(&a, argc, argv);

	if (status != STATUS_OK)
		return status;
	status = book_begin(&a.book, strcmp(a.what, "put") != 0);
	if (status != STATUS_OK)
		return status;
	status = strcmp(a.what, "put") == 0 ? put(&a) : strcmp(a.what, "rm") == 0 ? rm(&a) : ls(&a);
	return book_end(&a.book, status);
}
