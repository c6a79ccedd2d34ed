/*
 * image/base64.h - a fault of libsodium's base64, kept away from keys and signatures. Pure.
 *
 * sodium_base642bin of 1.0.18 reads every byte over 0x7f as if it were '/', so one signature could be
 * written in many ways (found by fuzz/text.c, beside wire/base64.h).
 */
#ifndef IMAGE_BASE64_H
#define IMAGE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Has the text no byte over 0x7f? Ask first. */
static inline bool base64_is_plain(const void *text, size_t n)
{
	const unsigned char *p = text;
	unsigned char all = 0;

	for (size_t i = 0; i < n; i++)
		all |= p[i];
	return all < 0x80;
}

#endif
