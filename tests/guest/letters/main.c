/*
 * letters - fails as its state says. POST /start/NAME schedules an event to itself; that one, by the value of
 * `mood`: "bad" crashes, "greedy" asks for what it may not have, else puts done/NAME to how many lives failed before.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_str name = mf_part(ev, 2), mood = mf_state("mood");
	char text[64];

	if (ev->source == MF_SOURCE_HTTP) {
		mf_format(text, sizeof(text), "do/%.*s", (int)name.n, (const char *)name.p);
		mf_schedule(text, 1000000, "work", 4);
		mf_reply_text("later\n");
		return;
	}
	if (mf_str_is(mood, "bad"))
		__builtin_trap();
	if (mf_str_is(mood, "greedy"))
		mf_put("mood", "fine", 4);
	mf_format(text, sizeof(text), "done/%.*s", (int)name.n, (const char *)name.p);
	mf_put_u64(text, ev->attempt);
}
