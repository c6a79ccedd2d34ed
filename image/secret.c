/* image/secret.c - see secret.h */
#include "image/secret.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "image/base64.h"

#define FIRST_LINE "untrusted comment: minisign encrypted secret key\n"
/* minisign's own keys need 1 GiB; a file that asks for more is a trap or a mistake. */
#define MEMORY_MOST     ((uint64_t)1 << 30)
#define OPERATIONS_MOST ((uint64_t)1 << 27)

/* libsodium's way to those: N from memory / 128 / r, p from operations / 4 / N / r. */
const struct secret_cost secret_cost = {.operations = 1u << 22, .memory = 128u << 20};

/* What the password hides. */
struct hidden {
	uint8_t id[8];
	uint8_t bytes[64];
	uint8_t check[32]; /* BLAKE2b-256 of algorithm, id and bytes; zero in an open file */
};

/* A secret key, as it stands in base64 in its file. */
struct packed {
	uint8_t algorithm[2];  /* "Ed" */
	uint8_t derivation[2]; /* "Sc": scrypt; zero: open */
	uint8_t checksum[2];   /* "B2" */
	uint8_t salt[32];
	uint8_t operations[8], memory[8]; /* little-endian */
	struct hidden hidden;
};
_Static_assert(sizeof(struct packed) == 158, "packed");

static void put_u64(uint8_t to[8], uint64_t n)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (uint8_t)(n >> 8 * i);
}

static uint64_t get_u64(const uint8_t from[8])
{
	uint64_t n = 0;

	for (unsigned i = 8; i-- > 0;)
		n = n << 8 | from[i];
	return n;
}

static void make_check(const struct packed *p, uint8_t check[static 32])
{
	crypto_generichash_state h;

	crypto_generichash_init(&h, NULL, 0, 32);
	crypto_generichash_update(&h, p->algorithm, sizeof(p->algorithm));
	crypto_generichash_update(&h, p->hidden.id, sizeof(p->hidden.id));
	crypto_generichash_update(&h, p->hidden.bytes, sizeof(p->hidden.bytes));
	crypto_generichash_final(&h, check, 32);
	sodium_memzero(&h, sizeof(h));
}

/* Encrypts, and decrypts: XOR with what scrypt makes of the password. */
static int hide(struct packed *p, const char *password)
{
	uint8_t stream[sizeof(struct hidden)], *bytes = (uint8_t *)&p->hidden;

	if (crypto_pwhash_scryptsalsa208sha256(stream, sizeof(stream), password, strlen(password),
		    p->salt, get_u64(p->operations), (size_t)get_u64(p->memory)) != 0)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(stream); i++)
		bytes[i] ^= stream[i];
	sodium_memzero(stream, sizeof(stream));
	return 0;
}

/* ---------------------------------------------------------------------- make */

int secret_make(struct secret_key *secret, struct sign_key *key)
{
	if (sodium_init() < 0)
		return -ENOSYS;
	randombytes_buf(secret->id, sizeof(secret->id));
	crypto_sign_keypair(key->bytes, secret->bytes);
	memcpy(key->id, secret->id, sizeof(key->id));
	return 0;
}

void secret_wipe(struct secret_key *secret)
{
	sodium_memzero(secret, sizeof(*secret));
}

/* -------------------------------------------------------------------- files */

int secret_write(const struct secret_key *secret, const char *password,
	const struct secret_cost *cost, char text[static SECRET_TEXT_MAX])
{
	struct packed p = {.algorithm = "Ed", .checksum = "B2"};
	size_t first = strlen(FIRST_LINE);
	int rc = sodium_init() < 0 ? -ENOSYS : 0;

	memcpy(p.hidden.id, secret->id, sizeof(p.hidden.id));
	memcpy(p.hidden.bytes, secret->bytes, sizeof(p.hidden.bytes));
	if (rc == 0 && password) {
		memcpy(p.derivation, "Sc", 2);
		randombytes_buf(p.salt, sizeof(p.salt));
		put_u64(p.operations, cost->operations);
		put_u64(p.memory, cost->memory);
		make_check(&p, p.hidden.check);
		rc = hide(&p, password);
	}
	if (rc == 0) {
		memcpy(text, FIRST_LINE, first);
		sodium_bin2base64(text + first, SECRET_TEXT_MAX - first, (const uint8_t *)&p,
			sizeof(p), sodium_base64_VARIANT_ORIGINAL);
		strcat(text, "\n");
	}
	sodium_memzero(&p, sizeof(p));
	return rc;
}

static int fail(char *error, int rc, const char *text)
{
	snprintf(error, SIGNATURE_ERROR_MAX, "%s", text);
	return rc;
}

/* The second line of the file. */
static int unpack(const char *text, size_t n, struct packed *p, char *error)
{
	static const char comment[] = "untrusted comment:";
	const char *line = memchr(text, '\n', n), *end;
	size_t bytes = 0, length;

	if (n < strlen(comment) || memcmp(text, comment, strlen(comment)) != 0 || !line)
		return fail(error, -EINVAL,
			"it is not a secret key as mayfly keygen and minisign -G write them");
	line++;
	length = n - (size_t)(line - text);
	if (length > 0 && line[length - 1] == '\n')
		length--;
	if (!base64_is_plain(line, length) ||
		sodium_base642bin((uint8_t *)p, sizeof(*p), line, length, NULL, &bytes, &end,
			sodium_base64_VARIANT_ORIGINAL) != 0 ||
		end != line + length || bytes != sizeof(*p))
		return fail(error, -EINVAL,
			bytes == 42
				? "it is a public key: give the secret one, NAME.key"
				: "it is not a secret key as mayfly keygen and minisign -G write "
				  "them");
	if (memcmp(p->algorithm, "Ed", 2) != 0 || memcmp(p->checksum, "B2", 2) != 0 ||
		(memcmp(p->derivation, "Sc", 2) != 0 && !sodium_is_zero(p->derivation, 2)))
		return fail(error, -EINVAL, "it is of a kind that is not known here");
	return 0;
}

static int reveal(struct packed *p, const char *password, char *error)
{
	uint8_t check[32];
	int same;

	if (!password)
		return fail(error, -ENOKEY, "it is encrypted, and needs its password");
	if (get_u64(p->memory) > MEMORY_MOST || get_u64(p->operations) > OPERATIONS_MOST)
		return fail(error, -EINVAL,
			"its password takes more memory or time than minisign's do");
	if (hide(p, password) < 0)
		return fail(error, -ENOMEM, "there is no memory to derive a key from its password");
	make_check(p, check);
	same = sodium_memcmp(check, p->hidden.check, sizeof(check));
	sodium_memzero(check, sizeof(check));
	return same == 0 ? 0 : fail(error, -EACCES, "its password is another one");
}

/* Both halves must belong together, or signatures would tell the secret one. */
static bool is_whole(const struct hidden *h)
{
	uint8_t seed[32], public[32], again[64];
	bool same;

	memcpy(seed, h->bytes, sizeof(seed));
	crypto_sign_seed_keypair(public, again, seed);
	same = sodium_memcmp(again, h->bytes, sizeof(again)) == 0;
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(again, sizeof(again));
	return same;
}

int secret_parse(const char *text, size_t n, const char *password, struct secret_key *secret,
	char error[static SIGNATURE_ERROR_MAX])
{
	struct packed p;
	int rc = sodium_init() < 0 ? fail(error, -ENOSYS, "libsodium can't be used") : 0;

	if (rc == 0)
		rc = unpack(text, n, &p, error);
	if (rc == 0 && p.derivation[0])
		rc = reveal(&p, password, error);
	if (rc == 0 && !is_whole(&p.hidden))
		rc = fail(error, -EINVAL, "its two halves don't belong together: it is damaged");
	if (rc == 0) {
		memcpy(secret->id, p.hidden.id, sizeof(secret->id));
		memcpy(secret->bytes, p.hidden.bytes, sizeof(secret->bytes));
	}
	sodium_memzero(&p, sizeof(p));
	return rc;
}

/* --------------------------------------------------------------------- sign */

int secret_sign(const struct secret_key *secret, const void *content, size_t n, struct signature *s)
{
	uint8_t hash[64], global[64 + SIGNATURE_COMMENT_MAX];

	if (sodium_init() < 0)
		return -ENOSYS;
	memcpy(s->key_id, secret->id, sizeof(s->key_id));
	sign_hash(content, n, hash);
	crypto_sign_detached(s->bytes, NULL, hash, sizeof(hash), secret->bytes);
	crypto_sign_detached(s->global, NULL, global, sign_global(s, global), secret->bytes);
	return 0;
}
