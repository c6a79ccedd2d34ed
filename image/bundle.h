/*
 * image/bundle.h - pack attached files and config into what a guest finds at
 * MF_ADDR_DATA (struct mf_data_head in abi/guest.h), and check such a bundle.
 */
#ifndef IMAGE_BUNDLE_H
#define IMAGE_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"

struct bundle_item {
	enum mf_data_kind kind;
	const char *name;
	const void *value;
	size_t n;
};

/* Packs `count` items (sorted in place by kind, then name). *out is malloc'ed, the
 * caller frees it. -EEXIST: a name twice; -EFBIG: over the data region. */
int bundle_pack(struct bundle_item *items, size_t count, uint8_t **out, size_t *out_size);

/* Is this a bundle as bundle_pack makes it? 0 or -EINVAL. */
int bundle_check(const uint8_t *bytes, size_t size);

#endif
