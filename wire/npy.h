/*
 * wire/npy.h - NumPy's file format for one array, `.npy`, versions 1.0, 2.0 and 3.0 read, 1.0 written; several
 * arrays one after another are what numpy.save makes of one open file (numpy.lib.format). A header is a Python
 * dictionary in text, of which just what NumPy writes is taken: three keys, each once, in any order, strings
 * without escapes, plain decimal numbers. What another reader may understand otherwise is refused.
 *
 * Pure and freestanding: no allocation, no state. Any bytes are safe to read. What is returned points into
 * what was given.
 */
#ifndef WIRE_NPY_H
#define WIRE_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Of the elements, little-endian. NPY_OTHER: any other dtype, also one that is no string. */
enum npy_type { NPY_F4, NPY_F8, NPY_C8, NPY_C16, NPY_I4, NPY_I8, NPY_OTHER, NPY_TYPES };

#define NPY_DIMS        4u     /* dimensions at most */
#define NPY_HEADER_MOST 10000u /* bytes of a header at most, as NumPy has it */
#define NPY_WRITTEN     128u /* bytes of each header that npy_write writes, padded as NumPy does */

struct npy {
	enum npy_type type;
	struct mf_str
		descr; /* the dtype as it stands there, for who has to say it; npy_write doesn't look */
	bool fortran; /* columns lie together, not rows */
	unsigned dims;
	uint64_t shape[NPY_DIMS]; /* below 2^63 each */
	size_t header;            /* bytes before the elements */
	uint64_t elements,
		bytes; /* the product of the shape; 0 bytes of NPY_OTHER, whose size isn't known */
};

extern const char *const npy_descr[NPY_TYPES]; /* "<f4" ...; NULL of NPY_OTHER */
size_t npy_size(enum npy_type type);           /* of an element; 0 of NPY_OTHER */

/* The header at the beginning of `bytes`, which may end anywhere behind it. NULL, or a constant sentence that
 * says what is wrong with it. */
const char *npy_read(struct mf_str bytes, struct npy *to);
/* Takes the next array off *bytes: its header and its elements, all of which must be there. Of NPY_OTHER the
 * elements stay. *elements is where they begin. On failure *bytes stays as it is. */
const char *npy_next(struct mf_str *bytes, struct npy *to, const uint8_t **elements);

/* The header of an array of two dimensions at most, not NPY_OTHER; its shape below 2^63. */
void npy_write(enum npy_type type, bool fortran, unsigned dims, const uint64_t *shape,
	uint8_t to[static NPY_WRITTEN]);

#endif
