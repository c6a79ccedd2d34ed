/*
 * hub/mqtt/lib.h - the functions of libmosquitto that the hub calls, found when the first
 * configuration names a broker: a hub without one has neither it nor OpenSSL in memory
 * (docs/decisions/037). Private to hub/mqtt/.
 */
#ifndef HUB_MQTT_LIB_H
#define HUB_MQTT_LIB_H

#include <mosquitto.h>
#include <mqtt_protocol.h>

#define MQTT_ERROR_MAX 512

/* All that is called, by name, with the types of its headers. */
#define MQTT_CALLS(X)                                                                              \
	X(mosquitto_connack_string)                                                                \
	X(mosquitto_connect_bind_v5)                                                               \
	X(mosquitto_connect_v5_callback_set)                                                       \
	X(mosquitto_destroy)                                                                       \
	X(mosquitto_disconnect_v5)                                                                 \
	X(mosquitto_int_option)                                                                    \
	X(mosquitto_lib_init)                                                                      \
	X(mosquitto_log_callback_set)                                                              \
	X(mosquitto_loop_misc)                                                                     \
	X(mosquitto_loop_read)                                                                     \
	X(mosquitto_loop_write)                                                                    \
	X(mosquitto_message_v5_callback_set)                                                       \
	X(mosquitto_new)                                                                           \
	X(mosquitto_property_add_binary)                                                           \
	X(mosquitto_property_add_int32)                                                            \
	X(mosquitto_property_add_string)                                                           \
	X(mosquitto_property_add_string_pair)                                                      \
	X(mosquitto_property_free_all)                                                             \
	X(mosquitto_property_read_binary)                                                          \
	X(mosquitto_property_read_string)                                                          \
	X(mosquitto_property_read_string_pair)                                                     \
	X(mosquitto_publish_v5)                                                                    \
	X(mosquitto_publish_v5_callback_set)                                                       \
	X(mosquitto_reason_string)                                                                 \
	X(mosquitto_socket)                                                                        \
	X(mosquitto_strerror)                                                                      \
	X(mosquitto_subscribe_multiple)                                                            \
	X(mosquitto_subscribe_v5_callback_set)                                                     \
	X(mosquitto_threaded_set)                                                                  \
	X(mosquitto_tls_set)                                                                       \
	X(mosquitto_unsubscribe_multiple)                                                          \
	X(mosquitto_user_data_set)                                                                 \
	X(mosquitto_username_pw_set)                                                               \
	X(mosquitto_want_write)                                                                    \
	X(mosquitto_will_set)

#define MQTT_MEMBER(name) __typeof__(name) *name;
struct mqtt_library {
	void *library;
	MQTT_CALLS(MQTT_MEMBER)
};
extern struct mqtt_library mqtt_library;

/* 0: all of them are there; else -errno with one line in error. A second time is free. */
int mqtt_load(char error[static MQTT_ERROR_MAX]);

#endif
