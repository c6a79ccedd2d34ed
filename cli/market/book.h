/*
 * cli/market/book.h - what the commands on a center's ledger share: which one, and what to say when something went
 * wrong. The ledger is opened where it lies, beside a hub that may use it meanwhile.
 *
 * Functions that return int return an exit status (cli/commands.h), having said on stderr what is wrong.
 */
#ifndef CLI_MARKET_BOOK_H
#define CLI_MARKET_BOOK_H

#include <getopt.h>

#include "market/ledger.h"

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

#endif
