/*
 * ordered - answers with the bytes it was sent, events of one peer in their order. One that
 * begins with "slow" takes some milliseconds first.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_str payload = mf_payload(ev);

	if (payload.n >= 4 && mf_str_is(mf_str_of(payload.p, 4), "slow"))
		for (unsigned i = 0; i < 20000000; i++)
			__asm__ volatile("");
	mf_reply_bytes(payload.p, payload.n);
}
