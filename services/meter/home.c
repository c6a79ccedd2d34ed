/* home.c - meters for Home Assistant, https://www.home-assistant.io/integrations/sensor.mqtt: each reading. */
#include "meter.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

#define UNIT_MAX 16u

static struct mf_str unit; /* part of the snapshot; empty: none */

/* It stands in JSON as it is. */
static bool is_unit(struct mf_str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] == 0x7f || text.p[i] == '"' || text.p[i] == '\\')
			return false;
	return text.n > 0 && text.n <= UNIT_MAX;
}

void home_open(void)
{
	home_init();
	unit = mf_config("unit");
	if (!is_unit(unit))
		mf_fail("unit: \"%.*s\": expected at most %u bytes, as W or °C, or none",
			(int)unit.n, (const char *)unit.p, UNIT_MAX);
	if (mf_str_is(unit, "none"))
		unit.n = 0;
}

static void introduce(struct mf_str name)
{
	char topic[NAMES_MAX + 40], text[HOME_TAIL + 384];
	struct mf_str online = home_availability();
	int n = (int)name.n;
	const char *p = (const char *)name.p;
	size_t bytes;

	mf_format(topic, sizeof(topic), "homeassistant/sensor/%.*s/config", n, p);
	bytes = mf_format(text, sizeof(text),
		"{\"name\":null,\"unique_id\":\"mayfly-meter-%.*s\",\"state_topic\":\"meter/%.*s/"
		"reading\",\"state_class\":\"measurement\"%s%.*s%s,\"qos\":1%s%.*s%s",
		n, p, n, p, unit.n ? ",\"unit_of_measurement\":\"" : "", (int)unit.n,
		(const char *)unit.p, unit.n ? "\"" : "",
		online.n ? ",\"availability_topic\":\"" : "", (int)online.n, (const char *)online.p,
		online.n ? "\"" : "");
	home_emit(&meters, topic, name, text, bytes, sizeof(text));
}

const struct home meters = {"meter", "meters", 8, introduce};
