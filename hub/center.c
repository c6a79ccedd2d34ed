/* hub/center.c - see center.h */
#include "hub/center.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/config.h"
#include "hub/paying.h"
#include "hub/plan.h"
#include "hub/setup.h"
#include "hub/till.h"
#include "market/offer.h"

const char *const unpaid_names[UNPAIDS] = {
	[LEDGER_DONE] = "none",
	[LEDGER_AGAIN] = "again",
	[LEDGER_CONFLICT] = "conflict",
	[LEDGER_UNDER_WAY] = "under_way",
	[LEDGER_UNKNOWN] = "unknown",
	[LEDGER_REVOKED] = "revoked",
	[LEDGER_EXPIRED] = "expired",
	[LEDGER_CLOSED] = "closed",
	[LEDGER_SCOPE] = "scope",
	[LEDGER_BALANCE] = "balance",
	[LEDGER_KEY_MOST] = "key",
	[LEDGER_KEY_DAY] = "key_day",
	[LEDGER_ACCOUNT_DAY] = "account_day",
	[UNPAID_BUDGET] = "budget",
	[UNPAID_RATE] = "rate",
	[UNPAID_AT_ONCE] = "at_once",
	[UNPAID_LOST] = "lost",
	[UNPAID_NO_KEY] = "no_key",
};

_Static_assert(LEDGER_ERROR_MAX == SIGNER_ERROR_MAX, "lines of errors");

static void forget(struct center *c)
{
	free(c->ledger);
	free(c->key);
	free(c);
}

int center_start(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	const struct config_market *m = &config->market;
	char why[SIGNER_ERROR_MAX];
	struct center *c;
	int e;

	if (!m->given)
		return 0;
	c = calloc(1, sizeof(*c));
	if (c) {
		c->ledger = strdup(m->ledger);
		c->key = strdup(m->key);
	}
	if (!c || !c->ledger || !c->key) {
		if (c)
			forget(c);
		return setup_bad(m->place, error, SETUP_FAILED, "market: no memory");
	}
	e = signer_open(&c->signer, m->key, why);
	if (e < 0) {
		forget(c);
		return setup_bad(m->place, error, setup_status_of(e), "market: %s", why);
	}
	hub->center = c;
	return 0;
}

/* No other can be started behind the walls. */
static void on_lost(void *context)
{
	struct hub *hub = context;

	if (hub->stopping)
		return;
	log_error("the process that signs receipts is gone: no other can be started, so the hub "
		  "ends");
	hub->failed = true;
	hub_stop(hub);
}

static int refuse_ledger(
	const struct config_market *m, int e, const char *why, char error[static HUB_ERROR_MAX])
{
	if (e != -ENOENT)
		return setup_bad(m->place, error, setup_status_of(e), "market: %s", why);
	return setup_bad(m->place, error, SETUP_NOT_FOUND,
		"market: there is no ledger in \"%.200s\": mayfly plan put NAME --state %.200s "
		"makes one",
		m->ledger, m->ledger);
}

/* What it costs is in the ledger's currency, or can't be charged. */
static int check_price(const struct config *config, unsigned i, const struct service *s,
	const char *currency, char error[static HUB_ERROR_MAX])
{
	const struct market_price price = market_price_of(&s->manifest);

	if (!pricing_has(s) || price.rate.currency[0] == '\0' ||
		strcmp(price.rate.currency, currency) == 0)
		return 0;
	return setup_bad(config->services[i].place, error, SETUP_USAGE,
		"%s has its price in %s, and the ledger of 'market' is in %s: a center has one "
		"currency",
		s->name, price.rate.currency, currency);
}

static int check_prices(
	const struct plan *plan, const char *currency, char error[static HUB_ERROR_MAX])
{
	int status = 0;

	for (unsigned i = 0; i < plan->config->services_count && status == 0; i++)
		status = check_price(plan->config, i, plan->services[i], currency, error);
	return status;
}

int center_check_prices(const struct plan *plan, char error[static HUB_ERROR_MAX])
{
	return plan->hub->till ? check_prices(plan, till_currency(plan->hub->till), error) : 0;
}

int center_open(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	const struct config_market *m = &config->market;
	struct till_options options = {
		.loop = hub->loop, .ledger = m->ledger, .lost = on_lost, .context = hub};
	char why[LEDGER_ERROR_MAX];
	int e;

	if (!hub->center)
		return 0;
	options.signer = hub->center->signer;
	hub->center->signer = (struct signer){.socket = -1, .pid = -1};
	e = till_open(&hub->till, &options, why);
	if (e < 0)
		return refuse_ledger(m, e, why, error);
	paying_begin(hub, config->state && strcmp(m->ledger, config->state) == 0);
	return 0;
}

int center_look(const struct plan *plan, char error[static HUB_ERROR_MAX])
{
	const struct config_market *m = &plan->config->market;
	char why[LEDGER_ERROR_MAX]; /* as long as the signer's */
	struct ledger *ledger;
	struct signer signer;
	int e = 0, status;

	if (!m->given)
		return 0;
	if (plan->hub->options.check)
		e = signer_open(&signer, m->key, why);
	if (e < 0)
		return setup_bad(m->place, error, setup_status_of(e), "market: %s", why);
	if (plan->hub->options.check)
		signer_close(&signer);
	e = ledger_open(&ledger, m->ledger, NULL, true, why);
	if (e < 0)
		return refuse_ledger(m, e, why, error);
	status = check_prices(plan, ledger_currency(ledger), error);
	ledger_close(ledger);
	return status;
}

static bool is_same(const struct center *c, const struct config_market *m)
{
	if (!c)
		return !m->given;
	return m->given && strcmp(c->ledger, m->ledger) == 0 && strcmp(c->key, m->key) == 0;
}

int center_check(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX])
{
	if (is_same(hub->center, &config->market))
		return 0;
	snprintf(error, HUB_ERROR_MAX,
		"%s: market: it can't change while the hub runs: leave it as it was, or start the "
		"hub again",
		hub->options.file);
	return SETUP_USAGE;
}

void center_close(struct hub *hub)
{
	till_close(hub->till);
	hub->till = NULL;
	if (!hub->center)
		return;
	loop_timer_clear(hub->loop, &hub->center->again);
	loop_timer_clear(hub->loop, &hub->center->sweep);
	paying_close(hub->center);
	signer_close(&hub->center->signer);
	forget(hub->center);
	hub->center = NULL;
}
