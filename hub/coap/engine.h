/*
 * hub/coap/engine.h - libcoap on the hub's loop: it parses and writes messages, sends confirmable ones
 * again until they are acknowledged, and does DTLS. All else is ours: duplicates, blocks, observers.
 *
 * Why so little of it: libcoap 4.3.1 calls a handler again for a request that comes again, takes the
 * size of a body from its sender, and mixes up large answers of resources that aren't registered
 * (docs/decisions/039).
 *
 * An engine has one address that it listens on, or none. A peer is one endpoint that spoke, or was
 * spoken to; it is there during a callback, and as long as it is held. One thread.
 */
#ifndef HUB_COAP_ENGINE_H
#define HUB_COAP_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/coap/message.h"
#include "sys/loop.h"
#include "sys/net.h"

#define ENGINE_ERROR_MAX 512

struct engine;
struct engine_peer;

struct engine_ops {
	/* A request, perhaps not for the first time. Nothing is answered unless engine_send does it. */
	void (*asked)(void *context, struct engine_peer *peer, const struct coap_message *request);
	/* A response to a request of ours. */
	void (*answered)(
		void *context, struct engine_peer *peer, const struct coap_message *response);
	/* A confirmable message of ours was not acknowledged, or was refused with a reset. */
	void (*failed)(void *context, struct engine_peer *peer, const struct coap_message *sent);
	/* DTLS: a client names itself: its key. False: there is none. */
	bool (*key)(void *context, struct mf_str identity, struct mf_str *key);
	/* And had it. Of one that hadn't nothing is heard: DTLS drops what it can't decipher. */
	void (*connected)(void *context);
};

int engine_open(struct engine **engine, struct loop *loop, const struct engine_ops *ops,
	void *context, bool dtls, char error[static ENGINE_ERROR_MAX]);
/* Nothing that was held may be left. */
void engine_close(struct engine *engine);
/* Port 0 becomes the one that was found. -errno. */
int engine_listen(struct engine *engine, struct net_address *address);
/* So many services have turns through it (turn.h). */
void engine_share(struct engine *engine, unsigned services);

/* Sends a message: an acknowledgement or response has the id that it is set to, of other types one is
 * made. False: no memory, or the network doesn't take it. */
bool engine_send(
	struct engine *engine, struct engine_peer *peer, const struct coap_message *message);
/* The payload that fits into a message beside its options. */
size_t engine_room(const struct engine *engine, const struct engine_peer *peer);

/* A peer to ask, held; NULL: no memory, no descriptor. */
struct engine_peer *engine_peer(struct engine *engine, const struct net_address *address);
/* The same over DTLS, with a key that both know. */
struct engine_peer *engine_peer_dtls(struct engine *engine, const struct net_address *address,
	struct mf_str identity, struct mf_str key);
void engine_hold(struct engine *engine, struct engine_peer *peer);
void engine_drop(struct engine *engine, struct engine_peer *peer);
void engine_address(
	const struct engine *engine, const struct engine_peer *peer, struct net_address *address);
/* Empty without DTLS. */
struct mf_str engine_identity(const struct engine *engine, const struct engine_peer *peer);
/* By which it showed who it is. */
struct mf_str engine_key(const struct engine *engine, const struct engine_peer *peer);
/* DTLS: of this session, for a new one at the same address counts its messages anew; else 0. */
uint32_t engine_session(const struct engine *engine, const struct engine_peer *peer);

#endif
