/* sys/memory: what was freed goes back, and everything still works. */
#include "sys/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLOCKS 2000u

static const char text[] = "constants are read from the file again";
static const char *relocated[] = {text, text + 10};

static long resident_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld kB", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

static void test_settle(void **state)
{
	void *block[BLOCKS];
	long full;

	(void)state;
	for (unsigned i = 0; i < BLOCKS; i++) {
		block[i] = malloc(4000);
		assert_non_null(block[i]);
		memset(block[i], 1, 4000);
	}
	full = resident_kib();
	/* the last stays: the heap's end can't simply move down */
	for (unsigned i = 0; i + 1 < BLOCKS; i++)
		free(block[i]);
	memory_settle();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_in_range(resident_kib(), 1, full - 7000);
#else
	(void)full;
#endif
	free(block[BLOCKS - 1]);
	assert_string_equal(relocated[1], text + 10);
	memory_settle();
	assert_string_equal(relocated[0], "constants are read from the file again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_settle)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
