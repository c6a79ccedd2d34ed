/* market/charge.c - see charge.h */
#include "market/charge.h"

/* More units never cost less. */
static bool amount_of(const struct market_price *price, uint64_t units, int64_t *amount)
{
	*amount = 0;
	if (units == 0)
		return true;
	if (!money_of(&price->rate, units, amount))
		return false;
	if (*amount < price->minimum)
		*amount = price->minimum;
	return true;
}

bool market_quote(const struct market_price *price, uint64_t units, struct market_quote *quote)
{
	quote->units = units;
	return amount_of(price, units, &quote->amount);
}

struct market_charge market_charge(
	const struct market_price *price, const struct market_quote *quote, uint64_t metered)
{
	struct market_charge charge = {.metered = metered,
		.units = metered < quote->units ? metered : quote->units,
		.overrun = metered > quote->units};

	/* it fits: the quote did, and isn't less */
	if (!amount_of(price, charge.units, &charge.amount) || charge.amount > quote->amount)
		charge.amount = quote->amount;
	return charge;
}
