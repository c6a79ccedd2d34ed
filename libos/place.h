/*
 * libos/place.h - where things lie in a guest, as pointers (abi/guest.h has the
 * map), and the way out. For the modules of the library OS.
 *
 * A module keeps its own state in .bss, starting from zero: it lies in the window
 * and is put back before every birth. What mf_init leaves there, every life finds.
 */
#ifndef LIBOS_PLACE_H
#define LIBOS_PLACE_H

#include <stdbool.h>

#include "abi/guest.h"

static inline const struct mf_info *place_info(void)
{
	return (const struct mf_info *)MF_ADDR_INFO;
}

static inline const struct mf_event *place_event(void)
{
	return (const struct mf_event *)MF_ADDR_WINDOW;
}

static inline bool place_in_init(void)
{
	return place_event()->source == MF_SOURCE_INIT;
}

/* The head of the effects area, and its end. */
static inline struct mf_effects *place_effects(void)
{
	return (struct mf_effects *)(MF_ADDR_WINDOW + place_info()->event_bytes);
}

static inline uint8_t *place_effects_end(void)
{
	return (uint8_t *)place_effects() + place_info()->effects_bytes;
}

/* The monitor reads and writes memory behind this call: nothing is kept in registers across it. */
static inline uint64_t place_gate(enum mf_op operation, uint64_t argument)
{
	return ((uint64_t(*)(uint64_t, uint64_t))MF_ADDR_GATE)(operation, argument);
}

#endif
