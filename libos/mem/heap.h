/*
 * libos/mem/heap.h - who has taken how much of the heap: mf_alloc from its beginning, the posix
 * module from its end. Neither gives back to the other.
 */
#ifndef LIBOS_HEAP_H
#define LIBOS_HEAP_H

#include <stdint.h>

struct heap {
	uint64_t low, high; /* bytes; low a multiple of 16, high one of MF_PAGE */
};
extern struct heap mem_heap;

#endif
