/*
 * posix: pages for malloc, from the end of the heap downwards. What was given back is kept in a list
 * by address, neighbours as one; a page that no life nor mf_init has had yet is zero.
 */
#include "abi/guest.h"
#include "base/num.h"
#include "libos/mayfly.h"
#include "libos/mem/heap.h"
#include "libos/place.h"
#include "libos/posix/posix.h"

/* Free pages, described in the first of them. */
struct run {
	struct run *next;
	uint64_t bytes;
};

static struct run *runs;

static uint64_t address_of(const struct run *run)
{
	return (uint64_t)run;
}

/* The end of the first run that is large enough; NULL: none is. */
static void *take_free(uint64_t bytes)
{
	for (struct run **at = &runs; *at != NULL; at = &(*at)->next) {
		struct run *run = *at;
		void *taken;

		if (run->bytes < bytes)
			continue;
		run->bytes -= bytes;
		taken = (uint8_t *)run + run->bytes;
		if (run->bytes == 0)
			*at = run->next;
		return memset(taken, 0, bytes);
	}
	return NULL;
}

static void *take_new(uint64_t bytes)
{
	const struct mf_info *info = place_info();
	uint64_t end = info->heap_end - mem_heap.high;

	if (bytes > end - (info->heap_addr + mem_heap.low))
		return NULL;
	mem_heap.high += bytes;
	return (void *)(end - bytes);
}

long posix_map(uint64_t bytes)
{
	void *at;

	if (bytes == 0)
		return -POSIX_EINVAL;
	if (bytes > MF_ADDR_WINDOW_END - MF_ADDR_WINDOW)
		return -POSIX_ENOMEM;
	bytes = num_align(bytes, MF_PAGE);
	at = take_free(bytes);
	if (at == NULL)
		at = take_new(bytes);
	return at != NULL ? (long)at : -POSIX_ENOMEM;
}

/* `run` and what follows it, if they touch. */
static void join(struct run *run)
{
	struct run *next = run->next;

	if (next == NULL || address_of(run) + run->bytes != address_of(next))
		return;
	run->bytes += next->bytes;
	run->next = next->next;
}

long posix_unmap(uint64_t address, uint64_t bytes)
{
	const uint64_t end = place_info()->heap_end, begin = end - mem_heap.high;
	struct run *run = (struct run *)address, *before = NULL;

	if (bytes == 0 || bytes > mem_heap.high || address % MF_PAGE != 0 || address < begin)
		return -POSIX_EINVAL;
	bytes = num_align(bytes, MF_PAGE);
	if (!num_fits(address, bytes, end))
		return -POSIX_EINVAL;
	for (struct run *r = runs; r != NULL && address_of(r) < address; r = r->next)
		before = r;
	*run = (struct run){.next = before != NULL ? before->next : runs, .bytes = bytes};
	if (before == NULL)
		runs = run;
	else
		before->next = run;
	join(run);
	if (before != NULL)
		join(before);
	return 0;
}
