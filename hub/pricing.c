/* hub/pricing.c - see pricing.h */
#include "hub/pricing.h"

#include "hub/hub.h"
#include "hub/report.h"
#include "market/offer.h"

bool pricing_has(const struct service *service)
{
	return service->manifest.price.quantities_count > 0;
}

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
		(void)market_offer_body(&task->service->manifest, text_of(task, task->head.subject),
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

uint64_t pricing_sum(const struct task *task, struct effects_reader r)
{
	const char *unit = task->service->manifest.price.unit;
	struct effect e;
	uint64_t sum = 0;

	while (task->price.has && effects_next(&r, &e))
		if (e.kind == MF_EFFECT_METER && mf_str_is(e.field[MF_FIELD_NAME], unit) &&
			__builtin_add_overflow(sum, e.value, &sum))
			sum = UINT64_MAX;
	return sum;
}

struct market_charge pricing_charge(const struct task *task)
{
	const struct market_price price = market_price_of(&task->service->manifest);

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
