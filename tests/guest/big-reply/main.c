/*
 * big-reply - fills the effects area with its reply; with the payload "over" it asks
 * for more than there is.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	size_t n = SIZE_MAX;
	uint8_t *body = mf_reply_room(&n);

	if (mf_str_is(mf_payload(ev), "over"))
		mf_reply_bytes((const void *)MF_ADDR_WINDOW, n + MF_PAGE);
	memset(body, 'x', n);
	mf_reply_sent(200, NULL, n);
}
