/*
 * image/price.h - how much an event is charged for: a formula in whole numbers over what a hub can see of it before
 * any work, as mayfly.yaml's `price` has it:
 *
 *	2*m*n*k where m = a.rows, k = a.cols, n = query.transb is t|c ? b.rows : b.cols
 *
 *	formula  = choice [ "where" name "=" choice { "," name "=" choice } ]
 *	choice   = compared [ "?" choice ":" choice ]
 *	compared = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum ]         1 or 0
 *	sum      = product { ("+" | "-") product }
 *	product  = power { ("*" | "/") power }
 *	power    = value [ "^" power ]
 *	value    = number | name | function "(" choice { "," choice } ")" | "(" choice ")"
 *	         | "query." name "is" word { "|" word }                        1 or 0, letters in either case
 *	function = "min" | "max" | "log2" | "given"
 *
 * Division and log2 round up. Values: a.rows, .cols, .size (elements), .dims, .itemsize (bytes of an element), .complex (1 or
 * 0) of the arrays a to h that the input is, one after another, as `.npy`; body.bytes, the input's length; query.NAME, a
 * whole number there. An array of one dimension is one column. given(X): is the array, or the query's NAME, there?
 *
 * Arithmetic is unsigned, in 64 bits, and checked: what is too large, below zero or divided by zero is an error that names the
 * operation. Only what is needed is computed: of a choice one side, of `where` what is named. A name there may use those before
 * it. All is bounded: text, values, depth (below), and so is the time: each part is computed once at most.
 *
 * Compiled once, then only read. One formula may be used anywhere.
 */
#ifndef IMAGE_PRICE_H
#define IMAGE_PRICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define PRICE_TEXT_MAX  255u
#define PRICE_NODES     96u /* numbers, names, operations */
#define PRICE_DEPTH     16u /* of parentheses, choices, powers */
#define PRICE_NAMES     12u /* behind `where` */
#define PRICE_ARRAYS    8u
#define PRICE_ERROR_MAX 400

struct price_formula;

/* 0; -EINVAL with one line in error, which quotes the text and says where in it; -ENOMEM. The text is copied. */
int price_compile(struct price_formula **formula, const char *text, char error[PRICE_ERROR_MAX]);
void price_free(struct price_formula *formula); /* NULL is fine */
const char *price_text(const struct price_formula *formula);
/* How many arrays it may look at: those before the last that it names, and that one. */
unsigned price_arrays(const struct price_formula *formula);

/* What an event is, for a formula. */
struct price_array {
	uint64_t rows, cols, size;
	uint32_t dims, itemsize;
	bool is_complex;
};
struct price_input {
	struct price_array array[PRICE_ARRAYS];
	unsigned arrays;
	uint64_t body_bytes;
	struct mf_str query; /* as it was sent; p NULL: none */
};

/* False: there is no such number, and error says in one line why not. At most PRICE_MOST. */
#define PRICE_MOST ((uint64_t)INT64_MAX)
bool price_units(const struct price_formula *formula, const struct price_input *input,
	uint64_t *units, char error[PRICE_ERROR_MAX]);

#endif
