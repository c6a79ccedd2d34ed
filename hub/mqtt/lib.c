/* hub/mqtt/lib.c - libmosquitto, loaded when it is needed. */
#include "hub/mqtt/lib.h"

#include <errno.h>
#include <stdio.h>

#include "sys/library.h"

struct mqtt_library mqtt_library;

#define FUNCTION(name) {#name, offsetof(struct mqtt_library, name)},
static const struct library_function functions[] = {MQTT_CALLS(FUNCTION){0}};
static const struct library mosquitto = {
	"libmosquitto", "libmosquitto.so.1", "libmosquitto1", functions};

int mqtt_load(char error[static MQTT_ERROR_MAX])
{
	int err;

	if (mqtt_library.library)
		return 0;
	err = library_load(&mosquitto, &mqtt_library, &mqtt_library.library, error, MQTT_ERROR_MAX);
	if (err == 0 && mqtt_library.mosquitto_lib_init() != MOSQ_ERR_SUCCESS) {
		snprintf(error, MQTT_ERROR_MAX, "can't use %s: it doesn't start", mosquitto.file);
		library_drop(&mqtt_library.library);
		err = -EIO;
	}
	return err;
}
