/*
 * hub/reload.h - another configuration in the place of the one that runs. The file is read
 * and checked whole before anything changes. What is the same stays as it is, with its queue,
 * its worker, its socket and its connections; the rest takes what comes from now on, while
 * what it replaces finishes what it accepted.
 */
#ifndef HUB_RELOAD_H
#define HUB_RELOAD_H

#include "hub/hub.h"

/* Reads hub->options.file again. 0, or an exit status with one line in error: then nothing
 * changed. Both are said in the log. */
int hub_reload(struct hub *hub, char error[static HUB_ERROR_MAX]);

#endif
