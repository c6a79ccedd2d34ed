/* image/price_values.c - see price_read.h */
#include <stdio.h>
#include <string.h>

#include "image/nearest.h"
#include "image/price_read.h"

static const char *const fields[PRICE_FIELDS] = {
	"rows", "cols", "size", "dims", "itemsize", "complex"};

/* --------------------------------------------------------------------- values */

static uint8_t read_number(struct price_reader *r)
{
	size_t from = r->at;
	uint64_t value = 0;
	uint8_t n;

	for (; price_is_digit(r->text[r->at]); r->at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(r->text[r->at] - '0'), &value))
			return price_bad(
				r, from, "this number is larger than 18446744073709551615");
	if (price_is_letter(r->text[r->at]) || r->text[r->at] == '.')
		return price_bad(
			r, from, "numbers are whole, and nothing stands behind their digits");
	n = price_add(r, PRICE_NUMBER, from);
	if (n != PRICE_NONE)
		r->node[n].value = value;
	return n;
}

uint8_t price_bad_name(struct price_reader *r, struct price_span name)
{
	char typed[PRICE_TEXT_MAX + 1], offer[PRICE_FIELDS][16];
	struct nearest nearest = {.typed = typed};
	char letter;

	snprintf(typed, sizeof(typed), "%.*s", name.to - name.from, r->text + name.from);
	letter = typed[0] >= 'a' && typed[0] < 'a' + (int)PRICE_ARRAYS ? typed[0] : 'a';
	for (unsigned i = 0; i < PRICE_FIELDS; i++) {
		snprintf(offer[i], sizeof(offer[i]), "%c.%s", letter, fields[i]);
		nearest_offer(&nearest, offer[i]);
	}
	nearest_offer(&nearest, "body.bytes");
	if (nearest.best)
		return price_bad(
			r, name.from, "there is no '%s'; did you mean '%s'?", typed, nearest.best);
	return price_bad(r, name.from,
		"there is no '%s', but a.rows, .cols, .size, .dims, .itemsize, .complex of arrays "
		"a "
		"to h, body.bytes, query.NAME, and what 'where' defines",
		typed);
}

/* "a.rows"; the name is whole. */
static uint8_t add_array(struct price_reader *r, struct price_span name)
{
	unsigned which = (unsigned)(r->text[name.from] - 'a');
	struct price_span field = {(uint8_t)(name.from + 2), name.to};
	uint8_t n;

	for (unsigned i = 0; i < PRICE_FIELDS; i++) {
		if (!price_span_is(r, field, fields[i]))
			continue;
		n = price_add(r, PRICE_ARRAY, name.from);
		if (n == PRICE_NONE)
			return n;
		r->node[n].value = which;
		r->node[n].arg[0] = (uint8_t)i;
		r->arrays = r->arrays > which ? r->arrays : which + 1;
		return n;
	}
	return price_bad_name(r, name);
}

/* Words with '|' between them, of letters, digits, '_', '-' and '.'. */
static void take_words(struct price_reader *r, struct price_node *n)
{
	price_skip(r);
	n->arg[1] = (uint8_t)r->at;
	do {
		size_t from;

		price_skip(r);
		from = r->at;
		while (price_is_letter(r->text[r->at]) || price_is_digit(r->text[r->at]) ||
			r->text[r->at] == '-' || r->text[r->at] == '.')
			r->at++;
		if (r->at == from)
			price_bad(r, from, "a word is missing: query.trans is t|c");
		n->arg[2] = n->to = (uint8_t)r->at;
	} while (price_take(r, "|"));
}

static uint8_t add_query(struct price_reader *r, struct price_span name)
{
	uint8_t n, is;

	if (name.to - name.from == PRICE_QUERY_PREFIX)
		return price_bad(r, name.from, "a name is missing behind 'query.'");
	n = price_add(r, PRICE_QUERY, name.from);
	if (n == PRICE_NONE || !price_take_word(r, "is"))
		return n;
	is = price_add(r, PRICE_IS, name.from);
	if (is != PRICE_NONE) {
		r->node[is].arg[0] = n;
		take_words(r, &r->node[is]);
	}
	return is;
}

static struct price_span join(struct price_span a, struct price_span b)
{
	return (struct price_span){a.from, b.to};
}

/* A name with a point in it: a value. */
static uint8_t read_value_name(struct price_reader *r, struct price_span first)
{
	struct price_span name;

	r->at++;
	name = join(first, price_word(r));
	if (price_span_is(r, first, "query"))
		return add_query(r, name);
	if (price_span_is(r, name, "body.bytes"))
		return price_add(r, PRICE_BODY, name.from);
	if (first.to - first.from == 1 && r->text[first.from] >= 'a' &&
		r->text[first.from] < 'a' + (int)PRICE_ARRAYS)
		return add_array(r, name);
	return price_bad_name(r, name);
}

/* ------------------------------------------------------------------ functions */

static const struct {
	const char *name;
	enum price_op op;
	bool many; /* two or more, in pairs; else one */
} functions[] = {
	{"min", PRICE_MIN, true},
	{"max", PRICE_MAX, true},
	{"log2", PRICE_LOG2, false},
	{"given", PRICE_GIVEN, false},
};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

static uint8_t close_call(struct price_reader *r, uint8_t n, size_t from)
{
	price_must_take(r, ")");
	if (!r->wrong) {
		r->node[n].from = (uint8_t)from;
		r->node[n].to = (uint8_t)r->at;
	}
	return n;
}

static bool may_be_given(const struct price_reader *r, uint8_t n)
{
	return r->node[n].op == PRICE_ARRAY || r->node[n].op == PRICE_QUERY;
}

static uint8_t read_call(struct price_reader *r, unsigned which, size_t from)
{
	uint8_t n = price_read_choice(r);

	if (functions[which].many) {
		if (!price_take(r, ","))
			return price_bad(
				r, r->at, "%s needs two values or more", functions[which].name);
		do {
			uint8_t next = price_read_choice(r);

			n = price_add_pair(r, functions[which].op, n, next);
		} while (price_take(r, ","));
		return close_call(r, n, from);
	}
	if (!r->wrong && functions[which].op == PRICE_GIVEN && !may_be_given(r, n))
		return price_bad(r, from,
			"given() is of an array's value or the query's, as in given(query.n)");
	return close_call(r, price_add_pair(r, functions[which].op, n, n), from);
}

static uint8_t read_name(struct price_reader *r)
{
	struct price_span s = price_word(r);
	uint8_t n;

	if (r->text[r->at] == '.')
		return read_value_name(r, s);
	for (unsigned i = 0; i < FUNCTIONS; i++)
		if (price_span_is(r, s, functions[i].name)) {
			price_must_take(r, "(");
			return read_call(r, i, s.from);
		}
	n = price_add(r, PRICE_NAME, s.from);
	if (n != PRICE_NONE)
		r->node[n].to = s.to; /* of which definition: resolve() */
	return n;
}

bool price_is_function(const struct price_reader *r, struct price_span name)
{
	for (unsigned i = 0; i < FUNCTIONS; i++)
		if (price_span_is(r, name, functions[i].name))
			return true;
	return false;
}

uint8_t price_read_value(struct price_reader *r)
{
	size_t from;
	uint8_t n;

	price_skip(r);
	from = r->at;
	if (r->wrong)
		return PRICE_NONE;
	if (price_is_digit(r->text[r->at]))
		return read_number(r);
	if (price_is_letter(r->text[r->at]))
		return read_name(r);
	if (price_take(r, "(")) {
		n = price_read_choice(r);
		return close_call(r, n, from);
	}
	if (r->text[r->at] == '\0')
		return price_bad(r, r->at, "it ends where a number or a name should be");
	return price_bad(r, r->at, "a number or a name should be here");
}
