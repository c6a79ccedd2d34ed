/* home.c - lamps for Home Assistant, https://www.home-assistant.io/integrations/light.mqtt (default schema). */
#include "light.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

static void introduce(struct mf_str name)
{
	char topic[NAMES_MAX + 40], text[HOME_TAIL + 256];
	struct mf_str online = home_availability();
	int n = (int)name.n;
	const char *p = (const char *)name.p;
	size_t bytes;

	mf_format(topic, sizeof(topic), "homeassistant/light/%.*s/config", n, p);
	bytes = mf_format(text, sizeof(text),
		"{\"name\":null,\"unique_id\":\"mayfly-light-%.*s\",\"command_topic\":"
		"\"light/%.*s/set\",\"state_topic\":\"light/%.*s/state\",\"qos\":1%s%.*s%s",
		n, p, n, p, n, p, online.n ? ",\"availability_topic\":\"" : "", (int)online.n,
		(const char *)online.p, online.n ? "\"" : "");
	home_emit(&lamps, topic, name, text, bytes, sizeof(text));
}

const struct home lamps = {"light", "lamps", 8, introduce};

void mf_init(void)
{
	home_init();
}
