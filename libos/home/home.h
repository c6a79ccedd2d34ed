/*
 * libos/home/home.h - Home Assistant's MQTT discovery (https://www.home-assistant.io/integrations/mqtt) for services
 * whose things have names: a retained configuration for each when it is there for the first time, and all of them
 * again when Home Assistant says that it has started, for a broker may have forgotten what it kept.
 *
 * The service's manifest listens to homeassistant/status, reads the state `names`, may emit the configurations, and
 * has a setting "availability": a topic that says online or offline, or none.
 */
#ifndef LIBOS_HOME_H
#define LIBOS_HOME_H

#include <mayfly.h>

#include "wire/names.h"

#define HOME_TAIL (NAMES_TOPIC_MAX + 2 * NAMES_MAX + 192u) /* most bytes that home_emit adds */

struct home {
	const char *model; /* what they are: "light" */
	const char *names; /* the key of state that holds the names of all: "lamps" */
	unsigned at_once;  /* introduced in one life; the others a little later */
	void (*introduce)(struct mf_str name); /* home_emit for each of its configurations */
};

/* In mf_init: reads the setting. */
void home_init(void);
/* The topic; empty: none. It may stand in JSON as it is. */
struct mf_str home_availability(void);

/* Keeps the name for the day when Home Assistant starts anew. False: it was there. */
bool home_remember(const struct home *home, struct mf_str name);
/* Is it Home Assistant's word, or the rest of what that began? Then it has been dealt with. */
bool home_hears(const struct home *home, const struct mf_event *ev);

/* Publishes a configuration: `n` bytes of JSON, {"key":value, ... "key":value, of `size` in text. Adds what all have. */
void home_emit(const struct home *home, const char *topic, struct mf_str name, char *text, size_t n,
	size_t size);

#endif
