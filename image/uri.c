/* image/uri.c - see uri.h */
#include "image/uri.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"

/* Where the authority begins, behind "://" (RFC 3986, 3.2); 0: there is none. */
static size_t authority(struct mf_str name)
{
	for (size_t i = 0; i + 2 < name.n; i++)
		if (memcmp(name.p + i, "://", 3) == 0)
			return i + 3;
	return 0;
}

/* The bytes up to the last '@' in it, and that one. */
static size_t userinfo(struct mf_str name, size_t at)
{
	size_t n = 0;

	for (size_t i = at; i < name.n && name.p[i] && !strchr("/?#", name.p[i]); i++)
		if (name.p[i] == '@')
			n = i - at + 1;
	return n;
}

/* Where the query begins, behind its '?'; the name's end: there is none, or nothing in it. */
static size_t query(struct mf_str name, size_t at)
{
	while (at < name.n && name.p[at] != '?')
		at++;
	return at < name.n ? at + 1 : at;
}

const char *uri_show(struct mf_str name, char *to, size_t size)
{
	size_t at = authority(name), n = at > 0 ? userinfo(name, at) : 0;
	size_t end = at > 0 ? query(name, at + n) : name.n;
	const char *text = name.n > 0 ? (const char *)name.p : "";
	const char *cut = end < name.n ? "..." : "";

	if (n > 0)
		snprintf(to, size, "%.*s...@%.*s%s", (int)at, text, (int)(end - at - n),
			text + at + n, cut);
	else
		snprintf(to, size, "%.*s%s", (int)end, text, cut);
	return to;
}

/* The byte at *i, which may be written as %XX; *i is behind it then. */
static uint8_t take_byte(struct mf_str text, size_t *i)
{
	uint8_t c = text.p[(*i)++];
	int byte = c == '%' ? num_hex_byte(text.p + *i, text.n - *i) : -1;

	if (byte < 0)
		return c;
	*i += 2;
	return (uint8_t)byte;
}

bool uri_has_dots(struct mf_str path)
{
	bool other = false, ended = false;
	unsigned dots = 0;

	for (size_t i = 0; i < path.n;) {
		uint8_t c = take_byte(path, &i);

		if (c == '/' || c == '\\') {
			if (!other && (dots == 1 || dots == 2))
				return true;
			other = ended = false;
			dots = 0;
		} else if (c == ';') {
			ended = true;
		} else if (!ended) {
			dots += c == '.';
			other |= c != '.';
		}
	}
	return !other && (dots == 1 || dots == 2);
}
