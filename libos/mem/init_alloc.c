/*
 * mem: the init area, which mf_init writes and lives read.
 */
#include "base/num.h"
#include "libos/effect/effect.h"
#include "libos/mayfly.h"
#include "libos/place.h"

static uint64_t used; /* of the init area, a multiple of 16 */

size_t mf_init_left(void)
{
	uint64_t all = place_info()->init_bytes;

	return place_in_init() && all > used ? all - used : 0;
}

void *mf_init_alloc(size_t n)
{
	uint64_t at = MF_ADDR_INIT + used;

	if (!place_in_init())
		life_fail(MF_STR("mf_init_alloc: only mf_init may write to the init area"));
	if (n > mf_init_left())
		life_fail(MF_STR("mf_init_alloc: the init area is full: raise memory.init"));
	used = num_align(used + n, 16);
	return (void *)at;
}
