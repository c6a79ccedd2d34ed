/* market/chain: hashes that Python's hashlib computed from the words in chain.h, sums */
#include "market/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "store/digest.h"

static struct mf_str str(const char *text)
{
	return mf_str_of(text, strlen(text));
}

static void assert_hash(const uint8_t hash[CHAIN_HASH], const char *hex)
{
	char text[2 * CHAIN_HASH + 1];

	sodium_bin2hex(text, sizeof(text), hash, CHAIN_HASH);
	assert_string_equal(text, hex);
}

static struct chain_entry sample(void)
{
	struct chain_entry e = {.number = 2,
		.at = 1700000000123456789,
		.kind = CHAIN_CHARGE,
		.account = 7,
		.refers = 0,
		.note = str("three flops"),
		.posting = {{CHAIN_BALANCE, 7, -12}, {CHAIN_SALES, 0, 12}},
		.postings = 2};

	for (unsigned i = 0; i < CHAIN_HASH; i++)
		e.charge[i] = (uint8_t)i;
	return e;
}

static void test_entry(void **state)
{
	struct chain_entry e = sample(), first = {.number = 1, .at = -1, .kind = CHAIN_PAYMENT};
	uint8_t zero[CHAIN_HASH] = {0}, hash[CHAIN_HASH];

	(void)state;
	chain_hash(&first, zero, hash);
	assert_hash(hash, "033e1b407915d14c4e62d52390e8eea0443a57d58fae36e7b28c0045e9d6e9e3");
	chain_hash(&e, hash, hash);
	assert_hash(hash, "22cfe218159c163e43d069f66ef2c17efe6af36c00589d419e843cef2884d85d");
}

/* Lengths stand before what they are of: nothing can wander from one string to the next. */
static void test_charge(void **state)
{
	struct chain_charge c = {.account = 7,
		.key = 3,
		.amount = 12,
		.at = 1700000000123456789,
		.status = 200,
		.idempotency = str("one"),
		.body = str("b"),
		.type = str("text/plain"),
		.answer = str("yes"),
		.receipt = str("{}")};
	uint8_t a[CHAIN_HASH], b[CHAIN_HASH];

	(void)state;
	chain_digest(&c, a);
	assert_hash(a, "0e51319b245274fdb225ffb3bf31d11b999a12b5fe9a47ad9edd86744ffcb41b");
	c.type = str("text/plainy");
	c.answer = str("es");
	chain_digest(&c, b);
	assert_memory_not_equal(a, b, CHAIN_HASH);
}

static void test_by_libsodium_too(void **state)
{
	struct chain_entry e = sample();
	uint8_t zero[CHAIN_HASH] = {0}, a[CHAIN_HASH], b[CHAIN_HASH];

	(void)state;
	chain_hash(&e, zero, a);
	digest_load();
	chain_hash(&e, zero, b);
	assert_memory_equal(a, b, CHAIN_HASH);
}

static void test_balanced(void **state)
{
	struct chain_entry e = sample();

	(void)state;
	assert_true(chain_balanced(&e));
	e.posting[1].amount = 13;
	assert_false(chain_balanced(&e));
	e.posting[0].amount = INT64_MIN;
	e.posting[1].amount = INT64_MIN; /* sums up to zero where it wraps */
	assert_false(chain_balanced(&e));
	e.postings = 0;
	assert_true(chain_balanced(&e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_charge),
		cmocka_unit_test(test_by_libsodium_too),
		cmocka_unit_test(test_balanced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
