/* takes - a service that takes blobs, and says how many bytes it got. */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	mf_log("%llu bytes", (unsigned long long)mf_payload(ev).n);
	mf_reply_text("taken\n");
}
