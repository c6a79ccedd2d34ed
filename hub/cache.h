/*
 * hub/cache.h - the disk cache (store/blobs.h) as the hub's loop has it: hub->blobs, opened when the first service that
 * takes blobs is configured and there is a state directory, reported from, tidied once a minute, emptied of what is under
 * way before the hub ends.
 */
#ifndef HUB_CACHE_H
#define HUB_CACHE_H

#include "hub/hub.h"

#define HUB_BLOBS (1ull << 30) /* limits.blobs, where hub.yaml says nothing */

struct blob;
struct plan;

/* Has the service use for blobs? */
bool cache_needed(const struct service *service);
/* Will the plan's hub have one, and is it not there yet? */
bool cache_wanted(const struct plan *plan);
/* 0, or an exit status with one line in error. */
int cache_open(struct hub *hub, uint64_t most, char error[static HUB_ERROR_MAX]);
/* Connections hear of what they wait for; streams end. */
void cache_drain(struct hub *hub);
void cache_close(struct hub *hub);
/* The hub ends: nothing more is begun. */
bool cache_closing(const struct hub *hub);
/* The operator hears of a blob that was damaged, or couldn't be read; not of anything else. */
void cache_note(struct hub *hub, const struct blob *blob, int error);

#endif
