/*
 * sys/namespaces.h - namespaces(7) that hold nothing: for processes that shall see nothing of the
 * machine. Of one thread; functions return 0 or -errno.
 */
#ifndef SYS_NAMESPACES_H
#define SYS_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The user and group ids of a process in a user namespace of its own: from NAMESPACES_FIRST on. */
#define NAMESPACES_FIRST 1u
#define NAMESPACES_IDS   65535u

/* Where on the machine the ids of all our workers lie: a range that systemd.io/UIDS-GIDS leaves
 * unused. Each hub has NAMESPACES_IDS of it. */
#define NAMESPACES_BASE 0x70000000u
#define NAMESPACES_HUBS 4096u

/* Tells what its ids are, as the parent of `pid`, which is in a new user namespace: so many from
 * `base` on if we may give those away, else it has the one id that we (uid, gid) have. How many, or
 * -errno. */
int namespaces_map(pid_t pid, uint32_t base, uid_t uid, gid_t gid);

/* Is there such a user id in our own namespace? */
bool namespaces_has_id(uint32_t id);

/* A root directory for this process and those that it starts that holds nothing and can't be
 * written; in a mount namespace of its own. */
int namespaces_empty_root(void);

/* Gives up the rights that a program that is run could gain. */
void namespaces_bound(void);
/* Of those that this process has, all but `keep` (a bit for each capability). */
int namespaces_keep(uint64_t keep);

#endif
