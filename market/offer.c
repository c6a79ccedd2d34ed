/* market/offer.c - see offer.h */
#include "market/offer.h"

#include <stdio.h>
#include <string.h>

#include "image/price_heads.h"

struct market_price market_price_of(const struct manifest *m)
{
	return (struct market_price){.rate = m->price.rate, .minimum = m->price.least};
}

enum market_result market_offer(const struct manifest *m, struct mf_str path,
	const struct price_input *input, struct market_quote *quote, char why[PRICE_ERROR_MAX])
{
	const struct price_formula *formula = manifest_formula(m, path);
	const struct market_price price = market_price_of(m);
	uint64_t units;

	*quote = (struct market_quote){0};
	if (!formula) {
		snprintf(why, PRICE_ERROR_MAX, "this path has no price");
		return MARKET_NO_FORMULA;
	}
	if (!price_units(formula, input, &units, why))
		return MARKET_NO_NUMBER;
	if (market_quote(&price, units, quote))
		return MARKET_QUOTED;
	*quote = (struct market_quote){0};
	snprintf(why, PRICE_ERROR_MAX, "%llu units cost more than an amount can be",
		(unsigned long long)units);
	return MARKET_NO_NUMBER;
}

enum market_result market_offer_body(const struct manifest *m, struct mf_str path,
	struct mf_str query, struct mf_str body, struct market_quote *quote,
	char why[PRICE_ERROR_MAX])
{
	const struct price_formula *formula = manifest_formula(m, path);
	struct price_input input = {.query = query};

	*quote = (struct market_quote){0};
	if (formula && !price_heads(body, price_arrays(formula), &input, why))
		return MARKET_NO_INPUT;
	return market_offer(m, path, &input, quote, why);
}

json_t *market_offer_json(const struct manifest *m, const char *service,
	const uint8_t image[static 32], const char *path, const struct market_quote *quote)
{
	const struct price_formula *formula = manifest_formula(m, mf_str_of(path, strlen(path)));
	const bool charges = m->price.per_unit != NULL;
	char digest[65], amount[MONEY_TEXT];

	if (!formula)
		return NULL;
	for (unsigned i = 0; i < 32; i++)
		snprintf(digest + 2 * (size_t)i, 3, "%02x", image[i]);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s?, s:s?, s:s?, s:s?}", "service",
		service, "version", m->version, "image", digest, "path", path, "formula",
		price_text(formula), "unit", m->price.unit, "units", (json_int_t)quote->units,
		"amount", charges ? money_write(quote->amount, amount) : NULL, "currency",
		charges ? m->price.rate.currency : NULL, "per_unit", m->price.per_unit, "minimum",
		m->price.minimum);
}
