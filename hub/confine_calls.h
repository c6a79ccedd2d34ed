/*
 * hub/confine_calls.h - what the hub may ask of Linux once it serves. What isn't listed fails with
 * EPERM, rather than that one call that nobody thought of ends a hub; what no part of it ever needs,
 * and a hub that was taken over would, ends it.
 */
#ifndef HUB_CONFINE_CALLS_H
#define HUB_CONFINE_CALLS_H

#include "sys/sandbox.h"

/* The list, for tests. */
const struct sandbox_rule *confine_calls(size_t *count);
/* From now on. 0 or -errno. */
int confine_calls_enter(void);

#endif
