/* image/pattern.c - see pattern.h */
#include "image/pattern.h"

#include <string.h>

#define CAPITALS   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define ALNUM      CAPITALS "abcdefghijklmnopqrstuvwxyz0123456789"
#define HEX        "0123456789abcdefABCDEF"
#define PATH_CHARS ALNUM "-._~!$&'()*+,;=:@%" /* pchar of RFC 3986, but for "%" without digits */

static const char *part_wrong(const char *part, size_t n, bool last)
{
	if (n == 1 && part[0] == '#')
		return last ? NULL : "has '#' before its end";
	if (n == 1 && part[0] == '+')
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (part[i] == '+' || part[i] == '#')
			return "has '+' or '#' beside other characters: they stand alone between "
			       "slashes";
		if (!strchr(PATH_CHARS, part[i]))
			return "holds a character that no path can have: it is written as %XX";
		if (part[i] == '%' && (n - i < 3 || strspn(part + i + 1, HEX) < 2))
			return "has a '%' without two hexadecimal digits";
	}
	return NULL;
}

const char *pattern_wrong(const char *path)
{
	if (path[0] != '/')
		return "doesn't begin with '/'";
	if (strlen(path) > PATTERN_MAX)
		return "is too long";
	while (*path == '/') {
		size_t n = strcspn(path + 1, "/");
		const char *wrong = part_wrong(path + 1, n, path[1 + n] == '\0');

		if (wrong)
			return wrong;
		path += 1 + n;
	}
	return NULL;
}

bool pattern_is_method(const char *method)
{
	return method[0] != '\0' && method[0] != '-' &&
		method[strspn(method, CAPITALS "-")] == '\0';
}

bool pattern_is_host(const char *host)
{
	size_t n = strlen(host);

	if (host[0] == '[') /* an IPv6 address as URLs have it */
		return n > 2 && n <= PATTERN_MAX && host[n - 1] == ']' &&
			strspn(host + 1, HEX ":.") == n - 2;
	return n > 0 && n <= PATTERN_MAX && host[0] != '.' && host[0] != '-' &&
		host[strspn(host, ALNUM "-._")] == '\0';
}

bool pattern_is_header(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= PATTERN_HEADER_MAX && n == strspn(name, ALNUM "!#$%&'*+-.^_`|~");
}
