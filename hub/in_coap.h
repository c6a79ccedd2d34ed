/*
 * hub/in_coap.h - an address where CoAP (RFC 7252) is spoken over UDP, or over DTLS with pre-shared keys.
 * Several services share it: a router says who answers which request, as with HTTP.
 *
 *	request.c   a request becomes an event, and gets its answer
 *	doubles.c   requests that come again        bodies.c   block by block
 *	watch.c     observers                       core.c     what there is
 *	engine.c    libcoap: messages, sending again, DTLS
 */
#ifndef HUB_IN_COAP_H
#define HUB_IN_COAP_H

#include "hub/http/router.h"
#include "hub/input.h"

#define IN_COAP_ERROR_MAX 512

struct psk;

/* Binds *address and routes by `router`; with `psk` it speaks DTLS. Both are the input's from then on, when it
 * succeeds. -errno with one line in error where errno alone doesn't say enough, else an empty one. */
int in_coap_open(struct input **input, struct hub *hub, const struct net_address *address,
	struct psk *psk, struct router *router, char error[static IN_COAP_ERROR_MAX]);
/* Other routes and keys from the next request on; the old ones are closed. */
void in_coap_change(struct input *input, struct psk *psk, struct router *router);
const struct router *in_coap_router(const struct input *input);

struct in_coap_counts {
	uint64_t doubles, forgotten;
	uint64_t handshakes, strangers; /* DTLS: clients that named themselves; that nobody knows */
	uint64_t kept, kept_bytes;      /* now */
};
void in_coap_look(const struct input *input, struct in_coap_counts *counts);

#endif
