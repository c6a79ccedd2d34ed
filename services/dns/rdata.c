/* rdata.c - the data of records, from text or from RFC 3597's hex */
#include "rdata.h"

enum field {
	FIELD_NONE,
	FIELD_U8,
	FIELD_U16,
	FIELD_U32,
	FIELD_TIME,
	FIELD_NAME,
	FIELD_IP4,
	FIELD_IP6,
	FIELD_STRINGS, /* one or more, each with its length */
	FIELD_TAG,     /* CAA: a string of letters and digits */
	FIELD_VALUE,   /* CAA: the rest, without a length */
};

#define FIELDS_MAX 8

static const struct type {
	char name[8];
	uint16_t type;
	uint8_t field[FIELDS_MAX]; /* enum field, FIELD_NONE at the end */
} types[] = {
	{"A", DNS_A, {FIELD_IP4}},
	{"NS", DNS_NS, {FIELD_NAME}},
	{"CNAME", DNS_CNAME, {FIELD_NAME}},
	{"SOA", DNS_SOA,
		{FIELD_NAME, FIELD_NAME, FIELD_U32, FIELD_TIME, FIELD_TIME, FIELD_TIME,
			FIELD_TIME}},
	{"PTR", DNS_PTR, {FIELD_NAME}},
	{"MX", DNS_MX, {FIELD_U16, FIELD_NAME}},
	{"TXT", DNS_TXT, {FIELD_STRINGS}},
	{"AAAA", DNS_AAAA, {FIELD_IP6}},
	{"SRV", DNS_SRV, {FIELD_U16, FIELD_U16, FIELD_U16, FIELD_NAME}},
	{"CAA", DNS_CAA, {FIELD_U8, FIELD_TAG, FIELD_VALUE}},
};

#define TYPES (sizeof(types) / sizeof(types[0]))

static uint16_t check_type(const struct scan *s, const struct token *t, uint32_t type)
{
	if (type == DNS_DNAME)
		scan_fail(s, t, "DNAME is not served here", "CNAMEs, or a wildcard CNAME");
	/* RFC 6895 3.1: 128 to 255 are for questions and signatures of messages */
	if (type == 0 || type == DNS_OPT || (type >= 128 && type <= 255))
		scan_fail(s, t, "a type that no zone can hold", "another type");
	return (uint16_t)type;
}

uint16_t rdata_type(const struct scan *s, const struct token *t)
{
	struct token digits = *t;

	for (unsigned i = 0; i < TYPES; i++)
		if (scan_is(t, types[i].name))
			return types[i].type;
	if (scan_is(t, "DNAME"))
		check_type(s, t, DNS_DNAME);
	digits.text.n = 4;
	if (t->text.n <= 4 || !scan_is(&digits, "TYPE"))
		scan_fail(s, t, "an unknown type",
			"A AAAA NS SOA CNAME MX TXT SRV PTR CAA, or TYPE123 \\# LENGTH HEX");
	digits.text.p += 4;
	digits.text.n = t->text.n - 4;
	digits.column += 4;
	return check_type(s, &digits, value_number(s, &digits, UINT16_MAX));
}

/* ----------------------------------------------------------------- output */

struct output {
	struct build *b;
	uint8_t *to; /* NULL: measure */
	size_t n;
	size_t wire; /* what it comes to with names in whole */
};

static void put(struct output *o, const void *bytes, size_t n)
{
	if (o->to)
		memcpy(o->to + o->n, bytes, n);
	o->n += n;
	o->wire += n;
}

static void put_number(struct output *o, uint32_t value, unsigned bytes)
{
	for (unsigned i = bytes; i > 0; i--) {
		uint8_t byte = (uint8_t)(value >> (8 * (i - 1)));
		put(o, &byte, 1);
	}
}

static void put_name(struct output *o, const struct name *name)
{
	uint32_t node = 0;

	if (o->to)
		node = zone_offset(&o->b->z, build_name(o->b, name->wire));
	put(o, &node, sizeof(node));
	o->wire += name->n - sizeof(node);
}

/* ------------------------------------------------------------------- text */

/* Writes a token's characters; returns how many. */
static size_t put_chars(const struct scan *s, const struct token *t, struct output *o)
{
	const uint8_t *at = t->text.p, *end = at + t->text.n;
	size_t n = 0;
	uint8_t c;
	bool escaped;

	for (; at < end; n++) {
		if (!scan_char(&at, end, &c, &escaped))
			scan_fail(
				s, t, "a bad escape", "\\DDD with three digits up to 255, or \\X");
		put(o, &c, 1);
	}
	return n;
}

static void put_string(const struct scan *s, const struct token *t, struct output *o)
{
	struct output length = *o;
	uint8_t n = 0;

	put(o, &n, 1);
	size_t size = put_chars(s, t, o);
	if (size > 255)
		scan_fail(s, t, "a string that is too long",
			"at most 255 bytes: write it as \"...\" \"...\"");
	n = (uint8_t)size;
	put(&length, &n, 1);
}

static void put_strings(struct scan *s, const struct token *first, struct output *o)
{
	struct token t = *first;

	for (;;) {
		struct scan before = *s;

		put_string(s, &t, o);
		t = scan_next(s);
		if (t.kind == TOKEN_END) {
			*s = before; /* the end is the caller's to read */
			return;
		}
	}
}

static bool is_tag(const struct token *t)
{
	if (t->kind != TOKEN_WORD || t->text.n == 0 || t->text.n > 15)
		return false;
	for (size_t i = 0; i < t->text.n; i++) {
		uint8_t c = mf_lower(t->text.p[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
			return false;
	}
	return true;
}

static const char *const expected_fields[] = {
	[FIELD_NONE] = "",
	[FIELD_U8] = "a number from 0 to 255",
	[FIELD_U16] = "a number from 0 to 65535",
	[FIELD_U32] = "a number from 0 to 4294967295",
	[FIELD_TIME] = "seconds, or units as in 1h30m",
	[FIELD_NAME] = "a domain name",
	[FIELD_IP4] = "an IPv4 address",
	[FIELD_IP6] = "an IPv6 address",
	[FIELD_STRINGS] = "a string",
	[FIELD_TAG] = "a tag as issue or iodef: 1 to 15 letters and digits",
	[FIELD_VALUE] = "a value, in quotes",
};

static void text_field(
	struct scan *s, enum field field, const struct name *origin, struct output *o)
{
	struct token t = scan_next(s);
	struct name name;
	uint8_t bytes[16];

	if (t.kind == TOKEN_END)
		scan_fail(s, &t, "data is missing", expected_fields[field]);
	switch (field) {
	case FIELD_U8: put_number(o, value_number(s, &t, UINT8_MAX), 1); break;
	case FIELD_U16: put_number(o, value_number(s, &t, UINT16_MAX), 2); break;
	case FIELD_U32: put_number(o, value_number(s, &t, UINT32_MAX), 4); break;
	case FIELD_TIME: put_number(o, value_time(s, &t), 4); break;
	case FIELD_NAME:
		value_name(s, &t, origin, &name);
		put_name(o, &name);
		break;
	case FIELD_IP4:
		value_ip4(s, &t, bytes);
		put(o, bytes, 4);
		break;
	case FIELD_IP6:
		value_ip6(s, &t, bytes);
		put(o, bytes, 16);
		break;
	case FIELD_STRINGS: put_strings(s, &t, o); break;
	case FIELD_TAG:
		if (!is_tag(&t))
			scan_fail(s, &t, "not a CAA tag", expected_fields[field]);
		put_string(s, &t, o);
		break;
	case FIELD_VALUE: put_chars(s, &t, o); break;
	case FIELD_NONE: break;
	}
}

/* --------------------------------------------------- hex (RFC 3597 5) */

struct hex {
	struct scan *s;
	struct token t, length; /* the word that is being read; the length's, for messages */
	size_t at;              /* in t */
	uint32_t left;          /* bytes still to come, of those that the length announced */
};

static int hex_digit(struct hex *h)
{
	while (h->at == h->t.text.n) {
		h->t = scan_next(h->s);
		h->at = 0;
		if (h->t.kind != TOKEN_WORD)
			scan_fail(h->s, &h->t, "data is shorter than its length", "hex digits");
	}
	int v = value_hex(h->t.text.p[h->at++]);
	if (v < 0)
		scan_fail(h->s, &h->t, "not hex", "digits 0 to 9 and a to f");
	return v;
}

static uint8_t hex_byte(struct hex *h)
{
	if (h->left == 0)
		scan_fail(h->s, &h->length, "data that is too short for its type",
			"a greater length");
	h->left--;
	int high = hex_digit(h);
	return (uint8_t)(high << 4 | hex_digit(h));
}

static void hex_bytes(struct hex *h, struct output *o, uint32_t n)
{
	while (n-- > 0) {
		uint8_t c = hex_byte(h);
		put(o, &c, 1);
	}
}

static void hex_name(struct hex *h, struct output *o)
{
	struct name name = {.n = 0};
	uint8_t label;

	do {
		label = hex_byte(h);
		if (label > DNS_LABEL_MAX || name.n + label + 1u > DNS_NAME_MAX)
			scan_fail(h->s, &h->t, "not a name", "labels up to 63 bytes, 255 in all");
		name.wire[name.n++] = label;
		for (unsigned i = 0; i < label; i++)
			name.wire[name.n++] = hex_byte(h);
	} while (label != 0);
	put_name(o, &name);
}

static void hex_string(struct hex *h, struct output *o)
{
	uint8_t n = hex_byte(h);

	put(o, &n, 1);
	hex_bytes(h, o, n);
}

static void hex_field(struct hex *h, enum field field, struct output *o)
{
	switch (field) {
	case FIELD_U8: hex_bytes(h, o, 1); break;
	case FIELD_U16: hex_bytes(h, o, 2); break;
	case FIELD_U32:
	case FIELD_TIME:
	case FIELD_IP4: hex_bytes(h, o, 4); break;
	case FIELD_IP6: hex_bytes(h, o, 16); break;
	case FIELD_NAME: hex_name(h, o); break;
	case FIELD_TAG: hex_string(h, o); break;
	case FIELD_STRINGS:
		do
			hex_string(h, o);
		while (h->left > 0);
		break;
	case FIELD_VALUE: hex_bytes(h, o, h->left); break;
	case FIELD_NONE: break;
	}
}

static void read_hex(struct scan *s, const struct type *type, struct output *o)
{
	struct hex h = {.s = s, .length = scan_next(s)};

	h.left = value_number(s, &h.length, UINT16_MAX);
	if (!type)
		hex_bytes(&h, o, h.left);
	for (unsigned i = 0; type && i < FIELDS_MAX && type->field[i] != FIELD_NONE; i++)
		hex_field(&h, type->field[i], o);
	if (h.left > 0)
		scan_fail(s, &h.length, "data that is too long for its type", "a smaller length");
	if (h.at != h.t.text.n)
		scan_fail(s, &h.t, "data is longer than its length", "the end of the record");
}

static const struct type *find_type(uint16_t type)
{
	for (unsigned i = 0; i < TYPES; i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

size_t rdata_read(
	struct scan *s, uint16_t type, const struct name *origin, struct build *b, uint8_t *to)
{
	const struct type *known = find_type(type);
	struct output o = {.b = b, .to = to};
	struct scan before = *s;
	struct token first = scan_next(s);

	if (scan_is(&first, "\\#")) {
		read_hex(s, known, &o);
	} else if (!known) {
		scan_fail(s, &first, "data of a type without a text form here", "\\# LENGTH HEX");
	} else {
		*s = before;
		for (unsigned i = 0; i < FIELDS_MAX && known->field[i] != FIELD_NONE; i++)
			text_field(s, known->field[i], origin, &o);
	}
	if (o.wire > UINT16_MAX)
		scan_fail(s, &first, "data that is too long", "at most 65535 bytes");

	struct token end = scan_next(s);
	if (end.kind != TOKEN_END)
		scan_fail(s, &end, "more than the record holds", "the end of the record");
	return o.n;
}
