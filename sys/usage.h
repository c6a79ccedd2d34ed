/*
 * sys/usage.h - what a process uses of the machine, as the kernel counts it.
 */
#ifndef SYS_USAGE_H
#define SYS_USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct usage {
	uint64_t resident_bytes, virtual_bytes;
	uint64_t cpu_ns;
	uint64_t descriptors, descriptors_most;
};

/* Of this process; what can't be read is 0. */
void usage_self(struct usage *usage);
/* Resident memory of another one; 0: it is gone. */
uint64_t usage_resident(pid_t pid);

#endif
