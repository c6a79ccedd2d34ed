/* hub/metrics_center.c - what is charged. */
#include "hub/center.h"
#include "hub/metrics_parts.h"
#include "hub/till.h"

void metrics_center(struct metrics_text *t)
{
	static const char unpaid[] = "mayfly_unpaid_total";
	const struct center *c = t->hub->center;
	struct till_counts counts;

	if (!c || !t->hub->till)
		return;
	counts = till_counted(t->hub->till);
	metrics_plain(t, "mayfly_charges_total", "counter", "Lives that were charged.", c->charges);
	metrics_plain(t, "mayfly_charged_millionths_total", "counter",
		"What they came to, in millionths of the ledger's currency.", (uint64_t)c->charged);
	metrics_family(t, unpaid, "counter", "Requests that weren't paid for, by why not.");
	for (unsigned i = LEDGER_CONFLICT; i < UNPAIDS; i++)
		metrics_by(t, unpaid, "why", unpaid_names[i], c->unpaid[i]);
	metrics_plain(t, "mayfly_till_waiting", "gauge", "What waits for the ledger.",
		till_waiting(t->hub->till));
	metrics_plain(t, "mayfly_till_transactions_total", "counter", "Its transactions.",
		counts.transactions);
	metrics_plain(t, "mayfly_till_flushes_total", "counter",
		"Of those: that were flushed to the disk.", counts.flushes);
	metrics_plain(t, "mayfly_till_failures_total", "counter",
		"Holds, charges and releases that the ledger couldn't write.", counts.failed);
}
