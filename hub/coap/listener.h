/* hub/coap/listener.h - an address where CoAP is spoken. Private to hub/coap and hub/in_coap.c. */
#ifndef HUB_COAP_LISTENER_H
#define HUB_COAP_LISTENER_H

#include <sodium/crypto_shorthash.h>

#include "hub/coap/bodies.h"
#include "hub/coap/doubles.h"
#include "hub/coap/engine.h"
#include "hub/coap/psk.h"
#include "hub/input.h"
#include "hub/task.h"
#include "sys/loop.h"

struct exchange;
struct router;

struct in_coap {
	struct input input;
	struct engine *engine;
	struct router *router;
	struct psk *psk; /* NULL: no DTLS */
	struct doubles *doubles;
	struct bodies *bodies;
	struct exchange *first,
		*last; /* confirmable requests that weren't acknowledged, as they came */
	struct loop_timer timer;
	uint8_t seed[crypto_shorthash_KEYBYTES];
	uint64_t handshakes, strangers; /* DTLS: clients that named themselves; that nobody knows */
	uint64_t opened_ns;
	bool stopping;
};

/* request.c */
void coap_asked(void *context, struct engine_peer *peer, const struct coap_message *request);
void coap_on_timer(struct loop_timer *timer);
/* Sends it and counts it. */
void coap_say(struct in_coap *in, struct engine_peer *peer, const struct coap_message *message);

/* reply.c */
/* By what blocks of one body are known. */
uint64_t coap_body_key(const struct in_coap *in, const struct engine_peer *peer, uint8_t method,
	struct mf_str path, struct mf_str query);
/* What a reply is in CoAP, as far as it doesn't depend on who asked. */
void coap_reply(struct coap_message *answer, uint8_t method, const struct reply *reply);
/* What of an answer goes into one message; all of it is kept for who asks for more. */
void coap_cut(struct in_coap *in, struct engine_peer *peer, uint64_t key,
	struct coap_message *answer, uint8_t szx);

/* core.c: what there is (RFC 6690), one page of it freed by the caller; NULL: no memory. */
char *coap_core(const struct in_coap *in, struct mf_str query, size_t *n);

#endif
