#include "libos/fmt/fmt.h"

#include <stdbool.h>
#include <stdint.h>

#include "libos/mayfly.h"

struct out {
	char *to;
	size_t size, n; /* n: characters so far, written or not */
};

struct spec {
	bool left, zeros;
	size_t width;
	size_t precision; /* NONE: not given */
	unsigned bytes;   /* of an integer argument */
	char conversion;
};
#define NONE SIZE_MAX

static void put(struct out *out, char c)
{
	if (out->n + 1 < out->size)
		out->to[out->n] = c;
	out->n++;
}

static void put_many(struct out *out, char c, size_t n)
{
	while (n-- > 0)
		put(out, c);
}

/* Text, filled up to the width. */
static void put_field(struct out *out, const struct spec *spec, const char *s, size_t n)
{
	size_t fill = spec->width > n ? spec->width - n : 0;

	if (!spec->left)
		put_many(out, ' ', fill);
	for (size_t i = 0; i < n; i++)
		put(out, s[i]);
	if (spec->left)
		put_many(out, ' ', fill);
}

static void put_string(struct out *out, const struct spec *spec, const char *s)
{
	size_t n = 0;

	if (s == NULL)
		s = "(null)";
	while (n < spec->precision && s[n] != '\0')
		n++;
	put_field(out, spec, s, n);
}

/* A number: sign or 0x, zeros, digits. */
static void put_number(struct out *out, const struct spec *spec, uint64_t value, const char *sign)
{
	const char *digits = spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned base = spec->conversion == 'x' || spec->conversion == 'X' ? 16 : 10;
	size_t least = spec->precision == NONE ? 1 : spec->precision, signs = strlen(sign);
	char text[20];
	size_t n = 0, zeros, fill;

	for (; value != 0; value /= base)
		text[n++] = digits[value % base];
	if (spec->zeros && !spec->left && spec->precision == NONE && spec->width > signs)
		least = spec->width - signs > least ? spec->width - signs : least;
	zeros = least > n ? least - n : 0;
	fill = spec->width > signs + zeros + n ? spec->width - signs - zeros - n : 0;
	if (!spec->left)
		put_many(out, ' ', fill);
	while (*sign != '\0')
		put(out, *sign++);
	put_many(out, '0', zeros);
	while (n > 0)
		put(out, text[--n]);
	if (spec->left)
		put_many(out, ' ', fill);
}

/* Cuts an argument to the width that its length says, as C does. */
static uint64_t narrow(uint64_t value, unsigned bytes, bool is_signed)
{
	unsigned shift = 64 - 8 * bytes;

	return is_signed ? (uint64_t)((int64_t)(value << shift) >> shift) : value << shift >> shift;
}

static uint64_t next_integer(va_list *args, const struct spec *spec)
{
	if (spec->bytes == 8)
		return va_arg(*args, uint64_t);
	return va_arg(*args, unsigned);
}

static const char *parse_length(const char *f, struct spec *spec)
{
	spec->bytes = 4;
	for (; *f == 'h'; f++)
		spec->bytes /= 2;
	for (; *f == 'l' || *f == 'z' || *f == 'j' || *f == 't'; f++)
		spec->bytes = 8;
	return f;
}

static const char *parse_count(const char *f, va_list *args, size_t *count, bool *negative)
{
	*count = 0;
	*negative = false;
	if (*f == '*') {
		int64_t n = va_arg(*args, int);

		*negative = n < 0;
		*count = (size_t)(n < 0 ? -n : n);
		return f + 1;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		if (*count < INT32_MAX)
			*count = *count * 10 + (size_t)(*f - '0');
	return f;
}

/* What stands between % and the conversion; returns the conversion. */
static const char *parse_spec(const char *f, va_list *args, struct spec *spec)
{
	bool negative;

	*spec = (struct spec){.precision = NONE};
	for (; *f == '-' || *f == '0'; f++) {
		spec->left |= *f == '-';
		spec->zeros |= *f == '0';
	}
	f = parse_count(f, args, &spec->width, &negative);
	spec->left |= negative;
	if (*f == '.') {
		f = parse_count(f + 1, args, &spec->precision, &negative);
		if (negative)
			spec->precision = NONE;
	}
	f = parse_length(f, spec);
	spec->conversion = *f;
	return f;
}

/* One conversion. False: it is unknown. */
static bool put_conversion(struct out *out, const struct spec *spec, va_list *args)
{
	uint64_t value;
	char c;

	switch (spec->conversion) {
	case 'd':
	case 'i':
		value = narrow(next_integer(args, spec), spec->bytes, true);
		put_number(out, spec, (int64_t)value < 0 ? -value : value,
			(int64_t)value < 0 ? "-" : "");
		return true;
	case 'u':
	case 'x':
	case 'X':
		put_number(out, spec, narrow(next_integer(args, spec), spec->bytes, false), "");
		return true;
	case 'p':
		put_number(out,
			&(struct spec){.left = spec->left,
				.width = spec->width,
				.precision = NONE,
				.conversion = 'x'},
			(uint64_t)va_arg(*args, void *), "0x");
		return true;
	case 's': put_string(out, spec, va_arg(*args, const char *)); return true;
	case 'c':
		c = (char)va_arg(*args, int);
		put_field(out, spec, &c, 1);
		return true;
	case '%': put(out, '%'); return true;
	default: return false;
	}
}

size_t fmt_v(char *to, size_t size, const char *format, va_list args)
{
	struct out out = {.to = to, .size = size};
	va_list own;

	va_copy(own, args); /* so that its address can be taken whatever va_list is */
	while (*format != '\0') {
		struct spec spec;
		const char *end;

		if (*format != '%') {
			put(&out, *format++);
			continue;
		}
		end = parse_spec(format + 1, &own, &spec);
		if (put_conversion(&out, &spec, &own))
			format = end + 1;
		else
			while (format < end)
				put(&out, *format++);
	}
	va_end(own);
	if (size > 0)
		to[out.n < size ? out.n : size - 1] = '\0';
	return out.n;
}

size_t mf_format(char *to, size_t size, const char *format, ...)
{
	va_list args;
	size_t n;

	va_start(args, format);
	n = fmt_v(to, size, format, args);
	va_end(args);
	return n;
}
