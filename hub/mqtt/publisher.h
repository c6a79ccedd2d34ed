/*
 * hub/mqtt/publisher.h - the connection by which messages go out: those of the outbox, and replies to
 * messages that named a response topic (MQTT 5, 4.10). An input without a service, so that it is
 * stopped, counted and shown as others are.
 */
#ifndef HUB_MQTT_PUBLISHER_H
#define HUB_MQTT_PUBLISHER_H

#include <stdbool.h>

#include "hub/input.h"
#include "hub/mqtt/broker.h"
#include "hub/task.h"

struct letter;
struct mqtt_client;

/* Its broker is held. -ENOMEM. */
int publisher_open(struct input **input, struct hub *hub, struct mqtt_broker *broker);
/* From the next round of the loop on it connects. */
void publisher_start(struct input *input);

/* The outbox hands its messages for the broker to it from now on; nothing without an outbox. */
void publisher_attach(struct input *input);
/* Where the letter asked for it. False: it can't be sent, or may not. */
bool publisher_reply(struct input *input, const struct letter *letter, const struct reply *reply);
/* Another input has ended: a stopped publisher may be the next. */
void publisher_settle(struct input *input);
bool publisher_is(const struct input *input);
bool publisher_has_id(const struct input *input, const struct mqtt_client *client);
bool publisher_is_up(const struct input *input);

#endif
