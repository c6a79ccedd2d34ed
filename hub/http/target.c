/* hub/http/target.c - origin-form, absolute-form, "*"; dot segments and odd bytes are refused. */
#include "hub/http/target.h"

#include <string.h>

#include "base/num.h"

#define HOST_MOST 255u /* RFC 1035, 2.3.4, and an address in brackets is shorter */

/* RFC 3986, 2.3 and 2.2 */
static const char unreserved_marks[] = "-._~";
static const char sub_delims[] = "!$&'()*+,;=";

static bool is_one_of(uint8_t c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(uint8_t c)
{
	return is_digit(c) || (mf_lower(c) >= 'a' && mf_lower(c) <= 'z');
}

/* The byte that "%41" at p stands for; -1: it isn't one. */
static int encoded(const uint8_t *p, size_t left)
{
	return left > 0 ? num_hex_byte(p + 1, left - 1) : -1;
}

static bool is_name_byte(uint8_t c)
{
	return is_alnum(c) || is_one_of(c, unreserved_marks) || is_one_of(c, sub_delims);
}

static uint8_t upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

/* -------------------------------------------------------------------- hosts */

static bool is_port(struct mf_str s)
{
	unsigned port = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (!is_digit(s.p[i]))
			return false;
		port = port * 10 + (unsigned)(s.p[i] - '0');
		if (port > UINT16_MAX)
			return false;
	}
	return true;
}

/* "[::1]": how long it is; 0: it isn't one. */
static size_t bracketed(struct mf_str s)
{
	const uint8_t *end = memchr(s.p, ']', s.n);
	size_t n = end ? (size_t)(end - s.p) + 1 : 0;

	for (size_t i = 1; i + 1 < n; i++)
		if (num_hex(s.p[i]) < 0 && !is_one_of(s.p[i], ":."))
			return 0;
	return n > 2 ? n : 0;
}

bool target_is_host(struct mf_str s)
{
	size_t i = 0;

	if (s.n > HOST_MOST + 6) /* and a port */
		return false;
	if (s.n > 0 && s.p[0] == '[') {
		i = bracketed(s);
		if (i == 0)
			return false;
	} else {
		while (i < s.n && s.p[i] != ':') {
			if (s.p[i] == '%' ? encoded(s.p + i, s.n - i) < 0 : !is_name_byte(s.p[i]))
				return false;
			i++;
		}
	}
	return i == s.n || (s.p[i] == ':' && is_port(mf_str_of(s.p + i + 1, s.n - i - 1)));
}

/* -------------------------------------------------------------------- paths */

/* How many bytes a dot has here, as itself or encoded; 0: there is none. */
static size_t dot(const uint8_t *p, size_t left)
{
	if (left > 0 && *p == '.')
		return 1;
	return left > 0 && *p == '%' && encoded(p, left) == '.' ? 3 : 0;
}

/* Does "." or ".." fill the part that begins at p? */
static bool is_dots(const uint8_t *p, size_t left)
{
	size_t n = dot(p, left);

	if (n == 0)
		return false;
	n += dot(p + n, left - n);
	return n == left || p[n] == '/';
}

struct mf_str target_plain(struct mf_str part, uint8_t *to, size_t room)
{
	size_t n = 0;

	if (part.n == 0 || !memchr(part.p, '%', part.n))
		return part;
	for (size_t i = 0; i < part.n; i++) {
		int byte = part.p[i] == '%' ? encoded(part.p + i, part.n - i) : -1;

		if (n + (byte < 0 ? 1 : 3) > room)
			return part;
		to[n++] = part.p[i];
		if (byte < 0)
			continue;
		if (is_alnum((uint8_t)byte) || is_one_of((uint8_t)byte, unreserved_marks)) {
			to[n - 1] = (uint8_t)byte;
		} else {
			to[n++] = upper(part.p[i + 1]);
			to[n++] = upper(part.p[i + 2]);
		}
		i += 2;
	}
	return mf_str_of(to, n);
}

static const char *check_path(struct mf_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		int byte = c == '%' ? encoded(s.p + i, s.n - i) : c;

		if (byte < 0)
			return "the path has a '%' without two hexadecimal digits";
		if (byte == 0)
			return "the path has a zero byte";
		if (c != '%' && !is_name_byte(c) && !is_one_of(c, ":@/"))
			return "the path has a byte that must be percent-encoded";
		if (c == '/' && is_dots(s.p + i + 1, s.n - i - 1))
			return "the path has a '.' or '..' part";
	}
	return NULL;
}

/* Browsers send more in a query than RFC 3986 allows: any visible ASCII is taken. */
static const char *check_query(struct mf_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '#')
			return "the query has a byte that must be percent-encoded";
	return NULL;
}

/* ------------------------------------------------------------------- targets */

/* After "http://" or "https://": the host up to the path; the rest stays in *s. */
static const char *take_host(struct mf_str *s, struct mf_str *host)
{
	size_t n = 0;

	while (n < s->n && s->p[n] != '/' && s->p[n] != '?')
		n++;
	*host = mf_str_of(s->p, n);
	*s = mf_str_of(s->p + n, s->n - n);
	return n > 0 && target_is_host(*host) ? NULL : "the target's host is none";
}

static bool begins(struct mf_str s, const char *with)
{
	size_t n = strlen(with);

	if (s.n < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (mf_lower(s.p[i]) != (uint8_t)with[i])
			return false;
	return true;
}

static const char *take_scheme(struct mf_str *s, struct mf_str *host)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (unsigned i = 0; i < 2; i++) {
		size_t n = strlen(schemes[i]);

		if (!begins(*s, schemes[i]))
			continue;
		*s = mf_str_of(s->p + n, s->n - n);
		return take_host(s, host);
	}
	return s->n > 0 && s->p[0] == '/' ? NULL : "the target is neither a path nor an http URL";
}

const char *target_parse(struct target *target, struct mf_str text, bool options)
{
	const uint8_t *mark;
	const char *wrong;

	*target = (struct target){.path = text};
	if (options && mf_str_is(text, "*"))
		return NULL;
	wrong = take_scheme(&text, &target->host);
	if (wrong)
		return wrong;
	mark = text.n > 0 ? memchr(text.p, '?', text.n) : NULL;
	target->path = mf_str_of(text.p, mark ? (size_t)(mark - text.p) : text.n);
	if (mark)
		target->query = mf_str_of(mark + 1, text.n - target->path.n - 1);
	if (target->path.n == 0) /* RFC 9112, 3.2.2 and 3.2.4 */
		target->path = options && !mark ? MF_STR("*") : MF_STR("/");
	wrong = target->path.p[0] == '*' ? NULL : check_path(target->path);
	return wrong ? wrong : check_query(target->query);
}
