/* hub/pricing.c - see pricing.h */
#include "hub/pricing.h"

#include <stdio.h>

#include "hub/hub.h"
#include "hub/report.h"
#include "image/price_heads.h"

bool pricing_has(const struct service *service)
{
	return service->manifest.price.quantities_count > 0;
}

static struct market_price price_of(const struct service *s)
{
	return (struct market_price){
		.rate = s->manifest.price.rate, .minimum = s->manifest.price.least};
}

/* ------------------------------------------------------------------------ quotes */

enum pricing_result pricing_quote(const struct service *s, struct mf_str path,
	const struct price_input *input, struct market_quote *quote, char why[PRICE_ERROR_MAX])
{
	const struct price_formula *formula = manifest_formula(&s->manifest, path);
	const struct market_price price = price_of(s);
	uint64_t units;

	*quote = (struct market_quote){0};
	if (!formula) {
		snprintf(why, PRICE_ERROR_MAX, "this path has no price");
		return PRICING_NO_FORMULA;
	}
	if (!price_units(formula, input, &units, why))
		return PRICING_NO_NUMBER;
	if (market_quote(&price, units, quote))
		return PRICING_QUOTED;
	*quote = (struct market_quote){0};
	snprintf(why, PRICE_ERROR_MAX, "%llu units cost more than an amount can be",
		(unsigned long long)units);
	return PRICING_NO_NUMBER;
}

enum pricing_result pricing_quote_body(const struct service *s, struct mf_str path,
	struct mf_str query, struct mf_str body, struct market_quote *quote,
	char why[PRICE_ERROR_MAX])
{
	const struct price_formula *formula = manifest_formula(&s->manifest, path);
	struct price_input input = {.query = query};

	*quote = (struct market_quote){0};
	if (formula && !price_heads(body, price_arrays(formula), &input, why))
		return PRICING_NO_INPUT;
	return pricing_quote(s, path, &input, quote, why);
}

/* ------------------------------------------------------------------------- tasks */

static struct mf_str text_of(const struct task *task, struct mf_span span)
{
	return mf_str_of(task->writer.base + span.off, span.len);
}

static struct mf_str body_of(const struct task *task)
{
	const struct service *s = task->service;

	if (s->areas && task->area >= 0)
		return mf_str_of(areas_input(s->areas, task->area), (size_t)task->head.input_bytes);
	return text_of(task, task->head.payload);
}

void pricing_task(struct task *task)
{
	char why[PRICE_ERROR_MAX];

	task->price = (struct pricing){.has = pricing_has(task->service)};
	if (task->price.has)
		(void)pricing_quote_body(task->service, text_of(task, task->head.subject),
			text_of(task, task->head.query), body_of(task), &task->price.quote, why);
}

void pricing_begin(struct task *task)
{
	task->price.metered = 0;
}

uint64_t pricing_meter(struct task *task, struct mf_str unit, uint64_t quantity)
{
	struct pricing *p = &task->price;
	uint64_t left;

	if (!p->has || !mf_str_is(unit, task->service->manifest.price.unit))
		return quantity;
	left = p->metered < p->quote.units ? p->quote.units - p->metered : 0;
	if (__builtin_add_overflow(p->metered, quantity, &p->metered))
		p->metered = UINT64_MAX;
	return quantity < left ? quantity : left;
}

struct market_charge pricing_charge(const struct task *task)
{
	const struct market_price price = price_of(task->service);

	return market_charge(&price, &task->price.quote, task->price.metered);
}

void pricing_end(struct task *task)
{
	struct service *s = task->service;

	if (!task->price.has || !pricing_charge(task).overrun)
		return;
	s->counts.overruns++;
	report_overrun(&s->hub->report, s, task);
}
