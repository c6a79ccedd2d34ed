/*
 * hub/http/token.h - names of methods and header fields (RFC 9110, 5.6.2).
 */
#ifndef HUB_HTTP_TOKEN_H
#define HUB_HTTP_TOKEN_H

#include <string.h>

#include "base/str.h"

static inline bool token_has(uint8_t c)
{
	return (mf_lower(c) >= 'a' && mf_lower(c) <= 'z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/* The same, case ignored? `lower` is in lower case. */
static inline bool token_is(struct mf_str name, const char *lower)
{
	size_t i = 0;

	for (; i < name.n && lower[i]; i++)
		if (mf_lower(name.p[i]) != (uint8_t)lower[i])
			return false;
	return i == name.n && lower[i] == '\0';
}

#endif
