/*
 * cli/market/book.h - what the commands on a center's ledger share: which one, amounts and times as people write them, and
 * what to say when something went wrong. The ledger is opened where it lies, beside a hub that may use it meanwhile.
 *
 * Functions that return int return an exit status (cli/commands.h), having said on stderr what is wrong.
 */
#ifndef CLI_MARKET_BOOK_H
#define CLI_MARKET_BOOK_H

#include <getopt.h>
#include <jansson.h>

#include "market/ledger.h"

#define BOOK_AMOUNT 32u /* room for an amount in text */
#define BOOK_TIME   32u

struct book {
	const char *command; /* the first two set by the caller */
	const char *help;
	const char *directory, *currency;
	bool json;
	struct ledger *ledger;
};

enum { BOOK_STATE = 0x200, BOOK_OWN };
#define BOOK_LONG_OPTIONS                                                                          \
	{"state", required_argument, NULL, BOOK_STATE}, {"output", required_argument, NULL, 'o'},  \
	{                                                                                          \
		"help", no_argument, NULL, 'h'                                                     \
	}
#define BOOK_HELP                                                                                  \
	"  --state DIR  the hub's state, where ledger.db lies; else $MAYFLY_STATE, else\n"         \
	"               /var/lib/mayfly; or postgresql://USER@HOST/DATABASE\n"                     \
	"  -o text|json\n"
/* One of these options; ends the process for --help. Others: said that they are unknown. */
int book_option(struct book *book, int c, char **argv);

/* `existing`: it must be there. */
int book_open(struct book *book, bool existing);
/* book_open, and the transaction begins; book_end commits it if status is STATUS_OK, and closes: the status. */
int book_begin(struct book *book, bool existing);
int book_end(struct book *book, int status);
/* Says what -errno means of `name`. */
int book_fail(const struct book *book, int error, const char *name);

/* "12.50"; `what` is the option. Negative ones if `any`. */
int book_amount(
	const struct book *book, const char *what, const char *text, bool any, int64_t *amount);
/* The same, or "none": LEDGER_UNLIMITED. */
int book_limit(const struct book *book, const char *what, const char *text, int64_t *amount);
const char *book_money(int64_t amount, char to[static BOOK_AMOUNT]); /* "none": LEDGER_UNLIMITED */
json_t *book_json(int64_t amount);                                   /* null: the same */
/* "90d", "12h" */
int book_time(const struct book *book, const char *what, const char *text, int64_t *ns);
const char *book_date(int64_t at, char to[static BOOK_TIME]); /* "-": 0 */
int book_account(const struct book *book, const char *name, struct ledger_account *account);

#endif
