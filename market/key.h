/*
 * market/key.h - the keys with which subscribers ask: what one looks like, and what is kept of it. Pure but for
 * market_key_new.
 *
 *	mfy_live_<random>_<checksum>     mfy_test_...: for trying things out; what it does isn't charged
 *
 * random: 160 bits from the kernel as 32 digits of Crockford's base 32 in lower case (0-9 a-z without i l o u).
 * checksum: the first 30 bits of the SHA-256 of all that stands before its underscore, as 6 such digits. So a key that
 * was mistyped, cut off or made up is refused without a look-up, but for one in 2^30, and a scanner of sources finds
 * keys that were left lying about. The checksum protects nothing: whoever makes up keys can compute it.
 *
 * Kept of it are its SHA-256 and its first letters, which lists show. From a hash nobody comes back to 160
 * random bits, so neither salt nor a slow hash is needed: docs/decisions/066-ledger.md.
 */
#ifndef MARKET_KEY_H
#define MARKET_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define MARKET_KEY_LETTERS 48u /* all have as many */
#define MARKET_KEY_TEXT    (MARKET_KEY_LETTERS + 1)
#define MARKET_KEY_HASH    32u
#define MARKET_KEY_SHOWN   18u /* "mfy_live_" and 8 of the random digits, and a zero byte */

/* The caller wipes it. */
void market_key_new(bool test, char to[static MARKET_KEY_TEXT]);
/* Could it be one: its form and its checksum? */
bool market_key_is_one(struct mf_str text);
/* Of one that could. */
bool market_key_is_test(struct mf_str text);
void market_key_hash(struct mf_str text, uint8_t hash[static MARKET_KEY_HASH]);
/* Takes as long whether they are the same or not. */
bool market_key_same(
	const uint8_t a[static MARKET_KEY_HASH], const uint8_t b[static MARKET_KEY_HASH]);
/* What lists show of one that could be. */
void market_key_show(struct mf_str text, char to[static MARKET_KEY_SHOWN]);

#endif
