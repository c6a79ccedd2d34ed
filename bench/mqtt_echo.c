/*
 * bench/mqtt_echo - what bench/mqtt measures beside the hub: a plain libmosquitto client that publishes what it
 * hears, and acknowledges as the library does by itself.
 *
 *	mqtt_echo PORT IN OUT
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/mqtt/lib.h"

static void on_connect(
	struct mosquitto *m, void *topics, int reason, int flags, const mosquitto_property *p)
{
	char *const *argv = topics;
	char *list[] = {argv[2]};

	(void)flags, (void)p;
	if (reason == 0)
		(void)mqtt_library.mosquitto_subscribe_multiple(m, NULL, 1, list, 1, 0, NULL);
}

static void on_subscribe(struct mosquitto *m, void *topics, int mid, int count, const int *granted,
	const mosquitto_property *p)
{
	(void)m, (void)topics, (void)mid, (void)count, (void)granted, (void)p;
	puts("ready");
	fflush(stdout);
}

static void on_message(struct mosquitto *m, void *topics, const struct mosquitto_message *message,
	const mosquitto_property *p)
{
	char *const *argv = topics;

	(void)p;
	(void)mqtt_library.mosquitto_publish_v5(
		m, NULL, argv[3], message->payloadlen, message->payload, 1, false, NULL);
}

int main(int argc, char **argv)
{
	int (*forever)(struct mosquitto * m, int timeout, int packets);
	char error[MQTT_ERROR_MAX];
	struct mosquitto *m;

	if (argc != 4 || mqtt_load(error) < 0)
		return 2;
	*(void **)&forever = dlsym(mqtt_library.library, "mosquitto_loop_forever");
	m = mqtt_library.mosquitto_new("bench-echo", true, argv);
	if (!m || !forever)
		return 1;
	(void)mqtt_library.mosquitto_int_option(m, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	(void)mqtt_library.mosquitto_int_option(m, MOSQ_OPT_RECEIVE_MAXIMUM, 128);
	(void)mqtt_library.mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, 128);
	(void)mqtt_library.mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
	mqtt_library.mosquitto_connect_v5_callback_set(m, on_connect);
	mqtt_library.mosquitto_subscribe_v5_callback_set(m, on_subscribe);
	mqtt_library.mosquitto_message_v5_callback_set(m, on_message);
	if (mqtt_library.mosquitto_connect_bind_v5(m, "127.0.0.1", atoi(argv[1]), 60, NULL, NULL) !=
		0)
		return 1;
	return forever(m, -1, 1) == 0 ? 0 : 1;
}
