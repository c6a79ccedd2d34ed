/*
 * recurse - calls itself until the stack ends.
 */
#include <mayfly.h>

static uint64_t deeper(const volatile uint64_t *above)
{
	volatile uint64_t here[8];

	here[0] = *above + 1;
	if (here[0] == 0) /* after 2^64 calls */
		return 0;
	return deeper(here) + here[0];
}

void mf_main(const struct mf_event *ev)
{
	volatile uint64_t start = ev->bytes;

	deeper(&start);
	mf_reply_text("survived");
}
