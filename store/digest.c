/* store/digest.c - see digest.h. */
#include "store/digest.h"

#include <dlfcn.h>
#include <openssl/opensslv.h>

#define STRING_OF(x) #x
#define STRING(x)    STRING_OF(x)
#define LIBRARY      "libcrypto.so." STRING(OPENSSL_SHLIB_VERSION)

static struct {
	void *library;
	int (*init)(SHA256_CTX *c);
	int (*update)(SHA256_CTX *c, const void *p, size_t n);
	int (*final)(unsigned char *hash, SHA256_CTX *c);
} openssl;

static void *find(const char *name)
{
	return dlsym(openssl.library, name);
}

void digest_load(void)
{
	if (openssl.library)
		return;
	openssl.library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
	if (!openssl.library)
		return;
	*(void **)(void *)&openssl.init = find("SHA256_Init");
	*(void **)(void *)&openssl.update = find("SHA256_Update");
	*(void **)(void *)&openssl.final = find("SHA256_Final");
	if (openssl.init && openssl.update && openssl.final)
		return;
	dlclose(openssl.library);
	openssl.library = NULL;
}

const char *digest_by(void)
{
	return openssl.library ? "OpenSSL" : "libsodium";
}

void digest_begin(struct digest *d)
{
	if (openssl.library)
		(void)openssl.init(&d->openssl);
	else
		(void)crypto_hash_sha256_init(&d->sodium);
}

void digest_add(struct digest *d, const void *p, size_t n)
{
	if (openssl.library)
		(void)openssl.update(&d->openssl, p, n);
	else
		(void)crypto_hash_sha256_update(&d->sodium, p, n);
}

void digest_end(struct digest *d, uint8_t hash[static DIGEST_BYTES])
{
	if (openssl.library)
		(void)openssl.final(hash, &d->openssl);
	else
		(void)crypto_hash_sha256_final(&d->sodium, hash);
}
