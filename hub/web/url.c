/* hub/web/url.c - see url.h */
#include "hub/web/url.h"

#include <string.h>

#include "image/uri.h"

static bool begins(struct mf_str text, const char *with)
{
	size_t n = strlen(with);

	return text.n >= n && memcmp(text.p, with, n) == 0;
}

bool url_is(struct mf_str text)
{
	return begins(text, "http://") || begins(text, "https://");
}

/* RFC 3986, 2: what stands in a URI as it is, and '%'. */
static bool is_plain(struct mf_str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] >= 0x7f || strchr("\"<>\\^`{|}", text.p[i]))
			return false;
	return true;
}

static size_t until(struct mf_str text, const char *any)
{
	size_t i = 0;

	while (i < text.n && !strchr(any, text.p[i]))
		i++;
	return i;
}

static struct mf_str from(struct mf_str text, size_t at)
{
	return mf_str_of(text.p + at, text.n - at);
}

static bool is_port(struct mf_str text)
{
	unsigned port = 0;

	if (text.n < 1 || text.n > 5)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		port = port * 10 + text.p[i] - '0';
	}
	return port >= 1 && port <= 65535;
}

/* "HOST", "HOST:PORT", "[ADDRESS]", "[ADDRESS]:PORT" */
static bool is_authority(struct mf_str text)
{
	static const char name[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	bool six = text.n > 0 && text.p[0] == '[';
	const char *letters = six ? "0123456789abcdefABCDEF:." : name;
	size_t n = six;

	while (n < text.n && strchr(letters, text.p[n]))
		n++;
	if (n == six)
		return false;
	if (six && (n == text.n || text.p[n++] != ']'))
		return false;
	return n == text.n || (text.p[n] == ':' && is_port(from(text, n + 1)));
}

const char *url_parse(struct mf_str text, struct url *url)
{
	struct mf_str rest, path;
	size_t scheme, n;

	*url = (struct url){.tls = begins(text, "https://")};
	if (!url_is(text))
		return "it begins neither with http:// nor with https://";
	scheme = url->tls ? 8 : 7;
	rest = from(text, scheme);
	n = until(rest, "/?#");
	url->origin = mf_str_of(text.p, scheme + n);
	path = from(rest, n);
	url->shown = mf_str_of(text.p, scheme + n + until(path, "?"));
	if (memchr(rest.p, '@', n))
		return "a name and a password don't stand in an address: what must be shown there "
		       "stands in the file of 'keys' under hub.yaml's 'emit'";
	if (text.n > URL_MOST)
		return "an address has at most 2048 bytes";
	if (!is_plain(text))
		return "it holds a byte that must be written as %XX in an address";
	if (!is_authority(mf_str_of(rest.p, n)))
		return "there is no host in it, as in https://hooks.example.org/door";
	if (path.n > 0 && path.p[0] == '?')
		return "its path is missing: write a '/' before the '?'";
	if (memchr(path.p, '#', path.n))
		return "it has a '#', which is never sent";
	if (uri_has_dots(mf_str_of(path.p, until(path, "?"))))
		return "its path has '.' or '..' as a part";
	return NULL;
}
