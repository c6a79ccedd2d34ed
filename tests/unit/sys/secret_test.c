/* sys/secret: whose files will do, and whose won't */
#include "sys/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/mayfly-secret-XXXXXX";
static char path[64], error[SECRET_ERROR_MAX];

static int setup(void **state)
{
	int fd;

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/key", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "known to us", 11) != 11)
		return -1;
	return close(fd);
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static int try(unsigned mode)
{
	int fd;

	assert_int_equal(chmod(path, mode), 0);
	fd = secret_open("key", path, error);
	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : fd;
}

static void test_modes(void **state)
{
	static const unsigned fine[] = {0600, 0400, 0640, 0440, 0700};
	static const unsigned others[] = {0644, 0604, 0602, 0601, 0660, 0620, 0666, 0777};
	char help[128];

	(void)state;
	for (unsigned i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_int_equal(try(fine[i]), 0);
	snprintf(help, sizeof(help), ": type chmod 600 %s", path);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(try(others[i]), -EACCES);
		assert_non_null(strstr(error, help));
		assert_int_equal(strncmp(error, "key \"/tmp/", 10), 0);
		assert_null(strstr(error, "known"));
	}
	assert_int_equal(try(0600), 0);
}

static void test_content(void **state)
{
	char *text = NULL;
	size_t n;

	(void)state;
	assert_int_equal(try(0600), 0);
	assert_int_equal(secret_read("key", path, 11, &text, &n, error), 0);
	assert_int_equal(n, 11);
	assert_string_equal(text, "known to us");
	secret_free(text, n);
	secret_free(NULL, 0);
	assert_int_equal(secret_read("key", path, 10, &text, &n, error), -EFBIG);
	assert_null(strstr(error, "known"));
}

static void test_what_is_no_file(void **state)
{
	char pipe[80];

	(void)state;
	assert_int_equal(secret_open("key", "/nonesuch/key", error), -ENOENT);
	assert_non_null(strstr(error, "No such file"));
	assert_int_equal(secret_open("key", directory, error), -EACCES);
	assert_non_null(strstr(error, "no regular file"));
	snprintf(pipe, sizeof(pipe), "%s/pipe", directory);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(secret_open("key", pipe, error), -EACCES); /* and doesn't wait */
	unlink(pipe);
}

static void test_of_another_user(void **state)
{
	(void)state;
	if (geteuid() != 0 || chown(path, 12345, (gid_t)-1) != 0)
		skip();
	assert_int_equal(try(0600), -EACCES);
	assert_non_null(strstr(error, "belongs to user 12345"));
	assert_non_null(strstr(error, ": type chown 0 "));
	secret_owner(12345); /* whom this process will become */
	assert_int_equal(try(0600), 0);
	assert_int_equal(try(0644), -EACCES);
	secret_owner(12346);
	assert_int_equal(try(0600), -EACCES);
	assert_int_equal(chown(path, 0, (gid_t)-1), 0);
	assert_int_equal(try(0600), 0);
}

static const char *take(void *context, struct mf_str line)
{
	char *taken = context;

	strncat(taken, (const char *)line.p, line.n);
	strcat(taken, ";");
	return line.p[0] == '!' ? "that is none" : NULL;
}

static int lines(char *taken, const char *text)
{
	taken[0] = '\0';
	return secret_lines(
		"key", "file", mf_str_of(text, strlen(text)), take, taken, "empty", error);
}

static void test_lines(void **state)
{
	char taken[64];

	(void)state;
	assert_int_equal(lines(taken, "one\n\n \t\r\n # no\n two #2\r\n#\nthree"), 0);
	assert_string_equal(taken, "one; two #2\r;three;");
	assert_int_equal(lines(taken, "one\n\n!two\nthree\n"), -EINVAL);
	assert_string_equal(taken, "one;!two;");
	assert_string_equal(error, "key \"file\": line 3: that is none");
	assert_int_equal(lines(taken, "# nothing\n"), -EINVAL);
	assert_string_equal(error, "key \"file\": empty");
	assert_int_equal(lines(taken, ""), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_what_is_no_file),
		cmocka_unit_test(test_of_another_user),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
