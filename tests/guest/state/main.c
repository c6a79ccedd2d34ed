/*
 * state - toggles `on`, and tells what it was.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	uint64_t on = mf_state_u64("on", 0);

	(void)ev;
	mf_put_u64("on", !on);
	mf_reply_text(on ? "was on" : "was off");
}
