/* hub/fingerprint: the same entry and the same files, or not */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/config.h"
#include "hub/fingerprint.h"

static char directory[] = "/tmp/mayfly-print-XXXXXX";
static char image[64], data[80];
static uint8_t a[FINGERPRINT], b[FINGERPRINT], trust[FINGERPRINT];

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(image, sizeof(image), "%s/image", directory);
	snprintf(data, sizeof(data), "name=%s/data", directory);
	write_file(image, "image");
	write_file(strchr(data, '=') + 1, "data");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(image);
	unlink(strchr(data, '=') + 1);
	return rmdir(directory);
}

static const char *const zone[] = {data};
static const char *const settings[] = {"a=b", "c=d"};

static struct config_service entry(void)
{
	return (struct config_service){.image = image,
		.data = (char **)(uintptr_t)zone,
		.data_count = 1,
		.config = (char **)(uintptr_t)settings,
		.config_count = 2};
}

/* A file that was just written isn't trusted: whether it is changed again can't be seen. */
static void test_a_new_file(void **state)
{
	struct config_service c = entry();

	(void)state;
	assert_false(fingerprint(&c, trust, a));
	memset(b, 0, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
}

/* The time of change can't be set, so it has to pass. */
static void settle(void)
{
	const struct timespec wait = {.tv_sec = 2, .tv_nsec = 200000000};

	nanosleep(&wait, NULL);
}

static void differs(const struct config_service *c)
{
	assert_true(fingerprint(c, trust, b));
	assert_memory_not_equal(a, b, sizeof(a));
}

static void test_entries(void **state)
{
	struct config_service c = entry();
	char name[] = "x";

	(void)state;
	settle();
	assert_true(fingerprint(&c, trust, a));
	snprintf(c.place, sizeof(c.place), "elsewhere"); /* where it stands is the same to it */
	c.udp_count = 1;                                 /* addresses are compared for themselves */
	assert_true(fingerprint(&c, trust, b));
	assert_memory_equal(a, b, sizeof(a));
	c.name = name;
	differs(&c);
	c = entry();
	c.queue = 7;
	differs(&c);
	c = entry();
	c.config_count = 1;
	differs(&c);
	c = entry();
	c.data_count = 0;
	differs(&c);
	c = entry();
	c.image = strchr(data, '=') + 1;
	differs(&c);
	c = entry();
	trust[FINGERPRINT - 1] = 1; /* whose images may run isn't in its entry */
	differs(&c);
	trust[FINGERPRINT - 1] = 0;
	c.allow_rollback_given = true; /* from 0 on */
	differs(&c);
	c = entry();
}

static void test_files(void **state)
{
	const struct timeval old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct config_service c = entry();
	char *const directories[] = {directory};

	(void)state;
	assert_true(fingerprint(&c, trust, a));
	write_file(image, "other");
	assert_int_equal(
		utimes(image, old), 0); /* its content has an old date, but it changed now */
	assert_false(fingerprint(&c, trust, b));
	settle();
	differs(&c);
	c.image = directory;
	assert_false(fingerprint(&c, trust, b));
	c = entry();
	c.data = (char **)(uintptr_t)directories;
	assert_false(fingerprint(&c, trust, b));
	unlink(image);
	c = entry();
	assert_false(fingerprint(&c, trust, b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_file),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
