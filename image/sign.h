/*
 * image/sign.h - public keys, and whether a signature is right: Ed25519 of the BLAKE2b-512 of what
 * is signed, as minisign makes and checks them. libsodium does the cryptography.
 *
 * Nothing here is secret, so nothing needs constant time; image/secret.h has what is.
 */
#ifndef IMAGE_SIGN_H
#define IMAGE_SIGN_H

#include "image/signature.h"

#define SIGN_KEY_TEXT 57 /* a key in base64, and its zero */

struct sign_key {
	uint8_t id[8];
	uint8_t bytes[32];
};

/* A minisign key file, or its second line alone. 0, or -EINVAL with one line in error. */
int sign_key_parse(
	const char *text, size_t n, struct sign_key *key, char error[static SIGNATURE_ERROR_MAX]);
/* Does it look like the one line, and not like a file's name? */
bool sign_key_is_text(const char *text);
/* The second line of the file. */
void sign_key_text(const struct sign_key *key, char to[static SIGN_KEY_TEXT]);

enum sign_verdict {
	SIGN_GOOD,
	SIGN_OTHER_KEY, /* another key made it */
	SIGN_ALTERED,   /* what was signed is something else */
	SIGN_COMMENT,   /* that is right, its trusted comment isn't */
};

/* Did this key sign these bytes, and the trusted comment with them? */
enum sign_verdict sign_check(const struct sign_key *key, const struct signature *signature,
	const void *content, size_t n);

/* The BLAKE2b-512 of what is to be signed. */
void sign_hash(const void *content, size_t n, uint8_t hash[static 64]);
/* What the second signature signs: the first and the comment. Its length. */
size_t sign_global(
	const struct signature *signature, uint8_t to[static 64 + SIGNATURE_COMMENT_MAX]);

#endif
