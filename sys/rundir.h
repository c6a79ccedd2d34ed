/*
 * sys/rundir.h - the directories in which hubs put their admin sockets, <pid>.sock, and in
 * which `mayfly ps` and the like look for them.
 */
#ifndef SYS_RUNDIR_H
#define SYS_RUNDIR_H

#include <stdbool.h>
#include <sys/types.h>

#define RUNDIR_PATH 96u /* of a directory; a socket's path has at most 107 bytes */
#define RUNDIR_MOST 4u

/* This process's own: $RUNTIME_DIRECTORY, else /run/mayfly for root, else
 * $XDG_RUNTIME_DIR/mayfly, else /tmp/mayfly-UID. -ENAMETOOLONG. */
int rundir_own(char to[static RUNDIR_PATH]);
/* All where a hub that this user may ask can be: its own and root's, or $RUNTIME_DIRECTORY
 * alone. How many. */
unsigned rundir_all(char to[static RUNDIR_MOST][RUNDIR_PATH]);

/* Makes the directory if it is missing: for everybody to look into if `open`, else for us
 * alone. -EPERM: it is there, but somebody else may write into it. */
int rundir_make(const char *path, bool open);

enum rundir_socket { RUNDIR_ALIVE, RUNDIR_DEAD, RUNDIR_DENIED, RUNDIR_NONE };
/* Does somebody listen there? RUNDIR_NONE: it isn't there or is no socket; _DENIED: we can't
 * tell, since it is another user's. */
enum rundir_socket rundir_probe(const char *path);

#endif
