/*
 * wire/sha256.h - SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), for services that
 * check signatures or name contents by their hash.
 *
 * Pure and freestanding: no allocation, no tables but the standard's constants. Which bytes
 * are hashed decides neither branches nor addresses, so time tells nothing about a key.
 * The host's programs have libsodium for the same (docs/decisions/016).
 */
#ifndef WIRE_SHA256_H
#define WIRE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32u
#define SHA256_BLOCK 64u /* FIPS 180-4, figure 1 */

struct sha256 {
	uint32_t h[8];
	uint64_t n; /* bytes so far */
	uint8_t block[SHA256_BLOCK];
};

void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *bytes, size_t n);
/* The hash of all that was added. s must begin again before more is. */
void sha256_end(struct sha256 *s, uint8_t hash[static SHA256_BYTES]);
void sha256(const void *bytes, size_t n, uint8_t hash[static SHA256_BYTES]);

/* A key, made ready: a message costs no hashing of the key any more. */
struct hmac_key {
	struct sha256 inner, outer;
};

void hmac_key(struct hmac_key *key, const void *secret, size_t n);
/* A message begins as a copy of key->inner and is added to by sha256_add; this ends it. */
void hmac_end(const struct hmac_key *key, struct sha256 *message, uint8_t mac[static SHA256_BYTES]);

/* Are they the same? Takes as long wherever they differ. */
bool sha256_same(const uint8_t a[static SHA256_BYTES], const uint8_t b[static SHA256_BYTES]);

#endif
