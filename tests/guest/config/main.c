/*
 * config - replies with the config value `greeting`, or "absent".
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_str greeting = mf_config("greeting");

	(void)ev;
	if (greeting.p == NULL)
		greeting = MF_STR("absent");
	mf_reply_bytes(greeting.p, greeting.n);
}
