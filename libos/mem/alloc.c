/*
 * mem: memory that is freed by death. What mf_init allocates is part of the snapshot.
 */
#include "base/num.h"
#include "libos/effect/effect.h"
#include "libos/mayfly.h"
#include "libos/place.h"

static uint64_t used; /* of the heap */

void *mf_alloc(size_t n)
{
	const struct mf_info *info = place_info();
	uint64_t at = info->heap_addr + used;

	if (!num_fits(at, n, info->heap_end))
		life_end(MF_OUTCOME_MEMORY);
	used = num_align(used + n, 16);
	return (void *)at;
}
