/*
 * libos/effect/effect.h - gather effects in their area, and end the life. For the
 * modules of the library OS; services see the functions of mayfly.h.
 *
 * The head of the area says how far it is filled. Reply headers that wait for their
 * reply lie at the very end of the area, in order.
 */
#ifndef LIBOS_EFFECT_H
#define LIBOS_EFFECT_H

#include "abi/guest.h"
#include "base/str.h"

struct effect_order {
	enum mf_effect_kind kind;
	uint16_t flags;
	uint32_t status;
	uint64_t value;
	struct mf_str field[MF_FIELDS]; /* by enum mf_field */
};

extern uint32_t effect_headers; /* bytes of reply headers that wait */

/* An empty area: the first thing in a life. */
void effect_begin(void);

/* Where the fields of the next record go and how many bytes of them there may be. Ends an
 * mf_init that asks for anything but a log. */
uint8_t *effect_room(enum mf_effect_kind kind, size_t *room);
/* Writes the head of the record whose fields lie in that place already (their p is not looked
 * at). They must fit. */
void effect_seal(const struct effect_order *order);
/* Copies the fields, then the same. A life whose effects don't fit ends here. */
void effect_add(const struct effect_order *order);

_Noreturn void life_end(enum mf_outcome outcome);
/* Ends with MF_OUTCOME_FAILED and a text of n bytes that lies in effect_room's place. */
_Noreturn void life_fail_written(size_t n);
_Noreturn void life_fail(struct mf_str why);

/* Copies s and returns what comes behind it. */
static inline uint8_t *effect_put(uint8_t *to, struct mf_str s)
{
	if (s.n > 0)
		__builtin_memcpy(to, s.p, s.n);
	return to + s.n;
}

/* A C string, NULL for none. */
static inline struct mf_str effect_text(const char *s)
{
	return mf_str_of(s, s != NULL ? __builtin_strlen(s) : 0);
}

#endif
