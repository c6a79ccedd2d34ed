/*
 * base/num.h - arithmetic that can't wrap, and numbers in text.
 * Freestanding; used by guest and host alike.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* n rounded up to a multiple of `to`, a power of two. The caller knows that n isn't near the top. */
static inline uint64_t num_align(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

/* Do `n` bytes from offset `at` lie within `size` bytes? */
static inline bool num_fits(uint64_t at, uint64_t n, uint64_t size)
{
	return at <= size && n <= size - at;
}

/* Reads all of `text` as a decimal number. False, with *value untouched, if it is empty, holds
 * anything but digits or is over 2^64 - 1. */
static inline bool num_parse(struct mf_str text, uint64_t *value)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < text.n; i++) {
		uint8_t digit = (uint8_t)(text.p[i] - '0');

		if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
			__builtin_add_overflow(sum, digit, &sum))
			return false;
	}
	if (text.n == 0)
		return false;
	*value = sum;
	return true;
}

/* A hexadecimal digit's value; -1: it is none. */
static inline int num_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that two of them are, at p with `left` bytes; -1: they aren't there. */
static inline int num_hex_byte(const uint8_t *p, size_t left)
{
	int high = left >= 2 ? num_hex(p[0]) : -1, low = high < 0 ? -1 : num_hex(p[1]);

	return low < 0 ? -1 : high << 4 | low;
}

#endif
