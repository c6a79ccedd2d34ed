/*
 * init-loop - its mf_init never ends.
 */
#include <mayfly.h>

void mf_init(void)
{
	for (;;)
		__asm__ volatile("");
}

void mf_main(const struct mf_event *ev)
{
	(void)ev;
	mf_reply_text("never seen");
}
