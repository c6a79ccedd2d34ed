/*
 * hub/confine.h - when all is open that only the start needs rights for: the nursery builds the workers'
 * walls, and the hub goes behind its own.
 */
#ifndef HUB_CONFINE_H
#define HUB_CONFINE_H

#include "hub/hub.h"

/* Before anything secret is read: files of the user that the hub will become will do as root's do. */
void confine_prepare(const struct hub *hub, const struct config *config);

/* Says which walls are missing. 0, or an exit status with one line in error. */
int confine(struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX]);

#endif
