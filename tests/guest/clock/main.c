/*
 * clock - replies with the event's two times, in nanoseconds.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	char text[64];
	size_t n;

	(void)ev;
	n = mf_format(text, sizeof(text), "%lld %llu", (long long)mf_time_ns(),
		(unsigned long long)mf_elapsed_ns());
	mf_reply_bytes(text, n);
}
