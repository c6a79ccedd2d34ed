/*
 * cli/daemon.h - mayflyd in the place of this program.
 */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

/* argv[0] is "mayflyd"; NULL at the end. Returns only if it can't be started: the exit status,
 * having said why. */
int daemon_become(const char *command, const char *const *argv);

#endif
