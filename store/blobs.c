/* store/blobs.c - the disk cache is opened and closed; operations end. See blobs.h. */
#include "store/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/blobs_inner.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/random.h"

#define DIRECTORY "blobs"

/* --- names */

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool blob_name_read(const void *name, uint8_t hash[static BLOB_HASH])
{
	const uint8_t *p = name;

	for (unsigned i = 0; i < BLOB_HASH; i++) {
		int high = digit(p[2 * i]), low = digit(p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void blob_name(const uint8_t hash[static BLOB_HASH], char name[static BLOB_NAME + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < BLOB_HASH; i++) {
		name[2 * i] = digits[hash[i] >> 4];
		name[2 * i + 1] = digits[hash[i] & 15];
	}
	name[BLOB_NAME] = '\0';
}

/* --- what lies there */

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * (int64_t)CLOCK_S + t->tv_nsec;
}

/* A clock that was wrong keeps nothing for ever. */
static int found_blob(struct blobs *blobs, const uint8_t *hash, const struct stat *st)
{
	int64_t left = ns_of(&st->st_mtim) - clock_wall_ns();
	struct blob *b = index_add(blobs, hash, (uint64_t)st->st_size);

	if (!b)
		return -ENOMEM;
	blobs->counts.bytes += in_blocks(b->size);
	b->used_ns = ns_of(&st->st_atim);
	if (left > 0) {
		uint64_t ns =
			(uint64_t)left < BLOB_KEEP_MOST_NS ? (uint64_t)left : BLOB_KEEP_MOST_NS;

		b->kept_until = clock_mono_ns() + ns;
		b->kept_ns = clock_wall_ns() + (int64_t)ns;
	}
	return 0;
}

static bool is_young(const struct blobs *blobs, const struct stat *st)
{
	int64_t age = clock_wall_ns() - ns_of(&st->st_mtim);

	return age < 0 || (uint64_t)age <= blobs->partial_ns;
}

static int found(struct blobs *blobs, const char *name)
{
	uint8_t hash[BLOB_HASH];
	struct stat st;
	size_t n = strlen(name);
	bool named = n >= BLOB_NAME && blob_name_read(name, hash);

	if (fstatat(blobs->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
		return 0;
	if (named && n == BLOB_NAME && S_ISREG(st.st_mode) && blobs->counts.blobs < BLOBS_COUNT)
		return found_blob(blobs, hash, &st);
	if (named && strcmp(name + BLOB_NAME, PART_SUFFIX) == 0 && S_ISREG(st.st_mode) &&
		st.st_size > 0 && is_young(blobs, &st))
		return writer_found(blobs, hash, (uint64_t)st.st_size, ns_of(&st.st_mtim));
	(void)unlinkat(blobs->dir, name, 0);
	return 0;
}

static int by_use(const void *a, const void *b)
{
	const struct blob *const *x = a, *const *y = b;

	return ((*x)->used_ns > (*y)->used_ns) - ((*x)->used_ns < (*y)->used_ns);
}

/* The list in the order of use. */
static int sort(struct blobs *blobs)
{
	size_t n = 0;
	struct blob **all = calloc(blobs->counts.blobs + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (struct blob *b = blobs->first; b; b = b->next)
		all[n++] = b;
	qsort(all, n, sizeof(*all), by_use);
	blobs->first = blobs->last = NULL;
	for (size_t i = 0; i < n; i++) {
		all[i]->prev = NULL;
		all[i]->next = blobs->first;
		*(blobs->first ? &blobs->first->prev : &blobs->last) = all[i];
		blobs->first = all[i];
	}
	free(all);
	return 0;
}

static int look(struct blobs *blobs)
{
	int fd = openat(blobs->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir) {
		err = -errno;
		fd_close(&fd);
		return err;
	}
	while (err == 0 && (entry = readdir(dir)))
		err = found(blobs, entry->d_name);
	(void)closedir(dir);
	return err == 0 ? sort(blobs) : err;
}

/* --- open, close */

static int open_directory(struct blobs *blobs, const char *state, char error[static BLOB_ERROR_MAX])
{
	char path[4096];
	int err = 0;

	if (snprintf(path, sizeof(path), "%s/" DIRECTORY, state) >= (int)sizeof(path))
		err = -ENAMETOOLONG;
	else if (mkdir(path, 0700) < 0 && errno != EEXIST)
		err = -errno;
	if (err == 0) {
		blobs->dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		err = blobs->dir < 0 ? -errno : look(blobs);
	}
	if (err < 0)
		snprintf(error, BLOB_ERROR_MAX, "\"%.400s/" DIRECTORY "\": %s", state,
			strerror(-err));
	return err;
}

int blobs_open(
	struct blobs **to, const struct blobs_options *options, char error[static BLOB_ERROR_MAX])
{
	struct blobs *blobs = calloc(1, sizeof(*blobs));
	int err = -ENOMEM;

	*to = NULL;
	(void)snprintf(error, BLOB_ERROR_MAX, "no memory");
	if (!blobs)
		return err;
	digest_load();
	blobs->most = options->most;
	blobs->partial_ns = options->partial_ns ? options->partial_ns : 3600 * CLOCK_S;
	blobs->dir = blobs->fd = -1;
	random_bytes(&blobs->seed, sizeof(blobs->seed));
	err = disk_open(blobs);
	if (err < 0)
		(void)snprintf(error, BLOB_ERROR_MAX, "%s", strerror(-err));
	else
		err = open_directory(blobs, options->directory, error);
	if (err < 0) {
		blobs_close(blobs);
		return err;
	}
	blobs_limit(blobs, options->most);
	*to = blobs;
	return 0;
}

void blobs_close(struct blobs *blobs)
{
	if (!blobs)
		return;
	while (blobs->waiting > 0) { /* one operation's end may be the next one's beginning */
		disk_stop(blobs);
		blobs_reap(blobs);
	}
	disk_stop(blobs);
	for (struct blob *b = blobs->first, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	for (struct blob_writer *w = blobs->parts, *next; w; w = next) {
		next = w->next;
		writer_free(w);
	}
	(void)pthread_cond_destroy(&blobs->shared.wake);
	(void)pthread_mutex_destroy(&blobs->shared.lock);
	fd_close(&blobs->dir);
	fd_close(&blobs->fd);
	free(blobs);
}

int blobs_fd(const struct blobs *blobs)
{
	return blobs->fd;
}

unsigned blobs_waiting(const struct blobs *blobs)
{
	return blobs->waiting;
}

/* --- operations */

bool rows_are_in(uint64_t size, uint64_t at, uint64_t stride, size_t row, size_t rows, size_t *n)
{
	uint64_t last;

	return !__builtin_mul_overflow(row, rows, n) &&
		(rows == 0 ||
			(!__builtin_mul_overflow(stride, rows - 1, &last) &&
				!__builtin_add_overflow(last, at, &last) &&
				!__builtin_add_overflow(last, row, &last) && last <= size));
}

void blob_read_rows(struct blobs *blobs, struct blob *blob, struct blob_op *op, uint64_t at,
	uint64_t stride, void *to, uint64_t to_stride, size_t row, size_t rows)
{
	op->kind = OP_READ;
	op->blob = blob;
	op->at = at;
	op->stride = stride;
	op->to = to;
	op->to_stride = to_stride;
	op->row = row;
	op->moved = 0;
	blob_pin(blob);
	if (rows_are_in(blob->size, at, stride, row, rows, &op->n))
		disk_submit(blobs, op);
	else
		disk_refuse(blobs, op, -EINVAL);
}

void blob_read(
	struct blobs *blobs, struct blob *blob, struct blob_op *op, uint64_t at, void *to, size_t n)
{
	blob_read_rows(blobs, blob, op, at, 0, to, 0, n, 1);
}

static bool read_ended(struct blobs *blobs, struct blob_op *op)
{
	struct blob *b = op->blob;

	if (op->error == -EUCLEAN || op->error == -ENOENT) {
		blobs->counts.damaged += !b->gone;
		index_lose(b, false);
	}
	blobs->counts.read += op->moved;
	op->blob = NULL;
	blob_unpin(b);
	return true;
}

static bool touched(struct blobs *blobs, struct blob_op *op)
{
	struct blob *b = op->blob;

	(void)blobs;
	b->touching = false;
	if (b->stale && b->pins == 0)
		index_touch(b);
	return false;
}

static bool dropped(struct blobs *blobs, struct blob_op *op)
{
	(void)blobs;
	index_free(op->blob);
	return false;
}

static bool appended(struct blobs *blobs, struct blob_op *op)
{
	if (op->error == 0) {
		op->writer->offset += op->n;
		blobs->counts.written += op->n;
	} else if (op->error == -ENOSPC) {
		blobs->counts.full++;
	}
	return true;
}

static bool placed(struct blobs *blobs, struct blob_op *op)
{
	blobs->counts.written += op->moved;
	blobs->counts.full += op->error == -ENOSPC;
	return true;
}

static bool whole(struct blobs *blobs, struct blob_op *op)
{
	(void)blobs;
	(void)op;
	return true;
}

static bool unlinked(struct blobs *blobs, struct blob_op *op)
{
	(void)blobs;
	writer_free(op->writer);
	return false;
}

static bool closed(struct blobs *blobs, struct blob_op *op)
{
	struct blob_writer *w = op->writer;

	(void)blobs;
	w->closing = false;
	if (w->again && !w->active && !w->unlink.writer)
		writer_close(w);
	return false;
}

/* What follows when the thread is done with it. True: the caller is told. */
static bool (*const ends[])(struct blobs *blobs, struct blob_op *op) = {
	[OP_READ] = read_ended,
	[OP_TOUCH] = touched,
	[OP_DROP] = dropped,
	[OP_APPEND] = appended,
	[OP_HASH] = writer_hashed,
	[OP_NAME] = writer_named,
	[OP_UNLINK] = unlinked,
	[OP_CLOSE] = closed,
	[OP_PUT] = memory_written,
	[OP_PLACE] = placed,
	[OP_WHOLE] = whole,
};

/* At once, since what was hashed of an upload is hashed again at each try. */
#define ROOM_LEAST (16u << 20)

/* The disk is full, of whatever: what may go goes, and it is tried again. */
static bool again(struct blobs *blobs, struct blob_op *op)
{
	bool writes = op->kind == OP_APPEND || op->kind == OP_PUT || op->kind == OP_PLACE;

	if (!writes || !op->full || !room_make(blobs, op->n > ROOM_LEAST ? op->n : ROOM_LEAST))
		return false;
	disk_submit(blobs, op);
	return true;
}

void blobs_reap(struct blobs *blobs)
{
	struct shared *sh = &blobs->shared;
	struct blob_op *next;
	uint64_t count;

	(void)!read(blobs->fd, &count, sizeof(count));
	(void)pthread_mutex_lock(&sh->lock);
	next = sh->ended;
	sh->ended = NULL;
	sh->ended_last = &sh->ended;
	(void)pthread_mutex_unlock(&sh->lock);
	while (next) {
		struct blob_op *op = next;

		next = op->next;
		blobs->waiting--;
		if (!again(blobs, op) && ends[op->kind](blobs, op) && op->done)
			op->done(op, op->error);
	}
}
