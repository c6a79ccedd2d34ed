/* hub/peer.c - see peer.h */
#include "hub/peer.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS 256u /* who is in more isn't known by them */

static bool is_member(int fd, const struct ucred *who, gid_t group)
{
	gid_t groups[GROUPS];
	socklen_t size = sizeof(groups);

	if (group == PEER_NO_GROUP)
		return false;
	if (who->gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (unsigned i = 0; i < size / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

enum peer_rights peer_rights(int fd, gid_t group)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return PEER_NONE;
	if (who.uid == 0 || who.uid == geteuid())
		return PEER_ALL;
	return is_member(fd, &who, group) ? PEER_LOOK : PEER_NONE;
}

long peer_user(int fd)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 ? -1 : (long)who.uid;
}
