/* store/digest.c - see digest.h. */
#include "store/digest.h"

#include <openssl/opensslv.h>
#include <stddef.h>

#include "sys/library.h"

#define STRING_OF(x) #x
#define STRING(x)    STRING_OF(x)

struct openssl {
	int (*init)(SHA256_CTX *c);
	int (*update)(SHA256_CTX *c, const void *p, size_t n);
	int (*final)(unsigned char *hash, SHA256_CTX *c);
};
static struct openssl openssl;
static void *loaded;

void digest_load(void)
{
	static const struct library_function functions[] = {
		{"SHA256_Init", offsetof(struct openssl, init)},
		{"SHA256_Update", offsetof(struct openssl, update)},
		{"SHA256_Final", offsetof(struct openssl, final)},
		{0},
	};
	static const struct library library = {
		"OpenSSL", "libcrypto.so." STRING(OPENSSL_SHLIB_VERSION), "libssl3", functions};
	char why[256]; /* libsodium does it then */

	if (!loaded)
		(void)library_load(&library, &openssl, &loaded, why, sizeof(why));
}

const char *digest_by(void)
{
	return loaded ? "OpenSSL" : "libsodium";
}

void digest_begin(struct digest *d)
{
	if (loaded)
		(void)openssl.init(&d->openssl);
	else
		(void)crypto_hash_sha256_init(&d->sodium);
}

void digest_add(struct digest *d, const void *p, size_t n)
{
	if (loaded)
		(void)openssl.update(&d->openssl, p, n);
	else
		(void)crypto_hash_sha256_update(&d->sodium, p, n);
}

void digest_end(struct digest *d, uint8_t hash[static DIGEST_BYTES])
{
	if (loaded)
		(void)openssl.final(hash, &d->openssl);
	else
		(void)crypto_hash_sha256_final(&d->sodium, hash);
}
