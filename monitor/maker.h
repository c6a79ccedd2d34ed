/*
 * monitor/maker.h - the maker: a process that makes gated processes, and the memory that they share
 * with their monitor, for the process that forked it. So a worker itself need not fork, map code or
 * write seccomp programs, and its own list of system calls has none of that (monitor/jail.c).
 *
 * It is forked before the list applies, before the image is looked at. It shares the table of
 * descriptors with whoever forked it, so that what it opens is there at once; it shares no memory.
 * Gated processes are its siblings: the worker's children, to be waited for. It dies with the worker.
 *
 * It takes the worker for hostile. A request is one message of a pipe, copied and checked; whatever
 * it says, no code that the worker could write runs before the gated process's own list applies: the
 * gate page is the maker's.
 *
 * One a process, for all its monitors: maker_start and maker_stop count. Any thread may call; the
 * thread that starts it must not end before it is stopped, or the maker ends with it.
 */
#ifndef MONITOR_MAKER_H
#define MONITOR_MAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/layout.h"

/* Shared memory at a guest's address. */
struct maker_region {
	uint64_t address, bytes, offset; /* in the memory file */
	uint32_t rights;                 /* PROT_...; never to be written and executed */
	uint32_t memory;                 /* enum layout_memory: of fd[memory] */
};

/* One gated process. */
struct maker_plan {
	int32_t fd[LAYOUT_MEMORIES];     /* -1: there is none */
	uint64_t entry, stack_top;       /* of the guest */
	uint64_t effects, effects_bytes; /* its effects area, where signals have their stack too */
	uint32_t held;                   /* a debugger will trace it */
	uint32_t deny_cpuid;
	uint32_t pad, regions;
	uint64_t input_bytes, output_bytes; /* of its areas, which are regions too */
	struct maker_region region[LAYOUT_REGIONS];
};

struct maker_made {
	int32_t pid, pidfd;
	int32_t to, from; /* pipes: the byte that begins a life; the byte that ends it */
	int32_t unread;   /* the other end of `to`: readable while nobody has taken that byte */
};

/* 0 or -errno. */
int maker_start(void);
void maker_stop(void);

/* A new memory file of so many bytes, zero, whose size can't change; the caller closes it. -errno;
 * -ENOMEM: this process got as much of it as its limit of address space. */
int maker_memory(uint64_t bytes);

/* A new gated process, which says by a byte that it is ready, if it gets so far. The caller closes
 * the descriptors, and waits for the process. 0 or -errno; -EOWNERDEAD: the maker is gone. */
int maker_make(const struct maker_plan *plan, struct maker_made *made);

/* It died, and nothing can be made any more. */
bool maker_gone(void);

#endif
