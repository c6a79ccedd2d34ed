/*
 * init-crash - its mf_init writes to text.
 */
#include <mayfly.h>

void mf_init(void)
{
	*(volatile uint8_t *)MF_ADDR_TEXT = 0;
}

void mf_main(const struct mf_event *ev)
{
	(void)ev;
	mf_reply_text("never seen");
}
