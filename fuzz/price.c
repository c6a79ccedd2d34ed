/*
 * fuzz/price.c - formulas of mayfly.yaml's price, and what they are about: shapes, heads of arrays, a query. What can be computed
 * is the same again; what can't says why; an amount is never less for more units.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "image/money.h"
#include "image/price_heads.h"

static char error[PRICE_ERROR_MAX];

static char *string_of(struct mf_str s)
{
	char *to = malloc(s.n + 1);

	MUST(to != NULL);
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return to;
}

/* Arrays either from a text or from bytes. */
static bool read_input(struct feed *feed, struct price_input *in)
{
	bool shapes = feed_8(feed) & 1;
	struct mf_str text = feed_some(feed, 4096);
	uint8_t *copy = fuzz_copy(text.p, text.n);
	bool read = shapes ? price_shapes(mf_str_of(copy, text.n), in, error)
			   : price_heads(mf_str_of(copy, text.n), PRICE_ARRAYS, in, error);

	MUST(read || error[0] != '\0');
	MUST(in->arrays <= PRICE_ARRAYS);
	for (unsigned i = 0; read && i < in->arrays; i++)
		MUST(in->array[i].itemsize > 0 && in->array[i].dims <= NPY_DIMS);
	free(copy);
	return read;
}

static void compute(const char *text, const struct price_input *in)
{
	struct price_formula *f, *again;
	uint64_t units = 0, same = 0;

	if (price_compile(&f, text, error) != 0) {
		MUST(f == NULL && error[0] != '\0');
		return;
	}
	MUST(strcmp(price_text(f), text) == 0 && price_arrays(f) <= PRICE_ARRAYS);
	MUST(price_compile(&again, price_text(f), error) == 0);
	if (price_units(f, in, &units, error)) {
		MUST(units <= PRICE_MOST);
		MUST(price_units(again, in, &same, error) && same == units);
	} else {
		MUST(error[0] != '\0' && !price_units(again, in, &same, error));
	}
	price_free(f);
	price_free(again);
}

static void charge(const char *text, uint64_t units)
{
	struct money_rate rate;
	int64_t amount, less;

	if (money_rate_read(text, &rate))
		return;
	if (!money_of(&rate, units, &amount))
		return;
	MUST(amount >= 0 && (amount == 0) == (units == 0 || rate.digits == 0));
	MUST(units == 0 || (money_of(&rate, units - 1, &less) && less <= amount));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};
	struct price_input in = {.body_bytes = 0};
	uint64_t units = feed_64(&feed);
	char *rate = string_of(feed_some(&feed, 64));
	bool read;
	struct mf_str query;
	uint8_t *copy;
	char *text;

	error[0] = '\0';
	read = read_input(&feed, &in);
	query = feed_some(&feed, 256);
	copy = fuzz_copy(query.p, query.n);
	in.query = mf_str_of(copy, query.n);
	text = string_of(feed_rest(&feed));
	if (!read)
		in = (struct price_input){.query = in.query};
	compute(text, &in);
	charge(rate, units);
	free(text);
	free(copy);
	free(rate);
	return 0;
}
