/*
 * hub/pages_store.h - what is written down and what has to go out, as JSON, for `mayfly stats`. mayflyd(8) lists their
 * members.
 */
#ifndef HUB_PAGES_STORE_H
#define HUB_PAGES_STORE_H

#include <jansson.h>

struct hub;

/* null: the hub has no database. */
json_t *pages_store(const struct hub *hub);
/* A member for each destination; null, as above. */
json_t *pages_outbox(const struct hub *hub);

#endif
