/* cli/market/account.c - `mayfly account`: who pays a center, and with what. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/hub/table.h"
#include "cli/market/book.h"
#include "cli/out.h"
#include "sys/clock.h"

static const char help[] =
	"usage: mayfly account add NAME [--plan PLAN] [--credit AMOUNT] [--day AMOUNT|none]\n"
	"       mayfly account set NAME [--plan PLAN] [--credit AMOUNT] [--day AMOUNT|none]\n"
	"       mayfly account ls\n"
	"       mayfly account pay NAME AMOUNT [--note TEXT]\n"
	"       mayfly account credit NAME AMOUNT [--note TEXT]\n"
	"       mayfly account rm NAME | open NAME\n"
	"Accounts of a center. pay: it paid so much (or got it back: -- -AMOUNT); credit: it was "
	"given so\n"
	"much. rm closes the account: none of its keys is good any more; what it did stays in the\n"
	"ledger, and open opens it again.\n"
	"  --plan PLAN      without it 'prepaid'\n"
	"  --credit AMOUNT  so far below zero may its balance go; without it as the plan says\n"
	"  --day AMOUNT     may be charged on a day (UTC); the same\n"
	"  --note TEXT      stands in the ledger\n"
	"  --currency CUR   of a ledger that isn't there yet; without it EUR\n" BOOK_HELP
	"Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied.\n";

enum { OPT_PLAN = BOOK_OWN, OPT_CREDIT, OPT_DAY, OPT_NOTE, OPT_CURRENCY };

struct args {
	struct book book;
	int64_t credit, day_most, amount;
	bool credit_given, day_given;
	const char *plan, *note, *name;
	const struct what *what;
	uint64_t entry; /* that was made; 0: none */
};

static int add(struct args *a);
static int set(struct args *a);
static int ls(struct args *a);
static int pay(struct args *a);
static int give(struct args *a);
static int rm(struct args *a);
static int reopen(struct args *a);

static const struct what {
	const char *word;
	int (*run)(struct args *a);
	int words; /* behind it */
	bool makes;
} whats[] = {
	{"add", add, 1, true},
	{"set", set, 1, false},
	{"ls", ls, 0, false},
	{"pay", pay, 2, false},
	{"credit", give, 2, false},
	{"rm", rm, 1, false},
	{"open", reopen, 1, false},
};

/* ------------------------------------------------------------------- arguments */

static int take(struct args *a, int c, char **argv)
{
	switch (c) {
	case OPT_PLAN: a->plan = optarg; return STATUS_OK;
	case OPT_CREDIT:
		a->credit_given = true;
		return book_amount(&a->book, "--credit", optarg, false, &a->credit);
	case OPT_DAY:
		a->day_given = true;
		return book_limit(&a->book, "--day", optarg, &a->day_most);
	case OPT_NOTE: a->note = optarg; return STATUS_OK;
	case OPT_CURRENCY: a->book.currency = optarg; return STATUS_OK;
	default: return book_option(&a->book, c, argv);
	}
}

static int take_words(struct args *a, int argc, char **argv)
{
	const char *word = optind < argc ? argv[optind] : "";

	for (size_t i = 0; i < sizeof(whats) / sizeof(*whats); i++)
		if (strcmp(word, whats[i].word) == 0 && argc - optind == 1 + whats[i].words)
			a->what = &whats[i];
	if (!a->what)
		return out_say("account", STATUS_USAGE,
			"say what to do: mayfly account add NAME, set, ls, pay NAME AMOUNT, "
			"credit, "
			"rm, open");
	if (a->what->words > 0)
		a->name = argv[optind + 1];
	if (a->note && strlen(a->note) > CHAIN_NOTE)
		return out_say("account", STATUS_USAGE, "--note: more than %u letters", CHAIN_NOTE);
	return a->what->words < 2 ? STATUS_OK
				  : book_amount(&a->book, "AMOUNT", argv[optind + 2],
					    a->what->run == pay, &a->amount);
}

static int parse(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {{"plan", required_argument, NULL, OPT_PLAN},
		{"credit", required_argument, NULL, OPT_CREDIT},
		{"day", required_argument, NULL, OPT_DAY},
		{"note", required_argument, NULL, OPT_NOTE},
		{"currency", required_argument, NULL, OPT_CURRENCY}, BOOK_LONG_OPTIONS,
		{NULL, 0, NULL, 0}};
	int c, status = STATUS_OK;

	opterr = 0;
	while (status == STATUS_OK && (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
		status = take(a, c, argv);
	return status == STATUS_OK ? take_words(a, argc, argv) : status;
}

/* -------------------------------------------------------------------- changes */

static int take_plan(struct args *a, struct ledger_account *account)
{
	struct ledger_plan plan;
	int e = strlen(a->plan) > LEDGER_NAME ? -ENOENT
					      : ledger_plan_get(a->book.ledger, a->plan, &plan);

	if (e == -ENOENT)
		return out_say("account", STATUS_NOT_FOUND,
			"--plan \"%s\": there is none: mayfly plan ls shows them", a->plan);
	if (e < 0)
		return book_fail(&a->book, e, a->plan);
	(void)strcpy(account->plan, a->plan);
	return STATUS_OK;
}

static int add(struct args *a)
{
	struct ledger_account account = {.credit = a->credit_given ? a->credit : LEDGER_AS_PLANNED,
		.day_most = a->day_given ? a->day_most : LEDGER_AS_PLANNED,
		.made = clock_wall_ns()};
	int status, e;

	if (!a->plan)
		a->plan = "prepaid";
	if (strlen(a->name) > LEDGER_NAME)
		return book_fail(&a->book, -EINVAL, a->name);
	(void)strcpy(account.name, a->name);
	status = take_plan(a, &account);
	if (status != STATUS_OK)
		return status;
	e = ledger_account_add(a->book.ledger, &account);
	return e < 0 ? book_fail(&a->book, e, a->name) : STATUS_OK;
}

/* What isn't said stays as it is, but what it has from its plan becomes its own only if that is said. */
static int change(struct args *a, bool closed)
{
	struct ledger_account account;
	int status = book_account(&a->book, a->name, &account), e;

	if (status == STATUS_OK && a->plan)
		status = take_plan(a, &account);
	if (status != STATUS_OK)
		return status;
	account.closed = closed;
	account.credit = a->credit_given ? a->credit : LEDGER_AS_THERE;
	account.day_most = a->day_given ? a->day_most : LEDGER_AS_THERE;
	e = ledger_account_set(a->book.ledger, &account);
	return e < 0 ? book_fail(&a->book, e, a->name) : STATUS_OK;
}

static int set(struct args *a)
{
	struct ledger_account account;
	int status = book_account(&a->book, a->name, &account);

	return status == STATUS_OK ? change(a, account.closed) : status;
}

static int rm(struct args *a)
{
	return change(a, true);
}

static int reopen(struct args *a)
{
	return change(a, false);
}

static int move(struct args *a,
	int (*how)(struct ledger *ledger, uint64_t account, int64_t amount, int64_t now,
		struct mf_str note, uint64_t *entry))
{
	const char *note = a->note ? a->note : "";
	struct ledger_account account;
	int status = book_account(&a->book, a->name, &account), e;

	if (status != STATUS_OK)
		return status;
	e = how(a->book.ledger, account.number, a->amount, clock_wall_ns(),
		mf_str_of(note, strlen(note)), &a->entry);
	return e < 0 ? book_fail(&a->book, e, a->name) : STATUS_OK;
}

/* When it is on the disk. */
static int tell(const struct args *a)
{
	if (a->book.json)
		return out_json("account", STATUS_OK,
			json_pack("{ss sI}", "account", a->name, "entry", (json_int_t)a->entry));
	printf("entry %llu\n", (unsigned long long)a->entry);
	return out_end("account", STATUS_OK);
}

static int pay(struct args *a)
{
	return move(a, ledger_pay);
}

static int give(struct args *a)
{
	return move(a, ledger_credit);
}

/* ------------------------------------------------------------------------ list */

struct list {
	struct table table;
	json_t *rows; /* NULL: the table is wanted */
};

static void show(const struct ledger_account *x, void *context)
{
	struct list *list = context;
	char balance[BOOK_AMOUNT], held[BOOK_AMOUNT], credit[BOOK_AMOUNT], day[BOOK_AMOUNT];

	if (list->rows) {
		json_array_append_new(list->rows,
			json_pack("{sI ss ss so so so so sb}", "number", (json_int_t)x->number,
				"name", x->name, "plan", x->plan, "balance", book_json(x->balance),
				"held", book_json(x->held), "credit", book_json(x->credit), "day",
				book_json(x->day_most), "closed", x->closed));
		return;
	}
	table_row(&list->table,
		(const char *const[]){x->name, x->closed ? "closed" : x->plan,
			book_money(x->balance, balance), book_money(x->held, held),
			book_money(x->credit, credit), book_money(x->day_most, day)});
}

static int ls(struct args *a)
{
	static const char *const heads[] = {
		"ACCOUNT", "PLAN", ">BALANCE", ">HELD", ">CREDIT", ">DAY"};
	struct list list = {.rows = a->book.json ? json_array() : NULL};
	int e;

	table_open(&list.table, heads, 6);
	e = ledger_accounts(a->book.ledger, show, &list);
	if (e < 0) {
		json_decref(list.rows);
		return book_fail(&a->book, e, a->book.directory);
	}
	if (a->book.json)
		return out_json("account", STATUS_OK,
			json_pack("{ss so}", "currency", ledger_currency(a->book.ledger),
				"accounts", list.rows));
	table_close(&list.table, stdout);
	return out_end("account", STATUS_OK);
}

int cmd_account(int argc, char **argv)
{
	struct args a = {.book = {.command = "account", .help = help}};
	int status = parse(&a, argc, argv);

	if (status == STATUS_OK)
		status = book_begin(&a.book, !a.what->makes);
	if (status == STATUS_OK)
		status = book_end(&a.book, a.what->run(&a));
	return status == STATUS_OK && a.entry > 0 ? tell(&a) : status;
}
