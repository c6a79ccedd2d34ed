/*
 * hub/mqtt/connect.h - libmosquitto's connect looks up names, waits for TCP and reads
 * certificates, so it is called on a thread of its own, which ends when that is done. The
 * mosquitto object is that thread's until then, and the loop's before and after.
 */
#ifndef HUB_MQTT_CONNECT_H
#define HUB_MQTT_CONNECT_H

#include "hub/mqtt/lib.h"
#include "sys/loop.h"

#define MQTT_WHY_MAX 256

struct mqtt_connect;

struct mqtt_connect_ask {
	struct mosquitto *mosq; /* the thread's from now on */
	const char *host;
	int port;
	unsigned keepalive_s;
	mosquitto_property *properties; /* freed by it; NULL where the version has none */
};

/* Calls done on the loop when the thread has ended: error is NULL, or says why there is no connection.
 * -errno: there is no thread, nothing was taken. */
typedef void mqtt_connect_done(void *context, struct mosquitto *mosq, const char *error);
int mqtt_connect_start(struct mqtt_connect **connect, struct loop *loop,
	const struct mqtt_connect_ask *ask, mqtt_connect_done *done, void *context);
/* Nobody waits any more: the thread destroys what it has when it comes to its end. */
void mqtt_connect_leave(struct mqtt_connect *connect);

#endif
