/*
 * hub/nursery.h - the process that starts workers behind their walls, so that the hub itself needs no
 * right to run or make processes. It is forked first of all, when nothing secret is in memory, and
 * given its place (nursery_settle) when the hub is about to give up its own rights.
 *
 * A worker is the hub's child, not the nursery's: the hub waits for it and ends it by its pidfd. It may
 * do that although a worker has a user id of its own, because the nursery's user namespace belongs to
 * the hub's user, who is almighty in it; by the same right the kernel ends workers when the hub dies.
 * The nursery ends when its socket closes. If it is gone before, no worker can be started any more.
 *
 * One at a time: a request is answered before the next, in a fraction of a millisecond. A nursery that
 * doesn't answer (somebody stopped it, the machine has no memory) is waited for once, and asked for
 * nothing until it has: then what it started, which nobody wants any more, is ended.
 */
#ifndef HUB_NURSERY_H
#define HUB_NURSERY_H

#include <stdbool.h>
#include <sys/types.h>

struct walls;

struct nursery {
	int socket; /* -1: there is none */
	int pidfd;
	bool owes; /* an answer that nobody waits for any more */
	pid_t pid;
};

/* Forks it; `program` is mayfly-worker, opened now. -errno: nothing was started. Until it is settled
 * it starts workers without walls. */
int nursery_open(struct nursery *nursery, const char *program);

/* Gives up the nursery's rights, and notes in `walls` which of a worker's it can build. `uid` and
 * `gid` are those that the hub will have. Still with all of the hub's own rights. -errno: it is lost. */
int nursery_settle(struct nursery *nursery, uid_t uid, gid_t gid, struct walls *walls);

/* Can it start a worker in this control group? 0 or -errno. */
int nursery_probe(struct nursery *nursery, int group);

/* It ends, if it still runs, by force if it doesn't in a second, and is reaped. */
void nursery_close(struct nursery *nursery);

#endif
