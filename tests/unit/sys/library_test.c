/* tests/unit/sys/library_test.c - a library's functions are found, or it is said what is missing. */
#include "sys/library.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct functions {
	void *library;
	double (*floor)(double x);
	double (*fabs)(double x);
};
#define FUNCTION(name)                                                                             \
	{                                                                                          \
#name, offsetof(struct functions, name)                                            \
	}

static struct functions f;
static char error[128];

static int load(const char *file, const struct library_function *functions)
{
	const struct library library = {"the library", file, "lib6", functions};

	memset(&f, 0xff, sizeof(f));
	error[0] = '\0';
	return library_load(&library, &f, &f.library, error, sizeof(error));
}

static void is_found(void **state)
{
	static const struct library_function both[] = {FUNCTION(floor), FUNCTION(fabs), {0}};

	(void)state;
	assert_int_equal(load("libm.so.6", both), 0);
	assert_non_null(f.library);
	assert_true(f.floor(1.5) == 1.0);
	assert_true(f.fabs(-2.0) == 2.0);
	library_drop(&f.library);
	assert_null(f.library);
}

static void is_missing(void **state)
{
	static const struct library_function wrong[] = {
		FUNCTION(floor), {"ceiling", offsetof(struct functions, fabs)}, {0}};

	(void)state;
	assert_int_equal(load("libm.so.999", wrong), -ENOENT);
	assert_null(f.library);
	assert_non_null(strstr(error, "can't load the library: "));
	assert_non_null(strstr(error, "libm.so.999"));
	assert_non_null(strstr(error, ": type apt-get install lib6"));
	assert_int_equal(load("libm.so.6", wrong), -ENOSYS);
	assert_null(f.library);
	assert_string_equal(error, "can't use libm.so.6: it has no ceiling");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_found), cmocka_unit_test(is_missing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
