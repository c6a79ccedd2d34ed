/*
 * sys/random.h - random bytes from the kernel, fetched some pages at a time so that one
 * event's seed costs a copy. What was given out is wiped here. Each thread has a store of its own.
 */
#ifndef SYS_RANDOM_H
#define SYS_RANDOM_H

#include <stddef.h>

void random_bytes(void *to, size_t n);

#endif
