/* store/blobs_disk.c - the thread that reads, writes and hashes files, step by step. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/blobs_inner.h"
#include "sys/beside.h"
#include "sys/clock.h"
#include "sys/fd.h"

#define STACK  (256u << 10)
#define BOUNCE 65536u /* fits into a core's own cache */

static size_t least(uint64_t a, size_t b)
{
	return a < b ? (size_t)a : b;
}

/* --- files */

/* Exactly n, or an error. */
static int read_at(int fd, void *to, size_t n, uint64_t at)
{
	uint8_t *p = to;

	while (n > 0) {
		ssize_t got = pread(fd, p, n, (off_t)at);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return -EUCLEAN; /* shorter than it was */
		if (got > 0) {
			p += got;
			at += (uint64_t)got;
			n -= (size_t)got;
		}
	}
	return 0;
}

static int write_at(int fd, const void *from, size_t n, uint64_t at)
{
	const uint8_t *p = from;

	while (n > 0) {
		ssize_t put = pwrite(fd, p, n, (off_t)at);

		if (put < 0 && errno != EINTR)
			return errno == EDQUOT ? -ENOSPC : -errno;
		if (put > 0) {
			p += put;
			at += (uint64_t)put;
			n -= (size_t)put;
		}
	}
	return 0;
}

static void set_times(int fd, int64_t used, int64_t kept)
{
	const struct timespec t[2] = {
		{used / (int64_t)CLOCK_S, used % (int64_t)CLOCK_S},
		{kept / (int64_t)CLOCK_S, kept % (int64_t)CLOCK_S},
	};

	(void)futimens(fd, t);
}

/* --- blobs */

static bool is_as_it_was(const struct disk *d, const struct stat *st)
{
	return d->sound && st->st_ino == d->inode && st->st_ctim.tv_sec == d->changed.tv_sec &&
		st->st_ctim.tv_nsec == d->changed.tv_nsec;
}

static void note(struct disk *d, int fd)
{
	struct stat st;

	d->sound = fstat(fd, &st) == 0;
	d->inode = st.st_ino;
	d->changed = st.st_ctim;
}

static int begin_check(struct disk *d)
{
	d->check = malloc(sizeof(*d->check));
	if (!d->check)
		return -ENOMEM;
	digest_begin(d->check);
	d->checked = 0;
	d->sound = false;
	return 0;
}

static int open_blob(struct blobs *blobs, struct blob *blob)
{
	struct disk *d = &blob->disk;
	char name[BLOB_NAME + 1];
	struct stat st;

	blob_name(blob->hash, name);
	d->fd = openat(blobs->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (d->fd < 0)
		return errno == ELOOP ? -EUCLEAN : -errno;
	if (fstat(d->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != blob->size)
		return -EUCLEAN;
	return is_as_it_was(d, &st) ? 0 : begin_check(d);
}

static void close_blob(struct disk *d)
{
	fd_close(&d->fd);
	free(d->check);
	d->check = NULL;
}

/* 1: done, 0: more to do. */
static int check_some(struct blobs *blobs, struct blob *blob)
{
	struct disk *d = &blob->disk;
	size_t n = least(blob->size - d->checked, BLOB_STEP);
	uint8_t hash[BLOB_HASH];
	int err = read_at(d->fd, blobs->buffer, n, d->checked);

	if (err < 0)
		return err;
	digest_add(d->check, blobs->buffer, n);
	d->checked += n;
	if (d->checked < blob->size)
		return 0;
	digest_end(d->check, hash);
	free(d->check);
	d->check = NULL;
	if (memcmp(hash, blob->hash, BLOB_HASH) != 0)
		return -EUCLEAN;
	note(d, d->fd);
	return 1;
}

static bool fail(struct blobs *blobs, struct blob_op *op, int error)
{
	struct blob *blob = op->blob;
	char name[BLOB_NAME + 1];

	close_blob(&blob->disk);
	if (error == -EUCLEAN) { /* now: the next one of this name may be on its way */
		blob_name(blob->hash, name);
		(void)unlinkat(blobs->dir, name, 0);
	}
	op->error = error;
	return true;
}

/* What is left of rows, BLOB_STEP of it. */
static int read_some(const struct disk *d, struct blob_op *op)
{
	size_t most = least(op->n - op->moved, BLOB_STEP);
	int err = 0;

	while (err == 0 && most > 0) {
		uint64_t row = op->moved / op->row;
		size_t in = op->moved % op->row, n = least(op->row - in, most);

		err = read_at(d->fd, op->to + row * op->to_stride + in, n,
			op->at + row * op->stride + in);
		if (err == 0) {
			op->moved += n;
			most -= n;
		}
	}
	return err;
}

static bool step_read(struct blobs *blobs, struct blob_op *op)
{
	struct disk *d = &op->blob->disk;
	int err = d->fd < 0 ? open_blob(blobs, op->blob) : 0;

	if (err == 0 && d->check) {
		err = check_some(blobs, op->blob);
		if (err == 0)
			return false;
	}
	if (err >= 0)
		err = read_some(d, op);
	if (err < 0)
		return fail(blobs, op, err);
	return op->moved == op->n;
}

/* A file that isn't ours any more keeps what it has: it is looked at when it is opened. */
static bool step_touch(struct blobs *blobs, struct blob_op *op)
{
	struct disk *d = &op->blob->disk;
	struct stat st;

	if (d->fd < 0 && open_blob(blobs, op->blob) < 0) {
		close_blob(d);
		return true;
	}
	if (d->sound && fstat(d->fd, &st) == 0 && is_as_it_was(d, &st)) {
		set_times(d->fd, (int64_t)op->at, (int64_t)op->n);
		note(d, d->fd);
	} else {
		set_times(d->fd, (int64_t)op->at, (int64_t)op->n);
	}
	close_blob(d);
	return true;
}

static bool step_drop(struct blobs *blobs, struct blob_op *op)
{
	char name[BLOB_NAME + 1];

	close_blob(&op->blob->disk);
	blob_name(op->blob->hash, name);
	if (op->n > 0)
		(void)unlinkat(blobs->dir, name, 0);
	return true;
}

/* --- writers */

static uint64_t file_size(const struct blob_writer *w)
{
	return w->placed ? w->size : w->offset;
}

static int open_writer(struct blobs *blobs, struct blob_writer *w)
{
	struct stat st;

	w->fd = openat(
		blobs->dir, w->file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (w->fd < 0)
		return errno == EDQUOT ? -ENOSPC : -errno;
	if (fstat(w->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < (w->placed ? 0 : w->offset))
		return -EUCLEAN;
	if (w->placed && st.st_size > 0 && (uint64_t)st.st_size != w->size)
		return -EUCLEAN;
	if ((uint64_t)st.st_size != file_size(w) && ftruncate(w->fd, (off_t)file_size(w)) < 0)
		return -errno;
	return 0;
}

/* What an earlier process wrote is hashed again. 1: done, 0: more to do. */
static int catch_up(struct blobs *blobs, struct blob_writer *w)
{
	size_t n;
	int err = w->fd < 0 ? open_writer(blobs, w) : 0;

	if (err < 0)
		return err;
	if (!w->digesting) {
		digest_begin(&w->digest);
		w->digesting = true;
	}
	if (w->digested == w->offset)
		return 1;
	n = least(w->offset - w->digested, BLOB_STEP);
	err = read_at(w->fd, blobs->buffer, n, w->digested);
	if (err < 0)
		return err;
	digest_add(&w->digest, blobs->buffer, n);
	w->digested += n;
	return w->digested == w->offset;
}

/* One step. What is hashed is what is written, whatever becomes of the memory that it comes from meanwhile: a
 * worker may write there. */
static int write_some(struct blobs *blobs, struct blob_writer *w, struct blob_op *op)
{
	size_t left = least(op->n - op->moved, BLOB_STEP);
	int err = 0;

	while (err == 0 && left > 0) {
		size_t n = least(left, BOUNCE);

		memcpy(blobs->buffer, op->from + op->moved, n);
		err = write_at(w->fd, blobs->buffer, n, w->offset + op->moved);
		if (err < 0)
			break;
		digest_add(&w->digest, blobs->buffer, n);
		w->digested += n;
		op->moved += n;
		left -= n;
	}
	return err;
}

/* It is as before: what was written of it is cut off, and hashed again when it goes on. */
static bool fail_append(struct blob_writer *w, struct blob_op *op, int error)
{
	if (w->fd >= 0)
		(void)!ftruncate(w->fd, (off_t)w->offset);
	if (op->moved > 0) {
		w->digesting = false;
		w->digested = 0;
		op->moved = 0;
	}
	op->error = error;
	return true;
}

static bool step_append(struct blobs *blobs, struct blob_op *op)
{
	struct blob_writer *w = op->writer;
	int err = op->moved > 0 ? 1 : catch_up(blobs, w);

	if (err == 0)
		return false;
	if (err > 0)
		err = write_some(blobs, w, op);
	if (err < 0)
		return fail_append(w, op, err);
	return op->moved == op->n;
}

static bool step_hash(struct blobs *blobs, struct blob_op *op)
{
	int err = catch_up(blobs, op->writer);

	if (err == 0)
		return false;
	if (err < 0)
		op->error = err;
	else
		digest_end(&op->writer->digest, op->hash);
	return true;
}

static bool step_whole(struct blobs *blobs, struct blob_op *op)
{
	int err = catch_up(blobs, op->writer);

	if (err < 0)
		op->error = err;
	return err != 0;
}

/* One step. Nothing is hashed: that is done from the file, when it is whole. */
static bool step_place(struct blobs *blobs, struct blob_op *op)
{
	struct blob_writer *w = op->writer;
	size_t left = least(op->n - op->moved, BLOB_STEP);
	int err = w->fd < 0 ? open_writer(blobs, w) : 0;

	while (err == 0 && left > 0) {
		uint64_t row = op->moved / op->row;
		size_t in = op->moved % op->row, n = least(op->row - in, left);

		err = write_at(w->fd, op->from + row * op->to_stride + in, n,
			op->at + row * op->stride + in);
		if (err == 0) {
			op->moved += n;
			left -= n;
		}
	}
	op->error = err;
	return err < 0 || op->moved == op->n;
}

/* Its bytes were hashed when they were written. */
static bool step_name(struct blobs *blobs, struct blob_op *op)
{
	struct blob_writer *w = op->writer;
	struct blob *blob = op->blob;
	char name[BLOB_NAME + 1];

	blob_name(blob->hash, name);
	set_times(w->fd, (int64_t)op->at, 0);
	if (renameat(blobs->dir, w->file, blobs->dir, name) < 0) {
		op->error = -errno;
		(void)unlinkat(blobs->dir, w->file, 0);
	} else {
		note(&blob->disk, w->fd);
	}
	fd_close(&w->fd);
	return true;
}

static bool step_unlink(struct blobs *blobs, struct blob_op *op)
{
	(void)unlinkat(blobs->dir, op->writer->file, 0);
	fd_close(&op->writer->fd);
	return true;
}

static bool step_close(struct blobs *blobs, struct blob_op *op)
{
	(void)blobs;
	fd_close(&op->writer->fd);
	return true;
}

/* True: it has ended. */
typedef bool step(struct blobs *blobs, struct blob_op *op);

static step *const steps[] = {
	[OP_READ] = step_read,
	[OP_TOUCH] = step_touch,
	[OP_DROP] = step_drop,
	[OP_APPEND] = step_append,
	[OP_HASH] = step_hash,
	[OP_NAME] = step_name,
	[OP_UNLINK] = step_unlink,
	[OP_CLOSE] = step_close,
	[OP_PUT] = step_append,
	[OP_PLACE] = step_place,
	[OP_WHOLE] = step_whole,
};

/* --- the thread */

static void append(struct blob_op ***last, struct blob_op *op)
{
	op->next = NULL;
	**last = op;
	*last = &op->next;
}

static void end(struct blobs *blobs, struct blob_op *op)
{
	const uint64_t one = 1;

	if (!blobs->shared.ended)
		(void)!write(blobs->fd, &one, sizeof(one));
	append(&blobs->shared.ended_last, op);
}

static struct blob_op *take(struct shared *sh)
{
	struct blob_op *op = sh->queue;

	sh->queue = op->next;
	if (!sh->queue)
		sh->queue_last = &sh->queue;
	return op;
}

static void *run(void *context)
{
	struct blobs *blobs = context;
	struct shared *sh = &blobs->shared;

	(void)pthread_mutex_lock(&sh->lock);
	for (;;) {
		struct blob_op *op;
		bool ended;

		while (!sh->queue && !sh->stop)
			(void)pthread_cond_wait(&sh->wake, &sh->lock);
		if (!sh->queue)
			break;
		op = take(sh);
		(void)pthread_mutex_unlock(&sh->lock);
		ended = steps[op->kind](blobs, op);
		op->full = ended && op->error == -ENOSPC;
		(void)pthread_mutex_lock(&sh->lock);
		if (ended)
			end(blobs, op);
		else
			append(&sh->queue_last, op);
	}
	(void)pthread_mutex_unlock(&sh->lock);
	return NULL;
}

/* --- the caller's thread */

int disk_open(struct blobs *blobs)
{
	struct shared *sh = &blobs->shared;

	sh->queue_last = &sh->queue;
	sh->ended_last = &sh->ended;
	(void)pthread_mutex_init(&sh->lock, NULL);
	(void)pthread_cond_init(&sh->wake, NULL);
	blobs->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return blobs->fd < 0 ? -errno : 0;
}

/* Signals are the caller's. */
static int start(struct blobs *blobs)
{
	int e;

	if (blobs->started)
		return 0;
	if (!blobs->buffer)
		blobs->buffer = malloc(BLOB_STEP);
	if (!blobs->buffer)
		return -ENOMEM;
	e = beside_start(&blobs->thread, STACK, run, blobs);
	blobs->started = e == 0;
	return e;
}

void disk_submit(struct blobs *blobs, struct blob_op *op)
{
	struct shared *sh = &blobs->shared;
	int err = start(blobs);

	if (err < 0) {
		disk_refuse(blobs, op, err);
		return;
	}
	blobs->waiting++;
	op->error = 0;
	(void)pthread_mutex_lock(&sh->lock);
	if (!sh->queue)
		(void)pthread_cond_signal(&sh->wake);
	append(&sh->queue_last, op);
	(void)pthread_mutex_unlock(&sh->lock);
}

void disk_refuse(struct blobs *blobs, struct blob_op *op, int error)
{
	blobs->waiting++;
	op->error = error;
	op->full = false;
	(void)pthread_mutex_lock(&blobs->shared.lock);
	end(blobs, op);
	(void)pthread_mutex_unlock(&blobs->shared.lock);
}

void disk_stop(struct blobs *blobs)
{
	struct shared *sh = &blobs->shared;

	if (!blobs->started)
		return;
	(void)pthread_mutex_lock(&sh->lock);
	sh->stop = true;
	(void)pthread_cond_signal(&sh->wake);
	(void)pthread_mutex_unlock(&sh->lock);
	(void)pthread_join(blobs->thread, NULL);
	blobs->started = sh->stop = false;
	free(blobs->buffer);
	blobs->buffer = NULL;
}
