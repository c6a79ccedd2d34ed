/*
 * state - read what the manifest's `reads` had attached to the event.
 */
#include "base/num.h"
#include "libos/event/record.h"
#include "libos/mayfly.h"
#include "libos/place.h"

/* The record of a key that exists: a hub attaches absent ones too, as version 0. */
static bool find(const char *key, struct record *record)
{
	const struct mf_event *ev = place_event();
	struct mf_str left = mf_str_of((const uint8_t *)ev + ev->state.off, ev->state.len);

	while (record_next(&left, record))
		if (mf_str_is(record->name, key))
			return record->version != 0;
	return false;
}

struct mf_str mf_state(const char *key)
{
	struct record record;

	return find(key, &record) ? record.value : mf_str_of(NULL, 0);
}

uint64_t mf_state_u64(const char *key, uint64_t otherwise)
{
	struct record record;

	if (find(key, &record))
		num_parse(record.value, &otherwise);
	return otherwise;
}

uint64_t mf_state_version(const char *key)
{
	struct record record;

	return find(key, &record) ? record.version : 0;
}
