/* home.c - rooms for Home Assistant, https://www.home-assistant.io/integrations/climate.mqtt. */
#include "thermostat.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

/* Home Assistant knows an action; what the valve hears says as much. */
#define ACTION "{{ {'ON': 'heating', 'OFF': 'idle'}[value] }}"

static void introduce(struct mf_str room)
{
	char topic[NAMES_MAX + 40], text[HOME_TAIL + 1024];
	struct mf_str online = home_availability();
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
		"available\"}%s%.*s%s]",
		n, p, n, p, n, p, n, p, TARGET_LEAST, TARGET_MOST, n, p, n, p, n, p, n, p,
		online.n ? ",{\"topic\":\"" : "", (int)online.n, (const char *)online.p,
		online.n ? "\"}" : "");
	home_emit(&rooms, topic, room, text, bytes, sizeof(text));
}

const struct home rooms = {"thermostat", "rooms", 4, introduce};
