/*
 * hub/counters.h - the highest counter of releases that ran here as each service, so that an older
 * release, though its signature is right, isn't run again by whoever can put files where images lie.
 *
 * Kept in the file "counters" of the hub's state directory, or for the life of the process where
 * there is none. It is replaced as a whole: first the new one is written and on the disk, then the
 * configuration that needs it takes its place (hub/plan.h), with the new one renamed over the old.
 */
#ifndef HUB_COUNTERS_H
#define HUB_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/image.h"

#define COUNTERS_ERROR_MAX 512
#define COUNTERS_FILE_MAX  (4u << 20)

struct counter {
	char name[MFI_NAME_MAX + 1];
	uint64_t highest;
};

/* Sorted by name. */
struct counter_list {
	struct counter *at;
	unsigned count;
};

struct counters {
	struct counter_list now, next; /* next: prepared, not yet taken */
	int dir;                       /* the state directory; -1: none, or only looked at */
	bool prepared, written;        /* next is there; and so is its file */
};

/* `state` NULL: there is no directory. `check`: nothing will be written. 0 or -errno with one line
 * in error; -EINVAL: the file is damaged. */
int counters_open(struct counters *counters, const char *state, bool check,
	char error[static COUNTERS_ERROR_MAX]);
void counters_close(struct counters *counters);

/* 0: none ran. */
uint64_t counters_of(const struct counters *counters, const char *name);

/* Begins a new list: the one of now; counters_raise adds to it. 0 or -ENOMEM. */
int counters_begin(struct counters *counters);
int counters_raise(struct counters *counters, const char *name, uint64_t counter);
/* Writes the new list, if it is another one, and waits until it is on the disk. 0 or -errno. */
int counters_prepare(struct counters *counters);
/* It takes the place of the old one. 0, or -errno: then it holds for this process only. */
int counters_commit(struct counters *counters);
void counters_drop(struct counters *counters);

/* The file's text. 0, -ENOMEM, or -EINVAL with the number of the line that is wrong. */
int counters_parse(const char *text, size_t n, struct counter_list *list, unsigned *line);

#endif
