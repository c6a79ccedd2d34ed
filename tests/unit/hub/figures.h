/*
 * tests/unit/hub/figures.h - a hub with one service, "first", that listens on udp
 * 127.0.0.1:53, as far as pages look at it; and a page's text.
 */
#ifndef TESTS_UNIT_HUB_FIGURES_H
#define TESTS_UNIT_HUB_FIGURES_H

#include "hub/http/page.h"
#include "hub/hub.h"
#include "hub/journal.h"
#include "hub/metrics.h"

extern struct hub hub;

/* cmocka's setup and teardown. */
int figures_begin(void **state);
int figures_end(void **state);

struct service *figures_service(const char *name); /* one more */
struct input *figures_input(void);
/* A life of it that took so long. */
void figures_ended(struct service *service, uint64_t birth_ns, uint64_t run_ns);

/* Gone with the next page. */
const char *figures_page(
	page_answer *page, const char *query, unsigned *status, const char **content_type);

#endif
