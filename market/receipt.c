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

#define KIND   "receipt 1"
#define SIGNED ",\"signature\":\""
#define START  "{\"mayfly\":\"" KIND "\""

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

static void put(struct text *t, const void *p, size_t n)
{
	if (n >= RECEIPT_MOST - t->n) {
		t->wrong = true;
		return;
	}
	memcpy(t->to + t->n, p, n);
	t->n += n;
	t->to[t->n] = '\0';
}

static void put_text(struct text *t, const char *text)
{
	put(t, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	char piece[64];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(piece))
		t->wrong = true;
	else
		put(t, piece, (size_t)n);
}

static bool is_utf8(const char *s)
{
	json_t *utf8 = json_string(s);

	json_decref(utf8);
	return utf8 != NULL;
}

static void add_string(struct text *t, const char *s, size_t most)
{
	char escaped[2 * RECEIPT_EVENT + 3];
	const char *from = s;
	unsigned char all = 0;
	size_t n = 0;

	if (strnlen(s, most) == most) {
		t->wrong = true;
		return;
	}
	escaped[n++] = '"';
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			t->wrong = true;
		if (*s == '"' || *s == '\\')
			escaped[n++] = '\\';
		all |= (unsigned char)*s;
		escaped[n++] = *s;
	}
	escaped[n++] = '"';
	if (all >= 0x80 && !is_utf8(from))
		t->wrong = true;
	put(t, escaped, n);
}

static void add_hash(struct text *t, const uint8_t *hash)
{
	char hex[65];

	sodium_bin2hex(hex, sizeof(hex), hash, 32);
	put(t, "\"", 1);
	put(t, hex, 64);
	put(t, "\"", 1);
}

static void add_unsigned(struct text *t, uint64_t n)
{
	char digits[24], *p = digits + sizeof(digits);

	*--p = '"';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	*--p = '"';
	put(t, p, (size_t)(digits + sizeof(digits) - p));
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

	put(t, ",\"", 2);
	put_text(t, m->name);
	put(t, "\":", 2);
	switch (m->form) {
	case STRING: add_string(t, from, m->size); break;
	case HASH: add_hash(t, from); break;
	case HASH_OR_NULL:
		if (r->has_snapshot)
			add_hash(t, from);
		else
			put_text(t, "null");
		break;
	case UNSIGNED: add_unsigned(t, *(const uint64_t *)from); break;
	case AMOUNT:
		t->wrong |= *(const int64_t *)from < 0;
		add_unsigned(t, (uint64_t) * (const int64_t *)from);
		break;
	case TIME: add_time(t, *(const int64_t *)from); break;
	case KEY_ID: add_key_id(t, from); break;
	}
}

static void write_body(struct text *t, const struct receipt *r)
{
	put_text(t, START);
	for (size_t i = 0; i < MEMBERS; i++)
		add_member(t, r, &members[i]);
}

int receipt_body(const struct receipt *r, char to[static RECEIPT_MOST])
{
	struct text t = {.to = to};

	write_body(&t, r);
	put(&t, "}", 1);
	return t.wrong ? -EINVAL : (int)t.n;
}

int receipt_text(const struct receipt *r, char to[static RECEIPT_MOST])
{
	char base64[sodium_base64_ENCODED_LEN(RECEIPT_SIGNATURE, sodium_base64_VARIANT_ORIGINAL)];
	struct text t = {.to = to};

	write_body(&t, r);
	sodium_bin2base64(base64, sizeof(base64), r->signature, RECEIPT_SIGNATURE,
		sodium_base64_VARIANT_ORIGINAL);
	put_text(&t, SIGNED);
	put_text(&t, base64);
	put(&t, "\"}", 2);
	return t.wrong ? -EINVAL : (int)t.n;
}

/* ------------------------------------------------------------------------ read */

/* Values are texts of n bytes without a zero among them; p NULL: null. */

static bool take_string(struct mf_str s, char *to, size_t size)
{
	if (!s.p || s.n >= size)
		return false;
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return true;
}

static bool take_hex(struct mf_str s, uint8_t *to, size_t n)
{
	size_t used;

	return s.p && s.n == 2 * n &&
		sodium_hex2bin(to, n, (const char *)s.p, 2 * n, NULL, &used, NULL) == 0 &&
		used == n;
}

static bool take_number(struct mf_str s, uint64_t *to)
{
	return s.p && num_parse(s, to);
}

#define TIME_TEXT "2026-11-22T19:42:16.123456789Z"

/* Whatever it makes of a date that is none: written anew it is another text. */
static bool take_time(struct mf_str s, int64_t *to)
{
	char text[sizeof(TIME_TEXT)];
	const char *end;
	struct tm tm = {0};
	uint64_t ns;
	int64_t at;

	if (!take_string(s, text, sizeof(text)) || s.n != sizeof(text) - 1)
		return false;
	end = strptime(text, "%Y-%m-%dT%H:%M:%S.", &tm);
	if (!end || strlen(end) != 10 || !num_parse(mf_str_of(end, 9), &ns))
		return false;
	return !__builtin_mul_overflow((int64_t)timegm(&tm), (int64_t)1000000000, &at) &&
		!__builtin_add_overflow(at, (int64_t)ns, to) && *to >= 0;
}

static bool take_key_id(struct mf_str s, uint8_t to[static 8])
{
	uint8_t shown[8];

	if (!take_hex(s, shown, sizeof(shown)))
		return false;
	for (unsigned i = 0; i < 8; i++)
		to[i] = shown[7 - i];
	return true;
}

static bool take_value(struct mf_str s, struct receipt *r, const struct member *m)
{
	void *to = (char *)r + m->at;
	uint64_t n;

	switch (m->form) {
	case STRING: return take_string(s, to, m->size);
	case HASH: return take_hex(s, to, 32);
	case HASH_OR_NULL: r->has_snapshot = s.p != NULL; return !s.p || take_hex(s, to, 32);
	case UNSIGNED: return take_number(s, to);
	case AMOUNT:
		if (!take_number(s, &n) || n > INT64_MAX)
			return false;
		*(int64_t *)to = (int64_t)n;
		return true;
	case TIME: return take_time(s, to);
	case KEY_ID: return take_key_id(s, to);
	}
	return false;
}

static bool take_signature(struct mf_str s, struct receipt *r)
{
	size_t n;

	return s.p &&
		sodium_base642bin(r->signature, RECEIPT_SIGNATURE, (const char *)s.p, s.n, NULL, &n,
			NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
		n == RECEIPT_SIGNATURE;
}

/* Is it the one text that this receipt has? */
static bool is_the_text(const struct receipt *r, struct mf_str text)
{
	char again[RECEIPT_MOST];
	const int n = receipt_text(r, again);

	return n >= 0 && (size_t)n == text.n && memcmp(again, text.p, text.n) == 0;
}

/* --- of one that is written as it must be; a tenth of the time of any JSON's. Whatever else it takes for one is
 * another text when it is written anew. */

static bool skip(struct mf_str *at, const char *literal)
{
	const size_t n = strlen(literal);

	if (at->n < n || memcmp(at->p, literal, n) != 0)
		return false;
	*at = mf_str_of(at->p + n, at->n - n);
	return true;
}

/* What stands between quotes, without escapes, in `room`. */
static bool next_value(struct mf_str *at, char room[static RECEIPT_EVENT + 1], struct mf_str *value)
{
	size_t n = 0;

	if (skip(at, "null")) {
		*value = (struct mf_str){0};
		return true;
	}
	if (!skip(at, "\""))
		return false;
	while (at->n > 0 && *at->p != '"' && n <= RECEIPT_EVENT) {
		const bool escape = *at->p == '\\' && at->n > 1;

		room[n++] = (char)at->p[escape];
		*at = mf_str_of(at->p + 1 + escape, at->n - 1 - escape);
	}
	*value = mf_str_of(room, n);
	return n <= RECEIPT_EVENT && !memchr(room, '\0', n) && skip(at, "\"");
}

static bool read_exact(struct mf_str text, struct receipt *r)
{
	char room[RECEIPT_EVENT + 1];
	struct mf_str at = text, value;

	if (!skip(&at, START))
		return false;
	for (size_t i = 0; i < MEMBERS; i++)
		if (!skip(&at, ",\"") || !skip(&at, members[i].name) || !skip(&at, "\":") ||
			!next_value(&at, room, &value) || !take_value(value, r, &members[i]))
			return false;
	return skip(&at, ",\"signature\":") && next_value(&at, room, &value) &&
		take_signature(value, r) && is_the_text(r, text);
}

/* --- of any JSON: to say what is wrong with it */

static bool value_of(const json_t *o, const char *name, struct mf_str *value)
{
	const json_t *j = json_object_get(o, name);

	*value = (struct mf_str){0};
	if (json_is_null(j))
		return true;
	if (!json_is_string(j) || strlen(json_string_value(j)) != json_string_length(j))
		return false;
	*value = mf_str_of(json_string_value(j), json_string_length(j));
	return true;
}

static int wrong(char error[static RECEIPT_ERROR_MAX], const char *what, const char *name)
{
	(void)snprintf(error, RECEIPT_ERROR_MAX, "%s%s", what, name);
	return -EINVAL;
}

static int take_all(const json_t *o, struct receipt *r, char error[static RECEIPT_ERROR_MAX])
{
	const char *kind = json_string_value(json_object_get(o, "mayfly"));
	struct mf_str value;

	if (!kind || strcmp(kind, KIND) != 0)
		return wrong(error, "it is no receipt: it doesn't begin with ", START);
	for (size_t i = 0; i < MEMBERS; i++)
		if (!value_of(o, members[i].name, &value) || !take_value(value, r, &members[i]))
			return wrong(error, "there is none, or it can't be: ", members[i].name);
	return value_of(o, "signature", &value) && take_signature(value, r)
		? 0
		: wrong(error, "there is none, or it can't be: ", "signature");
}

int receipt_read(struct mf_str text, struct receipt *r, char error[static RECEIPT_ERROR_MAX])
{
	json_error_t at;
	json_t *o;
	int e;

	*r = (struct receipt){0};
	if (text.n >= RECEIPT_MOST)
		return wrong(error, "it is too long", "");
	if (read_exact(text, r))
		return 0;
	*r = (struct receipt){0};
	o = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &at);
	if (!o)
		return wrong(error, "it is no JSON: ", at.text);
	e = take_all(o, r, error);
	json_decref(o);
	if (e == 0 && !is_the_text(r, text))
		e = wrong(error, "it isn't written the one way in which receipts are", "");
	return e;
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
