/* store/schema: files that are damaged, another program's or a newer release's are refused with what to do, and
 * not changed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"
#include "tests/unit/store/rig.h"
#include "tests/unit/store/steps.h"

#define PAGE 4096u

static struct rig rig;
static char path[100], wal[110];
static uint8_t *good;
static size_t good_size;

static size_t read_file(const char *name, uint8_t **bytes)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*bytes = malloc((size_t)st.st_size + 1);
	assert_int_equal(read(fd, *bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	return (size_t)st.st_size;
}

static void write_file(const char *name, const uint8_t *bytes, size_t n)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

/* A file with some of everything. */
static int set_up(void **state)
{
	(void)state;
	rig_open(&rig);
	for (unsigned i = 1; i <= 40; i++) {
		if (i % 7 == 0) /* whose pages hold nothing but content */
			continue;
		store_submit(step_begin(rig.store, i, STORE_BATCH, rig_done, &rig));
		rig_wait(&rig, ++rig.begun);
	}
	store_close(rig.store);
	(void)snprintf(path, sizeof(path), "%s/mayfly.db", rig.directory);
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(access(wal, F_OK), -1); /* a clean end leaves one file */
	good_size = read_file(path, &good);
	assert_true(good_size >= 10 * PAGE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rig_remove(&rig);
	free(good);
	return 0;
}

/* Opens a file with those bytes: refused, in words, and the bytes are the same afterwards. */
static void assert_refused(const uint8_t *bytes, size_t n, const char *words)
{
	char error[STORE_ERROR_MAX] = "";
	uint8_t *after;

	write_file(path, bytes, n);
	assert_int_equal(store_open(&rig.store, &rig.options, error), -EUCLEAN);
	assert_null(rig.store);
	if (!strstr(error, words) || !strstr(error, path) || !strstr(error, "nothing was changed"))
		fail_msg("wanted \"%s\" in: %s", words, error);
	assert_int_equal(read_file(path, &after), n);
	assert_memory_equal(after, bytes, n);
	free(after);
	unlink(wal);
}

static void test_cut_off(void **state)
{
	static const size_t sizes[] = {0, 1, 99, 100, PAGE, 5 * PAGE, 5 * PAGE + 17};

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		assert_refused(good, sizes[i], "its end is cut off");
	assert_refused(good, good_size - 1, "its end is cut off");
}

static void test_header(void **state)
{
	uint8_t *bytes = malloc(good_size);

	(void)state;
	memcpy(bytes, good, good_size);
	bytes[3] ^= 1;
	assert_refused(bytes, good_size, "none of a database");
	memcpy(bytes, good, good_size);
	bytes[71] ^= 1; /* application_id */
	assert_refused(bytes, good_size, "another program's");
	memcpy(bytes, good, good_size);
	bytes[63]++; /* user_version */
	assert_refused(bytes, good_size, "newer release");
	memcpy(bytes, good, good_size);
	bytes[16] = 3; /* size of pages */
	assert_refused(bytes, good_size, "damaged");
	memcpy(bytes, good, good_size);
	bytes[18] = bytes[19] = 1; /* no log */
	assert_refused(bytes, good_size, "damaged");
	free(bytes);
}

/* Any page, overwritten with zeros or chance. (Of content alone nobody could tell: pages have no checksums.) */
static void test_pages(void **state)
{
	uint8_t *bytes = malloc(good_size);
	unsigned seed = 5;

	(void)state;
	for (size_t page = 0; page < good_size / PAGE; page++)
		for (unsigned kind = 0; kind < 2; kind++) {
			memcpy(bytes, good, good_size);
			for (size_t i = page ? 0 : 100; i < PAGE; i++)
				bytes[page * PAGE + i] = kind ? (uint8_t)rand_r(&seed) : 0;
			assert_refused(bytes, good_size, "damaged");
		}
	free(bytes);
}

static void test_no_file_but_a_log(void **state)
{
	char error[STORE_ERROR_MAX];
	uint8_t *after;

	(void)state;
	unlink(path);
	write_file(wal, good, 5000);
	assert_int_equal(store_open(&rig.store, &rig.options, error), -EUCLEAN);
	assert_non_null(strstr(error, "its -wal is there"));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(read_file(wal, &after), 5000);
	assert_memory_equal(after, good, 5000);
	free(after);
	unlink(wal);
}

/* Another database with our name in our place: not even its journal is touched. */
static void test_foreign(void **state)
{
	sqlite3 *db;
	uint8_t *bytes;
	size_t n;

	(void)state;
	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	n = read_file(path, &bytes);
	assert_refused(bytes, n, "another program's");
	free(bytes);
}

/* Damage that shows while it is in use: nothing more is written, reads say it. */
static void test_found_later(void **state)
{
	uint8_t zeros[PAGE] = {0};
	struct store_value v;
	struct rig r;
	char name[100];
	size_t size;
	int fd, e = 0;

	(void)state;
	rig_open(&r);
	for (unsigned i = 1; i <= 600; i++) { /* more than the cache holds */
		r.begun++;
		store_submit(step_begin(r.store, i, STORE_BATCH, rig_done, &r));
	}
	rig_wait(&r, 600);
	rig_again(&r);
	(void)snprintf(name, sizeof(name), "%s/mayfly.db", r.directory);
	fd = open(name, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	size = (size_t)lseek(fd, 0, SEEK_END);
	for (size_t at = PAGE; at < size; at += PAGE)
		assert_int_equal(pwrite(fd, zeros, PAGE, (off_t)at), PAGE);
	for (unsigned i = 0; i < 50 && e == 0; i++) {
		char key[16];
		int n = snprintf(key, sizeof(key), "key/%u", i);
		e = store_state(r.store, 2, mf_str_of(key, (size_t)n), &v);
	}
	if (e == 0) {
		struct store_failed failed;

		e = store_failed_read(r.store, STORE_DEAD, 1, &failed);
	}
	assert_int_equal(e, -EUCLEAN);
	assert_int_equal(store_error(r.store), -EUCLEAN);
	r.begun++;
	store_submit(step_begin(r.store, 601, STORE_SYNC, rig_done, &r));
	rig_wait(&r, 601);
	assert_int_equal(r.error, -EUCLEAN);
	close(fd); /* locks may go: nobody writes any more */
	rig_close(&r);
}

static int64_t page_of(const char *table)
{
	char sql[100];
	sqlite3 *db;
	sqlite3_stmt *query;
	int64_t page;

	(void)snprintf(
		sql, sizeof(sql), "SELECT rootpage FROM sqlite_schema WHERE name='%s'", table);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(query), SQLITE_ROW);
	page = sqlite3_column_int64(query, 0);
	sqlite3_finalize(query);
	sqlite3_close(db);
	return page;
}

/* A large file's history isn't read at a start: damage there shows when it is looked at. */
static void test_large(void **state)
{
	struct store_life life;
	uint64_t seen, before = UINT64_MAX;
	uint8_t *bytes;
	size_t n;
	int e;

	(void)state;
	write_file(path, good, good_size);
	rig_start(&rig);
	for (unsigned i = 0; i < 20; i++) {
		struct store_tx *tx = store_begin(rig.store, STORE_BATCH, rig_done, &rig);

		for (unsigned j = 0; j < 300; j++) /* one fills a page */
			store_life(tx,
				&(struct store_life){.number = 100 + i * 300 + j,
					.capsule = mf_str_of(good, 3000)});
		store_submit(tx);
		rig_wait(&rig, ++rig.begun);
	}
	store_close(rig.store);
	n = read_file(path, &bytes);
	assert_true(n > 16u << 20);
	memset(bytes + n / PAGE / 2 * PAGE, 0, PAGE);
	write_file(path, bytes, n);
	rig_start(&rig);
	while ((e = store_life_before(
			rig.store, before, &(struct store_which){0}, 1, &seen, &life)) == 1)
		before = life.number;
	assert_int_equal(e, -EUCLEAN);
	assert_true(before > 200 && before < 6000);
	store_close(rig.store);
	memset(bytes + (page_of("state") - 1) * PAGE, 0, PAGE);
	assert_refused(bytes, n, "damaged");
	free(bytes);
}

/* Nobody else may read it. */
static void test_mode(void **state)
{
	struct rig r;
	struct stat st;
	char name[100];

	(void)state;
	rig_open(&r);
	(void)snprintf(name, sizeof(name), "%s/mayfly.db", r.directory);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	rig_close(&r);
}

static void test_no_directory(void **state)
{
	char error[STORE_ERROR_MAX];
	struct store_options options = {.directory = "/proc/nonexistent"};
	struct store *store;

	(void)state;
	assert_int_equal(store_open(&store, &options, error), -ENOENT);
	assert_non_null(strstr(error, "/proc/nonexistent/mayfly.db"));
}

/* One that was killed while it made the file leaves no half of one. */
static void test_half_made(void **state)
{
	struct rig r;
	char name[100];

	(void)state;
	rig_init(&r);
	(void)snprintf(name, sizeof(name), "%s/mayfly.db.new", r.directory);
	write_file(name, good, 5000);
	rig_start(&r);
	assert_int_equal(access(name, F_OK), -1);
	assert_int_equal(steps_check(r.store), 0);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_no_file_but_a_log),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_found_later),
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_no_directory),
		cmocka_unit_test(test_half_made),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
