/* hub/pages_center.c - see pages_center.h */
#include "hub/pages_center.h"

#include "hub/center.h"
#include "hub/pages_json.h"
#include "hub/till.h"
#include "image/money.h"

json_t *pages_center(const struct hub *hub)
{
	const struct center *c = hub->center;
	char amount[MONEY_TEXT];
	uint64_t unpaid = 0;
	json_t *o;

	if (!c || !hub->till)
		return json_null();
	for (unsigned i = LEDGER_CONFLICT; i < UNPAIDS; i++)
		unpaid += c->unpaid[i];
	o = json_object();
	pages_set(o, "charges", pages_count(c->charges));
	pages_set(o, "charged", json_string(money_write(c->charged, amount)));
	pages_set(o, "currency", json_string(till_currency(hub->till)));
	pages_set(o, "unpaid", pages_count(unpaid));
	pages_set(o, "waiting", pages_count(till_waiting(hub->till)));
	return o;
}
