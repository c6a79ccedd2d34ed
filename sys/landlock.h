/*
 * sys/landlock.h - give up files for good, where the kernel has Landlock (5.13; linux/landlock.h).
 */
#ifndef SYS_LANDLOCK_H
#define SYS_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>

/* The kernel's version of it; 0: it has none. */
int landlock_abi(void);

/* What remains possible with a file, or with all below a directory. */
enum landlock_right {
	LANDLOCK_READ = 1,
	LANDLOCK_WRITE = 2,
	LANDLOCK_RUN = 4,    /* a program */
	LANDLOCK_MOVE = 8,   /* to or from another directory that has it, too */
	LANDLOCK_DEVICE = 16 /* ioctl(2) */
};
struct landlock_path {
	const char *path; /* NULL: none */
	unsigned rights;  /* enum landlock_right */
};

enum landlock_way {
	LANDLOCK_WRITING = 1, /* only writing is restricted */
	LANDLOCK_NO_SIGNALS =
		2 /* to others than itself and what it starts, as far as the kernel knows how */
};

/* From now on this thread, and what it starts, may open, make, remove or run nothing but what `paths`
 * says, in these ways (enum landlock_way). With no paths at all TCP, other processes' abstract
 * sockets and signals to others go too, as far as the kernel knows how. Needs no_new_privs. Paths that
 * aren't there are left out. -EOPNOTSUPP: the kernel has none of it; -errno. */
int landlock_enter(const struct landlock_path *paths, size_t count, unsigned ways);

#endif
