/*
 * hub/coap/watch.h - observers (RFC 7641): clients that asked for a resource with Observe, and are told
 * when it may have changed.
 *
 * A resource is a service, a path and a query. It may have changed when a life of that service for that path
 * has ended well, whatever brought its event, unless it was a GET or FETCH; then a life for the same GET runs
 * once more for all of its observers, and its reply is what they get. Changes that come meanwhile make one more
 * such life together. `coap:///PATH` as the topic of what a service emits goes to the observers of PATH as it is.
 *
 * Observers are bounded, and held only here: a client that doesn't acknowledge is forgotten. One thread.
 */
#ifndef HUB_COAP_WATCH_H
#define HUB_COAP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/coap/message.h"

#define WATCH_MOST 1024u /* observers */

struct engine_peer;
struct hub;
struct in_coap;
struct service;
struct task;

/* A request of `peer` with Observe: 0, on its way to a life. It counts from now on, and is told something from
 * watch_answered on. One with the same token takes its place. False: there are too many, so it is no observer. */
bool watch_add(struct in_coap *in, struct engine_peer *peer, struct service *service,
	const struct coap_message *request);
/* Its first answer: `answer` becomes one to an observer, or, if it isn't 2.xx, it is none. */
void watch_answered(struct in_coap *in, struct engine_peer *peer,
	const struct coap_message *request, struct coap_message *answer);
/* No more: by a GET with Observe: 1, or because it didn't take what it was sent. */
void watch_cancel(
	struct in_coap *in, const struct engine_peer *peer, const uint8_t *token, unsigned token_n);
/* The listener ends. */
void watch_leave(struct in_coap *in);

/* A life ended well. Costs nothing where there are no observers. */
void watch_lived(struct hub *hub, const struct task *task);
/* For the observers of this path; how many there are. */
unsigned watch_emitted(
	struct hub *hub, struct mf_str path, struct mf_str media, struct mf_str body);
/* Other services took the place of some: their observers stay, or are told that there is nothing any more. */
void watch_reload(struct hub *hub);
/* Events of its own are at work for that service. */
unsigned watch_count(const struct hub *hub);
/* The hub ends; no task is left. */
void watch_close(struct hub *hub);

#endif
