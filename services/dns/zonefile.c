/* zonefile.c - a zone file as records */
#include "zonefile.h"

#include "rdata.h"

static bool is_label_char(uint8_t c)
{
	c = mf_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/';
}

/* "example.test.zone" says what its names are relative to; "my zones.zone" doesn't. */
static void origin_from_file(struct name *origin, struct mf_str file)
{
	size_t n = file.n - sizeof(".zone") + 1;
	uint8_t label = 0;

	origin->n = 0;
	if (n == 0 || n > DNS_NAME_MAX - 2)
		return;
	for (size_t i = 0; i <= n; i++) {
		bool end = i == n || file.p[i] == '.';
		unsigned length = (unsigned)i - label;

		if (!end && !is_label_char(file.p[i]))
			return;
		if (end && (length == 0 || length > DNS_LABEL_MAX))
			return;
		if (end) {
			origin->wire[label] = (uint8_t)length;
			label = (uint8_t)(i + 1);
		} else {
			origin->wire[i + 1] = file.p[i];
		}
	}
	origin->wire[n + 1] = 0;
	origin->n = (uint8_t)(n + 2);
}

void zonefile_begin(struct zonefile *f, struct mf_str file, struct mf_str text)
{
	memset(f, 0, sizeof(*f));
	scan_begin(&f->scan, file, text);
	origin_from_file(&f->origin, file);
}

static void end_of_line(struct scan *s)
{
	struct token t = scan_next(s);

	if (t.kind != TOKEN_END)
		scan_fail(s, &t, "more than the directive holds", "the end of the line");
}

static void directive(struct zonefile *f, const struct token *t)
{
	struct scan *s = &f->scan;

	if (scan_is(t, "$ORIGIN")) {
		struct token value = scan_next(s);
		struct name origin;

		value_name(s, &value, &f->origin, &origin);
		f->origin = origin;
	} else if (scan_is(t, "$TTL")) {
		struct token value = scan_next(s);

		f->default_ttl = value_time(s, &value);
		f->have_default = true;
	} else if (scan_is(t, "$INCLUDE")) {
		scan_fail(s, t, "$INCLUDE is not possible: a service sees no other files",
			"the records themselves, in one file");
	} else {
		scan_fail(s, t, "an unknown directive", "$ORIGIN or $TTL");
	}
	end_of_line(s);
}

/* IN is passed over; false if it is no class at all. */
static bool class_word(const struct scan *s, const struct token *t)
{
	struct token prefix = *t;

	if (scan_is(t, "IN") || scan_is(t, "CLASS1"))
		return true;
	prefix.text.n = 5;
	if (scan_is(t, "CH") || scan_is(t, "HS") || scan_is(t, "CS") ||
		(t->text.n > 5 && scan_is(&prefix, "CLASS")))
		scan_fail(s, t, "a class that is not served here", "IN");
	return false;
}

/* [TTL] [class] type or [class] [TTL] type, from the token t on. */
static void read_head(struct zonefile *f, struct token t)
{
	struct scan *s = &f->scan;
	bool ttl = false, class = false;

	for (;; t = scan_next(s)) {
		if (!ttl && value_is_time(&t, &f->ttl)) {
			f->last_ttl = f->ttl = value_time(s, &t);
			f->have_last = ttl = true;
		} else if (!class && class_word(s, &t)) {
			class = true;
		} else {
			break;
		}
	}
	if (t.kind != TOKEN_WORD)
		scan_fail(s, &t, "a record without a type", "a type as A or MX");
	f->type = rdata_type(s, &t);
	f->type_token = t;
	if (ttl)
		return;
	if (!f->have_default && !f->have_last)
		scan_fail(s, &t, "a record without a TTL",
			"$TTL before it, or a TTL before the type");
	/* RFC 2308 4: $TTL if there is one, else the last stated (RFC 1035 5.1) */
	f->ttl = f->have_default ? f->default_ttl : f->last_ttl;
}

bool zonefile_next(struct zonefile *f)
{
	struct scan *s = &f->scan;
	bool blank;

	while (scan_entry(s, &blank)) {
		struct token t = scan_next(s);

		if (t.kind == TOKEN_END)
			continue; /* nothing but parentheses */
		f->at = t;
		if (!blank && t.kind == TOKEN_WORD && t.text.p[0] == '$') {
			directive(f, &t);
			continue;
		}
		if (!blank) {
			value_name(s, &t, &f->origin, &f->owner);
			t = scan_next(s);
		} else if (f->owner.n == 0) {
			scan_fail(s, &t, "a record without an owner",
				"a name at the start of the line");
		}
		read_head(f, t);
		return true;
	}
	return false;
}
