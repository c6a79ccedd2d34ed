/*
 * hub/state.h - the hub's own directory, hub.yaml's `state`: made if it isn't there, and locked,
 * for two hubs in one would spoil what both keep there.
 */
#ifndef HUB_STATE_H
#define HUB_STATE_H

#include "hub/hub.h"

/* *fd holds the lock until it is closed, or the process ends. `check`: look, make nothing, and a lock
 * that another process has is only a warning. 0, or an exit status with one line in error. */
int state_open(const char *path, bool check, int *fd, char error[static HUB_ERROR_MAX]);

#endif
