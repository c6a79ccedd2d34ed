/* sys/memory.c - see memory.h. */
#include "sys/memory.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Segments that the file says can't be written hold nothing but the file's bytes. (Relocations are
 * written into those that can, some of which are read-only by now: they must stay.) */
static int drop_pages(struct dl_phdr_info *object, size_t size, void *context)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)context;
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &object->dlpi_phdr[i];
		uintptr_t from = object->dlpi_addr + p->p_vaddr, to = from + p->p_filesz;

		if (p->p_type != PT_LOAD || (p->p_flags & PF_W))
			continue;
		from &= ~(page - 1);
		/* what isn't mapped from a file refuses, as the vDSO does */
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void memory_settle(void)
{
	malloc_trim(0);
	(void)dl_iterate_phdr(drop_pages, NULL);
}
