/*
 * market/offer.h - the price of a service (mayfly.yaml's, image/price.h) for one request: what a hub answers to a quote, and `mayfly
 * quote` says of an image. Pure.
 */
#ifndef MARKET_OFFER_H
#define MARKET_OFFER_H

#include <jansson.h>

#include "base/str.h"
#include "image/manifest.h"
#include "market/charge.h"

enum market_result {
	MARKET_QUOTED,
	MARKET_NO_FORMULA, /* for this path */
	MARKET_NO_INPUT,   /* the input is no arrays, or not whole ones */
	MARKET_NO_NUMBER,  /* the formula has no value */
};

struct market_price market_price_of(const struct manifest *manifest);
/* Units and, where the service charges, the amount; else 0. In one line in `why`, unless it is MARKET_QUOTED, why not. */
enum market_result market_offer(const struct manifest *manifest, struct mf_str path,
	const struct price_input *input, struct market_quote *quote, char why[PRICE_ERROR_MAX]);
/* The same of a whole input: arrays one after another, as far as the formula looks at them. */
enum market_result market_offer_body(const struct manifest *manifest, struct mf_str path,
	struct mf_str query, struct mf_str body, struct market_quote *quote,
	char why[PRICE_ERROR_MAX]);
/* As docs/market.md has it. NULL: no memory, or a path that is no UTF-8. */
json_t *market_offer_json(const struct manifest *manifest, const char *service,
	const uint8_t image[static 32], const char *path, const struct market_quote *quote);

#endif
