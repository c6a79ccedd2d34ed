/* libos/home/home.c - see home.h */
#include "libos/home/home.h"

#include "base/num.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

#define ALL_MAX  1536u        /* bytes of all names: some 45 of the longest */
#define PAUSE_NS 200000000ull /* before the next ones: Home Assistant asks not to be flooded */

static struct mf_str availability; /* part of the snapshot; empty: none */

void home_init(void)
{
	struct mf_str topic = mf_config("availability");

	if (!names_is_topic(topic))
		mf_fail("availability: \"%.*s\": expected a topic of at most 128 bytes",
			(int)topic.n, (const char *)topic.p);
	availability = mf_str_is(topic, "none") ? mf_str_of(NULL, 0) : topic;
}

struct mf_str home_availability(void)
{
	return availability;
}

bool home_remember(const struct home *home, struct mf_str name)
{
	struct mf_str all = mf_state(home->names);
	char text[ALL_MAX];
	size_t n;

	if (names_has(all, name))
		return false;
	n = names_add(text, ALL_MAX, all, name);
	if (n > 0)
		mf_put(home->names, text, n);
	else
		mf_log_at(MF_LEVEL_WARN,
			"so many %s: when Home Assistant starts it isn't told of %.*s", home->names,
			(int)name.n, (const char *)name.p);
	return true;
}

static void introduce_all(const struct home *home, uint64_t nth)
{
	struct mf_str all = mf_state(home->names), name;
	char text[24];
	uint64_t i = 0;

	for (; names_next(&all, &name); i++) {
		if (i == nth + home->at_once) {
			mf_schedule("homeassistant", PAUSE_NS, text,
				mf_format(text, sizeof(text), "%llu", (unsigned long long)i));
			return;
		}
		if (i >= nth && names_is_one(name))
			home->introduce(name);
	}
}

bool home_hears(const struct home *home, const struct mf_event *ev)
{
	uint64_t nth = 0;

	if (!mf_str_is(mf_part(ev, 1), "homeassistant"))
		return false;
	if (ev->source == MF_SOURCE_SCHEDULE)
		num_parse(mf_payload(ev), &nth);
	else if (!mf_str_is(mf_payload(ev), "online"))
		return true;
	introduce_all(home, nth);
	return true;
}

void home_emit(const struct home *home, const char *topic, struct mf_str name, char *text, size_t n,
	size_t size)
{
	n += mf_format(text + n, size - n,
		",\"device\":{\"identifiers\":[\"mayfly-%s-%.*s\"],\"name\":\"%.*s\","
		"\"manufacturer\":\"mayfly\",\"model\":\"%s\"},\"origin\":{\"name\":\"mayfly\"}}",
		home->model, (int)name.n, (const char *)name.p, (int)name.n, (const char *)name.p,
		home->model);
	mf_emit_bytes(topic, text, n, 1, true);
}
