/* market/key.c - see key.h */
#include "market/key.h"

#include <sodium/crypto_hash_sha256.h>
#include <sodium/utils.h>
#include <string.h>

#include "sys/random.h"

#define START    9u  /* letters of "mfy_live_" */
#define RANDOM   20u /* bytes */
#define DIGITS   32u /* that they are */
#define CHECKED  (START + DIGITS)
#define CHECKSUM 6u

static const char live[] = "mfy_live_";
static const char test_[] = "mfy_test_";
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

_Static_assert(sizeof(live) - 1 == START && sizeof(test_) - 1 == START, "starts");
_Static_assert(RANDOM * 8 == DIGITS * 5, "digits");
_Static_assert(MARKET_KEY_LETTERS == CHECKED + 1 + CHECKSUM, "letters");
_Static_assert(MARKET_KEY_SHOWN == START + 8 + 1, "shown");

/* The first n digits of the bits in `from`, the highest first. */
static void to_digits(const uint8_t *from, size_t n, char *to)
{
	uint32_t bits = 0;
	unsigned count = 0;

	for (size_t i = 0; i < n; i++) {
		if (count < 5) {
			bits = bits << 8 | *from++;
			count += 8;
		}
		count -= 5;
		to[i] = digits[bits >> count & 31];
	}
}

static void checksum(const void *text, char to[static CHECKSUM])
{
	uint8_t hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, text, CHECKED);
	to_digits(hash, CHECKSUM, to);
}

void market_key_new(bool test, char to[static MARKET_KEY_TEXT])
{
	uint8_t random[RANDOM];

	random_bytes(random, sizeof(random));
	memcpy(to, test ? test_ : live, START);
	to_digits(random, DIGITS, to + START);
	to[CHECKED] = '_';
	checksum(to, to + CHECKED + 1);
	to[MARKET_KEY_LETTERS] = '\0';
	explicit_bzero(random, sizeof(random));
}

bool market_key_is_one(struct mf_str text)
{
	char right[CHECKSUM];

	if (text.n != MARKET_KEY_LETTERS || text.p[CHECKED] != '_')
		return false;
	if (memcmp(text.p, live, START) != 0 && memcmp(text.p, test_, START) != 0)
		return false;
	for (size_t i = START; i < CHECKED; i++)
		if (text.p[i] == '\0' || !strchr(digits, text.p[i]))
			return false;
	checksum(text.p, right);
	return memcmp(right, text.p + CHECKED + 1, CHECKSUM) == 0;
}

bool market_key_is_test(struct mf_str text)
{
	return memcmp(text.p, test_, START) == 0;
}

void market_key_hash(struct mf_str text, uint8_t hash[static MARKET_KEY_HASH])
{
	crypto_hash_sha256(hash, text.p, text.n);
}

bool market_key_same(
	const uint8_t a[static MARKET_KEY_HASH], const uint8_t b[static MARKET_KEY_HASH])
{
	return sodium_memcmp(a, b, MARKET_KEY_HASH) == 0;
}

void market_key_show(struct mf_str text, char to[static MARKET_KEY_SHOWN])
{
	memcpy(to, text.p, MARKET_KEY_SHOWN - 1);
	to[MARKET_KEY_SHOWN - 1] = '\0';
}
