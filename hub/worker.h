/*
 * hub/worker.h - the life of a service's worker: started by an event, ended when none has
 * come for a while, when it hangs, or by itself. Its failures are told to the operator.
 */
#ifndef HUB_WORKER_H
#define HUB_WORKER_H

#include <stdbool.h>

struct service;

/* False: it can't be started, and all that waited has been refused. */
bool worker_start(struct service *service);
/* Ends it without blame, if there is one; `why` completes "worker 7 ended". No event may be
 * waiting or running. */
void worker_retire(struct service *service, const char *why);
/* Ends it because something is wrong with it ("hangs"); its events run again or are refused. */
void worker_lost(struct service *service, const char *wrong);

#endif
