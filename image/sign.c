/* image/sign.c - see sign.h */
#include "image/sign.h"

#include <errno.h>
#include <sodium/crypto_generichash.h>
#include <sodium/crypto_sign.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>

#include "image/base64.h"

#define SECRET_LINE 212 /* of a secret key: 158 bytes in base64 */

/* A public key, as it stands in base64 in its file. */
struct packed {
	uint8_t algorithm[2]; /* "Ed" */
	uint8_t id[8];
	uint8_t bytes[32];
};
_Static_assert(sizeof(struct packed) == 42, "packed");

/* --------------------------------------------------------------------- keys */

bool sign_key_is_text(const char *text)
{
	return strlen(text) == SIGN_KEY_TEXT - 1 && strncmp(text, "RW", 2) == 0 &&
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") ==
		SIGN_KEY_TEXT - 1;
}

/* The line that holds the key: the first, or the second behind a comment. */
static const char *key_line(const char *text, size_t n, size_t *length)
{
	static const char comment[] = "untrusted comment:";
	const char *end = memchr(text, '\n', n);

	if (n >= strlen(comment) && memcmp(text, comment, strlen(comment)) == 0) {
		if (!end)
			return NULL;
		n -= (size_t)(end + 1 - text);
		text = end + 1;
		end = memchr(text, '\n', n);
	}
	*length = end ? (size_t)(end - text) : n;
	return !end || end + 1 == text + n ? text : NULL;
}

int sign_key_parse(
	const char *text, size_t n, struct sign_key *key, char error[static SIGNATURE_ERROR_MAX])
{
	struct packed packed;
	size_t length = 0, bytes;
	const char *line = key_line(text, n, &length), *end;

	if (line && base64_is_plain(line, length) &&
		sodium_base642bin((uint8_t *)&packed, sizeof(packed), line, length, NULL, &bytes,
			&end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
		bytes == sizeof(packed) && end == line + length &&
		memcmp(packed.algorithm, "Ed", 2) == 0) {
		memcpy(key->id, packed.id, sizeof(key->id));
		memcpy(key->bytes, packed.bytes, sizeof(key->bytes));
		return 0;
	}
	if (length == SECRET_LINE)
		snprintf(error, SIGNATURE_ERROR_MAX,
			"it is a secret key: give the public one, NAME.pub beside it");
	else
		snprintf(error, SIGNATURE_ERROR_MAX,
			"it is not a public key as mayfly keygen and minisign -G write them");
	return -EINVAL;
}

void sign_key_text(const struct sign_key *key, char to[static SIGN_KEY_TEXT])
{
	struct packed packed = {.algorithm = "Ed"};

	memcpy(packed.id, key->id, sizeof(packed.id));
	memcpy(packed.bytes, key->bytes, sizeof(packed.bytes));
	sodium_bin2base64(to, SIGN_KEY_TEXT, (const uint8_t *)&packed, sizeof(packed),
		sodium_base64_VARIANT_ORIGINAL);
}

/* -------------------------------------------------------------------- check */

void sign_hash(const void *content, size_t n, uint8_t hash[static 64])
{
	(void)crypto_generichash(hash, 64, content, n, NULL, 0);
}

size_t sign_global(const struct signature *s, uint8_t to[static 64 + SIGNATURE_COMMENT_MAX])
{
	size_t n = strlen(s->comment);

	memcpy(to, s->bytes, 64);
	memcpy(to + 64, s->comment, n);
	return 64 + n;
}

enum sign_verdict sign_check(
	const struct sign_key *key, const struct signature *s, const void *content, size_t n)
{
	uint8_t hash[64], global[64 + SIGNATURE_COMMENT_MAX];

	if (memcmp(key->id, s->key_id, sizeof(key->id)) != 0)
		return SIGN_OTHER_KEY;
	sign_hash(content, n, hash);
	if (crypto_sign_verify_detached(s->bytes, hash, sizeof(hash), key->bytes) != 0)
		return SIGN_ALTERED;
	if (crypto_sign_verify_detached(s->global, global, sign_global(s, global), key->bytes) != 0)
		return SIGN_COMMENT;
	return SIGN_GOOD;
}
