/* values.c - the values that stand in a zone file */
#include "values.h"

static void add_byte(const struct scan *s, const struct token *t, struct name *name, uint8_t c)
{
	if (name->n == DNS_NAME_MAX)
		scan_fail(s, t, "a name that is too long", "at most 255 bytes with its origin");
	name->wire[name->n++] = c;
}

/* Ends the label that starts at `label`, and begins the next. */
static uint8_t end_label(
	const struct scan *s, const struct token *t, struct name *name, uint8_t label)
{
	unsigned n = name->n - label - 1u;

	if (n == 0)
		scan_fail(s, t, "a name with an empty label", "one dot between labels");
	if (n > DNS_LABEL_MAX)
		scan_fail(s, t, "a name with a label that is too long", "at most 63 bytes a label");
	name->wire[label] = (uint8_t)n;
	label = name->n;
	add_byte(s, t, name, 0);
	return label;
}

static void add_origin(
	const struct scan *s, const struct token *t, const struct name *origin, struct name *name)
{
	if (origin->n == 0)
		scan_fail(s, t, "a relative name where no origin is known",
			"a name with a final dot, or $ORIGIN before it");
	name->n--; /* the byte that would have ended it */
	for (unsigned i = 0; i < origin->n; i++)
		add_byte(s, t, name, origin->wire[i]);
}

void value_name(
	const struct scan *s, const struct token *t, const struct name *origin, struct name *name)
{
	const uint8_t *at = t->text.p, *end = at + t->text.n;
	uint8_t label = 0, c = 0;
	bool escaped = false, absolute = false;

	if (t->kind != TOKEN_WORD)
		scan_fail(s, t, "not a name", "a domain name");
	name->n = 0;
	add_byte(s, t, name, 0);
	if (mf_str_is(t->text, "."))
		return;
	if (mf_str_is(t->text, "@")) {
		add_origin(s, t, origin, name);
		return;
	}
	while (at < end) {
		if (!scan_char(&at, end, &c, &escaped))
			scan_fail(
				s, t, "a bad escape", "\\DDD with three digits up to 255, or \\X");
		absolute = c == '.' && !escaped;
		if (absolute)
			label = end_label(s, t, name, label);
		else
			add_byte(s, t, name, c);
	}
	if (absolute)
		return;
	end_label(s, t, name, label);
	add_origin(s, t, origin, name);
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

uint32_t value_number(const struct scan *s, const struct token *t, uint32_t max)
{
	uint64_t value = 0;
	char expected[48];

	mf_format(expected, sizeof(expected), "a number from 0 to %u", max);
	if (t->kind != TOKEN_WORD || t->text.n > 10)
		scan_fail(s, t, "not a number", expected);
	for (size_t i = 0; i < t->text.n; i++) {
		if (!is_digit(t->text.p[i]))
			scan_fail(s, t, "not a number", expected);
		value = value * 10 + t->text.p[i] - '0';
	}
	if (value > max)
		scan_fail(s, t, "a number out of range", expected);
	return (uint32_t)value;
}

static uint32_t unit_seconds(uint8_t c)
{
	switch (mf_lower(c)) {
	case 's': return 1;
	case 'm': return 60;
	case 'h': return 3600;
	case 'd': return 86400;
	case 'w': return 604800;
	default: return 0;
	}
}

bool value_is_time(const struct token *t, uint32_t *seconds)
{
	uint64_t total = 0, part = 0;
	bool digits = false;

	if (t->kind != TOKEN_WORD || t->text.n == 0 || !is_digit(t->text.p[0]))
		return false;
	for (size_t i = 0; i < t->text.n; i++) {
		uint8_t c = t->text.p[i];

		if (is_digit(c)) {
			part = part * 10 + c - '0';
			digits = true;
		} else {
			if (!digits || unit_seconds(c) == 0)
				return false;
			total += part * unit_seconds(c);
			part = 0;
			digits = false;
		}
		if (part > UINT32_MAX || total > UINT32_MAX)
			part = total = UINT32_MAX; /* stays there */
	}
	total += part;
	*seconds = total > UINT32_MAX ? UINT32_MAX : (uint32_t)total;
	return true;
}

uint32_t value_time(const struct scan *s, const struct token *t)
{
	static const char expected[] = "seconds up to 2147483647, or units as in 1h30m";
	uint32_t seconds;

	if (!value_is_time(t, &seconds))
		scan_fail(s, t, "not a time", expected);
	if (seconds > DNS_TTL_MAX)
		scan_fail(s, t, "a time out of range", expected);
	return seconds;
}

/* a.b.c.d up to `end`; false if it is none */
static bool read_ip4(const uint8_t *at, const uint8_t *end, uint8_t out[static 4])
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned value = 0, digits = 0;

		if (i > 0 && (at == end || *at++ != '.'))
			return false;
		for (; at < end && is_digit(*at); at++, digits++)
			value = value * 10 + *at - '0';
		if (digits == 0 || digits > 3 || value > 255)
			return false;
		if (digits > 1 && at[-(int)digits] == '0')
			return false; /* some read a leading 0 as octal */
		out[i] = (uint8_t)value;
	}
	return at == end;
}

void value_ip4(const struct scan *s, const struct token *t, uint8_t out[static 4])
{
	if (t->kind != TOKEN_WORD || !read_ip4(t->text.p, t->text.p + t->text.n, out))
		scan_fail(s, t, "not an IPv4 address", "one as 192.0.2.1");
}

int value_hex(uint8_t c)
{
	if (is_digit(c))
		return c - '0';
	c = mf_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct ip6_reader {
	const uint8_t *at, *end;
	uint8_t *out;
	unsigned n;   /* bytes so far */
	unsigned gap; /* where "::" stands; 17: nowhere */
};

/* One group of hex digits, or a whole IPv4 address at the end. */
static bool read_group(struct ip6_reader *r)
{
	const uint8_t *start = r->at;
	unsigned value = 0, digits = 0;

	for (; r->at < r->end && value_hex(*r->at) >= 0 && digits < 5; r->at++, digits++)
		value = value << 4 | (unsigned)value_hex(*r->at);
	if (r->at < r->end && *r->at == '.') {
		if (r->n > 12 || !read_ip4(start, r->end, r->out + r->n))
			return false;
		r->at = r->end;
		r->n += 4;
		return true;
	}
	if (digits == 0 || digits > 4 || r->n > 14)
		return false;
	r->out[r->n++] = (uint8_t)(value >> 8);
	r->out[r->n++] = (uint8_t)value;
	return true;
}

static bool read_ip6(struct ip6_reader *r)
{
	while (r->at < r->end) {
		if (r->end - r->at >= 2 && r->at[0] == ':' && r->at[1] == ':') {
			if (r->gap <= 16)
				return false;
			r->gap = r->n;
			r->at += 2;
			continue;
		}
		if (r->n > 0 && r->gap != r->n) {
			if (*r->at++ != ':')
				return false;
		}
		if (!read_group(r))
			return false;
	}
	if (r->gap > 16)
		return r->n == 16;
	if (r->n > 14)
		return false;
	for (unsigned i = 0; i < r->n - r->gap; i++) {
		r->out[15 - i] = r->out[r->n - 1 - i];
		r->out[r->n - 1 - i] = 0;
	}
	return true;
}

void value_ip6(const struct scan *s, const struct token *t, uint8_t out[static 16])
{
	struct ip6_reader r = {t->text.p, t->text.p + t->text.n, out, 0, 17};

	memset(out, 0, 16);
	if (t->kind != TOKEN_WORD || !read_ip6(&r))
		scan_fail(s, t, "not an IPv6 address", "one as 2001:db8::1");
}
