/* store/blobs_write: writers: piece by piece, broken off, gone on with; store/blobs_disk: files that somebody altered. */
#include "store/blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "tests/unit/store/blobs_rig.h"

#define K 4096u
#define N (2 * BLOB_STEP + 333u)

static int append(struct blobs_rig *r, struct blob_writer *w, const uint8_t *p, size_t n)
{
	struct waited op;

	waited_init(&op);
	blob_append(w, &op.op, p, n);
	return waited_end(r, &op);
}

static int commit(struct blobs_rig *r, struct blob_writer *w)
{
	struct waited op;
	int err;

	waited_init(&op);
	blob_commit(w, &op.op);
	err = waited_end(r, &op);
	if (err == 0)
		blob_unpin(op.op.blob);
	else
		assert_null(op.op.blob);
	return err;
}

struct upload {
	struct blobs_rig r;
	struct blob_writer *w;
	uint8_t *p, hash[BLOB_HASH];
};

static void begin(struct upload *u)
{
	blobs_rig_open(&u->r, 64u << 20);
	u->p = blobs_rig_bytes(N, 9);
	blobs_rig_hash(u->p, N, u->hash);
	assert_int_equal(blob_begin(u->r.blobs, u->hash, N, false, &u->w), 0);
}

static void end(struct upload *u)
{
	free(u->p);
	blobs_rig_close(&u->r);
}

static void test_pieces(void **state)
{
	struct upload u;
	size_t at = 0;

	(void)state;
	begin(&u);
	for (size_t n = 1; at < N; at += n, n = n * 3 < N - at ? n * 3 : N - at) {
		assert_int_equal(blob_written(u.w), at);
		assert_int_equal(append(&u.r, u.w, u.p + at, n), 0);
	}
	assert_int_equal(commit(&u.r, u.w), 0);
	assert_int_equal(blobs_rig_read(&u.r, u.hash, N, 9), 0);
	assert_int_equal(blob_begin(u.r.blobs, u.hash, N, false, &u.w), -EEXIST);
	end(&u);
}

static void test_wrong_hash(void **state)
{
	struct upload u;
	struct blobs_counts c;

	(void)state;
	begin(&u);
	u.p[N / 2] ^= 1;
	assert_int_equal(append(&u.r, u.w, u.p, N), 0);
	assert_int_equal(commit(&u.r, u.w), -EBADMSG);
	blobs_rig_settle(&u.r);
	assert_null(blobs_find(u.r.blobs, u.hash));
	assert_int_equal(blobs_rig_files(&u.r), 0);
	blobs_count(u.r.blobs, &c);
	assert_int_equal(c.wrong, 1);
	assert_int_equal(c.bytes, 0);
	end(&u);
}

/* Fewer bytes than announced, and more. */
static void test_wrong_size(void **state)
{
	struct upload u;

	(void)state;
	begin(&u);
	assert_int_equal(append(&u.r, u.w, u.p, N - 1), 0);
	assert_int_equal(append(&u.r, u.w, u.p, 2), -EFBIG);
	assert_int_equal(commit(&u.r, u.w), -EINVAL);
	assert_int_equal(blob_begin(u.r.blobs, u.hash, (64u << 20) + 1, false, &u.w), -EFBIG);
	end(&u);
}

static void resume_at(struct upload *u, uint64_t at)
{
	uint64_t bytes = 0;
	bool active = true;

	assert_true(blobs_part(u->r.blobs, u->hash, &bytes, &active));
	assert_int_equal(bytes, at);
	assert_false(active);
	assert_int_equal(blob_begin(u->r.blobs, u->hash, N, true, &u->w), 0);
	assert_int_equal(blob_written(u->w), at);
	assert_int_equal(append(&u->r, u->w, u->p + at, N - at), 0);
	assert_int_equal(commit(&u->r, u->w), 0);
	assert_int_equal(blobs_rig_read(&u->r, u->hash, N, 9), 0);
	assert_false(blobs_part(u->r.blobs, u->hash, &bytes, &active));
	assert_int_equal(blobs_rig_files(&u->r), 1);
}

static void test_gone_on_with(void **state)
{
	struct upload u;

	(void)state;
	begin(&u);
	assert_int_equal(append(&u.r, u.w, u.p, BLOB_STEP + 7), 0);
	blob_break(u.w);
	for (size_t at = BLOB_STEP + 7; at < BLOB_STEP + 57;
		at += 10) { /* while it is being closed */
		assert_int_equal(blob_begin(u.r.blobs, u.hash, N, true, &u.w), 0);
		assert_int_equal(append(&u.r, u.w, u.p + at, 10), 0);
		blob_break(u.w);
		if (at % 20 == 7)
			continue;
		assert_int_equal(blob_begin(u.r.blobs, u.hash, N, true, &u.w), 0);
		blob_break(u.w);
	}
	blobs_rig_settle(&u.r);
	resume_at(&u, BLOB_STEP + 57);
	end(&u);
}

/* By another process: what is there is hashed again. */
static void test_gone_on_with_after_a_restart(void **state)
{
	struct upload u;

	(void)state;
	begin(&u);
	assert_int_equal(append(&u.r, u.w, u.p, BLOB_STEP + 7), 0);
	blob_break(u.w);
	blobs_rig_again(&u.r);
	resume_at(&u, BLOB_STEP + 7);
	end(&u);
}

/* And was altered meanwhile, or cut short. */
static void test_part_altered(void **state)
{
	struct upload u;
	int fd;

	(void)state;
	begin(&u);
	assert_int_equal(append(&u.r, u.w, u.p, BLOB_STEP), 0);
	blob_break(u.w);
	blobs_rig_again(&u.r);
	fd = open(blobs_rig_path(&u.r, u.hash, ".part"), O_WRONLY);
	assert_int_equal(pwrite(fd, "?", 1, 5), 1);
	assert_int_equal(blob_begin(u.r.blobs, u.hash, N, true, &u.w), 0);
	assert_int_equal(append(&u.r, u.w, u.p + BLOB_STEP, N - BLOB_STEP), 0);
	assert_int_equal(commit(&u.r, u.w), -EBADMSG);
	assert_int_equal(blob_begin(u.r.blobs, u.hash, N, false, &u.w), 0);
	assert_int_equal(append(&u.r, u.w, u.p, BLOB_STEP), 0);
	blob_break(u.w);
	blobs_rig_settle(&u.r);
	close(fd);
	assert_int_equal(truncate(blobs_rig_path(&u.r, u.hash, ".part"), 100), 0);
	assert_int_equal(blob_begin(u.r.blobs, u.hash, N, true, &u.w), 0);
	assert_int_equal(append(&u.r, u.w, u.p + BLOB_STEP, 10), -EUCLEAN);
	blob_drop(u.w);
	assert_int_equal(blobs_rig_files(&u.r), 0);
	end(&u);
}

static void test_nothing_to_go_on_with(void **state)
{
	struct upload u;
	struct blob_writer *w;
	uint64_t bytes;
	bool active;

	(void)state;
	begin(&u);
	assert_int_equal(blob_begin(u.r.blobs, u.hash, N, true, &w), -EBUSY);
	assert_true(blobs_part(u.r.blobs, u.hash, &bytes, &active));
	assert_true(active);
	blob_break(u.w); /* nothing was written: nothing is there */
	assert_int_equal(blob_begin(u.r.blobs, u.hash, N, true, &w), -ENOENT);
	assert_int_equal(blob_begin(u.r.blobs, u.hash, N, false, &w), 0);
	assert_int_equal(append(&u.r, w, u.p, 100), 0);
	blob_break(w);
	blobs_rig_settle(&u.r);
	assert_int_equal(blob_begin(u.r.blobs, u.hash, 99, true, &w), -EINVAL);
	end(&u);
}

/* Two that send the same: both get it done, whoever is first. */
static void test_two_at_once(void **state)
{
	struct upload u;
	struct blob_writer *other;

	(void)state;
	begin(&u);
	assert_int_equal(append(&u.r, u.w, u.p, 1000), 0);
	assert_int_equal(blob_begin(u.r.blobs, u.hash, N, false, &other), 0);
	assert_int_equal(append(&u.r, other, u.p, N), 0);
	assert_int_equal(commit(&u.r, other), 0);
	assert_int_equal(append(&u.r, u.w, u.p + 1000, N - 1000), 0);
	assert_int_equal(commit(&u.r, u.w), 0);
	assert_int_equal(blobs_rig_files(&u.r), 1);
	assert_int_equal(blobs_rig_read(&u.r, u.hash, N, 9), 0);
	end(&u);
}

static void test_anew_takes_its_place(void **state)
{
	struct upload u;

	(void)state;
	begin(&u);
	assert_int_equal(append(&u.r, u.w, u.p + 50, 1000), 0); /* wrong bytes */
	blob_break(u.w);
	blobs_rig_settle(&u.r);
	assert_int_equal(blob_begin(u.r.blobs, u.hash, N, false, &u.w), 0);
	assert_int_equal(blob_written(u.w), 0);
	assert_int_equal(append(&u.r, u.w, u.p, N), 0);
	assert_int_equal(commit(&u.r, u.w), 0);
	assert_int_equal(blobs_rig_read(&u.r, u.hash, N, 9), 0);
	assert_int_equal(blobs_rig_files(&u.r), 1);
	end(&u);
}

static void test_old_ones_go(void **state)
{
	struct upload u;
	struct blobs_counts c;

	(void)state;
	begin(&u);
	assert_int_equal(append(&u.r, u.w, u.p, 100), 0);
	blob_break(u.w);
	blobs_rig_settle(&u.r);
	blobs_tidy(u.r.blobs); /* it is young */
	blobs_count(u.r.blobs, &c);
	assert_int_equal(c.parts, 1);
	assert_int_equal(c.part_bytes, 100);
	u.r.options.partial_ns = 1;
	blobs_rig_again(&u.r);
	assert_int_equal(blobs_rig_files(&u.r), 0);
	assert_int_equal(blob_begin(u.r.blobs, u.hash, N, false, &u.w), 0);
	assert_int_equal(append(&u.r, u.w, u.p, 100), 0);
	blob_break(u.w);
	blobs_rig_settle(&u.r);
	blobs_tidy(u.r.blobs);
	blobs_count(u.r.blobs, &c);
	assert_int_equal(c.parts, 0);
	assert_int_equal(c.expired, 1);
	assert_int_equal(c.bytes, 0);
	end(&u);
}

/* Whole ones go first, then uploads that rest, never one that somebody is at. */
static void test_room_for_pieces(void **state)
{
	struct blobs_rig r;
	struct blob_writer *w, *at;
	uint8_t *p = blobs_rig_bytes(4 * K, 1), hash[BLOB_HASH], names[2][BLOB_HASH] = {{1}, {2}};
	uint64_t bytes;
	bool active;

	(void)state;
	blobs_rig_open(&r, 4 * K);
	assert_int_equal(blobs_rig_put(&r, K, 7, hash), 0);
	assert_int_equal(blob_begin(r.blobs, names[0], 4 * K, false, &w), 0);
	assert_int_equal(append(&r, w, p, K), 0);
	blob_break(w);
	blobs_rig_settle(&r);
	assert_int_equal(blob_begin(r.blobs, names[1], 4 * K, false, &at), 0);
	assert_int_equal(append(&r, at, p, 3 * K), 0);
	assert_null(blobs_find(r.blobs, hash));
	assert_true(blobs_part(r.blobs, names[0], &bytes, &active));
	assert_int_equal(append(&r, at, p, K), 0);
	assert_false(blobs_part(r.blobs, names[0], &bytes, &active));
	assert_int_equal(blobs_rig_put(&r, K, 7, hash), -ENOSPC);
	blob_break(at);
	blobs_rig_settle(&r);
	assert_int_equal(blobs_rig_put(&r, K, 7, hash), 0);
	free(p);
	blobs_rig_close(&r);
}

/* --- files that somebody altered */

static void test_altered(void **state)
{
	struct blobs_rig r;
	struct blobs_counts c;
	uint8_t hash[BLOB_HASH];

	(void)state;
	blobs_rig_open(&r, 64u << 20);
	for (int again = 0; again < 2;
		again++) { /* by a process that hashed it, and by one that didn't */
		int fd;

		assert_int_equal(blobs_rig_put(&r, N, 2, hash), 0);
		assert_int_equal(blobs_rig_read(&r, hash, N, 2), 0);
		blobs_rig_settle(&r);
		if (again)
			blobs_rig_again(&r);
		fd = open(blobs_rig_path(&r, hash, ""), O_RDWR);
		assert_int_equal(pwrite(fd, "?", 1, N - 1), 1);
		close(fd);
		assert_int_equal(blobs_rig_read(&r, hash, N, 2), -EUCLEAN);
		assert_null(blobs_find(r.blobs, hash));
		blobs_count(r.blobs, &c);
		assert_int_equal(c.damaged, 1);
		assert_int_equal(c.bytes, 0);
		blobs_rig_settle(&r);
		assert_int_equal(blobs_rig_files(&r), 0);
	}
	blobs_rig_close(&r);
}

static void test_cut_short_or_taken_away(void **state)
{
	struct blobs_rig r;
	uint8_t hash[BLOB_HASH];

	(void)state;
	blobs_rig_open(&r, 64u << 20);
	assert_int_equal(blobs_rig_put(&r, 1000, 2, hash), 0);
	blobs_rig_settle(&r);
	assert_int_equal(truncate(blobs_rig_path(&r, hash, ""), 999), 0);
	assert_int_equal(blobs_rig_read(&r, hash, 1000, 2), -EUCLEAN);
	assert_int_equal(blobs_rig_put(&r, 1000, 2, hash), 0);
	blobs_rig_settle(&r);
	assert_int_equal(unlink(blobs_rig_path(&r, hash, "")), 0);
	assert_int_equal(blobs_rig_read(&r, hash, 1000, 2), -ENOENT);
	assert_null(blobs_find(r.blobs, hash));
	assert_int_equal(blobs_rig_put(&r, 1000, 2, hash), 0);
	assert_int_equal(blobs_rig_read(&r, hash, 1000, 2), 0);
	blobs_rig_close(&r);
}

/* Two readers of one that is being hashed. */
static void test_read_at_once(void **state)
{
	struct blobs_rig r;
	struct waited a, b;
	struct blob *blob;
	uint8_t hash[BLOB_HASH], x[16], y[16];

	(void)state;
	blobs_rig_open(&r, 64u << 20);
	assert_int_equal(blobs_rig_put(&r, N, 4, hash), 0);
	blobs_rig_again(&r);
	blob = blobs_find(r.blobs, hash);
	waited_init(&a);
	waited_init(&b);
	blob_read(r.blobs, blob, &a.op, 100, x, sizeof(x));
	blob_read(r.blobs, blob, &b.op, 100, y, sizeof(y));
	assert_int_equal(waited_end(&r, &a), 0);
	assert_int_equal(waited_end(&r, &b), 0);
	assert_memory_equal(x, y, sizeof(x));
	blobs_rig_close(&r);
}

/* A write fails: what was there before can be gone on with. */
static void test_write_fails(void **state)
{
	struct upload u;
	struct blobs_counts c;
	struct rlimit before, small = {0};

	(void)state;
	begin(&u);
	assert_int_equal(append(&u.r, u.w, u.p, 1000), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){BLOB_STEP + 500, before.rlim_max};
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(append(&u.r, u.w, u.p + 1000, N - 1000), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(blob_written(u.w), 1000);
	blob_break(u.w);
	blobs_rig_settle(&u.r);
	blobs_count(u.r.blobs, &c);
	assert_int_equal(c.bytes, K);
	resume_at(&u, 1000);
	end(&u);
}

/* Memory that somebody writes to while it is put: what lies there has the hash of its name. */
static atomic_bool scribbling;
#ifdef __SANITIZE_THREAD__
__attribute__((no_sanitize("thread"))) /* this race is meant */
#endif
static void *
scribble(void *memory)
{
	volatile uint8_t *p = memory;

	for (unsigned i = 0; scribbling; i = (i + 4097) % N)
		p[i]++;
	return NULL;
}

static void test_memory_changes(void **state)
{
	struct blobs_rig r;
	uint8_t *p = blobs_rig_bytes(N, 1), *q = malloc(N);
	pthread_t thread;

	(void)state;
	blobs_rig_open(&r, 64u << 20);
	scribbling = true;
	assert_int_equal(pthread_create(&thread, NULL, scribble, p), 0);
	for (int i = 0; i < 3; i++) {
		uint8_t hash[BLOB_HASH];
		struct waited put, read;

		waited_init(&put);
		waited_init(&read);
		blob_put(r.blobs, &put.op, p, N);
		assert_int_equal(waited_end(&r, &put), 0);
		blob_read(r.blobs, put.op.blob, &read.op, 0, q, N);
		assert_int_equal(waited_end(&r, &read), 0);
		blobs_rig_hash(q, N, hash);
		assert_memory_equal(hash, blob_hash(put.op.blob), BLOB_HASH);
		blob_unpin(put.op.blob);
	}
	scribbling = false;
	assert_int_equal(pthread_join(thread, NULL), 0);
	free(p);
	free(q);
	blobs_rig_close(&r);
}

/* --- in any order */

static const uint8_t key[BLOB_HASH] = "0123456789abcdef0123456789abcde";

static int place(struct blobs_rig *r, struct blob_writer *w, const uint8_t *from, uint64_t apart,
	uint64_t at, uint64_t stride, size_t row, size_t rows)
{
	struct waited op;

	waited_init(&op);
	blob_place(w, &op.op, from, apart, at, stride, row, rows);
	return waited_end(r, &op);
}

static int hash(struct blobs_rig *r, struct blob_writer *w, uint64_t whole)
{
	struct waited op;

	waited_init(&op);
	blob_place_hash(w, &op.op, whole);
	return waited_end(r, &op);
}

/* The second half of each row first; what lies behind the rows comes last, or never: then it is zero. */
static void test_in_any_order(void **state)
{
	enum { ROW = 700, ROWS = N / ROW, LEFT = N - ROWS * ROW };
	uint8_t none[LEFT] = {0};
	struct upload u;
	struct waited op;

	(void)state;
	begin(&u);
	blob_drop(u.w);
	for (unsigned round = 0; round < 2; round++) {
		if (round == 1) {
			memcpy(u.p + ROWS * ROW, none, LEFT);
			blobs_rig_hash(u.p, N, u.hash);
		}
		assert_int_equal(blob_place_begin(u.r.blobs, key, N, false, &u.w), 0);
		assert_int_equal(place(&u.r, u.w, u.p + 300, ROW, 300, ROW, ROW - 300, ROWS), 0);
		assert_int_equal(hash(&u.r, u.w, 0), 0);
		assert_int_equal(place(&u.r, u.w, u.p, ROW, 0, ROW, 300, ROWS), 0);
		assert_int_equal(hash(&u.r, u.w, N / 2), 0);
		assert_int_equal(place(&u.r, u.w, u.p, 0, N - 1, 0, 2, 1), -EINVAL);
		assert_int_equal(place(&u.r, u.w, u.p, 0, 0, N, 1, 2), -EINVAL);
		if (round == 0)
			assert_int_equal(
				place(&u.r, u.w, u.p + N - LEFT, 0, N - LEFT, 0, LEFT, 1), 0);
		waited_init(&op);
		blob_commit(u.w, &op.op);
		assert_int_equal(waited_end(&u.r, &op), 0);
		assert_memory_equal(blob_hash(op.op.blob), u.hash, BLOB_HASH);
		blob_unpin(op.op.blob);
	}
	blobs_rig_settle(&u.r);
	assert_int_equal(blobs_rig_files(&u.r), 2);
	end(&u);
}

/* What a process that ended had placed is there; hashed is all of it anew. Not one of another size, nor what was dropped. */
static void test_placed_and_gone_on_with(void **state)
{
	struct upload u;
	struct blobs_counts c;

	(void)state;
	begin(&u);
	blob_drop(u.w);
	assert_int_equal(blob_place_begin(u.r.blobs, key, N, true, &u.w), -ENOENT);
	assert_int_equal(blob_place_begin(u.r.blobs, key, N, false, &u.w), 0);
	assert_int_equal(place(&u.r, u.w, u.p + 5, 0, 5, 0, N - 5, 1), 0);
	assert_int_equal(hash(&u.r, u.w, N), 0);
	blob_break(u.w);
	blobs_rig_again(&u.r);
	assert_int_equal(blob_place_begin(u.r.blobs, key, N - 1, true, &u.w), -ENOENT);
	assert_int_equal(blob_place_begin(u.r.blobs, key, N, true, &u.w), 0);
	assert_int_equal(place(&u.r, u.w, u.p, 0, 0, 0, 5, 1), 0);
	assert_int_equal(commit(&u.r, u.w), 0);
	assert_int_equal(blobs_rig_read(&u.r, u.hash, N, 9), 0);
	assert_int_equal(blob_place_begin(u.r.blobs, key, N, true, &u.w), -ENOENT);
	assert_int_equal(blob_place_begin(u.r.blobs, key, N, false, &u.w), 0);
	assert_int_equal(place(&u.r, u.w, u.p, 0, 0, 0, 5, 1), 0);
	blob_drop(u.w);
	blobs_rig_settle(&u.r);
	assert_int_equal(blobs_rig_files(&u.r), 1);
	blobs_count(u.r.blobs, &c);
	assert_int_equal(c.parts, 0);
	end(&u);
}

/* Its room is taken from the beginning: who has none hears of it before anything is computed. */
static void test_placed_takes_its_room(void **state)
{
	struct upload u;
	struct blob_writer *second;
	struct blobs_counts c;
	const uint8_t other[BLOB_HASH] = {7};

	(void)state;
	begin(&u);
	blob_drop(u.w);
	assert_int_equal(blob_place_begin(u.r.blobs, key, 65u << 20, false, &u.w), -EFBIG);
	assert_int_equal(blob_place_begin(u.r.blobs, key, 40u << 20, false, &u.w), 0);
	assert_int_equal(blob_place_begin(u.r.blobs, other, 40u << 20, false, &second), -ENOSPC);
	blobs_count(u.r.blobs, &c);
	assert_int_equal(c.bytes, 40u << 20);
	blob_drop(u.w);
	blobs_rig_settle(&u.r);
	blobs_count(u.r.blobs, &c);
	assert_int_equal(c.bytes, 0);
	end(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_wrong_hash),
		cmocka_unit_test(test_wrong_size),
		cmocka_unit_test(test_gone_on_with),
		cmocka_unit_test(test_gone_on_with_after_a_restart),
		cmocka_unit_test(test_part_altered),
		cmocka_unit_test(test_nothing_to_go_on_with),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_anew_takes_its_place),
		cmocka_unit_test(test_old_ones_go),
		cmocka_unit_test(test_room_for_pieces),
		cmocka_unit_test(test_in_any_order),
		cmocka_unit_test(test_placed_and_gone_on_with),
		cmocka_unit_test(test_placed_takes_its_room),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_cut_short_or_taken_away),
		cmocka_unit_test(test_read_at_once),
		cmocka_unit_test(test_write_fails),
		cmocka_unit_test(test_memory_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
