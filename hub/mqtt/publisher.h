/*
 * hub/mqtt/publisher.h - a connection by which messages go out: those of the outbox for the broker, and replies to
 * messages that named a response topic (MQTT 5, 4.10); or those for an upstream that is a broker. An input without a
 * service, so that it is stopped, counted and shown as others are.
 *
 * Each message of the outbox has user properties, where MQTT 5 is spoken: `id`, the same however often it is sent;
 * `late`, for how many seconds it was kept, if it was; to the upstream also `time`, `priority` and `clock`, docs/upstream.md.
 */
#ifndef HUB_MQTT_PUBLISHER_H
#define HUB_MQTT_PUBLISHER_H

#include <stdbool.h>

#include "hub/input.h"
#include "hub/mqtt/broker.h"
#include "hub/outbox.h"
#include "hub/task.h"

#define PUBLISHER_TOPIC_MAX 256u /* bytes before a subject */

struct letter;
struct mqtt_client;

struct publisher_options {
	struct mqtt_broker *broker; /* is held */
	enum outbox_destination to; /* whose messages it takes */
	const char *topic;          /* stands before their names; copied */
	bool upstream;              /* no replies; more is told of each message */
};
/* -ENOMEM. */
int publisher_open(struct input **input, struct hub *hub, const struct publisher_options *options);
/* Would one do for the other? */
bool publisher_same(const struct input *a, const struct input *b);
/* From the next round of the loop on it connects. */
void publisher_start(struct input *input);

/* The outbox hands its messages to it from now on; nothing without an outbox. */
void publisher_attach(struct input *input);
/* Bounds of what waits for it, from the next publisher_attach on. */
void publisher_bound(struct input *input, uint64_t bytes, uint64_t age_ns);
/* Where the letter asked for it. False: it can't be sent, or may not. */
bool publisher_reply(struct input *input, const struct letter *letter, const struct reply *reply);
/* Another input has ended: a stopped publisher may be the next. */
void publisher_settle(struct input *input);
bool publisher_is(const struct input *input);
bool publisher_has_id(const struct input *input, const struct mqtt_client *client);
bool publisher_is_up(const struct input *input);

#endif
