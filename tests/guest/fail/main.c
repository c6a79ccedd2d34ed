/*
 * fail - gives up, saying so. What it asked for before must not happen.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_str payload = mf_payload(ev);

	mf_log("about to fail");
	mf_reply_text("never seen");
	mf_fail("can't do \"%.*s\"", (int)payload.n, (const char *)payload.p);
}
