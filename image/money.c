/* image/money.c - see money.h */
#include "image/money.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MILLION      1000000u
#define MONEY_DIGITS 6u /* of a millionth */

static const char *read_digits(const char **p, struct money_rate *rate)
{
	bool point = false;
	const char *from = *p;

	for (; (**p >= '0' && **p <= '9') || (**p == '.' && !point && *p > from); (*p)++) {
		if (**p == '.') {
			point = true;
			continue;
		}
		if (__builtin_mul_overflow(rate->digits, 10, &rate->digits) ||
			__builtin_add_overflow(rate->digits, (uint64_t)(**p - '0'), &rate->digits))
			return "has more digits than fit 64 bits";
		rate->places += point;
	}
	if (*p == from || (*p)[-1] == '.')
		return "is no price: digits with a point or none, and a currency, as in 0.002 EUR";
	return rate->places > MONEY_PLACES ? "has more than 24 places behind the point" : NULL;
}

const char *money_rate_read(const char *text, struct money_rate *rate)
{
	const char *wrong;

	*rate = (struct money_rate){0};
	wrong = read_digits(&text, rate);
	if (wrong)
		return wrong;
	if (*text == '\0')
		return "has no currency: three capitals behind it, as in 0.002 EUR";
	if (*text++ != ' ' || strlen(text) != MONEY_CURRENCY ||
		text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
		return "has no currency of three capitals behind its digits, as in 0.002 EUR";
	memcpy(rate->currency, text, MONEY_CURRENCY);
	return NULL;
}

const char *money_read(const char *text, int64_t *amount, char currency[static MONEY_CURRENCY + 1])
{
	struct money_rate rate;
	const char *wrong = money_rate_read(text, &rate);

	*amount = 0;
	if (wrong)
		return wrong;
	memcpy(currency, rate.currency, sizeof(rate.currency));
	if (rate.places > MONEY_DIGITS)
		return "has parts smaller than a millionth";
	return money_of(&rate, 1, amount) ? NULL : "is larger than an amount may be";
}

bool money_of(const struct money_rate *rate, uint64_t units, int64_t *amount)
{
	/* 2^128 is more than 3.4 * 10^38, and the product of two of 64 bits fits */
	unsigned __int128 product = (unsigned __int128)rate->digits * units, whole;
	unsigned __int128 divisor = 1;

	if (rate->places <= MONEY_DIGITS) {
		for (unsigned i = rate->places; i < MONEY_DIGITS; i++)
			if (__builtin_mul_overflow(product, (unsigned __int128)10, &product))
				return false;
	}
	for (unsigned i = MONEY_DIGITS; i < rate->places; i++)
		divisor *= 10;
	whole = product / divisor + (product % divisor != 0);
	if (whole > (unsigned __int128)MONEY_MOST)
		return false;
	*amount = (int64_t)whole;
	return true;
}

const char *money_write(int64_t amount, char to[static MONEY_TEXT])
{
	snprintf(to, MONEY_TEXT, "%" PRId64 ".%06" PRId64, amount / MILLION, amount % MILLION);
	return to;
}
