/* hub/bytes, hub/example: bounded buffers, commands to copy. */
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
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
