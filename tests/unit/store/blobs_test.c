/* store/blobs: what lies there at a start, names, closing; store/blobs_index: use, room, who goes. */
#include "store/blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "tests/unit/store/blobs_rig.h"

#define K 4096u

static void test_names(void **state)
{
	char name[BLOB_NAME + 1];
	uint8_t hash[BLOB_HASH], again[BLOB_HASH];

	(void)state;
	for (unsigned i = 0; i < BLOB_HASH; i++)
		hash[i] = (uint8_t)(i * 37);
	blob_name(hash, name);
	assert_int_equal(strlen(name), BLOB_NAME);
	assert_true(blob_name_read(name, again));
	assert_memory_equal(hash, again, BLOB_HASH);
	name[3] = 'A';
	assert_false(blob_name_read(name, again));
	name[3] = 'g';
	assert_false(blob_name_read(name, again));
	name[3] = '\0';
	assert_false(blob_name_read(name, again));
}

static void test_put_and_read(void **state)
{
	static const size_t sizes[] = {0, 1, K, K + 1, BLOB_STEP, 3 * BLOB_STEP + 17};
	struct blobs_rig r;
	struct blobs_counts c;
	struct stat st;
	uint8_t hash[BLOB_HASH];

	(void)state;
	blobs_rig_open(&r, 64u << 20);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(blobs_rig_put(&r, sizes[i], i, hash), 0);
		assert_int_equal(blobs_rig_read(&r, hash, sizes[i], i), 0);
		assert_int_equal(stat(blobs_rig_path(&r, hash, ""), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(st.st_size, sizes[i]);
	}
	blobs_count(r.blobs, &c);
	assert_int_equal(c.blobs, 6);
	assert_int_equal(c.hits, 6);
	assert_int_equal(c.bytes, K + K + 2 * K + BLOB_STEP + 3 * BLOB_STEP + K);
	assert_int_equal(blobs_rig_files(&r), 6);
	blobs_rig_again(&r);
	for (unsigned i = 0; i < 6; i++) {
		uint8_t *p = blobs_rig_bytes(sizes[i], i);

		blobs_rig_hash(p, sizes[i], hash);
		free(p);
		assert_int_equal(blobs_rig_read(&r, hash, sizes[i], i), 0);
	}
	blobs_rig_close(&r);
}

static void test_same_again(void **state)
{
	struct blobs_rig r;
	struct blobs_counts c;
	uint8_t hash[BLOB_HASH];

	(void)state;
	blobs_rig_open(&r, 1u << 20);
	assert_int_equal(blobs_rig_put(&r, 10000, 1, hash), 0);
	assert_int_equal(blobs_rig_put(&r, 10000, 1, hash), 0);
	blobs_count(r.blobs, &c);
	assert_int_equal(c.blobs, 1);
	assert_int_equal(c.doubles, 1);
	assert_int_equal(c.bytes, 3 * K);
	assert_int_equal(blobs_rig_files(&r), 1);
	blobs_rig_close(&r);
}

/* Two at once: both go well, and there is one. */
static void test_same_at_once(void **state)
{
	struct blobs_rig r;
	struct waited a, b;
	uint8_t *p = blobs_rig_bytes(2 * BLOB_STEP, 3);

	(void)state;
	blobs_rig_open(&r, 16u << 20);
	waited_init(&a);
	waited_init(&b);
	blob_put(r.blobs, &a.op, p, 2 * BLOB_STEP);
	blob_put(r.blobs, &b.op, p, 2 * BLOB_STEP);
	assert_int_equal(waited_end(&r, &a), 0);
	assert_int_equal(waited_end(&r, &b), 0);
	assert_ptr_equal(a.op.blob, b.op.blob);
	blob_unpin(a.op.blob);
	assert_true(blob_pinned(b.op.blob));
	blob_unpin(b.op.blob);
	assert_int_equal(blobs_rig_read(&r, blob_hash(a.op.blob), 2 * BLOB_STEP, 3), 0);
	assert_int_equal(blobs_rig_files(&r), 1);
	free(p);
	blobs_rig_close(&r);
}

static void test_ranges(void **state)
{
	struct blobs_rig r;
	struct waited w;
	struct blob *b;
	uint8_t hash[BLOB_HASH], got[8], *p = blobs_rig_bytes(20000, 5);

	(void)state;
	blobs_rig_open(&r, 1u << 20);
	assert_int_equal(blobs_rig_put(&r, 20000, 5, hash), 0);
	b = blobs_find(r.blobs, hash);
	waited_init(&w);
	blob_read(r.blobs, b, &w.op, 19992, got, 8);
	assert_int_equal(waited_end(&r, &w), 0);
	assert_memory_equal(got, p + 19992, 8);
	blob_read(r.blobs, b, &w.op, 19993, got, 8);
	assert_int_equal(waited_end(&r, &w), -EINVAL);
	blob_read(r.blobs, b, &w.op, UINT64_MAX, got, 8);
	assert_int_equal(waited_end(&r, &w), -EINVAL);
	free(p);
	blobs_rig_close(&r);
}

static void test_rows(void **state)
{
	struct blobs_rig r;
	struct waited w;
	struct blob *b;
	size_t n = 3 * BLOB_STEP;
	uint8_t hash[BLOB_HASH], *p = blobs_rig_bytes(n, 5), *to = calloc(1, n);

	(void)state;
	assert_non_null(to);
	blobs_rig_open(&r, 64u << 20);
	assert_int_equal(blobs_rig_put(&r, n, 5, hash), 0);
	b = blobs_find(r.blobs, hash);
	waited_init(&w);
	blob_read_rows(r.blobs, b, &w.op, 7, 5000, to, 2000, 1999, 600);
	assert_int_equal(waited_end(&r, &w), 0);
	for (size_t i = 0; i < 600; i++) {
		assert_memory_equal(to + i * 2000, p + 7 + i * 5000, 1999);
		assert_int_equal(to[i * 2000 + 1999], 0);
	}
	blob_read_rows(r.blobs, b, &w.op, n - 10, 0, to, 10, 10, 3); /* the same row again */
	assert_int_equal(waited_end(&r, &w), 0);
	for (size_t i = 0; i < 3; i++)
		assert_memory_equal(to + i * 10, p + n - 10, 10);
	blob_read_rows(r.blobs, b, &w.op, n - 10, 0, to, 10, 0, 3);
	assert_int_equal(waited_end(&r, &w), 0);
	blob_read_rows(r.blobs, b, &w.op, n - 10, 0, to, 10, 10, 0);
	assert_int_equal(waited_end(&r, &w), 0);
	blob_read_rows(r.blobs, b, &w.op, 0, n / 2, to, 10, 10, 3);
	assert_int_equal(waited_end(&r, &w), -EINVAL);
	blob_read_rows(r.blobs, b, &w.op, 10, UINT64_MAX, to, 10, 10, 2);
	assert_int_equal(waited_end(&r, &w), -EINVAL);
	blob_read_rows(r.blobs, b, &w.op, 0, 0, to, 10, SIZE_MAX, 2);
	assert_int_equal(waited_end(&r, &w), -EINVAL);
	free(p);
	free(to);
	blobs_rig_close(&r);
}

/* --- room */

static void test_least_recently_used_goes(void **state)
{
	struct blobs_rig r;
	struct blobs_counts c;
	uint8_t hash[5][BLOB_HASH];

	(void)state;
	blobs_rig_open(&r, 4 * K);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(blobs_rig_put(&r, K, i, hash[i]), 0);
	assert_non_null(blobs_find(r.blobs, hash[0])); /* a use */
	assert_int_equal(blobs_rig_put(&r, K, 4, hash[4]), 0);
	assert_null(blobs_find(r.blobs, hash[1]));
	assert_int_equal(blobs_rig_read(&r, hash[0], K, 0), 0);
	assert_int_equal(blobs_rig_put(&r, 3 * K, 5, hash[1]), 0);
	assert_int_equal(blobs_rig_files(&r), 2);
	blobs_count(r.blobs, &c);
	assert_int_equal(c.evictions, 4);
	assert_int_equal(c.evicted_bytes, 4 * K);
	assert_int_equal(c.bytes, 4 * K);
	assert_int_equal(blobs_rig_put(&r, 4 * K + 1, 6, hash[1]), -EFBIG);
	blobs_rig_close(&r);
}

/* The order of use outlives the process. */
static void test_order_is_kept(void **state)
{
	struct blobs_rig r;
	uint8_t hash[3][BLOB_HASH];
	const struct timespec old[2] = {{1000, 0}, {0, 0}}, older[2] = {{900, 0}, {0, 0}};

	(void)state;
	blobs_rig_open(&r, 3 * K);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(blobs_rig_put(&r, K, i, hash[i]), 0);
	blobs_rig_settle(&r);
	assert_int_equal(utimensat(AT_FDCWD, blobs_rig_path(&r, hash[2], ""), older, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, blobs_rig_path(&r, hash[1], ""), old, 0), 0);
	r.options.most = K;
	blobs_rig_again(&r);
	assert_null(blobs_find(r.blobs, hash[1]));
	assert_null(blobs_find(r.blobs, hash[2]));
	assert_int_equal(blobs_rig_read(&r, hash[0], K, 0), 0);
	blobs_rig_close(&r);
}

static void test_pinned_and_kept_stay(void **state)
{
	struct blobs_rig r;
	struct blobs_counts c;
	uint8_t hash[4][BLOB_HASH];
	struct blob *pinned, *kept;

	(void)state;
	blobs_rig_open(&r, 3 * K);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(blobs_rig_put(&r, K, i, hash[i]), 0);
	pinned = blobs_find(r.blobs, hash[0]);
	kept = blobs_find(r.blobs, hash[1]);
	blob_pin(pinned);
	blob_keep(kept, 3600 * CLOCK_S);
	blob_keep(kept, 1); /* never less than before */
	assert_int_equal(blobs_rig_put(&r, 2 * K, 3, hash[3]), -ENOSPC);
	assert_non_null(blobs_find(r.blobs, hash[2])); /* nobody went in vain */
	assert_int_equal(blobs_rig_put(&r, K, 3, hash[3]), 0);
	assert_null(blobs_find(r.blobs, hash[2]));
	assert_int_equal(blob_remove(pinned), -EBUSY);
	blobs_count(r.blobs, &c);
	assert_int_equal(c.pinned, 1);
	assert_int_equal(c.kept, 1);
	assert_int_equal(c.held_bytes, 2 * K);
	assert_int_equal(c.full, 1);
	blob_unpin(pinned);
	blobs_rig_again(&r);
	kept = blobs_find(r.blobs, hash[1]);
	assert_non_null(kept);
	assert_true(blob_kept_until(kept) > clock_wall_ns() + (int64_t)(3000 * CLOCK_S));
	assert_int_equal(blobs_rig_put(&r, 2 * K, 7, hash[3]), 0);
	assert_non_null(blobs_find(r.blobs, hash[1]));
	assert_int_equal(blob_remove(blobs_find(r.blobs, hash[1])), 0);
	assert_null(blobs_find(r.blobs, hash[1]));
	blobs_rig_close(&r);
}

static void test_kept_for_a_time(void **state)
{
	struct blobs_rig r;
	uint8_t hash[2][BLOB_HASH];
	struct timespec moment = {0, 2000000};

	(void)state;
	blobs_rig_open(&r, K);
	assert_int_equal(blobs_rig_put(&r, K, 0, hash[0]), 0);
	blob_keep(blobs_find(r.blobs, hash[0]), 1000000);
	nanosleep(&moment, NULL);
	assert_int_equal(blob_kept_until(blobs_find(r.blobs, hash[0])), 0);
	assert_int_equal(blobs_rig_put(&r, K, 1, hash[1]), 0);
	assert_null(blobs_find(r.blobs, hash[0]));
	blobs_rig_close(&r);
}

static void test_another_limit(void **state)
{
	struct blobs_rig r;
	struct blobs_counts c;
	uint8_t hash[BLOB_HASH];

	(void)state;
	blobs_rig_open(&r, 8 * K);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(blobs_rig_put(&r, K, i, hash), 0);
	blobs_limit(r.blobs, 2 * K);
	blobs_count(r.blobs, &c);
	assert_int_equal(c.bytes, 2 * K);
	assert_int_equal(c.most, 2 * K);
	assert_int_equal(blobs_rig_read(&r, hash, K, 7), 0);
	blobs_rig_close(&r);
}

static unsigned seen;
static void count_one(struct blob *blob, void *context)
{
	const unsigned *first = context;

	if (seen++ == 0)
		assert_int_equal(blob_size(blob), *first);
}

static void test_each(void **state)
{
	struct blobs_rig r;
	uint8_t hash[BLOB_HASH];
	unsigned first = 5;

	(void)state;
	blobs_rig_open(&r, 16 * K);
	for (unsigned i = 1; i <= first; i++)
		assert_int_equal(blobs_rig_put(&r, i, i, hash), 0);
	seen = 0;
	blobs_each(r.blobs, count_one, &first);
	assert_int_equal(seen, 5);
	blobs_rig_close(&r);
}

/* --- at a start */

static void make(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_rubbish_is_swept(void **state)
{
	struct blobs_rig r;
	uint8_t hash[BLOB_HASH], other[BLOB_HASH] = {1};
	char path[128], name[BLOB_NAME + 1];

	(void)state;
	blobs_rig_open(&r, 16 * K);
	assert_int_equal(blobs_rig_put(&r, 100, 1, hash), 0);
	blobs_rig_settle(&r);
	(void)snprintf(path, sizeof(path), "%s/blobs/17.new", r.directory);
	make(path, "half");
	(void)snprintf(path, sizeof(path), "%s/blobs/readme", r.directory);
	make(path, "what?");
	blob_name(other, name);
	make(blobs_rig_path(&r, other, ".part"), "");
	make(blobs_rig_path(&r, other, ".txt"), "x");
	assert_int_equal(symlink("/etc/passwd", blobs_rig_path(&r, other, "")), 0);
	blobs_rig_again(&r);
	assert_int_equal(blobs_rig_files(&r), 1);
	assert_int_equal(blobs_rig_read(&r, hash, 100, 1), 0);
	assert_null(blobs_find(r.blobs, other));
	blobs_rig_close(&r);
}

static void test_cant_open(void **state)
{
	struct blobs_options o = {.directory = "/proc/self/nowhere", .most = K};
	char error[BLOB_ERROR_MAX];
	struct blobs *blobs;

	(void)state;
	assert_int_equal(blobs_open(&blobs, &o, error), -ENOENT);
	assert_null(blobs);
	assert_non_null(strstr(error, "\"/proc/self/nowhere/blobs\": No such file"));
	blobs_close(NULL);
}

/* Closing waits for what is under way, and tells. */
static void test_close_in_the_middle(void **state)
{
	struct blobs_rig r;
	struct waited w[4];
	uint8_t *p[4];

	(void)state;
	blobs_rig_open(&r, 64u << 20);
	for (unsigned i = 0; i < 4; i++) {
		p[i] = blobs_rig_bytes(BLOB_STEP + 5, i);
		waited_init(&w[i]);
		blob_put(r.blobs, &w[i].op, p[i], BLOB_STEP + 5);
	}
	blobs_close(r.blobs);
	r.blobs = NULL;
	for (unsigned i = 0; i < 4; i++) {
		assert_true(w[i].ended);
		assert_int_equal(w[i].error, 0);
		free(p[i]);
	}
	blobs_rig_again(&r);
	assert_int_equal(blobs_rig_files(&r), 4);
	blobs_rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_put_and_read),
		cmocka_unit_test(test_same_again),
		cmocka_unit_test(test_same_at_once),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_least_recently_used_goes),
		cmocka_unit_test(test_order_is_kept),
		cmocka_unit_test(test_pinned_and_kept_stay),
		cmocka_unit_test(test_kept_for_a_time),
		cmocka_unit_test(test_another_limit),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_rubbish_is_swept),
		cmocka_unit_test(test_cant_open),
		cmocka_unit_test(test_close_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
