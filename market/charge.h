/*
 * market/charge.h - what a life costs, from what was quoted before it and what it metered. Pure.
 *
 * The quote is a bound: who sees it never pays more. What a life metered above it isn't charged, and flagged.
 */
#ifndef MARKET_CHARGE_H
#define MARKET_CHARGE_H

#include <stdbool.h>
#include <stdint.h>

#include "image/money.h"

/* What something is sold for. */
struct market_price {
	struct money_rate rate;
	int64_t minimum; /* of each charge that isn't nothing, in millionths; 0: none */
};

struct market_quote {
	uint64_t units; /* at most */
	int64_t amount; /* millionths */
};

struct market_charge {
	uint64_t metered, units; /* by the life; and of them charged */
	int64_t amount;
	bool overrun; /* it metered more than was quoted */
};

/* False: it is more than an amount can be. No units cost nothing; else at least the minimum. */
bool market_quote(const struct market_price *price, uint64_t units, struct market_quote *quote);
/* Of a life that went well. Whoever metered nothing is paid nothing. */
struct market_charge market_charge(
	const struct market_price *price, const struct market_quote *quote, uint64_t metered);

#endif
