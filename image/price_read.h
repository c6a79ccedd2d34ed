/*
 * image/price_read.h - a formula while it is read. Private to image/price*.c.
 *
 *	price.c          operations, `where`, the whole
 *	price_values.c   numbers, names, functions
 *	price_words.c    words and signs, errors
 */
#ifndef IMAGE_PRICE_READ_H
#define IMAGE_PRICE_READ_H

#include "image/price_parts.h"

#define PRICE_NONE 0xffu

struct price_span {
	uint8_t from, to;
};

/* `wrong`: the error is there, and nothing that is read counts. */
struct price_reader {
	const char *text;
	size_t at;
	unsigned depth, count;
	bool wrong;
	char *error;
	struct price_span name[PRICE_NAMES]; /* of definitions */
	uint8_t definition[PRICE_NAMES];
	unsigned names;
	unsigned arrays;
	struct price_node node[PRICE_NODES];
};

/* --- price_words.c. Nodes are numbers; PRICE_NONE where something is wrong. */
/* Says what is wrong, the first time. Returns PRICE_NONE. */
uint8_t price_bad(struct price_reader *r, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool price_is_letter(char c);
bool price_is_digit(char c);
void price_skip(struct price_reader *r); /* blanks */
/* These characters, if they come next. */
bool price_take(struct price_reader *r, const char *what);
void price_must_take(struct price_reader *r, const char *what);
/* Letters, digits and '_', at once; empty: there are none. */
struct price_span price_word(struct price_reader *r);
/* This word, and not a longer one that begins so. */
bool price_take_word(struct price_reader *r, const char *word);
bool price_span_is(const struct price_reader *r, struct price_span span, const char *word);
/* An operation, from `from` to where it is read. */
uint8_t price_add(struct price_reader *r, enum price_op op, size_t from);
uint8_t price_add_pair(struct price_reader *r, enum price_op op, uint8_t left, uint8_t right);

/* --- price_values.c */
uint8_t price_read_value(struct price_reader *r);
/* With what it may have meant. */
uint8_t price_bad_name(struct price_reader *r, struct price_span name);
bool price_is_function(const struct price_reader *r, struct price_span name);

/* --- price.c */
uint8_t price_read_choice(struct price_reader *r);

#endif
