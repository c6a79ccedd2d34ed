/*
 * hub/peer.h - who is at the other end of a Unix socket, and what may he do? The kernel says who
 * connected (SO_PEERCRED, SO_PEERGROUPS of unix(7)); nothing that he sends can change that.
 */
#ifndef HUB_PEER_H
#define HUB_PEER_H

#include <sys/types.h>

enum peer_rights {
	PEER_NONE,
	PEER_LOOK, /* a member of the group: he may see how the hub does */
	PEER_ALL,  /* root, or the hub's own user */
};

#define PEER_NO_GROUP ((gid_t)-1)

enum peer_rights peer_rights(int fd, gid_t group);
/* The user, for people; -1: it can't be told. */
long peer_user(int fd);

#endif
