/*
 * market/written.h - amounts and times as people write and read them: "12.50", "90d", "2026-11-22T19:42:16Z"; and entries as JSON.
 * Pure.
 */
#ifndef MARKET_WRITTEN_H
#define MARKET_WRITTEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "market/chain.h"

#define WRITTEN_AMOUNT 32u /* bytes of an amount as text, with its end */
#define WRITTEN_TIME   32u /* and of a time */
#define WRITTEN_PLACES 6u

/* What isn't one, in words, to put behind a quotation. */
#define WRITTEN_AMOUNT_IS "an amount has up to 6 places, like 12.50, and is at most 1000000000"
#define WRITTEN_TIME_IS   "a time, like 90d, 12h, 30m"

/* Up to LEDGER_AMOUNT_MOST; negative ones if `any`. No place is lost. */
bool written_read_amount(const char *text, bool any, int64_t *amount);
/* "none": LEDGER_UNLIMITED */
bool written_read_limit(const char *text, int64_t *amount);
const char *written_amount(int64_t amount, char to[static WRITTEN_AMOUNT]);
json_t *written_amount_json(int64_t amount); /* a text; null: LEDGER_UNLIMITED */

/* How long, in ns: "90d", and what image/units.h reads. */
bool written_read_time(const char *text, int64_t *ns);
/* In UTC, to a second; "-": 0 */
const char *written_date(int64_t at, char to[static WRITTEN_TIME]);

/* An entry of the ledger: all that its hash is of, so that anybody can compute it. */
json_t *written_entry_json(const struct chain_entry *entry, const uint8_t hash[static CHAIN_HASH]);

#endif
