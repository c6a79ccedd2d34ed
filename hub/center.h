/*
 * hub/center.h - a hub with `market` in hub.yaml is a center: it has a ledger, somebody who signs receipts, and charges for
 * requests of services that have a price (hub/paying.h).
 */
#ifndef HUB_CENTER_H
#define HUB_CENTER_H

#include "hub/hub.h"
#include "hub/quota.h"
#include "hub/till.h"
#include "market/signer.h"

struct config;
struct plan;
struct release;

/* Why something wasn't paid for: a verdict of the ledger (below LEDGER_VERDICTS), or one of these. */
enum unpaid {
	UNPAID_BUDGET = LEDGER_VERDICTS,
	UNPAID_RATE,
	UNPAID_AT_ONCE,
	UNPAID_LOST, /* its answer is: done, and not charged */
	UNPAID_NO_KEY,
	UNPAIDS
};
extern const char *const unpaid_names[UNPAIDS];

struct center {
	struct signer signer; /* until the till has it */
	char *ledger, *key;   /* as configured */
	struct quotas quotas;
	struct release *late; /* paying.c: that the ledger didn't take */
	struct loop_timer again;
	struct loop_timer sweep; /* holds whose time has passed */
	struct till_work sweeping;
	struct hub *hub;
	int64_t ahead_ns; /* the sweep at hand takes those that end by then */
	bool sweeps;
	uint64_t charges, unpaid[UNPAIDS];
	int64_t charged; /* millionths */
};

/* Functions return 0 or an exit status with one line in error; all of them do nothing without `market`. */

/* The signer, while the hub may still start a process, and before anything comes from outside. */
int center_start(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX]);
/* The ledger and its thread: hub->till. Behind the walls; the services are there. */
int center_open(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX]);
/* Is there a ledger, and are the services' prices in its currency? With options.check also: could the key be used? */
int center_look(const struct plan *plan, char error[static HUB_ERROR_MAX]);
/* Of a reload: `market` can't change, and what the services' prices are in must be the ledger's currency. */
int center_check(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX]);
int center_check_prices(const struct plan *plan, char error[static HUB_ERROR_MAX]);
void center_close(struct hub *hub);

#endif
