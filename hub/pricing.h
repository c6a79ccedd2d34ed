/*
 * hub/pricing.h - what the price of a service (mayfly.yaml, image/price.h) says of an event: a quote before any work, and
 * how much of what its life metered counts.
 *
 * Every event of a service with formulas has its quote, from service_submit on. One that none fits, or that lacks what the formula
 * looks at, is quoted nothing: it costs nothing, whatever its life meters. Looks at heads of arrays only; no I/O.
 */
#ifndef HUB_PRICING_H
#define HUB_PRICING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "market/charge.h"
#include "wire/effects.h"

struct service;
struct task;

/* Has it formulas at all? */
bool pricing_has(const struct service *service);

/* What an event's life may cost, and what it metered of that; a part of struct task. */
struct pricing {
	bool has; /* its service has formulas */
	struct market_quote quote;
	uint64_t metered;
};

/* Of an event that is written, with its input in its area. */
void pricing_task(struct task *task);
/* Its life's effects are about to be counted, perhaps again. */
void pricing_begin(struct task *task);
/* It metered so many: how many of them count. Others than the price's unit all do. */
uint64_t pricing_meter(struct task *task, struct mf_str unit, uint64_t quantity);
/* How much of the price's unit is among them. */
uint64_t pricing_sum(const struct task *task, struct effects_reader effects);
/* What was metered is written: counts and reports a life that metered more than was quoted. */
void pricing_end(struct task *task);
/* What it costs. */
struct market_charge pricing_charge(const struct task *task);

#endif
