/*
 * hub/admin.h - the hub's own listeners: a Unix socket where `mayfly ps`, `stats`, `logs`,
 * `reload` and `stop` ask, and an address for whoever collects metrics. Both are HTTP;
 * hub/pages.h has what they answer.
 *
 * The socket is for root and the hub's own user: its mode says so, and each peer is asked.
 */
#ifndef HUB_ADMIN_H
#define HUB_ADMIN_H

#include "hub/hub.h"

/* Listens at `path`; NULL: at <pid>.sock in the run directory (sys/rundir.h), and where that
 * can't be the hub goes on without, with a warning. A socket whose hub is dead is replaced,
 * one whose hub lives is not. 0, or an exit status with one line in error. */
int admin_open(struct hub *hub, const char *path, char error[static HUB_ERROR_MAX]);
/* Removes the socket's file. The inputs themselves are the hub's. */
void admin_close(struct hub *hub);

/* Listens for GET /metrics only. `place` ("hub.yaml:3:10") comes before what is wrong. */
int admin_metrics(struct hub *hub, const struct net_address *address, const char *place,
	char error[static HUB_ERROR_MAX]);

#endif
