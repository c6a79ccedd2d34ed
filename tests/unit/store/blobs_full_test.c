/* store/blobs: a disk that is full before the cache has all that it may have, of something else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/store/blobs_rig.h"

#define M (1u << 20)

/* So many files have to go before a write finds room; counted on the disk's thread alone while one is waited for. */
static atomic_int missing;

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
	if (missing > 0) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, from, n, at);
}

int unlinkat(int directory, const char *name, int flags)
{
	if (missing > 0)
		missing--;
	return (int)syscall(SYS_unlinkat, directory, name, flags);
}

static int appended(struct blobs_rig *r, struct blob_writer *w, const uint8_t *p, size_t n)
{
	struct waited op;

	waited_init(&op);
	blob_append(w, &op.op, p, n);
	return waited_end(r, &op);
}

/* Those that were used longest ago go, until there is room. */
static void test_put(void **state)
{
	uint8_t old[BLOB_HASH], next[BLOB_HASH], last[BLOB_HASH], new[BLOB_HASH];
	struct blobs_counts c;
	struct blobs_rig r;

	(void)state;
	blobs_rig_open(&r, 1024 * M);
	assert_int_equal(blobs_rig_put(&r, 20 * M, 1, old), 0);
	assert_int_equal(blobs_rig_put(&r, 20 * M, 2, next), 0);
	assert_int_equal(blobs_rig_put(&r, 20 * M, 3, last), 0);
	missing = 2;
	assert_int_equal(blobs_rig_put(&r, 8 * M, 4, new), 0);
	assert_int_equal(missing, 0);
	assert_null(blobs_find(r.blobs, old));
	assert_null(blobs_find(r.blobs, next));
	assert_int_equal(blobs_rig_read(&r, last, 20 * M, 3), 0);
	assert_int_equal(blobs_rig_read(&r, new, 8 * M, 4), 0);
	blobs_count(r.blobs, &c);
	assert_int_equal(c.evictions, 2);
	assert_int_equal(c.full, 0);
	blobs_rig_close(&r);
}

/* What is in use stays, and who writes hears that there is no room. */
static void test_nothing_may_go(void **state)
{
	uint8_t hash[BLOB_HASH], other[BLOB_HASH];
	struct blobs_counts c;
	struct blobs_rig r;
	struct blob *blob;

	(void)state;
	blobs_rig_open(&r, 1024 * M);
	assert_int_equal(blobs_rig_put(&r, M, 1, hash), 0);
	blob = blobs_find(r.blobs, hash);
	assert_non_null(blob);
	blob_pin(blob);
	missing = 1000;
	assert_int_equal(blobs_rig_put(&r, M, 2, other), -ENOSPC);
	missing = 0;
	assert_int_equal(blobs_rig_read(&r, hash, M, 1), 0);
	blobs_count(r.blobs, &c);
	assert_int_equal(c.evictions, 0);
	assert_int_equal(c.full, 1);
	blob_unpin(blob);
	blobs_rig_close(&r);
}

/* An upload goes on where the disk was full, in the middle of a piece too, and is what it was said to be. */
static void test_append(void **state)
{
	uint8_t *p = blobs_rig_bytes(4 * M, 9), whole[BLOB_HASH], hash[BLOB_HASH];
	struct blob_writer *w;
	struct blobs_rig r;
	struct waited op;

	(void)state;
	blobs_rig_hash(p, 4 * M, whole);
	blobs_rig_open(&r, 1024 * M);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(blobs_rig_put(&r, M, i, hash), 0);
	assert_int_equal(blob_begin(r.blobs, whole, 4 * M, false, &w), 0);
	assert_int_equal(appended(&r, w, p, M), 0);
	missing = 1;
	assert_int_equal(appended(&r, w, p + M, 3 * M), 0);
	assert_null(blobs_find(r.blobs, hash)); /* 16 MiB at once */
	waited_init(&op);
	blob_commit(w, &op.op);
	assert_int_equal(waited_end(&r, &op), 0);
	blob_unpin(op.op.blob);
	assert_int_equal(blobs_rig_read(&r, whole, 4 * M, 9), 0);
	free(p);
	blobs_rig_close(&r);
}

/* The same of a result that is put where it belongs. */
static void test_place(void **state)
{
	uint8_t *p = blobs_rig_bytes(4 * M, 9), whole[BLOB_HASH], hash[BLOB_HASH];
	const uint8_t key[BLOB_HASH] = {1};
	struct blob_writer *w;
	struct blobs_rig r;
	struct waited op;

	(void)state;
	blobs_rig_hash(p, 4 * M, whole);
	blobs_rig_open(&r, 1024 * M);
	assert_int_equal(blobs_rig_put(&r, M, 1, hash), 0);
	assert_int_equal(blob_place_begin(r.blobs, key, 4 * M, false, &w), 0);
	missing = 1;
	waited_init(&op);
	blob_place(w, &op.op, p, M, 0, M, M, 4);
	assert_int_equal(waited_end(&r, &op), 0);
	assert_null(blobs_find(r.blobs, hash));
	waited_init(&op);
	blob_commit(w, &op.op);
	assert_int_equal(waited_end(&r, &op), 0);
	blob_unpin(op.op.blob);
	assert_int_equal(blobs_rig_read(&r, whole, 4 * M, 9), 0);
	free(p);
	blobs_rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_nothing_may_go),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
