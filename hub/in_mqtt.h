/*
 * hub/in_mqtt.h - messages from the broker: one is one event of type mqtt.message, with the topic as its
 * subject, user properties as attributes, and the flag "retained". A reply goes to the topic that the message
 * named for it. An input of one service; its connections are feeds (mqtt/feed.h).
 */
#ifndef HUB_IN_MQTT_H
#define HUB_IN_MQTT_H

#include <stdbool.h>

#include "hub/input.h"
#include "hub/mqtt/feed.h"

/* `at`: what to subscribe to, copied; no filter covers another. -ENOMEM. */
int in_mqtt_open(struct input **input, struct service *service, struct mqtt_broker *broker,
	const struct mqtt_subscription *at, unsigned count);
/* From the next round of the loop on it connects. */
void in_mqtt_start(struct input *input);
void in_mqtt_wake(struct input *input);
/* What it waits for, and how to try it. */
void in_mqtt_report(const struct input *input);
bool in_mqtt_is(const struct input *input);
/* Has it this broker, and exactly these filters? */
bool in_mqtt_same(const struct input *input, const struct mqtt_broker *broker,
	const struct mqtt_subscription *at, unsigned count);
/* The filter that stands for this topic; NULL: none does. */
const char *in_mqtt_filter(const struct input *input, struct mf_str topic);
/* Does one of its connections have this client's name, and is at work? */
bool in_mqtt_has_id(const struct input *input, const struct mqtt_client *client);

/* For feeds: the letter's message becomes an event of the service, whose end mqtt_feed_done or
 * mqtt_feed_keep tells, perhaps before this returns. False: it doesn't, and why. */
bool in_mqtt_submit(struct letter *letter, const struct mosquitto_message *message,
	const mosquitto_property *properties, enum refusal *why);
bool in_mqtt_submit_again(struct letter *letter, enum refusal *why);

#endif
