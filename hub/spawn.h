/*
 * hub/spawn.h - start a worker: a process with exactly the descriptors of abi/worker.h,
 * in a session of its own (so that Ctrl-C reaches only the hub), which the kernel kills
 * when the hub dies. The nursery (hub/nursery.h) does it.
 */
#ifndef HUB_SPAWN_H
#define HUB_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "abi/worker.h"

struct nursery;

struct spawn {
	struct nursery *nursery;
	const char *name;     /* of the service: for ps */
	int fd[MFW_FD_END];   /* what the worker finds at each number; -1: closed. Borrowed */
	int cpu;              /* keep it on this core; -1: wherever the kernel likes */
	uint32_t descriptors; /* that it may have at most; 0: as the hub */
	uint64_t memory;      /* bytes of address space, the same */
	int group;            /* the control group that it is born in; 0: ours. Borrowed */
};

/* Returns 0 with *pid, and *pidfd that the caller closes; or -errno with *pidfd -1. -EOWNERDEAD: the
 * nursery is gone. -ETIMEDOUT: it doesn't answer; that takes so long only once. */
int spawn_worker(const struct spawn *spawn, pid_t *pid, int *pidfd);

/* Has an answer come that nobody waits for? Ends what was started too late. */
void spawn_collect(struct nursery *nursery);

/* Kills what isn't dead, and reaps it. Returns how it ended: the number of the signal that
 * killed it, or minus its exit status. */
int spawn_end(int pidfd);
/* The same for what is dead, without reaping it. */
int spawn_ended(int pidfd);
/* Kills it, and reaps it if it is dead within so many ms. False: it dies still, for memory takes its time to
 * be given back; spawn_end when the descriptor is readable. */
bool spawn_kill(int pidfd, int most_ms);

#endif
