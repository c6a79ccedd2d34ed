/*
 * cli/up_state.h - where a hub of `mayfly up` keeps what its services put: $XDG_STATE_HOME/mayfly/NAME, else
 * ~/.local/state/mayfly/NAME, made if it isn't there.
 */
#ifndef CLI_UP_STATE_H
#define CLI_UP_STATE_H

#include <limits.h>

/* The usual directory of a hub whose first service has this name; but for its last part it is made. An exit
 * status. */
int up_state_usual(const char *name, char path[static PATH_MAX]);
/* The absolute path of one that was named, which needn't be there. */
int up_state_named(const char *given, char path[static PATH_MAX]);

#endif
