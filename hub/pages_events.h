/*
 * hub/pages_events.h - pages about events and lives, for `mayfly events`, `trace`, `replay` and `rehearse`.
 * mayflyd(8) lists their members.
 */
#ifndef HUB_PAGES_EVENTS_H
#define HUB_PAGES_EVENTS_H

#include "hub/http/page.h"

/* The newest events, ?after=NUMBER&service=NAME; one by its id; lives of a service with their capsules, from the newest
 * on, ?service=NAME&before=NUMBER&most=N. */
page_answer pages_events, pages_event, pages_lives;

#endif
