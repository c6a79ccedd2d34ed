/* market/receipt.c - see receipt.h */
#include "market/receipt.h"

#include <errno.h>
#include <jansson.h>
#include <sodium/crypto_sign.h>
#include <sodium/utils.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/num.h"

#define KIND "receipt 1"

enum form { STRING, HASH, HASH_OR_NULL, UNSIGNED, AMOUNT, TIME, KEY_ID };

/* All members but the first and the signature, in their order. */
static const struct member {
	const char *name;
	enum form form;
	size_t at, size;
} members[] = {
#define MEMBER(name, form)                                                                         \
	{                                                                                          \
#name, form, offsetof(struct receipt, name),                                       \
			sizeof(((struct receipt *)NULL)->name)                                     \
	}
	MEMBER(account, STRING),
	MEMBER(event, STRING),
	MEMBER(service, STRING),
	MEMBER(version, STRING),
	MEMBER(image, HASH),
	MEMBER(input, HASH),
	MEMBER(output, HASH),
	MEMBER(unit, STRING),
	MEMBER(quantity, UNSIGNED),
	MEMBER(price, AMOUNT),
	MEMBER(currency, STRING),
	MEMBER(cpu_ns, UNSIGNED),
	MEMBER(memory, UNSIGNED),
	MEMBER(snapshot, HASH_OR_NULL),
	MEMBER(at, TIME),
	{"key", KEY_ID, offsetof(struct receipt, key_id), 8},
};
#define MEMBERS (sizeof(members) / sizeof(*members))

/* ----------------------------------------------------------------------- write */

struct text {
	char *to;
	size_t n;
	bool wrong;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	size_t room = RECEIPT_MOST - t->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->to + t->n, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		t->wrong = true;
	else
		t->n += (size_t)n;
}

static void add_string(struct text *t, const char *s, size_t most)
{
	char escaped[2 * RECEIPT_EVENT + 1];
	size_t n = 0;
	json_t *utf8;

	if (strnlen(s, most) == most) {
		t->wrong = true;
		return;
	}
	utf8 = json_string(s);
	t->wrong |= !utf8;
	json_decref(utf8);
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			t->wrong = true;
		if (*s == '"' || *s == '\\')
			escaped[n++] = '\\';
		escaped[n++] = *s;
	}
	escaped[n] = '\0';
	add(t, "\"%s\"", escaped);
}

static void add_hash(struct text *t, const uint8_t *hash)
{
	char hex[65];

	add(t, "\"%s\"", sodium_bin2hex(hex, sizeof(hex), hash, 32));
}

static void add_time(struct text *t, int64_t at)
{
	time_t seconds = (time_t)(at / 1000000000);
	struct tm tm;

	if (at < 0 || !gmtime_r(&seconds, &tm))
		t->wrong = true;
	else
		add(t, "\"%04d-%02d-%02dT%02d:%02d:%02d.%09dZ\"", tm.tm_year + 1900, tm.tm_mon + 1,
			tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(at % 1000000000));
}

/* As minisign shows it: the last byte first. */
static void add_key_id(struct text *t, const uint8_t *id)
{
	add(t, "\"%02X%02X%02X%02X%02X%02X%02X%02X\"", id[7], id[6], id[5], id[4], id[3], id[2],
		id[1], id[0]);
}

static void add_member(struct text *t, const struct receipt *r, const struct member *m)
{
	const void *from = (const char *)r + m->at;

	add(t, ",\"%s\":", m->name);
	switch (m->form) {
	case STRING: add_string(t, from, m->size); break;
	case HASH: add_hash(t, from); break;
	case HASH_OR_NULL:
		if (r->has_snapshot)
			add_hash(t, from);
		else
			add(t, "null");
		break;
	case UNSIGNED: add(t, "\"%llu\"", (unsigned long long)*(const uint64_t *)from); break;
	case AMOUNT:
		t->wrong |= *(const int64_t *)from < 0;
		add(t, "\"%lld\"", (long long)*(const int64_t *)from);
		break;
	case TIME: add_time(t, *(const int64_t *)from); break;
	case KEY_ID: add_key_id(t, from); break;
	}
}

static void write_body(struct text *t, const struct receipt *r)
{
	add(t, "{\"mayfly\":\"" KIND "\"");
	for (size_t i = 0; i < MEMBERS; i++)
		add_member(t, r, &members[i]);
}

int receipt_body(const struct receipt *r, char to[static RECEIPT_MOST])
{
	struct text t = {.to = to};

	write_body(&t, r);
	add(&t, "}");
	return t.wrong ? -EINVAL : (int)t.n;
}

int receipt_text(const struct receipt *r, char to[static RECEIPT_MOST])
{
	char base64[sodium_base64_ENCODED_LEN(RECEIPT_SIGNATURE, sodium_base64_VARIANT_ORIGINAL)];
	struct text t = {.to = to};

	write_body(&t, r);
	add(&t, ",\"signature\":\"%s\"}",
		sodium_bin2base64(base64, sizeof(base64), r->signature, RECEIPT_SIGNATURE,
			sodium_base64_VARIANT_ORIGINAL));
	return t.wrong ? -EINVAL : (int)t.n;
}

/* ------------------------------------------------------------------------ read */

static bool take_string(const json_t *value, char *to, size_t size)
{
	const char *s = json_string_value(value);

	if (!s || json_string_length(value) >= size || strlen(s) != json_string_length(value))
		return false;
	memcpy(to, s, json_string_length(value) + 1);
	return true;
}

static bool take_hex(const json_t *value, uint8_t *to, size_t n)
{
	const char *s = json_string_value(value);
	size_t used;

	return s && strlen(s) == 2 * n && sodium_hex2bin(to, n, s, 2 * n, NULL, &used, NULL) == 0 &&
		used == n;
}

static bool take_number(const json_t *value, uint64_t *to)
{
	const char *s = json_string_value(value);

	return s && num_parse(mf_str_of(s, strlen(s)), to);
}

/* Whatever it makes of a date that is none: written anew it is another text. */
static bool take_time(const json_t *value, int64_t *to)
{
	const char *s = json_string_value(value), *end;
	struct tm tm = {0};
	uint64_t ns;
	int64_t at;

	end = s ? strptime(s, "%Y-%m-%dT%H:%M:%S.", &tm) : NULL;
	if (!end || strlen(end) != 10 || !num_parse(mf_str_of(end, 9), &ns))
		return false;
	return !__builtin_mul_overflow((int64_t)timegm(&tm), (int64_t)1000000000, &at) &&
		!__builtin_add_overflow(at, (int64_t)ns, to) && *to >= 0;
}

static bool take_key_id(const json_t *value, uint8_t to[static 8])
{
	uint8_t shown[8];

	if (!take_hex(value, shown, sizeof(shown)))
		return false;
	for (unsigned i = 0; i < 8; i++)
		to[i] = shown[7 - i];
	return true;
}

static bool take_member(const json_t *o, struct receipt *r, const struct member *m)
{
	const json_t *value = json_object_get(o, m->name);
	void *to = (char *)r + m->at;
	uint64_t n;

	switch (m->form) {
	case STRING: return take_string(value, to, m->size);
	case HASH: return take_hex(value, to, 32);
	case HASH_OR_NULL:
		r->has_snapshot = !json_is_null(value);
		return !r->has_snapshot || take_hex(value, to, 32);
	case UNSIGNED: return take_number(value, to);
	case AMOUNT:
		if (!take_number(value, &n) || n > INT64_MAX)
			return false;
		*(int64_t *)to = (int64_t)n;
		return true;
	case TIME: return take_time(value, to);
	case KEY_ID: return take_key_id(value, to);
	}
	return false;
}

static bool take_signature(const json_t *o, struct receipt *r)
{
	const char *s = json_string_value(json_object_get(o, "signature"));
	size_t n;

	return s &&
		sodium_base642bin(r->signature, RECEIPT_SIGNATURE, s, strlen(s), NULL, &n, NULL,
			sodium_base64_VARIANT_ORIGINAL) == 0 &&
		n == RECEIPT_SIGNATURE;
}

static int wrong(char error[static RECEIPT_ERROR_MAX], const char *what, const char *name)
{
	(void)snprintf(error, RECEIPT_ERROR_MAX, "%s%s", what, name);
	return -EINVAL;
}

static int take_all(const json_t *o, struct receipt *r, char error[static RECEIPT_ERROR_MAX])
{
	const char *kind = json_string_value(json_object_get(o, "mayfly"));

	if (!kind || strcmp(kind, KIND) != 0)
		return wrong(error, "it is no receipt: it doesn't begin with ",
			"{\"mayfly\":\"" KIND "\"");
	for (size_t i = 0; i < MEMBERS; i++)
		if (!take_member(o, r, &members[i]))
			return wrong(error, "there is none, or it can't be: ", members[i].name);
	return take_signature(o, r) ? 0
				    : wrong(error, "there is none, or it can't be: ", "signature");
}

int receipt_read(struct mf_str text, struct receipt *r, char error[static RECEIPT_ERROR_MAX])
{
	char again[RECEIPT_MOST];
	json_error_t at;
	json_t *o;
	int n;

	*r = (struct receipt){0};
	if (text.n >= RECEIPT_MOST)
		return wrong(error, "it is too long", "");
	o = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &at);
	if (!o)
		return wrong(error, "it is no JSON: ", at.text);
	n = take_all(o, r, error);
	json_decref(o);
	if (n < 0)
		return n;
	n = receipt_text(r, again);
	if (n < 0 || (size_t)n != text.n || memcmp(again, text.p, text.n) != 0)
		return wrong(error, "it isn't written the one way in which receipts are", "");
	return 0;
}

/* ------------------------------------------------------------------------ sign */

int receipt_sign(struct receipt *r, const uint8_t secret[static RECEIPT_SECRET])
{
	char body[RECEIPT_MOST];
	int n = receipt_body(r, body);

	if (n < 0)
		return n;
	(void)crypto_sign_detached(
		r->signature, NULL, (const unsigned char *)body, (unsigned)n, secret);
	return 0;
}

bool receipt_is_signed(const struct receipt *r, const uint8_t key[static RECEIPT_KEY])
{
	char body[RECEIPT_MOST];
	int n = receipt_body(r, body);

	return n > 0 &&
		crypto_sign_verify_detached(
			r->signature, (const unsigned char *)body, (unsigned)n, key) == 0;
}
