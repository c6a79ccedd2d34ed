/*
 * image/price_heads.h - the arrays that a formula is about, from the heads of `.npy` arrays one after another, or as somebody
 * writes their shapes: "1000x1000,1000x10:c16". Pure.
 */
#ifndef IMAGE_PRICE_HEADS_H
#define IMAGE_PRICE_HEADS_H

#include "image/price.h"
#include "wire/npy.h"

#define PRICE_HEAD_MOST (NPY_HEADER_MOST + 12u) /* bytes of a head, with what stands before it */

/* The array that begins at `bytes`, which is the letter `which` (0: a), and how many bytes it has with its head. False: it is
 * none, and error says why. */
bool price_head(struct mf_str bytes, unsigned which, struct price_array *array, uint64_t *whole,
	char error[PRICE_ERROR_MAX]);
/* All of an input: its arrays, up to `most` of them, each of which must be whole; and its length. */
bool price_heads(
	struct mf_str body, unsigned most, struct price_input *input, char error[PRICE_ERROR_MAX]);
/* That array `which` has `left` bytes, and needs `whole`. False: they are fewer. */
bool price_head_fits(unsigned which, uint64_t whole, uint64_t left, char error[PRICE_ERROR_MAX]);

/* Shapes with ',' between them: extents with 'x' between them, a dtype behind ':' or float64: f4 f8 c8 c16 i4 i8 u1 ... The input
 * is then as long as numpy.save would write it. A text that is a number and "bytes" is an input without arrays. */
bool price_shapes(struct mf_str text, struct price_input *input, char error[PRICE_ERROR_MAX]);

#endif
