/* cli/market/ledger.c - `mayfly ledger`: is a center's book what it was? And what stands in it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/market/book.h"
#include "cli/market/desk.h"
#include "cli/market/show.h"
#include "cli/market/usage.h"
#include "cli/out.h"
#include "market/receipt.h"
#include "market/written.h"

static const char help[] =
	"usage: mayfly ledger verify [--head HASH] [--key FILE]\n"
	"       mayfly ledger export [--from NUMBER]\n"
	"       mayfly ledger usage [--to URL --cursor FILE] ...: see mayfly ledger usage --help\n"
	"       mayfly ledger void NUMBER [--note TEXT]\n"
	"A center's ledger. verify looks at every row: hashes, sums, charges, balances, and shows "
	"the last\n"
	"entry's hash, which whoever noted it can compare later. export writes a line of JSON for "
	"each\n"
	"entry. void takes an entry back, by another one.\n"
	"  --head HASH    an entry with this hash must be there: what verify showed once\n"
	"  --key FILE     every receipt must be signed by this key\n"
	"  --from NUMBER  the first entry that is written\n"
	"  --note TEXT    stands in the ledger\n"
	"  --hub PATH     void: a center is asked instead, see mayfly account --help\n" BOOK_HELP
	"Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 the ledger isn't what it was, or "
	"denied,\n6 no hub.\n";

enum { OPT_HEAD = BOOK_OWN, OPT_KEY, OPT_FROM };

struct args {
	struct book book;
	const char *what, *head, *key;
	uint64_t from;
};

/* ------------------------------------------------------------------- arguments */

static int take_number(const char *what, const char *text, uint64_t *number)
{
	if (num_parse(mf_str_of(text, strlen(text)), number) && *number > 0 && *number <= INT64_MAX)
		return STATUS_OK;
	return out_say("ledger", STATUS_USAGE, "%s \"%s\": an entry's number", what, text);
}

static int take(struct args *a, int c, char **argv)
{
	switch (c) {
	case OPT_HEAD:
		a->head = optarg;
		return strlen(optarg) == 2 * CHAIN_HASH &&
				strspn(optarg, "0123456789abcdef") == 2 * CHAIN_HASH
			? STATUS_OK
			: out_say("ledger", STATUS_USAGE,
				  "--head \"%s\": 64 hexadecimal digits, which verify showed",
				  optarg);
	case OPT_KEY: a->key = optarg; return STATUS_OK;
	case OPT_FROM: return take_number("--from", optarg, &a->from);
	default: return book_option(&a->book, c, argv);
	}
}

static int parse(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {{"head", required_argument, NULL, OPT_HEAD},
		{"key", required_argument, NULL, OPT_KEY},
		{"from", required_argument, NULL, OPT_FROM}, BOOK_LONG_OPTIONS, {NULL, 0, NULL, 0}};
	int c, status = STATUS_OK, words;

	opterr = 0;
	while (status == STATUS_OK && (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
		status = take(a, c, argv);
	if (status != STATUS_OK)
		return status;
	a->what = optind < argc ? argv[optind] : "";
	words = argc - optind - 1;
	if ((strcmp(a->what, "verify") == 0 || strcmp(a->what, "export") == 0) && words == 0)
		return STATUS_OK;
	return out_say("ledger", STATUS_USAGE,
		"say what to do: mayfly ledger verify, export, usage, void NUMBER");
}

/* ---------------------------------------------------------------------- verify */

static const char *look_at_receipt(struct mf_str text, void *context)
{
	static char error[RECEIPT_ERROR_MAX];
	const struct sign_key *key = context;
	struct receipt receipt;

	if (receipt_read(text, &receipt, error) < 0)
		return error;
	return receipt_is_signed(&receipt, key->bytes) ? NULL : "it isn't signed by this key";
}

struct find {
	const char *hex;
	uint64_t number; /* 0: wasn't found */
};

static bool compare(
	const struct chain_entry *entry, const uint8_t hash[static CHAIN_HASH], void *context)
{
	struct find *find = context;
	char hex[2 * CHAIN_HASH + 1];

	if (strcmp(out_hex(hash, CHAIN_HASH, hex), find->hex) == 0)
		find->number = entry->number;
	return find->number == 0;
}

static int look_for_head(struct args *a)
{
	struct find find = {.hex = a->head};
	int e = ledger_entries(a->book.ledger, 0, compare, &find);

	if (e < 0)
		return book_fail(&a->book, e, a->book.directory);
	return find.number > 0 ? STATUS_OK
			       : out_say("ledger", STATUS_DENIED,
					 "no entry has the hash %s: what stood there is another "
					 "ledger, or was altered",
					 a->head);
}

static int tell_verified(const struct args *a, const struct ledger_verified *v)
{
	char hex[2 * CHAIN_HASH + 1], sales[WRITTEN_AMOUNT];

	out_hex(v->head, CHAIN_HASH, hex);
	if (a->book.json)
		return out_json("ledger", STATUS_OK,
			json_pack("{sI sI sI so ss ss}", "entries", (json_int_t)v->entries,
				"charges", (json_int_t)v->charges, "accounts",
				(json_int_t)v->accounts, "sales", written_amount_json(v->sales),
				"currency", ledger_currency(a->book.ledger), "head", hex));
	printf("entries   %llu\ncharges   %llu\naccounts  %llu\nsales     %s %s\nhead      %s\n",
		(unsigned long long)v->entries, (unsigned long long)v->charges,
		(unsigned long long)v->accounts, written_amount(v->sales, sales),
		ledger_currency(a->book.ledger), hex);
	return out_end("ledger", STATUS_OK);
}

static int verify(struct args *a)
{
	struct ledger_verified v;
	struct sign_key key;
	int status = a->key ? keys_public("ledger", a->key, &key) : STATUS_OK, e;

	if (status != STATUS_OK)
		return status;
	e = ledger_verify(a->book.ledger, a->key ? look_at_receipt : NULL, &key, &v);
	if (e < 0)
		return book_fail(&a->book, e, a->book.directory);
	if (v.wrong[0])
		return out_say("ledger", STATUS_DENIED, "%s: %s", a->book.directory, v.wrong);
	if (a->head)
		status = look_for_head(a);
	return status == STATUS_OK ? tell_verified(a, &v) : status;
}

/* ---------------------------------------------------------------------- export */

static bool write_entry(
	const struct chain_entry *e, const uint8_t hash[static CHAIN_HASH], void *context)
{
	json_t *line = written_entry_json(e, hash);
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	json_decref(line);
	*(bool *)context = text && puts(text) != EOF;
	free(text);
	return *(bool *)context;
}

static int export(struct args *a)
{
	bool good = true;
	int e = ledger_entries(a->book.ledger, a->from, write_entry, &good);

	if (e < 0)
		return book_fail(&a->book, e, a->book.directory);
	return out_end("ledger", good ? STATUS_OK : STATUS_FAILED);
}

/* ------------------------------------------------------------------------- void */

static void tell_void(const char *verb, const json_t *answer)
{
	(void)verb;
	show_entry(answer);
}

int cmd_ledger(int argc, char **argv)
{
	static const struct desk_command changes = {
		"ledger", help, "mayfly ledger void NUMBER", tell_void};
	struct args a = {.book = {.command = "ledger", .help = help}};
	int status;

	if (argc > 1 && strcmp(argv[1], "void") == 0)
		return desk_main(&changes, argc, argv);
	if (argc > 1 && strcmp(argv[1], "usage") == 0)
		return usage_main(argc, argv);
	status = parse(&a, argc, argv);
	if (status == STATUS_OK)
		status = book_open(&a.book, true);
	if (status == STATUS_OK)
		status = strcmp(a.what, "verify") == 0 ? verify(&a) : export(&a);
	ledger_close(a.book.ledger);
	return status;
}
