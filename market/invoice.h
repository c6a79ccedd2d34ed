/*
 * market/invoice.h - what an account used in a month, from its receipts and the other entries of the ledger; and the same once
 * more from receipts alone, for whoever wants to know whether it is right.
 *
 * A month is UTC's: an entry belongs to the month in which its time lies, whatever its number. Amounts are sums of whole
 * numbers of millionths; nothing is rounded here. Charges are summed up by service, version and unit; so are charges that
 * were taken back in the month (voids), whenever they were made. Payments and credits stand there one by one.
 *
 *	closing = opening - charged + taken back + payments and credits (less their voids)
 *
 * An invoice needs no number of its own: account and month are its name. It says by which entry, the last one there was,
 * it was made: once a month has passed, and clocks are right, nothing more comes to it. The digest of its receipts:
 * SHA-256 of their ids (SHA-256 of each line, without its end) one behind the other, the smallest first. So their order doesn't
 * matter, and anybody can compute it.
 *
 * Memory: 32 bytes a receipt, and a line for each service, version and unit.
 *
 * Errors: -ENOMEM; -EOVERFLOW: more than a number can be; -E2BIG: too many lines; -EINVAL and -EUCLEAN with what is wrong in
 * error; those of market/ledger.h.
 */
#ifndef MARKET_INVOICE_H
#define MARKET_INVOICE_H

#include <jansson.h>
#include <stdio.h>

#include "market/ledger.h"
#include "market/receipt.h"

#define INVOICE_ERROR_MAX 512
#define INVOICE_MONTH     8u      /* "2026-11" and its end */
#define INVOICE_LINES     10000u  /* at most */
#define INVOICE_ROWS      100000u /* at most */
#define INVOICE_ID        32u
#define INVOICE_QUANTITY  40u /* 128 bits in decimal, and their end */

struct invoice_line {
	char service[RECEIPT_WORD + 1], version[RECEIPT_WORD + 1], unit[RECEIPT_WORD + 1];
	unsigned __int128 quantity;
	int64_t amount; /* millionths */
	uint64_t receipts;
	/* the first of them that has a quantity; does each cost as much a unit? */
	uint64_t first_quantity;
	int64_t first_price;
	bool one_price;
};

/* Lines that are kept sorted. */
struct invoice_lines {
	struct invoice_line *line;
	unsigned count, room;
	int64_t amount; /* of all */
};

/* An entry that is neither a charge nor takes one back. */
struct invoice_row {
	uint64_t entry, kind, refers;
	int64_t at, amount; /* what came to the balance */
	char *note;
};

struct invoice {
	char account[LEDGER_NAME + 1], month[INVOICE_MONTH], currency[4];
	int64_t from, to; /* wall, ns: from here until before there */
	int64_t opening, closing;
	struct invoice_lines charged, taken_back;
	struct invoice_row *row;
	unsigned rows, rows_room;
	int64_t paid, credited; /* sums of rows, voids of such in them */
	uint8_t (*id)[INVOICE_ID];
	size_t receipts, ids_room;
	uint8_t digest[INVOICE_ID];
	uint64_t entries; /* the ledger had */
	uint8_t head[CHAIN_HASH];
};

/* "2026-11" */
bool invoice_month(const char *text, int64_t *from, int64_t *to);
/* A receipt's id. */
void invoice_id(struct mf_str receipt, uint8_t id[static INVOICE_ID]);

/* An empty one. -EINVAL: no month. invoice_close in any case. */
int invoice_open(
	struct invoice *invoice, const char *account, const char *month, const char *currency);
void invoice_close(struct invoice *invoice);
/* A paid life of that month; `text` is the receipt's line. */
int invoice_add(struct invoice *invoice, const struct receipt *receipt, struct mf_str text);
/* All have come: their digest. -EINVAL: one came twice. */
int invoice_end(struct invoice *invoice);

/* From a ledger, step by step, so that nobody waits long for it: v is open; invoice_begin, then invoice_step until it is whole. Each between
 * ledger_look or ledger_begin and its end. Only what was committed when invoice_begin's transaction ended is looked at, so that all
 * steps see the same. Done once more, since its transaction was lost, either is as if it were done once. */
struct invoice_making {
	struct invoice v;
	uint64_t account, next;
	bool whole;
	int e; /* it failed, and stays so */
};
int invoice_begin(
	struct invoice_making *making, struct ledger *ledger, char error[static INVOICE_ERROR_MAX]);
/* So many entries of the ledger more. */
int invoice_step(struct invoice_making *making, struct ledger *ledger, uint64_t entries,
	char error[static INVOICE_ERROR_MAX]);
/* All of it, in a transaction of its own. */
int invoice_make(struct invoice *invoice, struct ledger *ledger, const char *account,
	const char *month, char error[static INVOICE_ERROR_MAX]);

/* What one unit costs, exact: "0.000000000002"; NULL: not all cost the same, or it has no end. */
#define INVOICE_RATE 48u
const char *invoice_rate(const struct invoice_line *line, char to[static INVOICE_RATE]);
const char *invoice_quantity(unsigned __int128 quantity, char to[static INVOICE_QUANTITY]);
/* As docs/market.md has it; NULL: no memory. */
json_t *invoice_json(const struct invoice *invoice);
/* To be read by people: a text, and a page that needs nothing else and can be printed. */
void invoice_text(const struct invoice *invoice, FILE *to);
void invoice_html(const struct invoice *invoice, FILE *to);

/* Does an invoice's JSON say what `computed` does, which was made from receipts, and does it add up? -EINVAL with the first thing that
 * isn't so. */
int invoice_check(const json_t *invoice, const struct invoice *computed,
	char error[static INVOICE_ERROR_MAX]);

#endif
