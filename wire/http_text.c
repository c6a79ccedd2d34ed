/* wire/http_text.c - see http_text.h */
#include "wire/http_text.h"

#include "base/num.h"

/* A life runs each of these once or twice, on a few bytes: small code is fast code here. */
#pragma GCC optimize("Os")

/* ------------------------------------------------------ paths and queries */

bool http_hex(struct mf_str text, uint8_t *to, size_t n)
{
	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int byte = num_hex_byte(text.p + 2 * i, 2);

		if (byte < 0)
			return false;
		to[i] = (uint8_t)byte;
	}
	return true;
}

bool http_decode(struct mf_str text, bool form, uint8_t *to, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < text.n; i++) {
		int byte = text.p[i];

		if (byte == '%') {
			byte = num_hex_byte(text.p + i + 1, text.n - i - 1);
			if (byte < 0)
				return false;
			i += 2;
		} else if (byte == '+' && form) {
			byte = ' ';
		}
		to[(*n)++] = (uint8_t)byte;
	}
	return true;
}

/* Where `c` stands in s, or s.n. */
static size_t find(struct mf_str s, uint8_t c)
{
	size_t i = 0;

	while (i < s.n && s.p[i] != c)
		i++;
	return i;
}

static struct mf_str behind(struct mf_str s, size_t n)
{
	return n < s.n ? mf_str_of(s.p + n, s.n - n) : mf_str_of(s.p + s.n, 0);
}

struct mf_str http_parameter(struct mf_str query, const char *name)
{
	while (query.n > 0) {
		struct mf_str pair = mf_str_of(query.p, find(query, '&'));
		size_t equals = find(pair, '=');

		if (mf_str_is(mf_str_of(pair.p, equals), name))
			return behind(pair, equals + 1);
		query = behind(query, pair.n + 1);
	}
	return mf_str_of(NULL, 0);
}

/* ------------------------------------------------------------------ lists */

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct mf_str trim(struct mf_str s)
{
	while (s.n > 0 && is_space(s.p[0]))
		s = behind(s, 1);
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Up to the next `c` that is not between quotes. A backslash doesn't escape: in entity tags, whose
 * lists must be read right, it is a character like others (RFC 9110 8.8.3). */
static struct mf_str until(struct mf_str s, uint8_t c)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < s.n && (quoted || s.p[i] != c); i++)
		if (s.p[i] == '"')
			quoted = !quoted;
	return mf_str_of(s.p, i);
}

static bool next(struct mf_str *list, uint8_t separator, struct mf_str *item)
{
	while (list->n > 0) {
		struct mf_str all = until(*list, separator);

		*list = behind(*list, all.n + 1);
		*item = trim(all);
		if (item->n > 0)
			return true;
	}
	return false;
}

bool http_list_next(struct mf_str *list, struct mf_str *item)
{
	return next(list, ',', item);
}

static bool same(struct mf_str a, const char *b, size_t n)
{
	if (a.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (mf_lower(a.p[i]) != mf_lower((uint8_t)b[i]))
			return false;
	return true;
}

/* RFC 9110 12.4.2: 0, 1, or either with up to three digits behind a dot. 0 for anything else: what
 * can't be read is not wanted. */
static int weight_of(struct mf_str text)
{
	static const int digit[] = {1000, 0, 100, 10, 1};
	int sum = 0;

	if (text.n == 0 || text.n > 5)
		return 0;
	for (size_t i = 0; i < text.n; i++) {
		if (i == 1 && text.p[i] == '.')
			continue;
		if (i == 1 || text.p[i] < '0' || text.p[i] > '9')
			return 0;
		sum += digit[i] * (text.p[i] - '0');
	}
	return sum <= 1000 ? sum : 0;
}

/* The weight among an item's parameters, of which q is the only one that is looked at. */
static int item_weight(struct mf_str parameters)
{
	struct mf_str one;

	while (next(&parameters, ';', &one))
		if (one.n >= 2 && mf_lower(one.p[0]) == 'q' && one.p[1] == '=')
			return weight_of(behind(one, 2));
	return 1000;
}

/* How exactly a range names `what`: 3 "text/html", 2 "text/" and a star, 1 all stars, 0 not. */
static int exactness(struct mf_str range, const char *what)
{
	size_t n = __builtin_strlen(what), slash = 0;

	while (slash < n && what[slash] != '/')
		slash++;
	if (same(range, what, n))
		return 3;
	if (slash == n)
		return mf_str_is(range, "*");
	if (range.n == slash + 2 && range.p[slash + 1] == '*' &&
		same(mf_str_of(range.p, slash + 1), what, slash + 1))
		return 2;
	return mf_str_is(range, "*/*");
}

int http_weight(struct mf_str list, const char *what)
{
	int weight = HTTP_UNSAID, best = 0;
	struct mf_str item;

	while (http_list_next(&list, &item)) {
		struct mf_str range = until(item, ';');
		int exact = exactness(trim(range), what);

		if (exact > best) {
			best = exact;
			weight = item_weight(behind(item, range.n + 1));
		}
	}
	return weight;
}

bool http_etag_named(struct mf_str list, struct mf_str etag, bool weakly)
{
	struct mf_str item;

	if (mf_str_is(trim(list), "*"))
		return true;
	while (http_list_next(&list, &item)) {
		if (weakly && item.n > 2 && item.p[0] == 'W' && item.p[1] == '/')
			item = behind(item, 2);
		if (mf_str_eq(item, etag))
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ ranges */

/* Digits as a number; what is over 2^64 - 1 is as good as that. */
static bool number(struct mf_str digits, uint64_t *value)
{
	for (size_t i = 0; i < digits.n; i++)
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
	if (!num_parse(digits, value))
		*value = UINT64_MAX;
	return digits.n > 0;
}

static enum http_range suffix(uint64_t n, uint64_t size, uint64_t *first, uint64_t *last)
{
	if (n == 0)
		return HTTP_RANGE_OUTSIDE;
	if (size == 0)
		return HTTP_RANGE_ALL; /* all of nothing, which no Content-Range can say */
	*first = n < size ? size - n : 0;
	*last = size - 1;
	return HTTP_RANGE_PART;
}

enum http_range http_range(struct mf_str value, uint64_t size, uint64_t *first, uint64_t *last)
{
	static const char unit[] = "bytes=";
	size_t n = sizeof(unit) - 1, dash;
	struct mf_str spec, end;
	uint64_t from, to = UINT64_MAX;

	value = trim(value);
	if (value.n < n || !same(mf_str_of(value.p, n), unit, n))
		return HTTP_RANGE_ALL;
	spec = trim(behind(value, n));
	dash = find(spec, '-');
	end = behind(spec, dash + 1);
	if (dash == spec.n || (end.n > 0 && !number(end, &to)))
		return HTTP_RANGE_ALL;
	if (dash == 0)
		return end.n > 0 ? suffix(to, size, first, last) : HTTP_RANGE_ALL;
	if (!number(mf_str_of(spec.p, dash), &from) || from > to)
		return HTTP_RANGE_ALL;
	if (from >= size)
		return HTTP_RANGE_OUTSIDE;
	*first = from;
	*last = to < size ? to : size - 1;
	return HTTP_RANGE_PART;
}
