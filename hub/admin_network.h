/*
 * hub/admin_network.h - the admin socket's pages on an address of the network, where hub.yaml says so:
 * over TLS, for clients with a token or a certificate. Who may look may not yet change: reload and
 * stop are for those whom `change` names. Part of admin.c.
 */
#ifndef HUB_ADMIN_NETWORK_H
#define HUB_ADMIN_NETWORK_H

#include "hub/hub.h"

struct config;

/* On its way to be the hub's. */
struct admin_network {
	struct input *input; /* NULL: none is asked for */
	bool opened;         /* for this; else it was there, and gets: */
	struct tls_context *tls;
	struct router *router;
};

/* All that can fail. `there` is the one of now, or NULL. 0, or an exit status with one line in error;
 * admin_network_take or _drop in both cases. */
int admin_network_make(struct hub *hub, const struct config *config, struct input *there,
	struct admin_network *network, char error[static HUB_ERROR_MAX]);
/* Could it be? The same but for the address. */
int admin_network_check(const struct config *config, char error[static HUB_ERROR_MAX]);
/* An input that was opened is the caller's to put among the hub's. */
void admin_network_take(struct admin_network *network);
void admin_network_drop(struct admin_network *network);

#endif
