/*
 * hub/admin.h - the hub's own listeners: a Unix socket where `mayfly ps`, `stats`, `logs`,
 * `reload` and `stop` ask, an address where they may ask over the network (admin_network.h), and
 * one for whoever collects metrics. All are HTTP; hub/pages.h has what they answer.
 *
 * The socket is for root and the hub's own user, and members of a group may look: its mode says
 * so, and each peer is asked (peer.h). It
 * is where hub.yaml says, else <pid>.sock in the run directory (sys/rundir.h); where the
 * latter can't be, the hub goes on without, with a warning. A socket whose hub is dead is
 * replaced, one whose hub lives is not.
 */
#ifndef HUB_ADMIN_H
#define HUB_ADMIN_H

#include "hub/hub.h"

struct config;

/* Makes them what `config` asks for, at the start and at a reload: those that stay the same
 * stay open. 0, or an exit status with one line in error: then nothing changed. */
int admin_take(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX]);
/* Could they be, but for their addresses? */
int admin_check(const struct config *config, char error[static HUB_ERROR_MAX]);
/* Removes the socket's file. The inputs themselves are the hub's. */
void admin_close(struct hub *hub);

const char *admin_path(const struct hub *hub);            /* NULL: there is no socket */
const struct input *admin_network(const struct hub *hub); /* the same over the network */
const struct input *admin_metrics(const struct hub *hub); /* NULL: none */

#endif
