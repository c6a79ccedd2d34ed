/* cli/market/key.c - `mayfly key`: with which subscribers ask a center. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cli/commands.h"
#include "cli/hub/table.h"
#include "cli/market/book.h"
#include "cli/out.h"
#include "sys/clock.h"

static const char help[] =
	"usage: mayfly key add ACCOUNT [--services NAME,...] [--expires TIME] [--most AMOUNT]\n"
	"                  [--day AMOUNT] [--test]\n"
	"       mayfly key ls [ACCOUNT]\n"
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
	"  --test               for trying things out: mfy_test_...\n" BOOK_HELP
	"Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied.\n";

enum { OPT_SERVICES = BOOK_OWN, OPT_EXPIRES, OPT_MOST, OPT_DAY, OPT_TEST, OPT_OVERLAP };

struct args {
	struct book book;
	const struct what *what;
	const char *word; /* account or number */
	int64_t expires, overlap;
	bool test;
	struct ledger_key key;
	char text[MARKET_KEY_TEXT]; /* of a new one; wiped */
};

static int add(struct args *a);
static int ls(struct args *a);
static int rotate(struct args *a);
static int revoke(struct args *a);

static const struct what {
	const char *word;
	int (*run)(struct args *a);
	int least, most; /* words behind it */
} whats[] = {
	{"add", add, 1, 1},
	{"ls", ls, 0, 1},
	{"rotate", rotate, 1, 1},
	{"revoke", revoke, 1, 1},
	{"rm", revoke, 1, 1},
};

/* ------------------------------------------------------------------- arguments */

/* With spaces between them, as the ledger has them. */
static int take_services(struct args *a, const char *list)
{
	size_t n = strlen(list);

	if (n > LEDGER_SERVICES)
		return out_say(
			"key", STATUS_USAGE, "--services: more than %u letters", LEDGER_SERVICES);
	for (size_t i = 0; i <= n; i++)
		a->key.services[i] = list[i] == ',' ? ' ' : list[i];
	return STATUS_OK;
}

static int take(struct args *a, int c, char **argv)
{
	switch (c) {
	case OPT_SERVICES: return take_services(a, optarg);
	case OPT_EXPIRES: return book_time(&a->book, "--expires", optarg, &a->expires);
	case OPT_OVERLAP: return book_time(&a->book, "--overlap", optarg, &a->overlap);
	case OPT_MOST: return book_limit(&a->book, "--most", optarg, &a->key.most);
	case OPT_DAY: return book_limit(&a->book, "--day", optarg, &a->key.day_most);
	case OPT_TEST: a->test = true; return STATUS_OK;
	default: return book_option(&a->book, c, argv);
	}
}

static int parse(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {{"services", required_argument, NULL, OPT_SERVICES},
		{"expires", required_argument, NULL, OPT_EXPIRES},
		{"overlap", required_argument, NULL, OPT_OVERLAP},
		{"most", required_argument, NULL, OPT_MOST},
		{"day", required_argument, NULL, OPT_DAY}, {"test", no_argument, NULL, OPT_TEST},
		BOOK_LONG_OPTIONS, {NULL, 0, NULL, 0}};
	int c, status = STATUS_OK, words;
	const char *word;

	opterr = 0;
	while (status == STATUS_OK && (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
		status = take(a, c, argv);
	if (status != STATUS_OK)
		return status;
	word = optind < argc ? argv[optind] : "";
	words = argc - optind - 1;
	for (size_t i = 0; i < sizeof(whats) / sizeof(*whats); i++)
		if (strcmp(word, whats[i].word) == 0 && words >= whats[i].least &&
			words <= whats[i].most)
			a->what = &whats[i];
	a->word = words > 0 ? argv[optind + 1] : NULL;
	return a->what ? STATUS_OK
		       : out_say("key", STATUS_USAGE,
				 "say what to do: mayfly key add ACCOUNT, ls, rotate NUMBER, "
				 "revoke NUMBER");
}

static int take_number(const struct args *a, uint64_t *number)
{
	if (num_parse(mf_str_of(a->word, strlen(a->word)), number) && *number > 0 &&
		*number <= INT64_MAX)
		return STATUS_OK;
	return out_say(
		"key", STATUS_USAGE, "\"%s\": a key's number, which mayfly key ls shows", a->word);
}

/* --------------------------------------------------------------------- changes */

static void make(struct args *a, bool test)
{
	struct mf_str text = {(const uint8_t *)a->text, MARKET_KEY_LETTERS};

	market_key_new(test, a->text);
	market_key_hash(text, a->key.hash);
	market_key_show(text, a->key.shown);
}

static int add(struct args *a)
{
	struct ledger_account account;
	int64_t now = clock_wall_ns();
	int status = book_account(&a->book, a->word, &account), e;

	if (status != STATUS_OK)
		return status;
	a->key.account = account.number;
	a->key.made = now;
	a->key.expires = a->expires ? now + a->expires : 0;
	make(a, a->test);
	e = ledger_key_add(a->book.ledger, &a->key);
	if (e == -EINVAL)
		return out_say("key", STATUS_USAGE,
			"--services \"%s\": names of services, with commas between",
			a->key.services);
	return e < 0 ? book_fail(&a->book, e, a->word) : STATUS_OK;
}

static int rotate(struct args *a)
{
	struct ledger_key old;
	uint64_t number = 0;
	int status = take_number(a, &number), e;

	if (status != STATUS_OK)
		return status;
	e = ledger_key_get(a->book.ledger, number, &old);
	if (e < 0)
		return book_fail(&a->book, e, a->word);
	make(a, strncmp(old.shown, "mfy_test_", 9) == 0);
	e = ledger_key_rotate(a->book.ledger, number, clock_wall_ns(), a->overlap, &a->key);
	if (e == -EPERM)
		return out_say("key", STATUS_FAILED,
			"%s: it has ended already: mayfly key add makes another", a->word);
	return e < 0 ? book_fail(&a->book, e, a->word) : STATUS_OK;
}

static int revoke(struct args *a)
{
	uint64_t number = 0;
	int status = take_number(a, &number), e;

	if (status != STATUS_OK)
		return status;
	e = ledger_key_revoke(a->book.ledger, number, clock_wall_ns());
	return e < 0 ? book_fail(&a->book, e, a->word) : STATUS_OK;
}

/* A new key, when it is on the disk; this once. */
static int tell(const struct args *a)
{
	if (a->book.json)
		return out_json("key", STATUS_OK,
			json_pack("{sI ss}", "number", (json_int_t)a->key.number, "key", a->text));
	printf("%s\n", a->text);
	return out_end("key", STATUS_OK);
}

/* ------------------------------------------------------------------------ list */

struct list {
	struct table table;
	json_t *rows; /* NULL: the table is wanted */
	int64_t now;
};

static const char *state_of(const struct ledger_key *k, int64_t now)
{
	return k->revoked ? "revoked" : k->expires && k->expires <= now ? "expired" : "good";
}

static void show(const struct ledger_key *k, void *context)
{
	struct list *list = context;
	char number[24], expires[BOOK_TIME], spent[BOOK_AMOUNT], most[BOOK_AMOUNT],
		day[BOOK_AMOUNT];

	book_date(k->expires, expires);
	if (list->rows) {
		json_array_append_new(list->rows,
			json_pack("{sI sI ss ss ss ss so so so sI}", "number",
				(json_int_t)k->number, "account", (json_int_t)k->account, "key",
				k->shown, "state", state_of(k, list->now), "services", k->services,
				"expires", expires, "spent", book_json(k->spent), "most",
				book_json(k->most), "day", book_json(k->day_most), "replaces",
				(json_int_t)k->replaces));
		return;
	}
	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)k->number);
	table_row(&list->table,
		(const char *const[]){number, k->shown, state_of(k, list->now), expires,
			k->services[0] ? k->services : "all", book_money(k->spent, spent),
			book_money(k->most, most), book_money(k->day_most, day)});
}

static int ls(struct args *a)
{
	static const char *const heads[] = {
		">NUMBER", "KEY", "STATE", "EXPIRES", "SERVICES", ">SPENT", ">MOST", ">DAY"};
	struct list list = {.now = clock_wall_ns()};
	struct ledger_account account = {0};
	int status = a->word ? book_account(&a->book, a->word, &account) : STATUS_OK, e;

	if (status != STATUS_OK)
		return status;
	list.rows = a->book.json ? json_array() : NULL;
	table_open(&list.table, heads, 8);
	e = ledger_keys(a->book.ledger, account.number, show, &list);
	if (e < 0) {
		json_decref(list.rows);
		return book_fail(&a->book, e, a->book.directory);
	}
	if (a->book.json)
		return out_json("key", STATUS_OK,
			json_pack("{ss so}", "currency", ledger_currency(a->book.ledger), "keys",
				list.rows));
	table_close(&list.table, stdout);
	return out_end("key", STATUS_OK);
}

int cmd_key(int argc, char **argv)
{
	struct args a = {.book = {.command = "key", .help = help},
		.key = {.most = LEDGER_UNLIMITED, .day_most = LEDGER_UNLIMITED},
		.overlap = 86400000000000};
	int status = parse(&a, argc, argv);

	if (status == STATUS_OK)
		status = book_begin(&a.book, true);
	if (status == STATUS_OK)
		status = book_end(&a.book, a.what->run(&a));
	if (status == STATUS_OK && a.text[0])
		status = tell(&a);
	explicit_bzero(a.text, sizeof(a.text));
	return status;
}
