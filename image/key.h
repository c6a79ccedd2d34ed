/*
 * image/key.h - which events belong in one order: the manifest's `key`. Events of equal keys
 * start in the order of their arrival, one at a time. Pure.
 *
 *	path, topic      the whole path or topic (both words mean the event's subject)
 *	path/2, topic/2  its second part, empty where there is none
 *	peer             who sent it: the address without the port
 *	all              one key for all events
 *	none             no order
 *
 * Several with spaces between make one key: "peer path/1".
 */
#ifndef IMAGE_KEY_H
#define IMAGE_KEY_H

#include <stdbool.h>

#include "base/str.h"

#define KEY_ITEMS_MAX 8u
#define KEY_PARTS_MAX 9u

struct key {
	bool given;     /* the manifest says it */
	unsigned count; /* of items; 0: no order */
	unsigned char item[KEY_ITEMS_MAX];
};

/* What a key is made of. */
struct key_event {
	struct mf_str subject, peer; /* peer: without port */
};

/* `text` NULL: nothing was said. NULL, or what is wrong, to put behind "key: ". */
const char *key_parse(struct key *key, const char *text);
/* The i-th piece of an event's key, i < key->count; it lies in *event. */
struct mf_str key_item(const struct key *key, unsigned i, const struct key_event *event);

#endif
