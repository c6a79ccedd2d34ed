/*
 * no-reply - ends without an effect.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	(void)ev;
}
