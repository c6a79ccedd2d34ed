/*
 * market/desk.h - what can be asked of a center's book, in words: `mayfly account pay anna 12.50` and the hub's
 * POST /v1/accounts/pay {"name": "anna", "amount": "12.50"} are the same question, read here, done here, answered here.
 *
 * A question is read without a ledger (desk_read), so that what makes no sense is refused at once; and done in a
 * transaction of the caller's (desk_run), perhaps several times until one commits: what it changes but for the ledger is
 * its own. Whoever gets an error ends the transaction. A key's text is made by the first desk_run and stands in the
 * answer, nowhere else.
 */
#ifndef MARKET_DESK_H
#define MARKET_DESK_H

#include <jansson.h>

#include "market/ledger.h"

#define DESK_ERROR_MAX 512

struct desk_ask;

enum desk_flag {
	DESK_CHANGES = 1, /* others only look */
	DESK_MAKES = 2,   /* also a ledger where there is none */
};

struct desk_word {
	const char *noun, *verb;
	const char *page; /* of the admin API, behind /v1/: "accounts/pay" */
	const char *
		operands; /* members in the order in which a command line has them; "account?" needn't be there */
	const char *options;
	unsigned flags;
	int (*run)(struct desk_ask *ask, struct ledger *ledger, json_t **answer, char *error);
};
/* NULL: there is none. */
const struct desk_word *desk_find(const char *noun, const char *verb);
const struct desk_word *desk_at(size_t i);

/* What members are called, and whether one is a flag, which has no value on a command line. */
const char *desk_member(size_t i, bool *flag);

struct desk_ask {
	const struct desk_word *word;
	uint32_t given; /* members: bits by their places */
	char name[LEDGER_NAME + 1], plan[LEDGER_NAME + 1];
	char note[CHAIN_NOTE + 1], services[LEDGER_SERVICES + 1];
	int64_t amount, credit, day, most, expires, overlap;
	uint64_t number, rate, at_once;
	bool test;
	int64_t now;
	char key[MARKET_KEY_TEXT]; /* a new one */
};

/* `members`: an object of texts; numbers and flags may be JSON's own. `mark` stands before options where they are spoken of: "--" or
 * "". 0 or -EINVAL, with what is wrong in error. */
int desk_read(const struct desk_word *word, const json_t *members, const char *mark,
	struct desk_ask *ask, char error[static DESK_ERROR_MAX]);
/* *answer: an object, the caller's, if it returns 0. -ENOENT, -EINVAL, -EEXIST, -EBUSY (in use), -EPERM and -EALREADY (it has
 * ended): what was asked can't be, as error says; others are the ledger's. */
int desk_run(struct desk_ask *ask, struct ledger *ledger, int64_t now, json_t **answer,
	char error[static DESK_ERROR_MAX]);
/* Wipes the key. */
void desk_forget(struct desk_ask *ask);

#endif
