/*
 * random - replies with 32 random bytes.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	size_t n = 32;
	uint8_t *body = mf_reply_room(&n);

	(void)ev;
	mf_random(body, n);
	mf_reply_sent(200, NULL, n);
}
