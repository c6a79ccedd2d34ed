/*
 * mem: memory that is freed by death. What mf_init allocates is part of the snapshot.
 */
#include "base/num.h"
#include "libos/effect/effect.h"
#include "libos/mayfly.h"
#include "libos/mem/heap.h"
#include "libos/place.h"

struct heap mem_heap;

void *mf_alloc(size_t n)
{
	const struct mf_info *info = place_info();
	uint64_t at = info->heap_addr + mem_heap.low;

	if (!num_fits(at, n, info->heap_end - mem_heap.high))
		life_end(MF_OUTCOME_MEMORY);
	mem_heap.low = num_align(mem_heap.low + n, 16);
	return (void *)at;
}
