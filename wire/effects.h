/*
 * wire/effects.h - read what a life wrote into its effects area (abi/guest.h).
 * The bytes are hostile; they must be a private copy that nobody changes.
 * Pure: no allocation, no I/O.
 */
#ifndef WIRE_EFFECTS_H
#define WIRE_EFFECTS_H

#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"
#include "base/str.h"

struct effect {
	enum mf_effect_kind kind;
	uint16_t flags;
	uint32_t status;
	uint64_t value, extra;
	struct mf_str field[MF_FIELDS]; /* by enum mf_field; n is 0 where absent */
};

struct effects_reader {
	const uint8_t *bytes;
	size_t size, at;
	uint32_t left;
	enum mf_outcome outcome;
	struct mf_str line; /* the header line that is wrong, if one is */
};

#define EFFECTS_TYPE_MOST 255u /* bytes of a content type */

/* Checks the head and every record, before any is used: kinds, sizes, stray members, zero
 * padding, at most one reply, grants (MFI_GRANT bits; ~0u: all; logs are always allowed).
 * Returns NULL, or a constant sentence that says what is wrong ("an effect of unknown kind"),
 * with the record's index in *record. */
const char *effects_open(struct effects_reader *r, const void *bytes, size_t size, uint32_t grants,
	uint32_t *record);
/* The same of a life that stands still for a call, which is its last effect: *call. */
const char *effects_open_call(struct effects_reader *r, const void *bytes, size_t size,
	uint32_t *record, struct effect *call);
/* Of either: what a life left of which nobody knows where it stood. */
const char *effects_open_either(
	struct effects_reader *r, const void *bytes, size_t size, uint32_t *record);
/* The next effect; 0 when there are no more. Only after effects_open returned NULL. */
int effects_next(struct effects_reader *r, struct effect *effect);

extern const char *const effect_names[MF_EFFECT_KINDS]; /* "reply", "emit" ... */

/* What is wrong with lines "Name: value\r\n" as a reply's headers; NULL: nothing. */
const char *effects_headers(struct mf_str lines);

#endif
