/*
 * tick - says which tick it was born for; takes its time over some.
 */
#include <mayfly.h>

void mf_main(const struct mf_event *ev)
{
	struct mf_str name = mf_subject(ev), due = mf_attribute(ev, "scheduled");
	struct mf_str missed = mf_attribute(ev, "missed"), type = mf_type(ev);

	mf_log("%.*s %.*s of source %u due %.*s missed %.*s", (int)type.n, (const char *)type.p,
		(int)name.n, (const char *)name.p, ev->source, (int)due.n, (const char *)due.p,
		(int)missed.n, (const char *)missed.p);
	for (volatile uint64_t i = 0; mf_str_is(name, "slow") && i < 40000000; i++)
		;
}
