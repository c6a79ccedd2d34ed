/* wire/sha256.c - see sha256.h */
#include "wire/sha256.h"

#define ROUNDS 64

/* FIPS 180-4, 4.2.2: the fraction of the cube roots of the first 64 primes */
static const uint32_t constants[ROUNDS] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
	0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
	0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152,
	0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
	0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624,
	0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3,
	0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, unsigned by)
{
	return x >> by | x << (32 - by);
}

static uint32_t read32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write32(uint8_t *p, uint32_t x)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(x >> (24 - 8 * i));
}

/* The next 16 words of the message schedule, in place of the last 16 (6.2.2, step 1). */
static void schedule(uint32_t w[16])
{
#pragma GCC unroll 16
	for (unsigned i = 0; i < 16; i++) {
		uint32_t a = w[(i + 1) % 16], b = w[(i + 14) % 16];

		w[i] += (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[(i + 9) % 16] +
			(turn(b, 17) ^ turn(b, 19) ^ b >> 10);
	}
}

/* 16 rounds of 6.2.2, step 3. Unrolled by 8, v[] is eight registers that nothing moves. */
static void rounds(uint32_t v[8], const uint32_t w[16], const uint32_t k[16])
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < 16; i++) {
		uint32_t a = v[0], e = v[4], t1, t2;

		t1 = v[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
			(v[6] ^ (e & (v[5] ^ v[6]))) + k[i] + w[i];
		t2 = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & v[1]) | (v[2] & (a | v[1])));
		v[7] = v[6];
		v[6] = v[5];
		v[5] = e;
		v[4] = v[3] + t1;
		v[3] = v[2];
		v[2] = v[1];
		v[1] = a;
		v[0] = t1 + t2;
	}
}

static void compress(uint32_t h[8], const uint8_t *block)
{
	uint32_t w[16], v[8];

	for (unsigned i = 0; i < 16; i++)
		w[i] = read32(block + 4 * i);
	for (unsigned i = 0; i < 8; i++)
		v[i] = h[i];
	for (unsigned i = 0; i < ROUNDS; i += 16) {
		if (i > 0)
			schedule(w);
		rounds(v, w, constants + i);
	}
	for (unsigned i = 0; i < 8; i++)
		h[i] += v[i];
}

void sha256_begin(struct sha256 *s)
{
	/* 5.3.3: the fraction of the square roots of the first 8 primes */
	*s = (struct sha256){.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
				     0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_add(struct sha256 *s, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	size_t held = s->n % SHA256_BLOCK;

	s->n += n;
	if (held > 0) {
		size_t more = SHA256_BLOCK - held < n ? SHA256_BLOCK - held : n;

		__builtin_memcpy(s->block + held, p, more);
		if (held + more < SHA256_BLOCK)
			return;
		compress(s->h, s->block);
		p += more;
		n -= more;
	}
	for (; n >= SHA256_BLOCK; p += SHA256_BLOCK, n -= SHA256_BLOCK)
		compress(s->h, p);
	if (n > 0)
		__builtin_memcpy(s->block, p, n);
}

void sha256_end(struct sha256 *s, uint8_t hash[static SHA256_BYTES])
{
	static const uint8_t padding[SHA256_BLOCK] = {0x80};
	uint64_t bits = s->n * 8;
	size_t held = s->n % SHA256_BLOCK;
	uint8_t length[8];

	write32(length, (uint32_t)(bits >> 32));
	write32(length + 4, (uint32_t)bits);
	sha256_add(s, padding, (held < 56 ? 56 : 56 + SHA256_BLOCK) - held);
	sha256_add(s, length, sizeof(length));
	for (unsigned i = 0; i < 8; i++)
		write32(hash + 4 * i, s->h[i]);
}

void sha256(const void *bytes, size_t n, uint8_t hash[static SHA256_BYTES])
{
	struct sha256 s;

	sha256_begin(&s);
	sha256_add(&s, bytes, n);
	sha256_end(&s, hash);
}

static void begin_padded(struct sha256 *s, const uint8_t key[SHA256_BLOCK], uint8_t with)
{
	uint8_t block[SHA256_BLOCK];

	for (unsigned i = 0; i < SHA256_BLOCK; i++)
		block[i] = key[i] ^ with;
	sha256_begin(s);
	sha256_add(s, block, sizeof(block));
}

/* RFC 2104, 2: a key longer than a block is hashed first. */
void hmac_key(struct hmac_key *key, const void *secret, size_t n)
{
	uint8_t block[SHA256_BLOCK] = {0};

	if (n > sizeof(block))
		sha256(secret, n, block);
	else if (n > 0)
		__builtin_memcpy(block, secret, n);
	begin_padded(&key->inner, block, 0x36);
	begin_padded(&key->outer, block, 0x5c);
}

void hmac_end(const struct hmac_key *key, struct sha256 *message, uint8_t mac[static SHA256_BYTES])
{
	struct sha256 outer = key->outer;

	sha256_end(message, mac);
	sha256_add(&outer, mac, SHA256_BYTES);
	sha256_end(&outer, mac);
}

bool sha256_same(const uint8_t a[static SHA256_BYTES], const uint8_t b[static SHA256_BYTES])
{
	volatile uint8_t differ = 0;

	for (unsigned i = 0; i < SHA256_BYTES; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}
