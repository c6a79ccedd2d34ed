/*
 * hub/mqtt/broker.h - what all connections to the broker have in common: where it is, who we
 * are there, what one of them found out for the others, and what the operator was told.
 *
 * Each connection holds it (mqtt_broker_hold); the last that lets go frees it.
 */
#ifndef HUB_MQTT_BROKER_H
#define HUB_MQTT_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "hub/mqtt/lib.h"

struct config_mqtt;

/* Threads that connect at the same time. */
#define MQTT_CONNECTING_MOST 8u

enum mqtt_version { MQTT_ANY, MQTT_5, MQTT_311 };

struct mqtt_broker {
	unsigned held;
	const char *what; /* the key of hub.yaml that names it, for people: "mqtt", "upstream" */
	char *text;       /* "mqtts://broker.example.org:8883" */
	char *host;
	uint16_t port;
	bool tls;
	char *client; /* what the ids of our connections begin with */
	char *username, *password;
	size_t password_n;
	char *authorities, *certificate, *key;
	unsigned keepalive_s;
	uint32_t session_s;
	unsigned window;
	enum mqtt_version version;
	char **replies;
	unsigned replies_count;
	bool replies_given;
	char *status; /* the topic that says if the hub is there; NULL: none */
	/* what was found out: */
	bool is_311;         /* it doesn't speak MQTT 5 */
	unsigned connecting; /* threads at work */
	unsigned up;         /* connections that are there */
	bool told_up, told_down, told_refused;
};

/* Reads the password; looks at the other files. `client` is used where the configuration names none; `what` stands
 * before what is said, and outlives the broker. -errno with one line in error; -EACCES: a file isn't ours alone. */
int mqtt_broker_open(struct mqtt_broker **broker, const struct config_mqtt *config,
	const char *client, const char *what, char error[static MQTT_ERROR_MAX]);
struct mqtt_broker *mqtt_broker_hold(struct mqtt_broker *broker);
void mqtt_broker_drop(struct mqtt_broker *broker); /* NULL is fine */
/* Would connections to one do for the other? */
bool mqtt_broker_same(const struct mqtt_broker *a, const struct mqtt_broker *b);

/* May a reply be published there, whoever asked for it? */
bool mqtt_broker_may_reply(const struct mqtt_broker *broker, struct mf_str topic);

/* A connection is there, or is gone; the operator hears of it once an outage, and once that the broker is there but
 * refuses us. */
void mqtt_broker_up(struct mqtt_broker *broker);
void mqtt_broker_down(struct mqtt_broker *broker, bool was_up, bool refused, const char *why);

#endif
