/* libos/random: ChaCha20 against RFC 8439, and the stream that services draw from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos/mayfly.h"
#include "libos/random/chacha20.h"
#include "tests/unit/libos/guest.h"

static void unhex(uint8_t *to, const char *hex)
{
	for (; *hex != '\0'; hex += 2) {
		char digits[3] = {hex[0], hex[1], '\0'};

		*to++ = (uint8_t)strtoul(digits, NULL, 16);
	}
}

/* RFC 8439, 2.3.2 and appendix A.1 */
static const struct {
	const char *key, *nonce;
	uint32_t counter;
	const char *block;
} vectors[] = {
	{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"000000090000004a00000000", 1,
		"10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
		"d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"},
	{"0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", 0,
		"76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
		"da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"},
	{"0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", 1,
		"9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
		"29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"},
	{"0000000000000000000000000000000000000000000000000000000000000001",
		"000000000000000000000000", 1,
		"3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
		"8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"},
	{"00ff000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", 2,
		"72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
		"13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096"},
	{"0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000002", 0,
		"c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
		"8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d"},
};

static void blocks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		uint8_t key[32], nonce[12], want[64], got[64];

		unhex(key, vectors[i].key);
		unhex(nonce, vectors[i].nonce);
		unhex(want, vectors[i].block);
		chacha20_block(got, key, vectors[i].counter, nonce);
		assert_memory_equal(got, want, sizeof(want));
	}
}

/* The test's own view of the stream of the seed 0. */
static void zero_stream(uint8_t *to)
{
	static const uint8_t zeros[32];

	for (uint32_t i = 0; i < 4; i++)
		chacha20_block(to + 64 * (size_t)i, zeros, i, zeros);
}

static uint8_t drawn[256];

static void do_draw(void)
{
	size_t at = 0;

	/* pieces that end before, at and behind the blocks of the stream */
	for (size_t n = 1; at + n <= sizeof(drawn); at += n, n += 3)
		mf_random(drawn + at, n);
	mf_random(drawn + at, sizeof(drawn) - at);
}

static void stream(void **state)
{
	uint8_t want[256];

	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(guest_live(do_draw), MF_OUTCOME_OK);
	zero_stream(want);
	assert_memory_equal(drawn, want, sizeof(want));
}

static void do_bounds(void)
{
	static unsigned seen[10];

	for (int i = 0; i < 20000; i++) {
		uint64_t below = mf_random_below(10);

		assert_true(below < 10);
		seen[below]++;
		assert_int_equal(mf_random_below(1), 0);
		assert_true(mf_random_below((1ull << 63) + 1) <= 1ull << 63);
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(seen[i], 1800, 2200);
}

static void bounds(void **state)
{
	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(guest_live(do_bounds), MF_OUTCOME_OK);
}

static void do_exhaust(void)
{
	for (;;)
		mf_random_u64();
}

static void not_in_init(void **state)
{
	(void)state;
	guest_fresh(MF_SOURCE_INIT);
	assert_int_equal(guest_live(do_exhaust), MF_OUTCOME_FAILED);
	guest_only_failed_with("mf_init asked for random bytes: every life would have the same");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks),
		cmocka_unit_test(stream),
		cmocka_unit_test(bounds),
		cmocka_unit_test(not_in_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
