/*
 * sys/cgroup.h - a limit of memory for each of several groups of processes: control groups, version 2
 * (Linux, Documentation/admin-guide/cgroup-v2.rst). Below the group in which this process was started,
 * if that is its own to divide:
 *
 *	OWN/hub               this process, for a group that gives memory to others holds no process
 *	OWN/workers/nursery   the one that starts others
 *	OWN/workers/N         those that it starts, each with a limit
 *
 * Functions return 0 or -errno, unless they say otherwise. Nothing is allocated.
 */
#ifndef SYS_CGROUP_H
#define SYS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_PATH   1024
#define CGROUP_GROUPS 4096u

struct cgroups {
	char path[CGROUP_PATH]; /* OWN/workers; "": there are none */
	uint64_t taken[CGROUP_GROUPS / 64];
};

/* The directory of the group that this process is in. -EOPNOTSUPP: the machine has none of them. */
int cgroup_own(char own[static CGROUP_PATH]);
/* The same of the two files of /proc. */
int cgroup_parse(char own[static CGROUP_PATH], const char *cgroup, const char *mountinfo);

/* May it be divided: has it memory to limit (-EOPNOTSUPP), is it ours (-EPERM: the service manager
 * hasn't given it away), are we and `nursery` alone in it (-EBUSY)? */
int cgroup_is_ours(const char *own, pid_t nursery);
/* Divides it, for a process that becomes `user`. On failure all is as before, as far as can be. */
int cgroup_divide(struct cgroups *groups, const char *own, pid_t nursery, uid_t user);

/* A group that may have so much memory: its number; *fd, that the caller closes, is to start a process
 * in it (CLONE_INTO_CGROUP). -errno. */
int cgroup_make(struct cgroups *groups, uint64_t bytes, int *fd);
/* All that was in it has ended. */
void cgroup_remove(struct cgroups *groups, int number);
/* Was something in it ended for want of memory? */
bool cgroup_ran_out(const struct cgroups *groups, int number);

#endif
