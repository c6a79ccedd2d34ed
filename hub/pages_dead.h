/*
 * hub/pages_dead.h - dead letters (hub/failed.h), for `mayfly dlq`. mayflyd(8) lists the members.
 */
#ifndef HUB_PAGES_DEAD_H
#define HUB_PAGES_DEAD_H

#include "hub/http/page.h"

/* Up to 100 behind ?after=NUMBER; one with its capsule, ?number=N; that one is tried again; it is removed. */
page_answer pages_dead, pages_dead_get, pages_dead_retry, pages_dead_remove;

#endif
