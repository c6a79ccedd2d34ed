/* libos/fmt against the C library's snprintf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos/mayfly.h"

/* Both must write the same into a buffer of any size, and return the same. */
#define same(...)                                                                                  \
	do {                                                                                       \
		for (size_t size_ = 0; size_ < 80; size_++) {                                      \
			char ours_[80], theirs_[80];                                               \
			memset(ours_, '~', sizeof(ours_));                                         \
			memset(theirs_, '~', sizeof(theirs_));                                     \
			int n_ = snprintf(theirs_, size_, __VA_ARGS__);                            \
			assert_int_equal(mf_format(ours_, size_, __VA_ARGS__), n_);                \
			assert_memory_equal(ours_, theirs_, sizeof(ours_));                        \
		}                                                                                  \
	} while (0)

#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"

static void text(void **state)
{
	char unterminated[3] = {'a', 'b', 'c'};

	(void)state;
	same("plain");
	same("%s", "string");
	same("<%s> %s", "", "x");
	same("[%10s] [%-10s]", "right", "left");
	same("%.3s|%.0s|%.10s", "abcdef", "abc", "abc");
	same("%.*s", 3, unterminated);
	same("%*s|%-*s|%*s", 6, "a", 6, "b", -6, "c");
	same("%c%c%c", 'a', '\n', 0x7f);
	same("%5c|%-5c|", 'x', 'y');
	same("100%%");
}

static void numbers(void **state)
{
	(void)state;
	same("%d %i %d %d", 0, -1, INT32_MAX, INT32_MIN);
	same("%u %u %x %X", 0u, UINT32_MAX, 0xdeadbeefu, 0xdeadbeefu);
	same("%ld %ld", INT64_MAX, INT64_MIN);
	same("%lu %lx", UINT64_MAX, UINT64_MAX);
	same("%lld %llu %llx", -5ll, 5ull, 5ull);
	same("%zu %zx %jd %td", SIZE_MAX, SIZE_MAX, (intmax_t)-7, (ptrdiff_t)-9);
	same("%hd %hu %hhd %hhu %hhx", 70000, 70000, 300, 300, -1);
	same("[%5d] [%-5d] [%05d] [%2d]", 42, 42, 42, 12345);
	same("[%5d] [%-5d] [%05d] [%-05d]", -42, -42, -42, -42);
	same("[%.3d] [%8.3d] [%-8.3d] [%08.3d] [%.0d]", 7, 7, -7, 7, 0);
	same("[%08x] [%*u] [%.*u]", 0xbeefu, 9, 1u, 4, 2u);
	same("%p", (void *)0x1234);
}

static void sequences(void **state)
{
	const char *const conversions[] = {"%d", "%-7d", "%07d", "%7.4d", "%x", "%-9X", "%u"};
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 2000; round++)
		for (size_t i = 0; i < sizeof(conversions) / sizeof(*conversions); i++) {
			char ours[64], theirs[64];
			int value = (int)((unsigned)rand_r(&seed) << (rand_r(&seed) % 32));
			int n = snprintf(theirs, sizeof(theirs), conversions[i], value);

			assert_int_equal(mf_format(ours, sizeof(ours), conversions[i], value), n);
			assert_string_equal(ours, theirs);
		}
}

/* What it doesn't know stands as it is, and a null string is named. */
static void differences(void **state)
{
	const char *volatile nothing = NULL;
	char to[64];

	(void)state;
	mf_format(to, sizeof(to), "%y %f %", 1, 2.0);
	assert_string_equal(to, "%y %f %");
	mf_format(to, sizeof(to), "%s", nothing);
	assert_string_equal(to, "(null)");
	mf_format(to, sizeof(to), "%5");
	assert_string_equal(to, "%5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(numbers),
		cmocka_unit_test(sequences),
		cmocka_unit_test(differences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
