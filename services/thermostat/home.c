/*
 * home.c - Home Assistant, https://www.home-assistant.io/integrations/climate.mqtt and /integrations/mqtt: a
 * retained configuration for each room, and all of them again when it says that it has started, for a
 * broker may have forgotten what it kept.
 */
#include "thermostat.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

#define ALL_MAX  1536u        /* bytes of all names: some 45 of the longest */
#define AT_ONCE  4u           /* configurations of a life */
#define PAUSE_NS 200000000ull /* before the next ones: Home Assistant asks not to be flooded */
#define TEXT_MAX 1400u

/* Home Assistant knows an action; what the valve hears says as much. */
#define ACTION "{{ {'ON': 'heating', 'OFF': 'idle'}[value] }}"

static struct mf_str availability; /* part of the snapshot; empty: none */

/* It stands in JSON as it is. */
void home_init(void)
{
	struct mf_str topic = mf_config("availability");

	if (!names_is_topic(topic))
		mf_fail("availability: \"%.*s\": expected a topic of at most 128 bytes",
			(int)topic.n, (const char *)topic.p);
	availability = mf_str_is(topic, "none") ? mf_str_of(NULL, 0) : topic;
}

void home_introduce(struct mf_str room)
{
	char topic[NAMES_MAX + 40], text[TEXT_MAX];
	int n = (int)room.n;
	const char *p = (const char *)room.p;
	size_t bytes;

	mf_format(topic, sizeof(topic), "homeassistant/climate/%.*s/config", n, p);
	bytes = mf_format(text, sizeof(text),
		"{\"name\":null,\"unique_id\":\"mayfly-thermostat-%.*s\",\"qos\":1,"
		"\"current_temperature_topic\":\"room/%.*s/temperature\","
		"\"temperature_command_topic\":\"room/%.*s/target/set\","
		"\"temperature_state_topic\":\"room/%.*s/target\","
		"\"temperature_unit\":\"C\",\"temp_step\":0.5,\"min_temp\":%u,\"max_temp\":%u,"
		"\"modes\":[\"heat\",\"off\"],\"mode_command_topic\":\"room/%.*s/mode/set\","
		"\"mode_state_topic\":\"room/%.*s/mode\","
		"\"action_topic\":\"room/%.*s/heating/set\",\"action_template\":\"" ACTION "\","
		"\"availability_mode\":\"all\",\"availability\":[{\"topic\":\"room/%.*s/"
		"available\"}%s%.*s%s],"
		"\"device\":{\"identifiers\":[\"mayfly-thermostat-%.*s\"],\"name\":\"%.*s\","
		"\"manufacturer\":\"mayfly\",\"model\":\"thermostat\"},"
		"\"origin\":{\"name\":\"mayfly\"}}",
		n, p, n, p, n, p, n, p, TARGET_LEAST, TARGET_MOST, n, p, n, p, n, p, n, p,
		availability.n ? ",{\"topic\":\"" : "", (int)availability.n,
		(const char *)availability.p, availability.n ? "\"}" : "", n, p, n, p);
	mf_emit_bytes(topic, text, bytes, 1, true);
}

bool home_remember(struct mf_str room)
{
	struct mf_str all = mf_state("rooms");
	char text[ALL_MAX];
	size_t n;

	if (names_has(all, room))
		return false;
	n = names_add(text, ALL_MAX, all, room);
	if (n > 0)
		mf_put("rooms", text, n);
	else
		mf_log_at(MF_LEVEL_WARN, "too many rooms: %.*s is told anew each time", (int)room.n,
			(const char *)room.p);
	return true;
}

void home_introduce_all(uint64_t nth)
{
	struct mf_str all = mf_state("rooms"), name;
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
