/* image/price_words.c - see price_read.h */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "image/price_read.h"

/* --------------------------------------------------------------------- errors */

/* Returns PRICE_NONE. Places count from 1, as people do. */
uint8_t price_bad(struct price_reader *r, size_t at, const char *format, ...)
{
	va_list args;
	int n;

	if (r->wrong)
		return PRICE_NONE;
	r->wrong = true;
	n = snprintf(r->error, PRICE_ERROR_MAX, "'%s', character %zu: ", r->text, at + 1);
	va_start(args, format);
	if (n > 0 && n < PRICE_ERROR_MAX)
		(void)vsnprintf(r->error + n, PRICE_ERROR_MAX - (size_t)n, format, args);
	va_end(args);
	return PRICE_NONE;
}

/* --------------------------------------------------------------------- pieces */

bool price_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool price_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void price_skip(struct price_reader *r)
{
	while (r->text[r->at] == ' ' || r->text[r->at] == '\n' || r->text[r->at] == '\t')
		r->at++;
}

/* These characters, if they come next. */
bool price_take(struct price_reader *r, const char *what)
{
	size_t n = strlen(what);

	price_skip(r);
	if (r->wrong || strncmp(r->text + r->at, what, n) != 0)
		return false;
	r->at += n;
	return true;
}

void price_must_take(struct price_reader *r, const char *what)
{
	if (!price_take(r, what))
		price_bad(r, r->at, "'%s' is missing", what);
}

/* Letters, digits and '_', at once; empty: there are none. */
struct price_span price_word(struct price_reader *r)
{
	struct price_span s;

	s.from = (uint8_t)r->at;
	while (price_is_letter(r->text[r->at]) || price_is_digit(r->text[r->at]))
		r->at++;
	s.to = (uint8_t)r->at;
	return s;
}

bool price_span_is(const struct price_reader *r, struct price_span s, const char *word)
{
	return mf_str_is(mf_str_of(r->text + s.from, (size_t)(s.to - s.from)), word);
}

/* This word, and not a longer one that begins so. */
bool price_take_word(struct price_reader *r, const char *word)
{
	size_t at;

	price_skip(r);
	at = r->at;
	if (!r->wrong && price_span_is(r, price_word(r), word))
		return true;
	r->at = at;
	return false;
}

/* What it is from `from` on. */
uint8_t price_add(struct price_reader *r, enum price_op op, size_t from)
{
	struct price_node *n = &r->node[r->count];

	if (r->wrong)
		return PRICE_NONE;
	if (r->count == PRICE_NODES)
		return price_bad(
			r, from, "it has more than %u numbers, names and operations", PRICE_NODES);
	*n = (struct price_node){.op = (uint8_t)op, .from = (uint8_t)from, .to = (uint8_t)r->at};
	return (uint8_t)r->count++;
}

uint8_t price_add_pair(struct price_reader *r, enum price_op op, uint8_t left, uint8_t right)
{
	uint8_t n = r->wrong ? PRICE_NONE : price_add(r, op, r->node[left].from);

	if (n != PRICE_NONE) {
		r->node[n].arg[0] = left;
		r->node[n].arg[1] = right;
		r->node[n].to = r->node[right].to;
	}
	return n;
}
