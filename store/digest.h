/*
 * store/digest.h - SHA-256 (FIPS 180-4) of gigabytes: OpenSSL's, which uses the processor's instructions for it, loaded
 * when it is first needed; libsodium's, a sixth as fast, where there is none
 * (docs/decisions/057-blobs.md). A digest is the caller's, and can be copied.
 */
#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define OPENSSL_SUPPRESS_DEPRECATED /* in favour of a way that allocates, and can fail */
#include <openssl/sha.h>
#include <sodium.h>

#define DIGEST_BYTES 32u

struct digest {
	union {
		SHA256_CTX openssl;
		crypto_hash_sha256_state sodium;
	};
};

/* Before any other; again is fine. On one thread. */
void digest_load(void);
/* Who does it: "OpenSSL", "libsodium". */
const char *digest_by(void);

void digest_begin(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t n);
/* d must begin again before more is added. */
void digest_end(struct digest *d, uint8_t hash[static DIGEST_BYTES]);

#endif
