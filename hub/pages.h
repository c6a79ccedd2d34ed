/*
 * hub/pages.h - what the hub answers on its admin socket, as JSON. mayflyd(8) lists the pages
 * and their members.
 */
#ifndef HUB_PAGES_H
#define HUB_PAGES_H

#include "hub/http/page.h"

struct router;

/* Adds all of them, and /metrics. -errno of router_add. */
int pages_add(struct router *router);

page_answer pages_health, pages_services, pages_stats, pages_logs, pages_reload, pages_stop;

#endif
