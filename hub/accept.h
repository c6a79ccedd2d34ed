/*
 * hub/accept.h - take connections from a listening socket, as many as the hub may have: when
 * limits.connections is reached, or no descriptor is left, the connection that has been idle
 * for longest, of whichever input, makes room; when none is, nothing is accepted for a moment.
 */
#ifndef HUB_ACCEPT_H
#define HUB_ACCEPT_H

#include "hub/input.h"
#include "sys/loop.h"

struct acceptor {
	/* Takes a new connection; the descriptor is its own, unless it fails (-errno). */
	int (*take)(struct input *input, int fd, const struct net_address *peer);
	/* the acceptor's own: */
	struct input *input;
	struct loop_source source;
	struct loop_timer resume;
	int fd; /* -1: closed */
};

/* Begins; the listening socket is the acceptor's from then on, when it succeeds. -errno. */
int acceptor_open(struct acceptor *acceptor, struct input *input, int fd);
/* Takes those who wait to be accepted, before it is closed: else they would be reset. */
void acceptor_take_all(struct acceptor *acceptor);
/* Ends and closes it; a second time is fine. */
void acceptor_close(struct acceptor *acceptor);

/* What an input calls for each connection that begins and that ends. */
void accept_count(struct input *input);
void accept_uncount(struct input *input);

#endif
