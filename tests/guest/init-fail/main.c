/*
 * init-fail - its mf_init gives up.
 */
#include <mayfly.h>

void mf_init(void)
{
	mf_fail("zone.txt:%d: no such thing as \"%s\"", 7, "AAAAA");
}

void mf_main(const struct mf_event *ev)
{
	(void)ev;
	mf_reply_text("never seen");
}
