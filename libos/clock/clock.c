/*
 * clock - the time of the event, which the hub gave it.
 */
#include "libos/effect/effect.h"
#include "libos/mayfly.h"
#include "libos/place.h"

static const struct mf_event *timed_event(void)
{
	if (place_in_init())
		life_fail(MF_STR("mf_init asked for the time: a snapshot has none"));
	return place_event();
}

int64_t mf_time_ns(void)
{
	return timed_event()->time_ns;
}

uint64_t mf_elapsed_ns(void)
{
	return timed_event()->elapsed_ns;
}
