/*
 * home.c - doors for Home Assistant, https://www.home-assistant.io/integrations/binary_sensor.mqtt: one device that is
 * open or closed, and has a problem while its alarm is on.
 */
#include "door.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

/* A contact may say any of four words, in capitals or not. */
#define OPEN "{{ 'ON' if value|lower in ['on', 'open'] else 'OFF' }}"

static const struct entity {
	const char *topic, *name, *more;
} entities[] = {
	{"contact", "null", ",\"device_class\":\"door\",\"value_template\":\"" OPEN "\""},
	{"alarm", "\"alarm\"", ",\"device_class\":\"problem\""},
};

static void introduce(struct mf_str name)
{
	char topic[NAMES_MAX + 48], text[HOME_TAIL + 512];
	struct mf_str online = home_availability();
	int n = (int)name.n;
	const char *p = (const char *)name.p;
	size_t bytes;

	for (unsigned i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		const struct entity *e = &entities[i];

		mf_format(topic, sizeof(topic), "homeassistant/binary_sensor/%.*s/%s/config", n, p,
			e->topic);
		bytes = mf_format(text, sizeof(text),
			"{\"name\":%s,\"unique_id\":\"mayfly-door-%.*s-%s\",\"state_topic\":"
			"\"door/%.*s/%s\",\"qos\":1%s%s%.*s%s",
			e->name, n, p, e->topic, n, p, e->topic, e->more,
			online.n ? ",\"availability_topic\":\"" : "", (int)online.n,
			(const char *)online.p, online.n ? "\"" : "");
		home_emit(&doors, topic, name, text, bytes, sizeof(text));
	}
}

const struct home doors = {"door", "doors", 4, introduce};
