/* libos/posix: what musl's system calls do, as musl would make them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include <cmocka.h>

#include "image/bundle.h"
#include "libos/mayfly.h"
#include "libos/mem/heap.h"
#include "libos/place.h"
#include "libos/posix/posix.h"
#include "tests/unit/libos/guest.h"

#define CALL0(n)          mf_posix_call(n, 0, 0, 0, 0, 0, 0)
#define CALL(n, a, b, c)  mf_posix_call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define MAP(bytes, flags) mf_posix_call(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, flags, -1, 0)
#define ANONYMOUS         (MAP_PRIVATE | MAP_ANONYMOUS)

/* -------------------------------------------------------------------- pages */

static void do_pages(void)
{
	const uint64_t end = place_info()->heap_end;
	uint8_t *low = mf_alloc(100);
	long a = MAP(1, ANONYMOUS), b = MAP(2 * MF_PAGE, ANONYMOUS), c = MAP(MF_PAGE, ANONYMOUS);

	assert_int_equal(a, end - MF_PAGE);
	assert_int_equal(b, end - 3 * MF_PAGE);
	assert_int_equal(c, end - 4 * MF_PAGE);
	memset((void *)c, 1, 4 * MF_PAGE);
	/* given back in three pieces, in an order in which all neighbours meet */
	assert_int_equal(CALL(SYS_munmap, a, MF_PAGE, 0), 0);
	assert_int_equal(CALL(SYS_munmap, c, 1, 0), 0);
	assert_int_equal(CALL(SYS_munmap, b, 2 * MF_PAGE, 0), 0);
	/* one run, and zero again */
	assert_int_equal(MAP(4 * MF_PAGE, ANONYMOUS), c);
	for (unsigned i = 0; i < 4 * MF_PAGE; i++)
		assert_int_equal(((uint8_t *)c)[i], 0);
	assert_int_equal(CALL(SYS_munmap, c, 4 * MF_PAGE, 0), 0);
	/* part of a run, from its end */
	assert_int_equal(MAP(MF_PAGE, ANONYMOUS), a);
	/* what a run hasn't is new */
	assert_int_equal(MAP(4 * MF_PAGE, ANONYMOUS), end - 8 * MF_PAGE);
	/* beside mf_alloc, which has the rest of the first page */
	assert_int_equal(MAP(8 * MF_PAGE, ANONYMOUS), -ENOMEM);
	assert_int_equal(MAP(7 * MF_PAGE, ANONYMOUS), end - 15 * MF_PAGE);
	assert_int_equal(MAP(5 * MF_PAGE, ANONYMOUS), -ENOMEM);
	assert_ptr_equal(mf_alloc(16), low + 112);
	mf_alloc(MF_PAGE);
}

static void pages(void **state)
{
	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	mem_heap = (struct heap){0};
	/* the last one meets the pages */
	assert_int_equal(guest_live(do_pages), MF_OUTCOME_MEMORY);
}

static void do_wrong_pages(void)
{
	const uint64_t end = place_info()->heap_end;

	assert_int_equal(MAP(0, ANONYMOUS), -EINVAL);
	assert_int_equal(MAP(-1, ANONYMOUS), -ENOMEM);
	assert_int_equal(MAP(-MF_PAGE, ANONYMOUS), -ENOMEM);
	assert_int_equal(MAP(MF_PAGE, MAP_PRIVATE), -ENODEV);
	assert_int_equal(MAP(MF_PAGE, ANONYMOUS | MAP_FIXED), -ENOMEM);
	assert_int_equal(CALL(SYS_munmap, end - MF_PAGE + 1, 1, 0), -EINVAL);
	assert_int_equal(CALL(SYS_munmap, end - MF_PAGE, 2 * MF_PAGE, 0), -EINVAL);
	assert_int_equal(CALL(SYS_munmap, end, MF_PAGE, 0), -EINVAL);
	assert_int_equal(CALL(SYS_munmap, 0, MF_PAGE, 0), -EINVAL);
	assert_int_equal(CALL(SYS_munmap, end - MF_PAGE, 0, 0), -EINVAL);
	assert_int_equal(CALL(SYS_munmap, end - MF_PAGE, -1, 0), -EINVAL);
}

static void wrong_pages(void **state)
{
	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(guest_live(do_wrong_pages), MF_OUTCOME_OK);
}

/* -------------------------------------------------------------------- files */

static void do_files(void)
{
	char a[4], b[20];
	struct iovec to[] = {{a, 4}, {b, 20}};
	struct stat st;
	long fd = CALL(SYS_open, "./b/two.txt", O_RDONLY | O_CLOEXEC, 0);

	assert_int_equal(fd, 3);
	assert_int_equal(CALL(SYS_read, fd, a, 4), 4);
	assert_memory_equal(a, "seco", 4);
	assert_int_equal(CALL(SYS_lseek, fd, -7, SEEK_END), 4);
	assert_int_equal(CALL(SYS_readv, fd, to, 2), 7);
	assert_memory_equal(a, "nd f", 4);
	assert_memory_equal(b, "ile", 3);
	assert_int_equal(CALL(SYS_read, fd, a, 4), 0);
	assert_int_equal(CALL(SYS_lseek, fd, 100, SEEK_CUR), 111);
	assert_int_equal(CALL(SYS_read, fd, a, 4), 0);
	assert_int_equal(CALL(SYS_lseek, fd, -112, SEEK_CUR), -EINVAL);
	assert_int_equal(CALL(SYS_lseek, fd, INT64_MIN, SEEK_END), -EINVAL);
	assert_int_equal(CALL(SYS_lseek, fd, INT64_MAX, SEEK_END), -EOVERFLOW);
	assert_int_equal(CALL(SYS_lseek, fd, 0, 3), -EINVAL);
	assert_int_equal(CALL(SYS_fstat, fd, &st, 0), 0);
	assert_int_equal(st.st_size, 11);
	assert_true(S_ISREG(st.st_mode) && !(st.st_mode & 0222));
	assert_int_equal(CALL(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC), 0);
	assert_int_equal(CALL(SYS_fcntl, fd, F_DUPFD, 0), -EINVAL);
	assert_int_equal(CALL(SYS_ioctl, fd, 0x5413, 0), -ENOTTY);
	assert_int_equal(CALL(SYS_close, fd, 0, 0), 0);
	assert_int_equal(CALL(SYS_close, fd, 0, 0), -EBADF);
	assert_int_equal(CALL(SYS_read, fd, a, 4), -EBADF);
	assert_int_equal(CALL(SYS_fstat, fd, &st, 0), -EBADF);
	assert_int_equal(CALL(SYS_write, fd, a, 4), -EBADF);
}

static void do_wrong_files(void)
{
	static const int to_write[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND};
	struct stat st;

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(CALL(SYS_open, "one.txt", to_write[i], 0666), -EROFS);
	assert_int_equal(CALL(SYS_open, "b", O_RDONLY, 0), -ENOENT);
	assert_int_equal(CALL(SYS_open, "../one.txt", O_RDONLY, 0), -ENOENT);
	assert_int_equal(CALL(SYS_stat, "none", &st, 0), -ENOENT);
	assert_int_equal(CALL(SYS_lstat, "/one.txt", &st, 0), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(CALL(SYS_access, "one.txt", 4, 0), 0);
	assert_int_equal(CALL(SYS_access, "one.txt", 2, 0), -EROFS);
	assert_int_equal(CALL(SYS_access, "one.txt", 1, 0), -EACCES);
	assert_int_equal(CALL(SYS_access, "none", 0, 0), -ENOENT);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(CALL(SYS_open, "one.txt", O_RDONLY, 0), 3 + i);
	assert_int_equal(CALL(SYS_open, "one.txt", O_RDONLY, 0), -EMFILE);
	CALL(SYS_close, 7, 0, 0);
	assert_int_equal(CALL(SYS_open, "one.txt", O_RDONLY, 0), 7);
	for (long fd = 3; fd < 35; fd++)
		CALL(SYS_close, fd, 0, 0);
	assert_int_equal(CALL(SYS_close, -1, 0, 0), -EBADF);
	assert_int_equal(CALL(SYS_close, LONG_MAX, 0, 0), -EBADF);
	assert_int_equal(CALL(SYS_lseek, 1, 0, SEEK_CUR), -ESPIPE);
	assert_int_equal(CALL(SYS_unlink, "one.txt", 0, 0), -EROFS);
}

static void files(void **state)
{
	struct bundle_item items[] = {
		{MF_DATA_FILE, "one.txt", "", 0}, {MF_DATA_FILE, "b/two.txt", "second file", 11}};
	uint8_t *bundle;
	size_t size;

	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(bundle_pack(items, 2, &bundle, &size), 0);
	guest_attach(bundle, size);
	free(bundle);
	assert_int_equal(guest_live(do_files), MF_OUTCOME_OK);
	assert_int_equal(guest_live(do_wrong_files), MF_OUTCOME_OK);
}

static void do_input(void)
{
	char text[8] = "";
	struct stat st;

	assert_int_equal(CALL(SYS_fstat, 0, &st, 0), 0);
	assert_int_equal(st.st_size, place_in_init() ? 0 : 5);
	assert_int_equal(CALL(SYS_lseek, 0, 1, SEEK_SET), 1);
	assert_int_equal(CALL(SYS_read, 0, text, 8), place_in_init() ? 0 : 4);
	assert_string_equal(text, place_in_init() ? "" : "ello");
}

static void the_payload_is_standard_input(void **state)
{
	struct event_writer w = guest_fresh(MF_SOURCE_RUN);
	size_t room;

	(void)state;
	memcpy(event_payload_room(&w, &room), "hello", 5);
	event_payload_set(&w, 5);
	assert_int_equal(guest_live(do_input), MF_OUTCOME_OK);
	guest_fresh(MF_SOURCE_INIT);
	assert_int_equal(guest_live(do_input), MF_OUTCOME_OK);
}

/* ---------------------------------------------------------------------- log */

static void do_lines(void)
{
	static char many[1000];
	struct iovec from[] = {{"one\nt", 5}, {"", 0}, {"wo\n\nthree", 9}};

	memset(many, 'm', sizeof(many));
	assert_int_equal(CALL(SYS_write, 2, "half ", 5), 5);
	assert_int_equal(CALL(SYS_writev, 1, from, 3), 14);
	assert_int_equal(CALL(SYS_write, 2, "a line\n", 7), 7);
	assert_int_equal(CALL(SYS_write, 2, many, 600), 600);
	assert_int_equal(CALL(SYS_write, 0, "x", 1), -EBADF);
	CALL(SYS_exit_group, 0, 0, 0);
}

static void output_is_the_log(void **state)
{
	static const struct {
		enum mf_level level;
		const char *text;
	} lines[] = {{MF_LEVEL_INFO, "one"}, {MF_LEVEL_INFO, "two"}, {MF_LEVEL_INFO, ""},
		{MF_LEVEL_WARN, "half a line"}};
	struct effects_reader reader;
	struct effect effect;

	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(guest_live(do_lines), MF_OUTCOME_OK);
	guest_open(&reader);
	for (unsigned i = 0; i < 4; i++) {
		effect = guest_effect(&reader, MF_EFFECT_LOG);
		assert_int_equal(effect.status, lines[i].level);
		assert_str(effect.field[MF_FIELD_BODY], lines[i].text);
	}
	effect = guest_effect(&reader, MF_EFFECT_LOG); /* too long for one */
	assert_int_equal(effect.field[MF_FIELD_BODY].n, 512);
	effect = guest_effect(&reader, MF_EFFECT_LOG); /* what had no end */
	assert_str(effect.field[MF_FIELD_BODY], "three");
	effect = guest_effect(&reader, MF_EFFECT_LOG);
	assert_int_equal(effect.field[MF_FIELD_BODY].n, 600 - 512);
	guest_no_more(&reader);
}

static void do_flood(void)
{
	for (;;)
		CALL(SYS_write, 1, "a flood of lines\n", 17);
}

static void a_flood_of_output_ends_the_life(void **state)
{
	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(guest_live(do_flood), MF_OUTCOME_FULL);
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(guest_live(posix_write_rest), MF_OUTCOME_OK);
}

/* ---------------------------------------------------------------- the others */

static void do_clocks(void)
{
	struct timespec t;

	assert_int_equal(CALL(SYS_clock_gettime, CLOCK_REALTIME, &t, 0), 0);
	assert_int_equal(t.tv_sec, place_in_init() ? 0 : 1700000000);
	assert_int_equal(t.tv_nsec, place_in_init() ? 0 : 5);
	assert_int_equal(CALL(SYS_clock_gettime, CLOCK_MONOTONIC, &t, 0), 0);
	assert_int_equal(t.tv_sec, place_in_init() ? 0 : 7);
	assert_int_equal(CALL(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &t, 0), 0);
	assert_int_equal(t.tv_sec + t.tv_nsec, 0);
	assert_int_equal(CALL(SYS_clock_gettime, 12, &t, 0), -EINVAL);
	assert_int_equal(CALL(SYS_clock_gettime, -1, &t, 0), -EINVAL);
}

static void do_early(void)
{
	struct timespec t;

	assert_int_equal(CALL(SYS_clock_gettime, CLOCK_REALTIME, &t, 0), 0);
	assert_int_equal(t.tv_sec, -1);
	assert_int_equal(t.tv_nsec, 999999999);
}

static void clocks_are_the_events(void **state)
{
	struct mf_event *ev = (struct mf_event *)MF_ADDR_WINDOW;

	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	ev->time_ns = 1700000000000000005;
	ev->elapsed_ns = 7000000000;
	assert_int_equal(guest_live(do_clocks), MF_OUTCOME_OK);
	ev->time_ns = -1;
	assert_int_equal(guest_live(do_early), MF_OUTCOME_OK);
	guest_fresh(MF_SOURCE_INIT);
	ev->time_ns = 9; /* and if there were any */
	ev->elapsed_ns = 9;
	assert_int_equal(guest_live(do_clocks), MF_OUTCOME_OK);
}

static void do_random(void)
{
	uint8_t bytes[100] = {0}, none[100] = {0};

	assert_int_equal(CALL(SYS_getrandom, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_memory_not_equal(bytes, none, sizeof(none));
}

static void random_is_the_seeds(void **state)
{
	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(guest_live(do_random), MF_OUTCOME_OK);
	guest_fresh(MF_SOURCE_INIT);
	assert_int_equal(guest_live(do_random), MF_OUTCOME_FAILED);
	guest_only_failed_with("mf_init asked for random bytes: every life would have the same");
}

static void do_absent(void)
{
	static const long absent[] = {SYS_brk, SYS_mprotect, SYS_madvise, SYS_futex, SYS_clone,
		SYS_fork, SYS_execve, SYS_socket, SYS_kill, SYS_getuid, SYS_nanosleep, SYS_poll,
		SYS_getdents64, SYS_uname, SYS_mremap, 100000, -1};

	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_int_equal(CALL0(absent[i]), -ENOSYS);
	assert_int_equal(CALL0(SYS_getpid), 1);
}

static void what_a_life_has_not(void **state)
{
	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(guest_live(do_absent), MF_OUTCOME_OK);
}

static void do_exit_1(void)
{
	CALL(SYS_exit_group, 1, 0, 0);
}

static void do_exit_0(void)
{
	CALL(SYS_exit_group, 256, 0, 0);
}

static void do_abort(void)
{
	posix_abort();
}

static void ends(void **state)
{
	(void)state;
	guest_fresh(MF_SOURCE_RUN);
	assert_int_equal(guest_live(do_exit_1), MF_OUTCOME_FAILED);
	guest_only_failed_with("exit was called, with a status other than 0");
	assert_int_equal(guest_live(do_abort), MF_OUTCOME_FAILED);
	guest_only_failed_with("abort was called");
	assert_int_equal(guest_live(do_exit_0), MF_OUTCOME_OK);
	guest_fresh(MF_SOURCE_INIT);
	assert_int_equal(guest_live(do_exit_0), MF_OUTCOME_FAILED);
	guest_only_failed_with("exit was called in mf_init: it has to return");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages),
		cmocka_unit_test(wrong_pages),
		cmocka_unit_test(files),
		cmocka_unit_test(the_payload_is_standard_input),
		cmocka_unit_test(output_is_the_log),
		cmocka_unit_test(a_flood_of_output_ends_the_life),
		cmocka_unit_test(clocks_are_the_events),
		cmocka_unit_test(random_is_the_seeds),
		cmocka_unit_test(what_a_life_has_not),
		cmocka_unit_test(ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
