/* libos/arch/x86_64/mem.c under other names, against the C library's functions; and
 * the allocators of libos/mem. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "tests/unit/libos/guest.h"

#define memcpy  our_memcpy
#define memmove our_memmove
#define memset  our_memset
#define memcmp  our_memcmp
#define strlen  our_strlen
#include "libos/arch/x86_64/mem.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen

#define MOST 1700u

static uint8_t a[MOST + 64], b[MOST + 64], c[MOST + 64];

static void fill(void)
{
	unsigned seed = 7;

	for (size_t i = 0; i < sizeof(a); i++) {
		a[i] = (uint8_t)rand_r(&seed);
		b[i] = c[i] = (uint8_t)rand_r(&seed);
	}
}

static void copies(void **state)
{
	(void)state;
	for (size_t n = 0; n <= MOST; n += n < 900 ? 1 : 41)
		for (size_t skew = 0; skew < 3; skew++) {
			fill();
			assert_ptr_equal(our_memcpy(b + 16 + skew, a + 5, n), b + 16 + skew);
			memcpy(c + 16 + skew, a + 5, n);
			assert_memory_equal(b, c, sizeof(b));
		}
}

static void moves(void **state)
{
	(void)state;
	for (size_t n = 0; n <= MOST; n += n < 140 ? 1 : 37)
		for (size_t distance = 0; distance < 64; distance += distance < 36 ? 1 : 9) {
			fill();
			assert_ptr_equal(our_memmove(b + distance, b, n), b + distance);
			memmove(c + distance, c, n);
			assert_memory_equal(b, c, sizeof(b));
			our_memmove(b, b + distance, n);
			memmove(c, c + distance, n);
			assert_memory_equal(b, c, sizeof(b));
		}
}

static void sets(void **state)
{
	(void)state;
	for (size_t n = 0; n <= MOST; n += n < 900 ? 1 : 41) {
		fill();
		assert_ptr_equal(our_memset(b + 9, 0x1a5, n), b + 9);
		memset(c + 9, 0x1a5, n);
		assert_memory_equal(b, c, sizeof(b));
	}
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void compares(void **state)
{
	(void)state;
	for (size_t n = 1; n < 40; n++)
		for (size_t at = 0; at <= n; at++) {
			fill();
			memcpy(b, a, n);
			b[at] = (uint8_t)(a[at] + 100);
			assert_int_equal(sign(our_memcmp(a, b, n)), sign(memcmp(a, b, n)));
			assert_int_equal(sign(our_memcmp(b, a, n)), sign(memcmp(b, a, n)));
		}
	assert_int_equal(our_memcmp(a, b, 0), 0);
	assert_int_equal(our_strlen(""), 0);
	assert_int_equal(our_strlen("twelve bytes"), 12);
}

static void do_alloc(void)
{
	uint8_t *first = mf_alloc(1), *second = mf_alloc(17), *third = mf_alloc(0);

	assert_int_equal((uintptr_t)first % 16, 0);
	assert_ptr_equal(second, first + 16);
	assert_ptr_equal(third, second + 32);
	mf_alloc(GUEST_HEAP_BYTES - 48);
	mf_alloc(0);
	mf_alloc(1);
	fail();
}

static void do_alloc_wraps(void)
{
	mf_alloc(SIZE_MAX - 4);
	fail();
}

static void heap(void **state)
{
	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(guest_live(do_alloc_wraps), MF_OUTCOME_MEMORY);
	assert_int_equal(guest_live(do_alloc), MF_OUTCOME_MEMORY);
}

static void do_init_alloc(void)
{
	assert_int_equal(mf_init_left(), GUEST_INIT_BYTES);
	assert_ptr_equal(mf_init_alloc(5), (void *)MF_ADDR_INIT);
	assert_int_equal(mf_init_left(), GUEST_INIT_BYTES - 16);
	assert_ptr_equal(mf_init_alloc(GUEST_INIT_BYTES - 16), (void *)(MF_ADDR_INIT + 16));
	assert_int_equal(mf_init_left(), 0);
	mf_init_alloc(1);
	fail();
}

static void do_init_alloc_late(void)
{
	assert_int_equal(mf_init_left(), 0);
	mf_init_alloc(1);
	fail();
}

static void init_area(void **state)
{
	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(guest_live(do_init_alloc_late), MF_OUTCOME_FAILED);
	guest_only_failed_with("mf_init_alloc: only mf_init may write to the init area");
	guest_fresh(MF_SOURCE_INIT);
	assert_int_equal(guest_live(do_init_alloc), MF_OUTCOME_FAILED);
	guest_only_failed_with("mf_init_alloc: the init area is full: raise memory.init");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),
		cmocka_unit_test(moves),
		cmocka_unit_test(sets),
		cmocka_unit_test(compares),
		cmocka_unit_test(heap),
		cmocka_unit_test(init_area),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
