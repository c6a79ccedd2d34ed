/*
 * image/grants.h - may a life of this image ask for that? What the image's note and its
 * manifest say, for every effect; the code that wrote the effect is never trusted. Pure.
 */
#ifndef IMAGE_GRANTS_H
#define IMAGE_GRANTS_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/image.h"
#include "base/str.h"
#include "image/manifest.h"

#define GRANTS_WHY_MAX 512

/* False: with one line in why, which says what would have allowed it. `verb` is what the
 * effect does, for that line ("emit"). */
bool grants_allow(const struct mfi_image *note, const struct manifest *manifest,
	enum mf_effect_kind kind, struct mf_str name, const char *verb, char why[GRANTS_WHY_MAX]);

/* May its lives ask for what is kept in a database: state, messages, later events; or units, where the manifest
 * names one (every image may meter)? */
bool grants_store(const struct mfi_image *note, const struct manifest *manifest);

/* The manifest's list that speaks about names of this kind: its key ("emits"), with its entries;
 * NULL: none does. */
const char *grants_list(const struct manifest *manifest, enum mf_effect_kind kind,
	char *const **list, unsigned *count);

/* Is all that `narrow` allows allowed by `wide` too? Both are entries of such a list, whichever it is: of state,
 * where addresses are names like others, some that are aren't seen. */
bool grants_covers(const char *wide, const char *narrow);

#endif
