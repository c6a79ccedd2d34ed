/* sys/fd, sys/log, sys/random: memory that can't change, whole files, clean lines. */
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/log.h"
#include "sys/random.h"

static void test_memory(void **state)
{
	int fd = fd_memory("test", 8192);
	void *p;

	(void)state;
	assert_true(fd >= 0);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(p != MAP_FAILED);
	/* a worker that could make it shorter could kill the hub with SIGBUS */
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(ftruncate(fd, 16384), -1);
	munmap(p, 8192);
	fd_close(&fd);
	assert_int_equal(fd, -1);
	fd_close(&fd);
}

static void test_sealed(void **state)
{
	int fd = fd_memory_sealed("test", "content", 7);
	size_t n = 0;
	void *p;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_true(mmap(NULL, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(fd_read_all(fd, 7, &p, &n), 0);
	assert_int_equal(n, 7);
	assert_string_equal(p, "content");
	free(p);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(fd, 6, &p, &n), -EFBIG);
	fd_close(&fd);
}

/* What would keep waiting whoever opens it, and what has no end. */
static void test_only_files(void **state)
{
	char path[] = "/tmp/fd_test.XXXXXX";
	int fd = mkstemp(path), again;

	(void)state;
	assert_true(fd >= 0);
	again = fd_open_file(path);
	assert_true(again >= 0);
	fd_close(&again);
	signal(SIGIO, SIG_IGN);                  /* who has a lease is told */
	if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0) /* not every file system has them */
		assert_int_equal(fd_open_file(path), -EWOULDBLOCK);
	fd_close(&fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fd_open_file(path), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(fd_open_file(path), -ENXIO);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fd_open_file("/tmp"), -EISDIR);
	assert_int_equal(fd_open_file("/dev/zero"), -ENXIO);
	assert_string_equal(fd_open_error(-ENXIO), "it is not a regular file");
	assert_string_equal(fd_open_error(-ENOENT), strerror(ENOENT));
}

static void test_read_pipe(void **state)
{
	static char big[40000];
	int fds[2];
	size_t n = 0;
	void *p;

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fd_write_all(fds[1], big, sizeof(big)), 0);
	close(fds[1]);
	assert_int_equal(fd_read_all(fds[0], 1 << 20, &p, &n), 0);
	assert_int_equal(n, sizeof(big));
	assert_memory_equal(p, big, n);
	free(p);
	close(fds[0]);
	assert_int_equal(fd_read_all(-1, 10, &p, &n), -EBADF);
}

/* What ends a line or turns its order round, as Unicode has it (UAX 9; 5.8), and what lies beside that. */
static void test_clean_of_unicode(void **state)
{
	static const char *const escaped[] = {"\u200e", "\u200f", "\u061c", "\u2028", "\u2029",
		"\u202a", "\u202e", "\u2066", "\u2069"};
	static const char *const shown[] = {
		"\u2027", "\u202f", "\u2065", "\u206a", "\u05d0", "\u061b"};
	char to[64];

	(void)state;
	for (size_t i = 0; i < sizeof(escaped) / sizeof(escaped[0]); i++)
		assert_int_equal(
			log_clean(to, sizeof(to), escaped[i], strlen(escaped[i]))[0], '\\');
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		assert_string_equal(
			log_clean(to, sizeof(to), shown[i], strlen(shown[i])), shown[i]);
}

static void test_clean(void **state)
{
	char to[64], small[8];

	(void)state;
	assert_string_equal(
		log_clean(to, sizeof(to), "a\nb\033[1m\x7f", 8), "a\\x0ab\\x1b[1m\\x7f");
	assert_string_equal(log_clean(small, sizeof(small), "abc\n\n", 5), "abc\\x0a");
	assert_string_equal(log_clean(small, sizeof(small), "abcdefghij", 10), "abcdefg");
	assert_string_equal(log_clean(to, sizeof(to), "", 0), "");
}

static void test_rate(void **state)
{
	struct log_rate rate = {.burst = 3};
	uint64_t second = 5000000000u, skipped = 9;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(log_allowed(&rate, second, &skipped));
	assert_int_equal(skipped, 0);
	for (int i = 0; i < 4; i++)
		assert_false(log_allowed(&rate, second + 1, &skipped));
	assert_true(log_allowed(&rate, second + 1000000000u, &skipped));
	assert_int_equal(skipped, 4);
}

static void test_random(void **state)
{
	uint8_t a[32], b[32], big[10000] = {0};
	unsigned zeros = 0;

	(void)state;
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	random_bytes(big, sizeof(big)); /* more than the store holds */
	for (size_t i = 0; i < sizeof(big); i++)
		zeros += big[i] == 0;
	assert_in_range(zeros, 5, 120); /* 39 expected */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_only_files),
		cmocka_unit_test(test_read_pipe),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_clean_of_unicode),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
