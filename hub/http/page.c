/* hub/http/page.c - what pages need. */
#include "hub/http/page.h"

#include <string.h>

struct mf_str page_parameter(struct mf_str query, const char *name)
{
	size_t length = strlen(name), at = 0;

	while (at < query.n) {
		const uint8_t *p = query.p + at, *end = memchr(p, '&', query.n - at);
		size_t n = end ? (size_t)(end - p) : query.n - at;

		if (n > length && p[length] == '=' && memcmp(p, name, length) == 0)
			return mf_str_of(p + length + 1, n - length - 1);
		at += n + 1;
	}
	return (struct mf_str){NULL, 0};
}
