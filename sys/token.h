/*
 * sys/token.h - bearer tokens (RFC 6750): what one looks like, and what is kept of it. Shared by
 * the hub, which checks them, and the command line, which makes them.
 *
 * A token that is made here is "mft_" and 32 random bytes in base64url. Whoever checks tokens keeps
 * their SHA-256 only: from that nobody comes to a token of 128 random bits or more, so neither salt
 * nor a slow hash is needed. What has fewer letters than such a token needs is refused.
 */
#ifndef SYS_TOKEN_H
#define SYS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define TOKEN_TEXT  64u  /* room for a new one, with its zero byte */
#define TOKEN_LEAST 22u  /* letters of base64 that 128 bits need */
#define TOKEN_MOST  512u /* letters */
#define TOKEN_HASH  32u
#define TOKEN_NAME  63u  /* letters of the name that a token has */
#define TOKEN_LINE  160u /* room for "NAME sha256:HASH", with its zero byte */

void token_new(char to[static TOKEN_TEXT]);
/* Letters, digits and "-._~+/", then "=" (RFC 6750, 2.1), and as many of them as named above. */
bool token_is_one(struct mf_str text);
void token_hash(struct mf_str text, uint8_t hash[static TOKEN_HASH]);

/* Letters, digits and "-_.@", not too many. */
bool token_is_name(struct mf_str name);
/* The line for a file of tokens. */
void token_line(
	const char *name, const uint8_t hash[static TOKEN_HASH], char to[static TOKEN_LINE]);
/* Such a line, without its end. NULL, or what is wrong with it. */
const char *token_read_line(
	struct mf_str line, struct mf_str *name, uint8_t hash[static TOKEN_HASH]);

#endif
