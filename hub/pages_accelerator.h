/*
 * hub/pages_accelerator.h - special hardware, as a part of the pages about the hub.
 */
#ifndef HUB_PAGES_ACCELERATOR_H
#define HUB_PAGES_ACCELERATOR_H

#include <jansson.h>

struct hub;

/* null: the hub has none. */
json_t *pages_accelerator(const struct hub *hub);

#endif
