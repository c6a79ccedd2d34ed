/*
 * heap - allocates without end, and writes to all of it.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	(void)ev;
	for (;;)
		memset(mf_alloc(1000), 0xaa, 1000);
}
