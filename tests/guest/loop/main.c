/*
 * loop - never ends.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	(void)ev;
	for (;;)
		__asm__ volatile("");
}
