/*
 * wire/names.h - names that people give to rooms, doors and lamps, and lists of them in one text, with a space
 * between. Pure; freestanding.
 */
#ifndef WIRE_NAMES_H
#define WIRE_NAMES_H

#include <stdbool.h>

#include "base/str.h"

#define NAMES_MAX       32u /* bytes of one name */
#define NAMES_TOPIC_MAX 128u
#define NAMES_RULES     "1 to 32 letters, digits, '-' and '_'" /* for messages */

/* Is it a name? Letters, digits, '-' and '_': nothing that a topic, a path or JSON would have to escape. */
bool names_is_one(struct mf_str s);

/* Is it a topic of MQTT to listen on, of at most NAMES_TOPIC_MAX bytes, with nothing that JSON would have to escape? */
bool names_is_topic(struct mf_str s);

/* Takes the first name off the list. False: there are no more. */
bool names_next(struct mf_str *list, struct mf_str *name);
bool names_has(struct mf_str list, struct mf_str name);
/* The list with one more name, in `to`; how long it is, 0: there is no room. */
size_t names_add(char *to, size_t size, struct mf_str list, struct mf_str name);

#endif
