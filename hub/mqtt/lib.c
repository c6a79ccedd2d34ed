/* hub/mqtt/lib.c - libmosquitto, loaded when it is needed. */
#include "hub/mqtt/lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#define LIBRARY "libmosquitto.so.1"

struct mqtt_library mqtt_library;

static int find(void **function, const char *name, char error[static MQTT_ERROR_MAX])
{
	*function = dlsym(mqtt_library.library, name);
	if (*function)
		return 0;
	snprintf(error, MQTT_ERROR_MAX, "can't use %s: it has no %s", LIBRARY, name);
	return -ENOSYS;
}

int mqtt_load(char error[static MQTT_ERROR_MAX])
{
	int err = 0;

	if (mqtt_library.library)
		return 0;
	mqtt_library.library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
	if (!mqtt_library.library) {
		snprintf(error, MQTT_ERROR_MAX,
			"can't load libmosquitto: %s: type apt-get install libmosquitto1",
			dlerror());
		return -ENOENT;
	}
#define FIND(name)                                                                                 \
	if (err == 0)                                                                              \
		err = find((void **)(void *)&mqtt_library.name, #name, error);
	MQTT_CALLS(FIND)
	if (err == 0 && mqtt_library.mosquitto_lib_init() != MOSQ_ERR_SUCCESS) {
		snprintf(error, MQTT_ERROR_MAX, "can't use %s: it doesn't start", LIBRARY);
		err = -EIO;
	}
	if (err < 0) {
		dlclose(mqtt_library.library);
		mqtt_library.library = NULL;
	}
	return err;
}
