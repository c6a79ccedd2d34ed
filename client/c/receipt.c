/* client/c/receipt.c - what a paid answer leaves behind: read, and held against what was asked. Its form is the center's
 * (market/receipt.h): one line of JSON, signed with Ed25519 up to its signature. */
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "client/c/inner.h"

#define KIND      "receipt 1"
#define SIGNED    ",\"signature\":\""
#define BASE64    88u /* letters of a signature */
#define SIGNATURE 64u
#define KEY_FILE  4096u
#define KEY_TEXT                                                                                   \
	56u /* "Ed", 8 bytes of an id and 32 of a key, in base64, as minisign writes them */
#define KEY_BYTES 42u

static enum mayfly_error wrong(char *text, enum mayfly_error error, const char *why)
{
	text[0] = '\0';
	text_add(text, "receipt: %s", why);
	return error;
}

/* ------------------------------------------------------------------------ read */

static bool take_text(const json_t *o, const char *name, char *to, size_t size)
{
	const char *value = json_string_value(json_object_get(o, name));

	if (!value || strlen(value) >= size)
		return false;
	memcpy(to, value, strlen(value) + 1);
	return true;
}

static bool take_number(const json_t *o, const char *name, uint64_t most, uint64_t *to)
{
	const char *value = json_string_value(json_object_get(o, name));

	return value && num_parse(mf_str_of(value, strlen(value)), to) && *to <= most;
}

static bool take_all(const json_t *o, struct mayfly_receipt *r)
{
	uint64_t price = 0;
	char kind[sizeof(KIND)];
	bool well = take_text(o, "mayfly", kind, sizeof(kind)) && strcmp(kind, KIND) == 0;

	well = well && take_text(o, "account", r->account, sizeof(r->account));
	well = well && take_text(o, "event", r->event, sizeof(r->event));
	well = well && take_text(o, "service", r->service, sizeof(r->service));
	well = well && take_text(o, "version", r->version, sizeof(r->version));
	well = well && take_text(o, "image", r->image, sizeof(r->image));
	well = well && take_text(o, "input", r->input, sizeof(r->input));
	well = well && take_text(o, "output", r->output, sizeof(r->output));
	well = well && take_text(o, "unit", r->unit, sizeof(r->unit));
	well = well && take_text(o, "currency", r->currency, sizeof(r->currency));
	well = well && take_text(o, "at", r->at, sizeof(r->at));
	well = well && take_text(o, "key", r->key, sizeof(r->key));
	well = well && take_number(o, "quantity", UINT64_MAX, &r->quantity);
	well = well && take_number(o, "price", INT64_MAX, &price);
	well = well && take_number(o, "cpu_ns", UINT64_MAX, &r->cpu_ns);
	well = well && take_number(o, "memory", UINT64_MAX, &r->memory);
	r->price = (int64_t)price;
	return well &&
		(json_is_null(json_object_get(o, "snapshot")) ||
			take_text(o, "snapshot", r->snapshot, sizeof(r->snapshot)));
}

enum mayfly_error mayfly_receipt_read(
	const char *line, struct mayfly_receipt *r, char text[MAYFLY_TEXT])
{
	size_t n = strlen(line);
	bool well;
	json_t *o;

	*r = (struct mayfly_receipt){0};
	text[0] = '\0';
	while (n > 0 && line[n - 1] == '\n')
		n--;
	if (n >= sizeof(r->line))
		return wrong(text, MAYFLY_TOO_LARGE, "it is too long for one");
	memcpy(r->line, line, n);
	o = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	well = take_all(o, r);
	json_decref(o);
	return well ? MAYFLY_OK : wrong(text, MAYFLY_CHANGED, "it isn't written as one");
}

enum mayfly_error mayfly_receipt(
	const struct mayfly_answer *answer, struct mayfly_receipt *r, char text[MAYFLY_TEXT])
{
	const char *header = mayfly_header(answer, "mayfly-receipt");
	unsigned char line[sizeof(r->line) + 3];
	size_t n = header ? strlen(header) : 0;
	int length;

	*r = (struct mayfly_receipt){0};
	if (!header)
		return wrong(text, MAYFLY_WRONG, "the answer has none: it cost nothing");
	if (n == 0 || n % 4 != 0 || n / 4 * 3 > sizeof(line) - 1)
		return wrong(text, MAYFLY_CHANGED, "it isn't written as one");
	length = EVP_DecodeBlock(line, (const unsigned char *)header, (int)n);
	if (length < 0)
		return wrong(text, MAYFLY_CHANGED, "it isn't written as one");
	/* what '=' stands for is decoded as zeros */
	length -= header[n - 1] == '=';
	length -= header[n - 2] == '=';
	line[length] = '\0';
	return mayfly_receipt_read((const char *)line, r, text);
}

/* ------------------------------------------------------------------------- key */

/* The first word of 56 letters: of a file's second line, or all there is. */
static bool find_key(const char *text, unsigned char to[static KEY_BYTES])
{
	unsigned char bytes[KEY_BYTES + 3];

	for (size_t n; *text; text += n + (text[n] != '\0')) {
		n = strcspn(text, " \t\r\n");
		if (n != KEY_TEXT ||
			EVP_DecodeBlock(bytes, (const unsigned char *)text, KEY_TEXT) !=
				(int)KEY_BYTES ||
			memcmp(bytes, "Ed", 2) != 0)
			continue;
		memcpy(to, bytes, KEY_BYTES);
		return true;
	}
	return false;
}

static enum mayfly_error get_key(
	const struct mayfly_expected *e, unsigned char to[static KEY_BYTES], char *text)
{
	char bytes[KEY_FILE + 1] = "";
	FILE *file;
	size_t n;

	if (e->key)
		return find_key(e->key, to) ? MAYFLY_OK
					    : wrong(text, MAYFLY_WRONG, "key: it is none");
	file = e->key_file ? fopen(e->key_file, "re") : NULL;
	if (!file)
		return wrong(text, e->key_file ? MAYFLY_FILE : MAYFLY_WRONG,
			e->key_file ? "key_file: it can't be read" : "signed by which key?");
	n = fread(bytes, 1, KEY_FILE, file);
	(void)fclose(file);
	bytes[n] = '\0';
	return find_key(bytes, to) ? MAYFLY_OK
				   : wrong(text, MAYFLY_FILE, "key_file: there is no key in it");
}

/* As minisign shows it: the last byte first. */
static bool is_key_id(const char *shown, const unsigned char *id)
{
	char right[17];

	for (size_t i = 0; i < 8; i++)
		(void)snprintf(right + 2 * i, 3, "%02X", id[7 - i]);
	return strcmp(shown, right) == 0;
}

/* ---------------------------------------------------------------------- verify */

static bool is_right(
	const unsigned char *key, const unsigned char *signature, const char *body, size_t n)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, 32);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const bool right = pkey && context &&
		EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
		EVP_DigestVerify(context, signature, SIGNATURE, (const unsigned char *)body, n) ==
			1;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(pkey);
	return right;
}

/* There is one way to write it. */
static bool take_signature(const char *text, unsigned char to[static SIGNATURE + 2])
{
	unsigned char again[BASE64 + 1];

	return EVP_DecodeBlock(to, (const unsigned char *)text, BASE64) == SIGNATURE + 2 &&
		EVP_EncodeBlock(again, to, SIGNATURE) == BASE64 && memcmp(again, text, BASE64) == 0;
}

/* The line up to its signature, and a brace; nothing stands behind. */
static bool is_signed(const struct mayfly_receipt *r, const unsigned char *key)
{
	const size_t tail = sizeof(SIGNED) - 1 + BASE64 + 2, n = strlen(r->line);
	unsigned char signature[SIGNATURE + 2];
	char body[sizeof(r->line)];
	const char *at;

	if (n <= tail)
		return false;
	at = r->line + n - tail;
	if (memcmp(at, SIGNED, sizeof(SIGNED) - 1) != 0 || strcmp(r->line + n - 2, "\"}") != 0 ||
		!take_signature(at + sizeof(SIGNED) - 1, signature))
		return false;
	memcpy(body, r->line, n - tail);
	body[n - tail] = '}';
	return is_right(key, signature, body, n - tail + 1);
}

static enum mayfly_error compare(const struct mayfly_piece *pieces, size_t count, const char *hash,
	const char *what, char *text)
{
	char name[MAYFLY_HASH];
	const enum mayfly_error error = mayfly_hash(pieces, count, name);

	if (error != MAYFLY_OK)
		return wrong(text, error, mayfly_error_text(error));
	return strcmp(name, hash) == 0 ? MAYFLY_OK : wrong(text, MAYFLY_CHANGED, what);
}

enum mayfly_error mayfly_receipt_verify(const struct mayfly_receipt *receipt,
	const struct mayfly_expected *e, char text[MAYFLY_TEXT])
{
	const struct mayfly_piece output = {e->output, (size_t)e->output_size, 0, 0};
	unsigned char key[KEY_BYTES];
	struct mayfly_receipt r;
	enum mayfly_error error;

	/* its line is what is signed, and says what is compared */
	error = mayfly_receipt_read(receipt->line, &r, text);
	if (error == MAYFLY_OK)
		error = get_key(e, key, text);
	if (error != MAYFLY_OK)
		return error;
	if (!is_key_id(r.key, key + 2))
		return wrong(text, MAYFLY_UNTRUSTED, "another key signed it");
	if (!is_signed(&r, key + 10))
		return wrong(text, MAYFLY_UNTRUSTED,
			"it was altered: its signature is of something else");
	if (e->input_count > 0)
		error = compare(e->input, e->input_count, r.input, "it is of another input", text);
	if (error == MAYFLY_OK && e->output)
		error = compare(
			&output, e->output_size > 0, r.output, "it is of another output", text);
	if (error == MAYFLY_OK && e->image && strcmp(e->image, r.image) != 0)
		error = wrong(text, MAYFLY_CHANGED, "another image computed it");
	if (error == MAYFLY_OK && e->has_quote && r.price > e->quote)
		error = wrong(text, MAYFLY_CHANGED, "it costs more than was quoted");
	return error;
}
