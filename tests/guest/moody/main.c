/*
 * moody - does what the last part of the path says: "ok" replies, "crash" touches page zero, "loop"
 * never ends, "silent" ends without a reply; what else is asked is too much for it.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_str path = mf_subject(ev);

	if (mf_str_is(path, "/moody/ok"))
		mf_reply_text("ok\n");
	else if (mf_str_is(path, "/moody/crash"))
		*(volatile int *)0 = 1;
	else if (mf_str_is(path, "/moody/loop"))
		for (;;)
			__asm__ volatile("");
	else if (!mf_str_is(path, "/moody/silent"))
		mf_fail("too much");
}
