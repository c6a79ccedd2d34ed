/*
 * hub/coap/identity.h - the identity of an event that came over CoAP: endpoint and message id, and all that
 * the message says, within EXCHANGE_LIFETIME. While the hub runs doubles.h knows what came before; this is
 * for a request that comes again after the hub was killed and started: its effects aren't done twice.
 */
#ifndef HUB_COAP_IDENTITY_H
#define HUB_COAP_IDENTITY_H

#include "hub/coap/listener.h"

/* Between service_begin and service_submit. Nothing where the hub has no store. */
void identity_give(struct task *task, const struct in_coap *in, const struct coap_message *asked,
	struct mf_str body);

#endif
