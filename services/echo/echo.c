/*
 * echo - answers with the bytes it was sent.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_str payload = mf_payload(ev);

	mf_reply_bytes(payload.p, payload.n);
}
