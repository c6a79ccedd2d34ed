/*
 * image/money.h - prices in whole numbers. An amount is in millionths of a currency (ISO 4217's three capitals), in 64 bits;
 * a rate is what one unit costs, a decimal number with up to 24 places, kept exactly: "0.000000000002 EUR".
 *
 * Rounding: once, of the whole product, up to a whole millionth. Pure.
 */
#ifndef IMAGE_MONEY_H
#define IMAGE_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MONEY_PLACES   24u
#define MONEY_CURRENCY 3u
#define MONEY_TEXT     32u /* bytes of an amount as text, with its end */
#define MONEY_MOST     INT64_MAX

struct money_rate {
	uint64_t digits; /* the number without its point */
	unsigned places; /* behind the point */
	char currency[MONEY_CURRENCY + 1];
};

/* "2 EUR", "0.000000002 EUR": digits, at most one point between them, one blank, three capitals. NULL, or what is wrong
 * with it, to put behind "'2 euros' ". */
const char *money_rate_read(const char *text, struct money_rate *rate);
/* The same where it is an amount: at most six places. */
const char *money_read(const char *text, int64_t *amount, char currency[static MONEY_CURRENCY + 1]);
/* What so many units cost. False: it doesn't fit. */
bool money_of(const struct money_rate *rate, uint64_t units, int64_t *amount);
/* "0.004000"; amounts are 0 or more. */
const char *money_write(int64_t amount, char to[static MONEY_TEXT]);

#endif
