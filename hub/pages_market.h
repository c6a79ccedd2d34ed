/*
 * hub/pages_market.h - a center's accounts, plans, keys, ledger and invoices on the admin socket: the words of market/desk.h, in the
 * ledger's thread (hub/till.h). mayflyd(8) lists the pages.
 */
#ifndef HUB_PAGES_MARKET_H
#define HUB_PAGES_MARKET_H

#include "hub/http/page.h"

struct access;
struct router;

/* All of them; as pages_add. */
int pages_market_add(struct router *router, struct access *look, struct access *change);

#endif
