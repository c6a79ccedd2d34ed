/* cli/market/receipt_ls.c - `mayfly receipt ls`: an account's receipts, as they are in the ledger; also those that its subscriber
 * wasn't handed: of what his requests called, of answers that were lost on the way. */
#include "cli/market/receipt_ls.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/market/book.h"
#include "cli/out.h"
#include "market/invoice.h"

struct list {
	int64_t from, to;
	bool good; /* stdout takes it */
};

static bool put_receipt(const struct ledger_move *move, void *context)
{
	struct list *list = context;

	if (move->kind != CHAIN_CHARGE || move->at < list->from || move->at >= list->to ||
		!move->receipt.p)
		return true;
	list->good = fwrite(move->receipt.p, 1, move->receipt.n, stdout) == move->receipt.n &&
		putchar('\n') != EOF;
	return list->good;
}

static int look(struct book *book, const char *name, struct list *list)
{
	struct ledger_account account = {0};
	int e = ledger_account_get(book->ledger, name, &account);

	if (e == 0)
		e = ledger_moves(book->ledger, 1, INT64_MAX, account.number, put_receipt, list);
	return e;
}

static int take_words(int argc, char **argv, struct list *list)
{
	const int words = argc - optind - 1;

	list->from = 0;
	list->to = INT64_MAX;
	if (words < 1 || words > 2)
		return out_say("receipt", STATUS_USAGE,
			"say whose: mayfly receipt ls ACCOUNT, or of one month: ACCOUNT 2026-11");
	if (words == 2 && !invoice_month(argv[optind + 2], &list->from, &list->to))
		return out_say("receipt", STATUS_USAGE, "\"%s\": write a month as 2026-11",
			argv[optind + 2]);
	return STATUS_OK;
}

int receipt_ls_main(int argc, char **argv, const char *help)
{
	static const struct option options[] = {BOOK_LONG_OPTIONS, {NULL, 0, NULL, 0}};
	struct book book = {.command = "receipt", .help = help};
	struct list list = {.good = true};
	int c, status = STATUS_OK, e;

	opterr = 0;
	while (status == STATUS_OK && (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
		status = book_option(&book, c, argv);
	if (status == STATUS_OK)
		status = take_words(argc, argv, &list);
	if (status == STATUS_OK)
		status = book_open(&book, true);
	if (status != STATUS_OK)
		return status;
	e = ledger_look(book.ledger);
	if (e == 0) {
		e = look(&book, argv[optind + 1], &list);
		ledger_rollback(book.ledger);
	}
	ledger_close(book.ledger);
	if (e < 0)
		return book_fail(&book, e, argv[optind + 1]);
	return out_end("receipt", list.good ? STATUS_OK : STATUS_FAILED);
}
