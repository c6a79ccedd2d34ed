/*
 * init-effect - its mf_init asks for an effect, which only mf_main may.
 */
#include <mayfly.h>

void mf_init(void)
{
	mf_reply_text("nobody asked");
}

void mf_main(const struct mf_event *ev)
{
	(void)ev;
	mf_reply_text("never seen");
}
