/*
 * image/price_parts.h - a formula as price.c compiles it and price_eval.c computes it. Private to these.
 */
#ifndef IMAGE_PRICE_PARTS_H
#define IMAGE_PRICE_PARTS_H

#include "image/price.h"

enum price_op {
	PRICE_NUMBER,
	PRICE_ARRAY, /* value: which; arg[0]: enum price_field */
	PRICE_BODY,
	PRICE_QUERY, /* its name is what stands behind "query." */
	PRICE_IS,    /* arg[0]: the query's; its words from arg[1] to before arg[2] of the text */
	PRICE_NAME,  /* value: of which definition */
	PRICE_GIVEN, /* arg[0]: PRICE_ARRAY or PRICE_QUERY */
	PRICE_CHOICE,
	PRICE_ADD,
	PRICE_SUBTRACT,
	PRICE_MULTIPLY,
	PRICE_DIVIDE,
	PRICE_POWER,
	PRICE_EQUAL,
	PRICE_UNEQUAL,
	PRICE_LESS,
	PRICE_LESS_EQUAL,
	PRICE_MORE,
	PRICE_MORE_EQUAL,
	PRICE_MIN,
	PRICE_MAX,
	PRICE_LOG2,
};

enum price_field {
	PRICE_ROWS,
	PRICE_COLS,
	PRICE_SIZE,
	PRICE_DIMS,
	PRICE_ITEMSIZE,
	PRICE_COMPLEX,
	PRICE_FIELDS
};

#define PRICE_QUERY_PREFIX 6u /* bytes of "query." */

struct price_node {
	uint8_t op;
	uint8_t arg[3];   /* nodes, for operations */
	uint8_t from, to; /* where it stands in the text */
	uint64_t value;
};

struct price_formula {
	char text[PRICE_TEXT_MAX + 1];
	unsigned arrays;
	uint8_t root;
	uint8_t definition[PRICE_NAMES]; /* nodes */
	unsigned count;
	struct price_node node[];
};

#endif
