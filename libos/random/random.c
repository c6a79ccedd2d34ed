/*
 * random - a stream of ChaCha20 from the event's seed, which is fresh for each life.
 * Each life starts at the stream's beginning, so one nonce is enough.
 */
#include "libos/effect/effect.h"
#include "libos/mayfly.h"
#include "libos/place.h"
#include "libos/random/chacha20.h"

static struct {
	uint32_t next; /* block of the stream */
	uint32_t left; /* bytes at the end of block[] that nobody has had */
	uint8_t block[64];
} stream;

static void refill(void)
{
	static const uint8_t nonce[12];

	if (place_in_init())
		life_fail(MF_STR("mf_init asked for random bytes: every life would have the same"));
	chacha20_block(stream.block, place_event()->seed, stream.next++, nonce);
	stream.left = sizeof(stream.block);
}

void mf_random(void *to, size_t n)
{
	uint8_t *out = to;

	while (n > 0) {
		size_t some;

		if (stream.left == 0)
			refill();
		some = n < stream.left ? n : stream.left;
		__builtin_memcpy(out, stream.block + sizeof(stream.block) - stream.left, some);
		stream.left -= (uint32_t)some;
		out += some;
		n -= some;
	}
}

uint64_t mf_random_u64(void)
{
	uint64_t value;

	mf_random(&value, sizeof(value));
	return value;
}

/* The high half of random × bound, unless the low half is among the 2^64 mod bound values that
 * would make some results likelier than others (Lemire, "Fast random integer generation in an
 * interval", 2019). */
uint64_t mf_random_below(uint64_t bound)
{
	unsigned __int128 product;

	do {
		product = (unsigned __int128)mf_random_u64() * bound;
	} while ((uint64_t)product < bound && (uint64_t)product < -bound % bound);
	return (uint64_t)(product >> 64);
}
