#include "libos/random/chacha20.h"

#define ROUNDS 20

static uint32_t rotate(uint32_t x, unsigned by)
{
	return x << by | x >> (32 - by);
}

static void quarter(uint32_t x[static 16], unsigned a, unsigned b, unsigned c, unsigned d)
{
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 7);
}

void chacha20_block(uint8_t out[static 64], const uint8_t key[static 32], uint32_t counter,
	const uint8_t nonce[static 12])
{
	uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	uint32_t x[16];

	__builtin_memcpy(start + 4, key, 32); /* little-endian, as all that runs this is */
	start[12] = counter;
	__builtin_memcpy(start + 13, nonce, 12);
	__builtin_memcpy(x, start, sizeof(x));
	for (unsigned i = 0; i < ROUNDS; i += 2) {
		for (unsigned c = 0; c < 4; c++)
			quarter(x, c, c + 4, c + 8, c + 12);
		for (unsigned c = 0; c < 4; c++)
			quarter(x, c, (c + 1) % 4 + 4, (c + 2) % 4 + 8, (c + 3) % 4 + 12);
	}
	for (unsigned i = 0; i < 16; i++)
		x[i] += start[i];
	__builtin_memcpy(out, x, sizeof(x));
}
