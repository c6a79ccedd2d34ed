/*
 * hub/database.h - the hub's store as its loop has it: opened when some service may write, reported from
 * (store_reap) on the loop, tried again while it can't be written, and emptied before the hub ends. With it
 * come what lies above it: hub->states, hub->ids, hub->outbox. Without it all of these are NULL.
 *
 * While the database can't be written, events for services that may write are refused at the door
 * (REFUSED_STORE); a transaction a second tries whether it can again.
 */
#ifndef HUB_DATABASE_H
#define HUB_DATABASE_H

#include <stdbool.h>

#include "hub/hub.h"

struct plan;
struct service;
struct store_tx;

/* What a life of this service may ask for needs a store. */
bool database_needed(const struct service *service);
/* Does the plan need one that isn't there yet (plan->database)? 0, or an exit status with one line in error: there
 * is no state directory for it. */
int database_wanted(struct plan *plan, char error[static HUB_ERROR_MAX]);
/* Opens it, in hub->state. Its thread has the rights that this one has now, so at the start the hub gives up its own
 * before. The same. */
int database_open(struct hub *hub, char error[static HUB_ERROR_MAX]);
/* Waits until all that was submitted is reported. */
void database_drain(struct hub *hub);
void database_close(struct hub *hub);

/* The service's number in the store. */
uint32_t database_service(struct service *service);
/* The one with this number; NULL: none of the hub's services has it. */
struct service *database_find(struct hub *hub, uint32_t number);
/* The time by which its rows go: mf_event.elapsed_ns of now. */
int64_t database_elapsed(const struct hub *hub);
/* It can't be written; why (store_error). */
int database_down(const struct hub *hub);
/* Too much waits for it: no more lives until it is less; then services are pumped. */
bool database_full(struct hub *hub);

/* A transaction was reported as done: what lies above the store hears of it, then the caller. With an error it
 * never was. */
void database_done(struct hub *hub, struct store_tx *tx, int error);
/* That alone: the store_done of a transaction whose context is the hub, and whose end nobody waits for. */
void database_unheard(struct store_tx *tx, int error);

#endif
