/*
 * hub/mqtt/read.h - reading from a broker, whatever it sends. Private to hub/mqtt/.
 *
 * libmosquitto 2.0.11 ends its process where a packet of MQTT 5 has a property that it doesn't know: property__read
 * wants to log that for no client, and log__printf asserts that there is one. Two bytes of a CONNACK, before anybody has
 * shown a certificate or a password, would stop a house. So that assertion, and no other, is an error of the connection.
 */
#ifndef HUB_MQTT_READ_H
#define HUB_MQTT_READ_H

struct mosquitto;

/* mosquitto_loop_read, for one packet. After MOSQ_ERR_PROTOCOL nothing may be done with the client but to destroy it; what
 * the packet had taken of memory beside itself (a property, its topic) may be lost. */
int mqtt_read(struct mosquitto *mosq);

#endif
