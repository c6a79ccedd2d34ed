/* hub/words, hub/bytes, hub/example: refusals in DNS, bounded buffers, commands to copy. */
#include "hub/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/bytes.h"
#include "hub/example.h"
#include "hub/input.h"
#include "hub/service.h"

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

static void test_bytes(void **state)
{
	struct bytes_total total = {.most = 9000};
	struct bytes a = {0}, b = {0};
	char chunk[3000];

	(void)state;
	memset(chunk, 'x', sizeof(chunk));
	assert_true(bytes_add(&a, &total, "hello", 5));
	bytes_use(&a, &total, 2);
	assert_true(bytes_add(&a, &total, " you", 4));
	assert_int_equal(bytes_left(&a), 7);
	assert_memory_equal(a.p + a.at, "llo you", 7);
	assert_true(bytes_add(&b, &total, chunk, sizeof(chunk)));
	assert_false(bytes_add(&b, &total, chunk, sizeof(chunk)) &&
		bytes_add(&b, &total, chunk, sizeof(chunk)));
	assert_true(total.held <= total.most);
	bytes_free(&b, &total);
	bytes_use(&a, &total, 7);
	assert_null(a.p);
	assert_int_equal(total.held, 0);
}

static const char *command(
	const char *address, enum words words, unsigned framing, const char *example)
{
	static char to[EXAMPLE_MOST];
	struct service service = {0};
	struct input input = {
		.service = &service, .words = words, .framing = framing, .example = example};

	assert_int_equal(net_parse(&input.address, address), 0);
	example_command(&input, to);
	return to;
}

static void test_example(void **state)
{
	(void)state;
	assert_string_equal(command("127.0.0.1:53", WORDS_DNS, 0, "www.example.test"),
		"dig @127.0.0.1 -p 53 www.example.test");
	assert_string_equal(
		command("*:53", WORDS_DNS, 2, NULL), "dig @::1 -p 53 +tcp example.test");
	assert_string_equal(command("127.0.0.1:7", WORDS_NONE, 0, "it's; rm -rf \"$HOME\""),
		"printf %s 'it'\\''s; rm -rf \"$HOME\"' | nc -u -w1 127.0.0.1 7");
	assert_string_equal(command("127.0.0.1:7", WORDS_NONE, 2, "hi there"),
		"(printf '\\000\\010'; printf %s 'hi there') | nc -q1 127.0.0.1 7");
	assert_string_equal(command("127.0.0.1:7", WORDS_NONE, 4, "-n"),
		"(printf '\\0\\0\\000\\002'; printf %s '-n') | nc -q1 127.0.0.1 7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dns),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
