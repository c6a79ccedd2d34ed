/*
 * hub/pages_center.h - what is charged, as a part of the pages about the hub.
 */
#ifndef HUB_PAGES_CENTER_H
#define HUB_PAGES_CENTER_H

#include <jansson.h>

struct hub;

/* null: nothing is. */
json_t *pages_center(const struct hub *hub);

#endif
