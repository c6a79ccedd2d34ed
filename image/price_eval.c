/* image/price_eval.c - formulas computed: see price.h */
#include <stdio.h>

#include "base/num.h"
#include "image/price_parts.h"
#include "wire/http_text.h"

#define QUOTED 60 /* bytes of the text that an error quotes */

/* A definition is computed when it is first asked for. The depth of calls is at most the number of nodes: an operation's
 * own stand for nothing else, and a definition uses only those before it. */
struct run {
	const struct price_formula *f;
	const struct price_input *in;
	uint64_t defined[PRICE_NAMES];
	bool known[PRICE_NAMES];
	char *error;
};

static bool value_of(struct run *run, unsigned node, uint64_t *value);

static const struct price_node *node_of(const struct run *run, unsigned node)
{
	return &run->f->node[node];
}

/* A part of the text. */
static int length_of(const struct price_node *n)
{
	int length = n->to - n->from;

	return length < QUOTED ? length : QUOTED;
}
#define TEXT(run, n) length_of(n), (run)->f->text + (n)->from

/* --------------------------------------------------------------------- values */

static bool array_value(struct run *run, const struct price_node *n, uint64_t *value)
{
	const struct price_array *a = &run->in->array[n->value];
	const uint64_t of[PRICE_FIELDS] = {[PRICE_ROWS] = a->rows,
		[PRICE_COLS] = a->cols,
		[PRICE_SIZE] = a->size,
		[PRICE_DIMS] = a->dims,
		[PRICE_ITEMSIZE] = a->itemsize,
		[PRICE_COMPLEX] = a->is_complex};

	if (n->value >= run->in->arrays) {
		snprintf(run->error, PRICE_ERROR_MAX,
			"%.*s counts for the price, and there is no array %c: %u came",
			TEXT(run, n), 'a' + (int)n->value, run->in->arrays);
		return false;
	}
	*value = of[n->arg[0]];
	return true;
}

static struct mf_str query_name(const struct run *run, const struct price_node *n)
{
	return mf_str_of(run->f->text + n->from + PRICE_QUERY_PREFIX,
		(size_t)(n->to - n->from) - PRICE_QUERY_PREFIX);
}

/* How often it stands in the query, and what stands there, not decoded, the last time. */
static unsigned find_parameter(struct mf_str query, struct mf_str name, struct mf_str *value)
{
	unsigned found = 0;

	while (query.n > 0) {
		struct mf_str pair = {query.p, 0}, key;

		while (pair.n < query.n && pair.p[pair.n] != '&')
			pair.n++;
		key = mf_str_of(pair.p, 0);
		while (key.n < pair.n && key.p[key.n] != '=')
			key.n++;
		if (mf_str_eq(key, name)) {
			found++;
			*value = key.n < pair.n ? mf_str_of(pair.p + key.n + 1, pair.n - key.n - 1)
						: mf_str_of(pair.p, 0);
		}
		pair.n += pair.n < query.n;
		query = mf_str_of(query.p + pair.n, query.n - pair.n);
	}
	return found;
}

/* Decoded into `to`; p NULL: it isn't there. False: it is there twice, or too long for what is asked of it. */
static bool parameter(struct run *run, const struct price_node *n,
	uint8_t to[static PRICE_TEXT_MAX], struct mf_str *value)
{
	struct mf_str raw = {NULL, 0};
	unsigned found = find_parameter(run->in->query, query_name(run, n), &raw);
	const char *wrong = NULL;

	*value = mf_str_of(found ? to : NULL, 0);
	if (found > 1)
		wrong = "counts for the price, and stands there twice";
	else if (raw.n > PRICE_TEXT_MAX || (found && !http_decode(raw, false, to, &value->n)))
		wrong = "counts for the price, and is too long, or not well escaped";
	if (wrong)
		snprintf(run->error, PRICE_ERROR_MAX, "%.*s %s", TEXT(run, n), wrong);
	return !wrong;
}

static bool query_value(struct run *run, const struct price_node *n, uint64_t *value)
{
	uint8_t room[PRICE_TEXT_MAX];
	struct mf_str text;

	if (!parameter(run, n, room, &text))
		return false;
	if (text.p && num_parse(text, value))
		return true;
	snprintf(run->error, PRICE_ERROR_MAX, "%.*s counts for the price, and is %s", TEXT(run, n),
		text.p ? "no whole number that fits 64 bits" : "missing");
	return false;
}

/* Is the text one of the formula's words? */
static bool is_one_of(const struct run *run, const struct price_node *n, struct mf_str text)
{
	const char *p = run->f->text + n->arg[1], *end = run->f->text + n->arg[2];

	while (p < end) {
		struct mf_str word;

		while (p < end && (*p == '|' || *p == ' ' || *p == '\t' || *p == '\n'))
			p++;
		word = mf_str_of(p, 0);
		while (p < end && *p != '|' && *p != ' ' && *p != '\t' && *p != '\n') {
			p++;
			word.n++;
		}
		if (word.n > 0 && mf_str_alike(word, text))
			return true;
	}
	return false;
}

static bool is_value(struct run *run, const struct price_node *n, uint64_t *value)
{
	uint8_t room[PRICE_TEXT_MAX];
	struct mf_str text;

	if (!parameter(run, node_of(run, n->arg[0]), room, &text))
		return false;
	*value = text.p && is_one_of(run, n, text);
	return true;
}

static bool given_value(struct run *run, const struct price_node *n, uint64_t *value)
{
	const struct price_node *of = node_of(run, n->arg[0]);
	struct mf_str raw;

	*value = of->op == PRICE_ARRAY
		? of->value < run->in->arrays
		: find_parameter(run->in->query, query_name(run, of), &raw) > 0;
	return true;
}

static bool name_value(struct run *run, const struct price_node *n, uint64_t *value)
{
	unsigned i = (unsigned)n->value;

	if (!run->known[i] && !value_of(run, run->f->definition[i], &run->defined[i]))
		return false;
	run->known[i] = true;
	*value = run->defined[i];
	return true;
}

/* ----------------------------------------------------------------- operations */

/* 2^n is at least a. */
static uint64_t log2_up(uint64_t a)
{
	uint64_t n = 0;

	while (n < 64 && (UINT64_C(1) << n) < a && n < 63)
		n++;
	return (UINT64_C(1) << n) < a ? 64 : n;
}

/* At most 64 steps where it doesn't end by itself. */
static bool power(uint64_t base, uint64_t exponent, uint64_t *value)
{
	*value = base == 0 && exponent > 0 ? 0 : 1;
	if (base < 2)
		return true;
	for (; exponent > 0; exponent--)
		if (__builtin_mul_overflow(*value, base, value))
			return false;
	return true;
}

/* NULL, or what is wrong with it. */
static const char *compute(enum price_op op, uint64_t a, uint64_t b, uint64_t *to)
{
	static const char large[] = "is larger than 18446744073709551615";

	switch (op) {
	case PRICE_ADD: return __builtin_add_overflow(a, b, to) ? large : NULL;
	case PRICE_SUBTRACT: return __builtin_sub_overflow(a, b, to) ? "is below 0" : NULL;
	case PRICE_MULTIPLY: return __builtin_mul_overflow(a, b, to) ? large : NULL;
	case PRICE_DIVIDE:
		if (b == 0)
			return "is divided by 0";
		*to = a / b + (a % b != 0);
		return NULL;
	case PRICE_POWER: return power(a, b, to) ? NULL : large;
	case PRICE_EQUAL: *to = a == b; return NULL;
	case PRICE_UNEQUAL: *to = a != b; return NULL;
	case PRICE_LESS: *to = a < b; return NULL;
	case PRICE_LESS_EQUAL: *to = a <= b; return NULL;
	case PRICE_MORE: *to = a > b; return NULL;
	case PRICE_MORE_EQUAL: *to = a >= b; return NULL;
	case PRICE_MIN: *to = a < b ? a : b; return NULL;
	case PRICE_MAX: *to = a > b ? a : b; return NULL;
	default: return "can't be computed";
	}
}

static bool pair_value(struct run *run, const struct price_node *n, uint64_t *value)
{
	uint64_t a, b;
	const char *wrong;

	if (!value_of(run, n->arg[0], &a) || !value_of(run, n->arg[1], &b))
		return false;
	wrong = compute((enum price_op)n->op, a, b, value);
	if (wrong)
		snprintf(run->error, PRICE_ERROR_MAX, "%.*s %s: of %llu and %llu, in '%s'",
			TEXT(run, n), wrong, (unsigned long long)a, (unsigned long long)b,
			run->f->text);
	return !wrong;
}

static bool log2_value(struct run *run, const struct price_node *n, uint64_t *value)
{
	uint64_t a;

	if (!value_of(run, n->arg[0], &a))
		return false;
	if (a == 0) {
		snprintf(run->error, PRICE_ERROR_MAX, "%.*s is of 0, in '%s'", TEXT(run, n),
			run->f->text);
		return false;
	}
	*value = log2_up(a);
	return true;
}

static bool choice_value(struct run *run, const struct price_node *n, uint64_t *value)
{
	uint64_t which;

	return value_of(run, n->arg[0], &which) && value_of(run, n->arg[which ? 1 : 2], value);
}

static bool value_of(struct run *run, unsigned node, uint64_t *value)
{
	const struct price_node *n = node_of(run, node);

	*value = 0;
	switch ((enum price_op)n->op) {
	case PRICE_NUMBER: *value = n->value; return true;
	case PRICE_ARRAY: return array_value(run, n, value);
	case PRICE_BODY: *value = run->in->body_bytes; return true;
	case PRICE_QUERY: return query_value(run, n, value);
	case PRICE_IS: return is_value(run, n, value);
	case PRICE_NAME: return name_value(run, n, value);
	case PRICE_GIVEN: return given_value(run, n, value);
	case PRICE_CHOICE: return choice_value(run, n, value);
	case PRICE_LOG2: return log2_value(run, n, value);
	default: return pair_value(run, n, value);
	}
}

bool price_units(const struct price_formula *formula, const struct price_input *input,
	uint64_t *units, char error[PRICE_ERROR_MAX])
{
	struct run run = {.f = formula, .in = input, .error = error};
	uint64_t value;

	if (!value_of(&run, formula->root, &value))
		return false;
	if (value > PRICE_MOST) {
		snprintf(error, PRICE_ERROR_MAX, "'%s' is %llu, which is larger than 2^63-1",
			formula->text, (unsigned long long)value);
		return false;
	}
	*units = value;
	return true;
}
