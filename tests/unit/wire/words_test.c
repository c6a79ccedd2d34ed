/* wire/words: refusals in DNS; what a life's end means for whoever waits. */
#include "wire/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t query[] = {0x12, 0x34, 0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, /* header */
	3, 'w', 'w', 'w', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1,                 /* question */
	0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0};                                   /* OPT */
#define QUESTION 14u

static void test_dns(void **state)
{
	uint8_t to[WORDS_MOST];
	size_t n = words_refuse(WORDS_DNS, REFUSED_BUSY, query, sizeof(query), to);
	static const uint8_t head[] = {0x12, 0x34, 0x81, 0x12, 0, 1, 0, 0, 0, 0, 0, 0};

	(void)state;
	assert_int_equal(n, 12 + QUESTION);
	assert_memory_equal(to, head, sizeof(head)); /* QR and RD, CD, SERVFAIL */
	assert_memory_equal(to + 12, query + 12, QUESTION);
	n = words_refuse(WORDS_DNS, REFUSED_DENIED, query, sizeof(query), to);
	assert_int_equal(to[3] & 15, 5);
}

/* Whatever is odd about the question is left out; what is no query gets no answer. */
static void test_odd(void **state)
{
	uint8_t q[sizeof(query)], to[WORDS_MOST];

	(void)state;
	for (size_t n = 0; n < sizeof(query); n++) {
		uint8_t *cut = malloc(n + 1); /* so that a sanitizer sees the end */

		memcpy(cut, query, n);
		cut = realloc(cut, n ? n : 1);
		assert_int_equal(words_refuse(WORDS_DNS, REFUSED_LATE, cut, n, to),
			n < 12                      ? 0
				: n < 12 + QUESTION ? 12
						    : 12 + QUESTION);
		free(cut);
	}
	memcpy(q, query, sizeof(q));
	q[12] = 0xc0; /* a pointer */
	assert_int_equal(words_refuse(WORDS_DNS, REFUSED_LATE, q, sizeof(q), to), 12);
	assert_int_equal(to[5], 0);
	memcpy(q, query, sizeof(q));
	q[5] = 2; /* two questions */
	assert_int_equal(words_refuse(WORDS_DNS, REFUSED_LATE, q, sizeof(q), to), 12);
	q[2] |= 0x80; /* an answer: two servers must not talk for ever */
	assert_int_equal(words_refuse(WORDS_DNS, REFUSED_LATE, q, sizeof(q), to), 0);
	assert_int_equal(words_refuse(WORDS_NONE, REFUSED_LATE, query, sizeof(query), to), 0);
	assert_int_equal(words_named("dns"), WORDS_DNS);
	assert_int_equal(words_named(NULL), WORDS_NONE);
}

/* Whatever a worker says of a life's end, there is a word for it. */
static void test_results(void **state)
{
	(void)state;
	assert_int_equal(refusal_of(MFW_ERR_CPU), REFUSED_LATE);
	assert_int_equal(refusal_of(MFW_ERR_CALL), REFUSED_DENIED);
	assert_int_equal(refusal_of(MFW_ERR_CRASHED), REFUSED_FAILED);
	for (unsigned r = MFW_OK + 1; r < MFW_RESULTS; r++)
		assert_true(refusal_of(r) < REFUSALS && refusal_names[refusal_of(r)] != NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dns),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
