/* wire/decimal.c - see decimal.h */
#include "wire/decimal.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct mf_str trimmed(struct mf_str s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = mf_str_of(s.p + 1, s.n - 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Digits go into *sum, which counts towards the sign, for the lowest number has no opposite. */
static bool add_digit(int64_t *sum, uint8_t c, bool minus)
{
	int64_t digit = c - '0';

	return !__builtin_mul_overflow(*sum, 10, sum) &&
		!__builtin_add_overflow(*sum, minus ? -digit : digit, sum);
}

/* What stands behind the point: as many digits as `places`, the next one rounds. */
static bool add_fraction(int64_t *sum, struct mf_str digits, unsigned places, bool minus)
{
	for (unsigned i = 0; i < places; i++)
		if (!add_digit(sum, i < digits.n ? digits.p[i] : '0', minus))
			return false;
	if (digits.n <= places || digits.p[places] < '5')
		return true;
	return !__builtin_add_overflow(*sum, minus ? -1 : 1, sum);
}

bool decimal_read(struct mf_str text, unsigned places, int64_t *value)
{
	struct mf_str s = trimmed(text);
	bool minus = s.n > 0 && s.p[0] == '-';
	size_t i = minus || (s.n > 0 && s.p[0] == '+'), point;
	int64_t sum = 0;

	if (i == s.n || !is_digit(s.p[i]))
		return false;
	for (; i < s.n && is_digit(s.p[i]); i++)
		if (!add_digit(&sum, s.p[i], minus))
			return false;
	point = i;
	if (i < s.n && s.p[i] == '.')
		for (i++; i < s.n && is_digit(s.p[i]); i++)
			;
	if (i != s.n || i == point + 1)
		return false;
	if (!add_fraction(&sum,
		    point < s.n ? mf_str_of(s.p + point + 1, s.n - point - 1) : MF_STR(""), places,
		    minus))
		return false;
	*value = sum;
	return true;
}

unsigned decimal_write(int64_t value, unsigned places, char to[static DECIMAL_TEXT])
{
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char back[DECIMAL_TEXT];
	unsigned n = 0, at = 0;

	do {
		if (n == places && places > 0)
			back[n++] = '.';
		back[n++] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0 || n < places + (places > 0) + 1);
	if (value < 0)
		to[at++] = '-';
	while (n > 0)
		to[at++] = back[--n];
	return at;
}
