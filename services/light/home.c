/*
 * home.c - Home Assistant, https://www.home-assistant.io/integrations/light.mqtt (default schema) and
 * /integrations/mqtt: a retained configuration for each lamp, and all of them again when it says that it has started,
 * for a broker may have forgotten what it kept.
 */
#include "light.h"

#include "base/num.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

#define ALL_MAX  1536u        /* bytes of all names: some 45 of the longest */
#define AT_ONCE  8u           /* configurations of a life */
#define PAUSE_NS 200000000ull /* before the next ones: Home Assistant asks not to be flooded */
#define TEXT_MAX 768u

static struct mf_str availability; /* part of the snapshot; empty: none */

/* It stands in JSON as it is. */
void mf_init(void)
{
	struct mf_str topic = mf_config("availability");

	if (!names_is_topic(topic))
		mf_fail("availability: \"%.*s\": expected a topic of at most 128 bytes",
			(int)topic.n, (const char *)topic.p);
	availability = mf_str_is(topic, "none") ? mf_str_of(NULL, 0) : topic;
}

void home_introduce(struct mf_str name)
{
	char topic[NAMES_MAX + 40], text[TEXT_MAX];
	int n = (int)name.n;
	const char *p = (const char *)name.p;
	size_t bytes;

	mf_format(topic, sizeof(topic), "homeassistant/light/%.*s/config", n, p);
	bytes = mf_format(text, sizeof(text),
		"{\"name\":null,\"unique_id\":\"mayfly-light-%.*s\",\"command_topic\":"
		"\"light/%.*s/set\",\"state_topic\":\"light/%.*s/state\",\"qos\":1,"
		"%s%.*s%s\"device\":{\"identifiers\":[\"mayfly-light-%.*s\"],\"name\":\"%.*s\","
		"\"manufacturer\":\"mayfly\",\"model\":\"light\"},\"origin\":{\"name\":\"mayfly\"}"
		"}",
		n, p, n, p, n, p, availability.n ? "\"availability_topic\":\"" : "",
		(int)availability.n, (const char *)availability.p, availability.n ? "\"," : "", n,
		p, n, p);
	mf_emit_bytes(topic, text, bytes, 1, true);
}

void home_remember(struct mf_str name)
{
	struct mf_str all = mf_state("lamps");
	char text[ALL_MAX];
	size_t n;

	if (names_has(all, name))
		return;
	n = names_add(text, ALL_MAX, all, name);
	if (n > 0)
		mf_put("lamps", text, n);
	else
		mf_log_at(MF_LEVEL_WARN, "so many lamps: Home Assistant isn't told again of %.*s",
			(int)name.n, (const char *)name.p);
}

void home_introduce_all(uint64_t nth)
{
	struct mf_str all = mf_state("lamps"), name;
	char text[24];
	uint64_t i = 0;

	for (; names_next(&all, &name); i++) {
		if (i == nth + AT_ONCE) {
			mf_schedule("homeassistant", PAUSE_NS, text,
				mf_format(text, sizeof(text), "%llu", (unsigned long long)i));
			return;
		}
		if (i >= nth && names_is_one(name))
			home_introduce(name);
	}
}
