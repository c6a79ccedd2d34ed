/*
 * hub/mqtt/letter.h - a message from the broker on its way to be an event, and what is needed
 * to answer it. What the service can't take now is kept here and offered again.
 */
#ifndef HUB_MQTT_LETTER_H
#define HUB_MQTT_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/guest.h"
#include "base/str.h"
#include "hub/mqtt/lib.h"
#include "wire/event.h"

/* Attributes that the hub adds begin with this, in small letters; a message's own that do are left out. */
#define LETTER_OWN      "mayfly-"
#define LETTER_RESPONSE LETTER_OWN "response-topic"

struct mqtt_feed;
struct task;

struct letter {
	struct letter *next;
	struct mqtt_feed *feed;
	uint64_t connection; /* of the feed: which one it came by */
	unsigned qos;
	bool again; /* it may have come before: DUP */
	uint16_t mid;
	char *response; /* the topic that a reply goes to; NULL: none */
	void *correlation;
	uint16_t correlation_n;
	char *id; /* the message's own; NULL: it has none */
	/* while it is kept: */
	struct mf_event head;
	uint8_t *bytes; /* the event's, owned; NULL: it isn't kept */
};

/* NULL: no memory. */
struct letter *letter_make(
	const struct mosquitto_message *message, bool again, const mosquitto_property *properties);
void letter_free(struct letter *letter);

/* Writes all but the start of the event (id, type, subject). False: it doesn't fit. */
bool letter_write(struct event_writer *writer, const struct mosquitto_message *message,
	const mosquitto_property *properties);
/* Keeps the message: it has no task. `size` is the service's memory.event. 0, -E2BIG: it doesn't fit there,
 * -ENOMEM. */
int letter_keep(struct letter *letter, const struct mosquitto_message *message,
	const mosquitto_property *properties, size_t size);
/* The same from a task that is refused. */
int letter_keep_task(struct letter *letter, const struct task *task);
/* The subject of what is kept; and the rest of it, as letter_write. */
struct mf_str letter_subject(const struct letter *letter);
bool letter_restore(const struct letter *letter, struct event_writer *writer);
void letter_forget(struct letter *letter);

#endif
