/*
 * sys/systemd.h - what a service manager gives a daemon and wants to hear from it, as systemd
 * defines it: sockets that are open already (sd_listen_fds(3)) and notifications (sd_notify(3)).
 * Without such a manager every function here does nothing. docs/decisions/017 says why this is
 * no library.
 *
 * Sockets that were handed over stay open as long as the process lives, for the manager has them
 * too: nobody else could bind their addresses again. Who asks for one gets a duplicate.
 */
#ifndef SYS_SYSTEMD_H
#define SYS_SYSTEMD_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/net.h"

#define SYSTEMD_ERROR_MAX 256

/* Looks at the environment, and takes what it says out of it. Once, before anything is opened.
 * 0, or -errno with one line in error: a socket that can't be served. */
int systemd_open(char error[static SYSTEMD_ERROR_MAX]);

/* The socket of this type that was handed over for this very address: a duplicate, not blocking,
 * the caller's. -ENOENT: there is none. -EADDRINUSE: the last duplicate is still open. */
int systemd_socket(const struct net_address *address, int type);
/* The same for a listening Unix socket. */
int systemd_unix_socket(const char *path);
/* Which socket was handed over and never asked for: *what names it. False: there is none. */
bool systemd_unused(char what[static SYSTEMD_ERROR_MAX]);

/* Tells the manager; `status` is a line for people. */
void systemd_ready(const char *status);
void systemd_reloading(void);            /* systemd_ready ends it */
void systemd_stopping(uint64_t most_ns); /* how long that may take */
void systemd_alive(void);
/* How often systemd_alive has to be called at least; 0: nobody waits for it. */
uint64_t systemd_watchdog_ns(void);

#endif
