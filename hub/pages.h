/*
 * hub/pages.h - what the hub answers on its admin socket, as JSON. mayflyd(8) lists the pages
 * and their members.
 */
#ifndef HUB_PAGES_H
#define HUB_PAGES_H

#include "hub/http/page.h"

struct access;
struct router;

/* Adds all of them, and /metrics; who may look, and who may change the hub (http/access.h), NULL:
 * whoever got in. -errno of router_add. */
int pages_add(struct router *router, struct access *look, struct access *change);

page_answer pages_health, pages_services, pages_stats, pages_logs, pages_reload, pages_stop;

#endif
