/*
 * base/str.h - a piece of memory that somebody else owns: bytes and their count.
 * Freestanding; used by guest and host alike.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mf_str {
	const uint8_t *p; /* NULL: absent, which is not the same as empty */
	size_t n;
};

#define MF_STR(literal) ((struct mf_str){(const uint8_t *)(literal), sizeof(literal) - 1})

static inline struct mf_str mf_str_of(const void *p, size_t n)
{
	return (struct mf_str){p, n};
}

static inline bool mf_str_eq(struct mf_str a, struct mf_str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (a.p[i] != b.p[i])
			return false;
	return true;
}

/* Is `a` the C string `s`? */
static inline bool mf_str_is(struct mf_str a, const char *s)
{
	size_t i = 0;

	for (; i < a.n; i++)
		if (s[i] == '\0' || a.p[i] != (uint8_t)s[i])
			return false;
	return s[i] == '\0';
}

static inline uint8_t mf_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Equal but for the case of ASCII's letters? */
static inline bool mf_str_alike(struct mf_str a, struct mf_str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (mf_lower(a.p[i]) != mf_lower(b.p[i]))
			return false;
	return true;
}

#endif
