/* image/price_heads.c - see price_heads.h */
#include "image/price_heads.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"

#define QUOTED 60

__attribute__((format(printf, 2, 3))) static bool bad(
	char error[PRICE_ERROR_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, PRICE_ERROR_MAX, format, args);
	va_end(args);
	return false;
}

static int quoted(struct mf_str text)
{
	return text.n < QUOTED ? (int)text.n : QUOTED;
}

/* ---------------------------------------------------------------------- dtypes */

/* NumPy's kinds of a fixed size, behind a byte order or none: "<f8", "|u1", "c16". 0: another. */
static uint32_t item_size(struct mf_str descr, bool *is_complex)
{
	uint64_t n;
	size_t at = descr.n > 0 &&
		(descr.p[0] == '<' || descr.p[0] == '>' || descr.p[0] == '|' || descr.p[0] == '=');
	char kind;

	if (descr.n < at + 2)
		return 0;
	kind = (char)descr.p[at];
	if (kind != 'f' && kind != 'c' && kind != 'i' && kind != 'u' && kind != 'b')
		return 0;
	if (!num_parse(mf_str_of(descr.p + at + 1, descr.n - at - 1), &n) || n < 1 || n > 32)
		return 0;
	*is_complex = kind == 'c';
	return (uint32_t)n;
}

/* A vector is one column, a number one of one row. */
static bool set_shape(struct price_array *a, unsigned dims, const uint64_t *shape)
{
	a->dims = dims;
	a->rows = dims > 0 ? shape[0] : 1;
	a->cols = dims > 1 ? shape[1] : 1;
	a->size = 1;
	for (unsigned i = 0; i < dims; i++)
		if (__builtin_mul_overflow(a->size, shape[i], &a->size))
			return false;
	return true;
}

/* ----------------------------------------------------------------------- heads */

bool price_head(struct mf_str bytes, unsigned which, struct price_array *array, uint64_t *whole,
	char error[PRICE_ERROR_MAX])
{
	const char letter = (char)('a' + which);
	struct npy npy;
	const char *wrong = npy_read(bytes, &npy);
	uint64_t elements;

	if (wrong)
		return bad(error, "%c is no .npy array: %s", letter, wrong);
	*array = (struct price_array){0};
	array->itemsize = item_size(npy.descr, &array->is_complex);
	if (array->itemsize == 0)
		return bad(error, "%c has a dtype whose elements have no known size: %.*s", letter,
			quoted(npy.descr), (const char *)npy.descr.p);
	if (!set_shape(array, npy.dims, npy.shape) ||
		__builtin_mul_overflow(array->size, (uint64_t)array->itemsize, &elements) ||
		__builtin_add_overflow(elements, (uint64_t)npy.header, whole))
		return bad(error, "%c has more bytes than there can be", letter);
	return true;
}

bool price_head_fits(unsigned which, uint64_t whole, uint64_t left, char error[PRICE_ERROR_MAX])
{
	return whole <= left ||
		bad(error, "%c's head says that it has %llu bytes, and %llu are there",
			'a' + (int)which, (unsigned long long)whole, (unsigned long long)left);
}

bool price_heads(
	struct mf_str body, unsigned most, struct price_input *input, char error[PRICE_ERROR_MAX])
{
	uint64_t at = 0, whole = 0;

	input->body_bytes = body.n;
	input->arrays = 0;
	while (input->arrays < most && at < body.n) {
		unsigned which = input->arrays;

		if (!price_head(mf_str_of(body.p + at, body.n - (size_t)at), which,
			    &input->array[which], &whole, error) ||
			!price_head_fits(which, whole, body.n - at, error))
			return false;
		at += whole;
		input->arrays++;
	}
	return true;
}

/* ---------------------------------------------------------------------- shapes */

/* What stands before `c`, which is taken off too; all of it, where there is none. */
static struct mf_str take_until(struct mf_str *text, uint8_t c)
{
	struct mf_str piece = {text->p, 0};

	while (piece.n < text->n && text->p[piece.n] != c)
		piece.n++;
	*text = piece.n < text->n ? mf_str_of(text->p + piece.n + 1, text->n - piece.n - 1)
				  : mf_str_of(text->p + text->n, 0);
	return piece;
}

static bool read_shape(
	struct mf_str text, struct price_array *a, uint64_t *whole, char error[PRICE_ERROR_MAX])
{
	struct mf_str all = text, extents = take_until(&text, ':'), type = text;
	uint64_t shape[NPY_DIMS];
	unsigned dims = 0;
	bool has_type = extents.n < all.n, more;

	*a = (struct price_array){.itemsize = 8};
	if (has_type)
		a->itemsize = item_size(type, &a->is_complex);
	if (a->itemsize == 0)
		return bad(error, "'%.*s' has no dtype behind ':', as f4, f8, c8, c16 or i4",
			quoted(all), (const char *)all.p);
	do {
		size_t before = extents.n;
		struct mf_str extent = take_until(&extents, 'x');

		more = extent.n < before;
		if (dims == NPY_DIMS || !num_parse(extent, &shape[dims]))
			return bad(error,
				"'%.*s' is no shape of up to four whole numbers, as in 1000x10",
				quoted(all), (const char *)all.p);
		dims++;
	} while (more);
	if (!set_shape(a, dims, shape) ||
		__builtin_mul_overflow(a->size, (uint64_t)a->itemsize, whole) ||
		__builtin_add_overflow(*whole, (uint64_t)NPY_WRITTEN, whole))
		return bad(error, "'%.*s' has more bytes than there can be", quoted(all),
			(const char *)all.p);
	return true;
}

static bool is_length(struct mf_str text, uint64_t *bytes)
{
	const struct mf_str unit = MF_STR("bytes");

	return text.n > unit.n && mf_str_eq(mf_str_of(text.p + text.n - unit.n, unit.n), unit) &&
		num_parse(mf_str_of(text.p, text.n - unit.n), bytes);
}

bool price_shapes(struct mf_str text, struct price_input *input, char error[PRICE_ERROR_MAX])
{
	uint64_t whole = 0;

	input->arrays = 0;
	input->body_bytes = 0;
	if (is_length(text, &input->body_bytes))
		return true;
	while (text.n > 0) {
		struct mf_str shape = take_until(&text, ',');

		if (input->arrays == PRICE_ARRAYS)
			return bad(error, "there are more than %u shapes", PRICE_ARRAYS);
		if (!read_shape(shape, &input->array[input->arrays], &whole, error))
			return false;
		input->arrays++;
		if (__builtin_add_overflow(input->body_bytes, whole, &input->body_bytes))
			return bad(error, "these arrays have more bytes than there can be");
	}
	return true;
}
