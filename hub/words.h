/*
 * hub/words.h - how to refuse an event in the words of the protocol that is spoken on a
 * plain socket. Pure.
 */
#ifndef HUB_WORDS_H
#define HUB_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "hub/task.h"

enum words { WORDS_NONE, WORDS_DNS };

#define WORDS_MOST 512 /* of a refusal; as much of the event is looked at */

/* NULL, or "dns". */
enum words words_named(const char *protocol);

/* The refusal of `event`, or 0: the protocol has no words for it (or for such an event). */
size_t words_refuse(enum words words, enum refusal why, const uint8_t *event, size_t n,
	uint8_t to[static WORDS_MOST]);

#endif
