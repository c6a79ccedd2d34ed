/* hub/mqtt/upstream.c - the upstream where it is a broker: a publisher with a topic in front of each subject. See
 * hub/upstream.h. */
#include <stdio.h>
#include <string.h>

#include "hub/config.h"
#include "hub/mqtt/mqtt.h"
#include "hub/mqtt/publisher.h"
#include "hub/setup.h"

#define USUAL "mayfly/" /* and the hub's name, and '/' */

/* "mayfly/kitchen/"; of a name that is "mayfly-0123456789abcdef" the number says enough. */
static void usual_topic(const char *name, char to[static PUBLISHER_TOPIC_MAX + 1])
{
	bool ours = strncmp(name, "mayfly-", 7) == 0 && name[7];

	snprintf(to, PUBLISHER_TOPIC_MAX + 1, USUAL "%s/", ours ? name + 7 : name);
}

static int upstream_open(struct input **input, struct hub *hub,
	const struct config_upstream *config, const char *name, char *error)
{
	char why[MQTT_ERROR_MAX], topic[PUBLISHER_TOPIC_MAX + 1];
	struct publisher_options options = {
		.to = OUTBOX_UPSTREAM,
		.topic = config->topic ? config->topic : topic,
		.upstream = true,
	};
	int rc = mqtt_load(why);

	usual_topic(name, topic);
	if (rc == 0)
		rc = mqtt_broker_open(&options.broker, &config->at, name, "upstream", why);
	if (rc < 0)
		return setup_bad(config->at.place, error, setup_status_of(rc), "upstream: %s", why);
	rc = publisher_open(input, hub, &options);
	mqtt_broker_drop(options.broker);
	return rc == 0 ? 0 : setup_bad(config->at.place, error, SETUP_FAILED, "no memory");
}

const struct upstream_kind mqtt_upstream = {
	.open = upstream_open,
	.same = publisher_same,
	.start = publisher_start,
	.attach = publisher_attach,
};
