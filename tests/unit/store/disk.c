/* tests/unit/store/disk.c - see disk.h. */
#include "tests/unit/store/disk.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECTOR 512u

/* A write that isn't synced; size SIZE_MAX: cut off at `at`. */
struct unsynced {
	struct unsynced *next;
	uint64_t at;
	size_t size;
	uint8_t bytes[];
};

/* One of the two files, whoever has it open. */
struct content {
	bool exists; /* on the disk */
	uint8_t *bytes;
	size_t size;  /* on the disk */
	uint64_t now; /* as programs see it */
	struct unsynced *first, **last;
};

struct handle {
	sqlite3_file base;
	struct content *content;
	sqlite3_file *real;
};

static struct {
	pthread_mutex_t lock;
	sqlite3_vfs vfs, *real;
	char directory[256];
	struct content content[2];
	uint64_t calls, fail_at, full_at;
	bool all, failed, fail_syncs;
	void (*watch)(void *context);
	void *context;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- what is on the disk */

static void grow(struct content *c, size_t size)
{
	if (size <= c->size)
		return;
	c->bytes = realloc(c->bytes, size);
	assert_non_null(c->bytes);
	memset(c->bytes + c->size, 0, size - c->size);
	c->size = size;
}

static void apply(struct content *c, const struct unsynced *u)
{
	if (u->size == SIZE_MAX) {
		grow(c, u->at);
		c->size = u->at;
		return;
	}
	grow(c, u->at + u->size);
	memcpy(c->bytes + u->at, u->bytes, u->size);
}

static void note(struct content *c, uint64_t at, size_t size, const void *bytes)
{
	struct unsynced *u = malloc(sizeof(*u) + (bytes ? size : 0));

	assert_non_null(u);
	*u = (struct unsynced){.at = at, .size = size};
	if (bytes)
		memcpy(u->bytes, bytes, size);
	*c->last = u;
	c->last = &u->next;
	if (!bytes)
		c->now = at;
	else if (at + size > c->now)
		c->now = at + size;
}

static void forget(struct content *c)
{
	while (c->first) {
		struct unsynced *u = c->first;

		c->first = u->next;
		free(u);
	}
	c->last = &c->first;
}

static void flush(struct content *c)
{
	for (struct unsynced *u = c->first; u; u = u->next)
		apply(c, u);
	forget(c);
	c->exists = true;
}

/* A write that may have got there, sector by sector; a cut, or it didn't. */
static void apply_some(struct content *c, const struct unsynced *u, unsigned *seed)
{
	if (rand_r(seed) % 3 == 0)
		return;
	if (u->size == SIZE_MAX) {
		apply(c, u);
		return;
	}
	for (size_t at = 0; at < u->size;) {
		size_t n = SECTOR - (u->at + at) % SECTOR;

		n = n < u->size - at ? n : u->size - at;
		if (rand_r(seed) % 4 != 0) {
			grow(c, u->at + at + n);
			memcpy(c->bytes + u->at + at, u->bytes + at, n);
		}
		at += n;
	}
}

void disk_power_off(struct disk_image *image, unsigned seed)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct content *c = &disk.content[i];
		struct content left = {.bytes = malloc(c->size + 1), .size = c->size};

		assert_non_null(left.bytes);
		image->bytes[i] = NULL;
		if (c->size > 0)
			memcpy(left.bytes, c->bytes, c->size);
		if (seed % 4 != 0) /* else nothing of it */
			for (const struct unsynced *u = c->first; u; u = u->next)
				apply_some(&left, u, &seed);
		if (c->exists || (c->first && rand_r(&seed) % 2)) {
			image->bytes[i] = left.bytes;
			image->size[i] = left.size;
		} else {
			free(left.bytes);
		}
	}
}

void disk_free_image(struct disk_image *image)
{
	free(image->bytes[0]);
	free(image->bytes[1]);
}

void disk_write_image(const struct disk_image *image, const char *directory)
{
	static const char *const names[] = {"mayfly.db", "mayfly.db-wal"};

	for (unsigned i = 0; i < 2; i++) {
		char path[300];
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		if (!image->bytes[i])
			continue;
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, image->bytes[i], image->size[i]), image->size[i]);
		close(fd);
	}
}

/* --- calls */

/* Before each; true: it fails. Under the lock. */
static bool called(void)
{
	disk.calls++;
	if (disk.watch)
		disk.watch(disk.context);
	if (disk.fail_at == 0 || disk.calls < disk.fail_at ||
		(!disk.all && disk.calls > disk.fail_at))
		return false;
	disk.failed = true;
	return true;
}

static bool fails(void)
{
	bool failed;

	pthread_mutex_lock(&disk.lock);
	failed = called();
	pthread_mutex_unlock(&disk.lock);
	return failed;
}

static struct handle *handle_of(sqlite3_file *file)
{
	return (struct handle *)file;
}

#define REAL(file)         (handle_of(file)->real)
#define PASS(file, m, ...) (REAL(file)->pMethods->m(REAL(file), ##__VA_ARGS__))

static int file_close(sqlite3_file *file)
{
	return PASS(file, xClose);
}

static int file_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
	return fails() ? SQLITE_IOERR_READ : PASS(file, xRead, to, n, at);
}

static bool is_full(const struct content *c, uint64_t end)
{
	uint64_t all = disk.content[0].now + disk.content[1].now;

	return disk.full_at && end > c->now && all + end - c->now > disk.full_at;
}

static int file_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
	struct content *c = handle_of(file)->content;
	int rc = SQLITE_OK;

	pthread_mutex_lock(&disk.lock);
	if (called())
		rc = SQLITE_IOERR_WRITE;
	else if (is_full(c, (uint64_t)at + (uint64_t)n))
		rc = SQLITE_FULL;
	else
		note(c, (uint64_t)at, (size_t)n, from);
	if (rc == SQLITE_OK)
		rc = PASS(file, xWrite, from, n, at);
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int rc = SQLITE_IOERR_TRUNCATE;

	pthread_mutex_lock(&disk.lock);
	if (!called()) {
		note(handle_of(file)->content, (uint64_t)size, SIZE_MAX, NULL);
		rc = PASS(file, xTruncate, size);
	}
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

static int file_sync(sqlite3_file *file, int flags)
{
	int rc = SQLITE_IOERR_FSYNC;

	(void)flags; /* what the real disk knows doesn't matter: it stays on */
	pthread_mutex_lock(&disk.lock);
	if (!called() && !disk.fail_syncs) {
		flush(handle_of(file)->content);
		rc = SQLITE_OK;
	}
	pthread_mutex_unlock(&disk.lock);
	return rc;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return fails() ? SQLITE_IOERR_FSTAT : PASS(file, xFileSize, size);
}

static int file_lock(sqlite3_file *file, int level)
{
	return fails() ? SQLITE_IOERR_LOCK : PASS(file, xLock, level);
}

static int file_unlock(sqlite3_file *file, int level)
{
	return PASS(file, xUnlock, level);
}

static int file_is_reserved(sqlite3_file *file, int *out)
{
	return PASS(file, xCheckReservedLock, out);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	return PASS(file, xFileControl, op, arg);
}

static int file_sector(sqlite3_file *file)
{
	return PASS(file, xSectorSize);
}

static int file_characteristics(sqlite3_file *file)
{
	return PASS(file, xDeviceCharacteristics);
}

static int file_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return fails() ? SQLITE_IOERR_SHMMAP : PASS(file, xShmMap, page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int at, int n, int flags)
{
	if ((flags & SQLITE_SHM_LOCK) && fails())
		return SQLITE_IOERR_SHMLOCK;
	return PASS(file, xShmLock, at, n, flags);
}

static void file_barrier(sqlite3_file *file)
{
	PASS(file, xShmBarrier);
}

static int file_unmap(sqlite3_file *file, int remove)
{
	return PASS(file, xShmUnmap, remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_is_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_characteristics,
	.xShmMap = file_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_barrier,
	.xShmUnmap = file_unmap,
};

static int vfs_open(
	sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out)
{
	struct handle *h = handle_of(file);
	unsigned which = flags & SQLITE_OPEN_WAL ? 1 : 0;
	bool ours = name && strncmp(name, disk.directory, strlen(disk.directory)) == 0 &&
		(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) && !strstr(name, ".new");
	int rc;

	(void)vfs;
	file->pMethods = NULL;
	if (ours && fails())
		return SQLITE_CANTOPEN;
	if (!ours) /* in the handle's own place */
		return disk.real->xOpen(disk.real, name, file, flags, out);
	h->content = &disk.content[which];
	h->real = (sqlite3_file *)(void *)(h + 1);
	rc = disk.real->xOpen(disk.real, name, h->real, flags, out);
	if (rc == SQLITE_OK)
		file->pMethods = &methods;
	return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return disk.real->xDelete(disk.real, name, sync);
}

static void load(struct content *c, const char *name)
{
	char path[300];
	int fd;
	off_t size;

	(void)snprintf(path, sizeof(path), "%s/%s", disk.directory, name);
	*c = (struct content){.last = &c->first};
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	size = lseek(fd, 0, SEEK_END);
	grow(c, (size_t)size);
	assert_int_equal(pread(fd, c->bytes, (size_t)size, 0), size);
	c->exists = true;
	c->now = (uint64_t)size;
	close(fd);
}

void disk_begin(const char *directory)
{
	disk.real = disk.real ? disk.real : sqlite3_vfs_find(NULL);
	disk.vfs = *disk.real;
	disk.vfs.zName = "disk";
	disk.vfs.pNext = NULL;
	disk.vfs.szOsFile = (int)sizeof(struct handle) + disk.real->szOsFile;
	disk.vfs.xOpen = vfs_open;
	disk.vfs.xDelete = vfs_delete;
	(void)snprintf(disk.directory, sizeof(disk.directory), "%s", directory);
	load(&disk.content[0], "mayfly.db");
	load(&disk.content[1], "mayfly.db-wal");
	disk.calls = disk.fail_at = disk.full_at = 0;
	disk.all = disk.failed = disk.fail_syncs = false;
	disk.watch = NULL;
	assert_int_equal(sqlite3_vfs_register(&disk.vfs, 1), SQLITE_OK);
}

void disk_end(void)
{
	assert_int_equal(sqlite3_vfs_unregister(&disk.vfs), SQLITE_OK);
	assert_int_equal(sqlite3_vfs_register(disk.real, 1), SQLITE_OK);
	for (unsigned i = 0; i < 2; i++) {
		forget(&disk.content[i]);
		free(disk.content[i].bytes);
	}
}

#define SET(what)                                                                                  \
	do {                                                                                       \
		pthread_mutex_lock(&disk.lock);                                                    \
		what;                                                                              \
		pthread_mutex_unlock(&disk.lock);                                                  \
	} while (0)

void disk_fail(uint64_t nth, bool all)
{
	SET(disk.fail_at = nth ? disk.calls + nth : 0; disk.all = all; disk.failed = false);
}

bool disk_failed(void)
{
	bool failed;

	SET(failed = disk.failed);
	return failed;
}

void disk_fail_syncs(bool fail)
{
	SET(disk.fail_syncs = fail);
}

void disk_full_at(uint64_t bytes)
{
	SET(disk.full_at = bytes);
}

uint64_t disk_calls(void)
{
	uint64_t n;

	SET(n = disk.calls);
	return n;
}

uint64_t disk_unsynced(void)
{
	uint64_t n = 0;

	SET(for (unsigned i = 0; i < 2; i++) for (const struct unsynced *u = disk.content[i].first;
						  u; u = u->next) n++);
	return n;
}

void disk_watch(void (*now)(void *context), void *context)
{
	SET(disk.watch = now; disk.context = context);
}
