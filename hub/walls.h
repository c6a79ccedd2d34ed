/*
 * hub/walls.h - which walls stand round the workers and round the hub itself, and what to do about
 * those that this machine, or the way the hub was started, doesn't give. docs/security.md explains each.
 */
#ifndef HUB_WALLS_H
#define HUB_WALLS_H

#include <stdbool.h>
#include <stddef.h>

enum wall {
	WALL_NAMESPACES, /* workers: pid, ipc, net, mount, uts, user, cgroup */
	WALL_FILES,      /* workers: a root directory that holds nothing */
	WALL_USER,       /* workers: a user id each */
	WALL_LANDLOCK,   /* workers: no file can be opened, a second time */
	WALL_SECCOMP,    /* workers: the list of monitor/jail.c */
	WALL_MEMORY,     /* workers: a control group each, with a limit of memory */
	WALL_HUB_USER,   /* the hub isn't root */
	WALL_HUB_FILES,  /* the hub writes, and if it may read everything reads, where it must */
	WALL_HUB_CALLS,  /* the list of hub/confine_calls.c */
	WALLS
};

/* Of each: 0, it stands; else -errno. */
struct walls {
	int missing[WALLS];
};

void walls_note(struct walls *walls, enum wall wall, int err);
/* Those that are known without trying. */
void walls_look(struct walls *walls);

/* Short, for labels; what it is; and how to get it. */
const char *walls_name(enum wall wall);
const char *walls_what(enum wall wall);
const char *walls_how(enum wall wall);

/* Those that are missing, as one line for people; false: none is. */
bool walls_line(const struct walls *walls, char *to, size_t size);

#endif
