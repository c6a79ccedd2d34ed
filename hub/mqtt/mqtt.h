/*
 * hub/mqtt/mqtt.h - the hub's part in MQTT: the broker of its configuration, the connection that
 * publishes, what the broker remembers of us; and how a configuration gets there (plan.h).
 */
#ifndef HUB_MQTT_MQTT_H
#define HUB_MQTT_MQTT_H

#include "hub/input.h"
#include "hub/mqtt/broker.h"
#include "hub/mqtt/sessions.h"
#include "hub/plan.h"
#include "hub/upstream.h"

struct mqtt_client;

/* The upstream, where that is a broker: mqtt/upstream.c. */
extern const struct upstream_kind mqtt_upstream;

/* hub->mqtt; there from the first configuration on that names a broker. */
struct mqtt {
	struct mqtt_broker *broker; /* NULL: the configuration names none any more */
	struct input *publisher;    /* one of hub->inputs; NULL, as above */
	struct mqtt_sessions sessions;
};

/* Beside what runs: the library, the broker's files, an input for each service that is born by messages. 0,
 * or an exit status with one line in error. */
int mqtt_plan_make(struct plan *plan, char error[static HUB_ERROR_MAX]);
void mqtt_plan_commit(struct plan *plan);
void mqtt_plan_drop(struct plan *plan);
void mqtt_close(struct mqtt *mqtt); /* NULL is fine; all inputs are closed */

/* The hub has an outbox now; nothing without a broker. */
void mqtt_attach(struct hub *hub);

/* Does a connection that was taken away still have this one's name? Then they'd push each other out. */
bool mqtt_id_in_use(const struct hub *hub, const struct mqtt_client *client);
/* Have stopped inputs something left that they may want to publish? */
bool mqtt_feeds_busy(const struct hub *hub);
/* The publisher is there. */
void mqtt_wake_feeds(struct hub *hub);
/* One of them ended. */
void mqtt_settle(struct hub *hub);

/* "$share/GROUP/TOPIC" */
bool mqtt_is_shared(const char *filter);
const char *mqtt_topic_of(const char *filter);

#endif
