/* tests/unit/store/blobs_rig.c - see blobs_rig.h. */
#include "tests/unit/store/blobs_rig.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/loop.h"

static void start(struct blobs_rig *rig)
{
	char error[BLOB_ERROR_MAX];

	rig->options.directory = rig->directory;
	if (blobs_open(&rig->blobs, &rig->options, error) < 0)
		fail_msg("%s", error);
}

void blobs_rig_open(struct blobs_rig *rig, uint64_t most)
{
	*rig = (struct blobs_rig){.options = {.most = most}};
	strcpy(rig->directory, "/dev/shm/mayfly-blobs-XXXXXX");
	if (!mkdtemp(rig->directory)) {
		strcpy(rig->directory, "/tmp/mayfly-blobs-XXXXXX");
		assert_non_null(mkdtemp(rig->directory));
	}
	start(rig);
}

void blobs_rig_again(struct blobs_rig *rig)
{
	blobs_close(rig->blobs);
	start(rig);
}

static DIR *open_there(const struct blobs_rig *rig)
{
	char path[128];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/blobs", rig->directory);
	dir = opendir(path);
	assert_non_null(dir);
	return dir;
}

void blobs_rig_close(struct blobs_rig *rig)
{
	char path[400];
	struct dirent *entry;
	DIR *dir = open_there(rig);

	blobs_close(rig->blobs);
	while ((entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "%s/blobs/%s", rig->directory, entry->d_name);
		(void)unlink(path);
	}
	(void)closedir(dir);
	(void)snprintf(path, sizeof(path), "%s/blobs", rig->directory);
	(void)rmdir(path);
	(void)rmdir(rig->directory);
}

static void on_done(struct blob_op *op, int error)
{
	struct waited *w = LOOP_OWNER(op, struct waited, op);

	assert_false(w->ended); /* once */
	w->ended = true;
	w->error = error;
}

void waited_init(struct waited *w)
{
	*w = (struct waited){.op = {.done = on_done}};
}

static void wait_once(struct blobs_rig *rig)
{
	struct pollfd fd = {blobs_fd(rig->blobs), POLLIN, 0};

	assert_int_equal(poll(&fd, 1, 60000), 1);
	blobs_reap(rig->blobs);
}

int waited_end(struct blobs_rig *rig, struct waited *w)
{
	while (!w->ended)
		wait_once(rig);
	w->ended = false;
	return w->error;
}

void blobs_rig_settle(struct blobs_rig *rig)
{
	while (blobs_waiting(rig->blobs) > 0)
		wait_once(rig);
}

unsigned blobs_rig_files(struct blobs_rig *rig)
{
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	blobs_rig_settle(rig);
	dir = open_there(rig);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

uint8_t *blobs_rig_bytes(size_t n, unsigned seed)
{
	uint8_t *p = malloc(n + 1);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 31 + (i >> 8) * 7 + seed * 101);
	return p;
}

void blobs_rig_hash(const void *p, size_t n, uint8_t hash[static BLOB_HASH])
{
	(void)crypto_hash_sha256(hash, p, n);
}

int blobs_rig_put(struct blobs_rig *rig, size_t n, unsigned seed, uint8_t hash[static BLOB_HASH])
{
	uint8_t *p = blobs_rig_bytes(n, seed);
	struct waited w;
	int err;

	waited_init(&w);
	blobs_rig_hash(p, n, hash);
	blob_put(rig->blobs, &w.op, p, n);
	err = waited_end(rig, &w);
	free(p);
	if (err == 0) {
		assert_memory_equal(blob_hash(w.op.blob), hash, BLOB_HASH);
		assert_int_equal(blob_size(w.op.blob), n);
		blob_unpin(w.op.blob);
	}
	return err;
}

int blobs_rig_read(
	struct blobs_rig *rig, const uint8_t hash[static BLOB_HASH], size_t n, unsigned seed)
{
	struct blob *b = blobs_find(rig->blobs, hash);
	uint8_t *p = blobs_rig_bytes(n, seed), *q = calloc(1, n + 1);
	struct waited w;
	int err;

	waited_init(&w);
	if (!b) {
		free(p);
		free(q);
		return -ENOKEY;
	}
	assert_int_equal(blob_size(b), n);
	blob_read(rig->blobs, b, &w.op, 0, q, n);
	err = waited_end(rig, &w);
	if (err == 0)
		assert_memory_equal(p, q, n);
	free(p);
	free(q);
	return err;
}

const char *blobs_rig_path(
	const struct blobs_rig *rig, const uint8_t hash[static BLOB_HASH], const char *suffix)
{
	static char path[256];
	char name[BLOB_NAME + 1];

	blob_name(hash, name);
	(void)snprintf(path, sizeof(path), "%s/blobs/%s%s", rig->directory, name, suffix);
	return path;
}
