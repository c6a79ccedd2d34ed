/* image/price.c - formulas from text to nodes: see price.h */
#include "image/price.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/price_read.h"

/* ----------------------------------------------------------------- operations */

static uint8_t read_power(struct price_reader *r)
{
	uint8_t left, n = PRICE_NONE;

	if (++r->depth > PRICE_DEPTH)
		return price_bad(r, r->at, "it is nested deeper than %u", PRICE_DEPTH);
	left = n = price_read_value(r);
	if (price_take(r, "^"))
		n = price_add_pair(r, PRICE_POWER, left, read_power(r));
	r->depth--;
	return n;
}

/* 2/3*n would be n: nobody means that. */
static void check_quotient(struct price_reader *r, uint8_t n)
{
	const struct price_node *a, *b;

	if (r->wrong)
		return;
	a = &r->node[r->node[n].arg[0]];
	b = &r->node[r->node[n].arg[1]];
	if (b->op == PRICE_NUMBER && b->value == 0)
		price_bad(r, b->from, "nothing can be divided by 0");
	else if (a->op == PRICE_NUMBER && b->op == PRICE_NUMBER && a->value % b->value != 0)
		price_bad(r, a->from,
			"%llu/%llu is rounded up to a whole number: divide at the end, as in 2*n/3",
			(unsigned long long)a->value, (unsigned long long)b->value);
}

struct operator
{
	const char *text;
	enum price_op op;
};

/* Longer ones first. */
static const struct operator products[] = {{"*", PRICE_MULTIPLY}, {"/", PRICE_DIVIDE}, {NULL, 0}};
static const struct operator sums[] = {{"+", PRICE_ADD}, {"-", PRICE_SUBTRACT}, {NULL, 0}};
static const struct operator comparisons[] = {{"==", PRICE_EQUAL}, {"!=", PRICE_UNEQUAL},
	{"<=", PRICE_LESS_EQUAL}, {">=", PRICE_MORE_EQUAL}, {"<", PRICE_LESS}, {">", PRICE_MORE},
	{NULL, 0}};

static const struct operator* take_operator(struct price_reader *r, const struct operator* of)
{
	for (; of->text; of++)
		if (price_take(r, of->text))
			return of;
	return NULL;
}

static uint8_t read_product(struct price_reader *r)
{
	uint8_t n = read_power(r);
	const struct operator* o;

	while ((o = take_operator(r, products))) {
		n = price_add_pair(r, o->op, n, read_power(r));
		if (o->op == PRICE_DIVIDE)
			check_quotient(r, n);
	}
	return n;
}

static uint8_t read_sum(struct price_reader *r)
{
	uint8_t n = read_product(r);
	const struct operator* o;

	while ((o = take_operator(r, sums)))
		n = price_add_pair(r, o->op, n, read_product(r));
	return n;
}

static uint8_t read_compared(struct price_reader *r)
{
	uint8_t n = read_sum(r);
	const struct operator* o = take_operator(r, comparisons);

	return o ? price_add_pair(r, o->op, n, read_sum(r)) : n;
}

uint8_t price_read_choice(struct price_reader *r)
{
	uint8_t n, yes, no;

	if (++r->depth > PRICE_DEPTH)
		return price_bad(r, r->at, "it is nested deeper than %u", PRICE_DEPTH);
	n = read_compared(r);
	if (price_take(r, "?")) {
		yes = price_read_choice(r);
		price_must_take(r, ":");
		no = price_read_choice(r);
		n = price_add_pair(r, PRICE_CHOICE, n, yes);
		if (!r->wrong) {
			r->node[n].arg[2] = no;
			r->node[n].to = r->node[no].to;
		}
	}
	r->depth--;
	return n;
}

/* ---------------------------------------------------------------------- where */

/* The definition of this name, of the first `most`; -1: none. */
static int find_name(const struct price_reader *r, struct price_span name, unsigned most)
{
	size_t n = (size_t)(name.to - name.from);

	for (unsigned i = 0; i < most; i++)
		if (mf_str_eq(mf_str_of(r->text + name.from, n),
			    mf_str_of(r->text + r->name[i].from,
				    (size_t)(r->name[i].to - r->name[i].from))))
			return (int)i;
	return -1;
}

/* Names among the nodes from `first` to before `end` are of the first `most` definitions. */
static void resolve(struct price_reader *r, unsigned first, unsigned end, unsigned most)
{
	for (unsigned i = first; i < end && !r->wrong; i++) {
		struct price_node *n = &r->node[i];
		struct price_span name = {n->from, n->to};
		int found = n->op == PRICE_NAME ? find_name(r, name, most) : 0;

		if (found >= 0)
			n->value = n->op == PRICE_NAME ? (uint64_t)found : n->value;
		else if (find_name(r, name, r->names) >= 0)
			price_bad(r, n->from, "'%.*s' is defined by itself, or further behind",
				name.to - name.from, r->text + name.from);
		else
			price_bad_name(r, name);
	}
}

static void read_definition(struct price_reader *r, unsigned *first)
{
	struct price_span name;

	price_skip(r);
	name.from = (uint8_t)r->at;
	if (!price_is_letter(r->text[r->at])) {
		price_bad(r, r->at, "a name is missing: ... where n = a.rows");
		return;
	}
	name = price_word(r);
	if (price_is_function(r, name) || price_span_is(r, name, "where") ||
		price_span_is(r, name, "is"))
		price_bad(r, name.from, "this word has a meaning already");
	else if (r->names == PRICE_NAMES)
		price_bad(r, name.from, "more than %u names are defined", PRICE_NAMES);
	else if (find_name(r, name, r->names) >= 0)
		price_bad(r, name.from, "this name is defined twice");
	price_must_take(r, "=");
	*first = r->count;
	if (r->wrong)
		return;
	r->definition[r->names] = price_read_choice(r);
	r->name[r->names++] = name;
}

static uint8_t read_formula(struct price_reader *r)
{
	unsigned first[PRICE_NAMES + 1] = {0}, used;
	uint8_t root = price_read_choice(r);

	used = r->count;
	if (price_take_word(r, "where")) {
		do
			read_definition(r, &first[r->names < PRICE_NAMES ? r->names : PRICE_NAMES]);
		while (price_take(r, ","));
	}
	price_skip(r);
	if (r->text[r->at] != '\0')
		price_bad(r, r->at, "this doesn't belong here");
	resolve(r, 0, used, r->names);
	for (unsigned i = 0; i < r->names; i++)
		resolve(r, first[i], i + 1 < r->names ? first[i + 1] : r->count, i);
	return root;
}

/* --------------------------------------------------------------------- public */

static int keep(struct price_formula **formula, const struct price_reader *r, uint8_t root)
{
	struct price_formula *f = malloc(sizeof(*f) + r->count * sizeof(f->node[0]));

	if (!f)
		return -ENOMEM;
	memset(f, 0, sizeof(*f));
	snprintf(f->text, sizeof(f->text), "%s", r->text);
	f->arrays = r->arrays;
	f->root = root;
	f->count = r->names;
	memcpy(f->definition, r->definition, sizeof(f->definition));
	memcpy(f->node, r->node, r->count * sizeof(f->node[0]));
	*formula = f;
	return 0;
}

int price_compile(struct price_formula **formula, const char *text, char error[PRICE_ERROR_MAX])
{
	struct price_reader r = {.text = text, .error = error};
	uint8_t root;

	*formula = NULL;
	if (strlen(text) > PRICE_TEXT_MAX) {
		snprintf(error, PRICE_ERROR_MAX, "'%.60s...' is longer than %u characters", text,
			PRICE_TEXT_MAX);
		return -EINVAL;
	}
	root = read_formula(&r);
	return r.wrong ? -EINVAL : keep(formula, &r, root);
}

void price_free(struct price_formula *formula)
{
	free(formula);
}

const char *price_text(const struct price_formula *formula)
{
	return formula->text;
}

unsigned price_arrays(const struct price_formula *formula)
{
	return formula->arrays;
}
