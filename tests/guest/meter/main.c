/*
 * meter - counts the bytes of its payload as units.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	mf_meter("byte", mf_payload(ev).n);
	mf_reply_text("metered");
}
