/* store/schema.c - the file: makes it, looks whether it is ours and whole, opens it. See store.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inner.h"
#include "sys/fd.h"

/* A start reads all of a file up to this size. */
#define CHECK_ALL (16 << 20)

/* Rows that every event writes lie at the end of their table: a commit touches few pages. Keys and names
 * are BLOBs: compared byte by byte. */
static const char tables[] =
	"CREATE TABLE service(number INTEGER PRIMARY KEY, name BLOB NOT NULL);"
	"CREATE TABLE state(service INTEGER, key BLOB, value BLOB NOT NULL, version INTEGER NOT "
	"NULL,"
	" PRIMARY KEY(service, key)) WITHOUT ROWID;"
	"CREATE TABLE id(number INTEGER PRIMARY KEY, service INTEGER, at INTEGER, id BLOB, answer "
	"BLOB);"
	"CREATE TABLE history(number INTEGER PRIMARY KEY, service INTEGER, wall INTEGER, id BLOB,"
	" capsule BLOB);"
	/* row: destination << 60 | (255 - priority) << 52 | number */
	"CREATE TABLE outbox(row INTEGER PRIMARY KEY, service INTEGER, flags INTEGER, at INTEGER,"
	" wall INTEGER, id BLOB, name BLOB, type BLOB, body BLOB);"
	"CREATE TABLE later(service INTEGER, name BLOB, due INTEGER NOT NULL, id BLOB, type BLOB,"
	" body BLOB, PRIMARY KEY(service, name)) WITHOUT ROWID;"
	"CREATE INDEX later_due ON later(due);"
	"CREATE TABLE tick(service INTEGER, timer BLOB, tick INTEGER NOT NULL,"
	" PRIMARY KEY(service, timer)) WITHOUT ROWID;"
	"CREATE TABLE meter(service INTEGER, unit BLOB, sum INTEGER NOT NULL,"
	" PRIMARY KEY(service, unit)) WITHOUT ROWID;"
	"CREATE TABLE retry(number INTEGER PRIMARY KEY, service INTEGER, attempt INTEGER, due "
	"INTEGER,"
	" wall INTEGER, id BLOB, why BLOB, capsule BLOB);"
	"CREATE TABLE dead(number INTEGER PRIMARY KEY, service INTEGER, attempt INTEGER, due "
	"INTEGER,"
	" wall INTEGER, id BLOB, why BLOB, capsule BLOB);"
	/* one row, in the order of write.c's enum column */
	"CREATE TABLE now(one INTEGER PRIMARY KEY, elapsed, wall, version, id_last, history_last,"
	" outbox_last, retry_last, dead_last, id_count, history_bytes, retry_count, dead_count,"
	" broker_count, broker_bytes, upstream_count, upstream_bytes, address_count, "
	"address_bytes);"
	"INSERT INTO now VALUES(1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0);";

/* A quota, and a limit of the file's size, are as good as a full disk, but only the files know of them. */
static int why_io_failed(sqlite3 *db)
{
	sqlite3_file *log = NULL;
	int of_log = 0, of_file = 0;

	if (!db)
		return -EIO;
	(void)sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &of_file);
	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
		log && log->pMethods)
		(void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &of_log);
	return of_log == EDQUOT || of_log == EFBIG || of_file == EDQUOT || of_file == EFBIG
		? -ENOSPC
		: -EIO;
}

int store_errno(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return 0;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH: return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA: return -EUCLEAN;
	case SQLITE_IOERR: return rc == SQLITE_IOERR_NOMEM ? -ENOMEM : why_io_failed(db);
	default: return -EIO;
	}
}

int store_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement)
{
	return store_errno(
		db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL));
}

int store_exec(sqlite3 *db, const char *sql)
{
	return store_errno(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

__attribute__((format(printf, 3, 4))) static int fail(
	char error[static STORE_ERROR_MAX], int value, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, STORE_ERROR_MAX, format, args);
	va_end(args);
	return value;
}

#define MOVE_AWAY                                                                                  \
	"nothing was changed; put a backup in its place, or move it away (and its -wal) to start " \
	"with nothing"

static int damaged(const struct store *store, char error[static STORE_ERROR_MAX], const char *how)
{
	return fail(error, -EUCLEAN, "%s: damaged (%s): " MOVE_AWAY, store->path, how);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* --- before SQLite sees it, who might write to it: is it ours? */

static off_t size_of(const struct store *store, const char *suffix)
{
	char path[sizeof(store->path) + 8];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s%s", store->path, suffix);
	return stat(path, &st) < 0 ? -errno : st.st_size;
}

/* The file's first 100 bytes (sqlite.org/fileformat2.html 1.3). */
static int look_at(struct store *store, const uint8_t head[static 100], off_t size,
	char error[static STORE_ERROR_MAX])
{
	unsigned page = (unsigned)head[16] << 8 | head[17];
	uint64_t pages = be32(head + 28);

	if (memcmp(head, "SQLite format 3", 16) != 0)
		return damaged(store, error, "its first bytes are none of a database");
	if (be32(head + 68) != SCHEMA_APPLICATION)
		return fail(error, -EUCLEAN,
			"%s: is another program's database: nothing was changed; move it away",
			store->path);
	if (be32(head + 60) > SCHEMA_VERSION)
		return fail(error, -EUCLEAN,
			"%s: was written by a newer release of mayfly (schema %u, this one knows "
			"%u): "
			"nothing was changed; run that release, or move it away to start with "
			"nothing",
			store->path, be32(head + 60), SCHEMA_VERSION);
	store->page_bytes = page == 1 ? 65536 : page;
	if (store->page_bytes < 512 || (store->page_bytes & (store->page_bytes - 1)) != 0)
		return damaged(store, error, "its pages have no size");
	/* where there is a log, the last pages may be there only */
	if (size_of(store, "-wal") <= 0 && pages * store->page_bytes > (uint64_t)size)
		return damaged(store, error, "its end is cut off");
	return 0;
}

/* 1: there is a file; 0: there is none; -errno */
static int look(struct store *store, char error[static STORE_ERROR_MAX])
{
	int fd = open(store->path, O_RDONLY | O_CLOEXEC), e;
	uint8_t head[100];
	off_t size;
	ssize_t n;

	if (fd < 0 && errno == ENOENT && size_of(store, "-wal") > 0)
		return fail(error, -EUCLEAN,
			"%s: is missing, but its -wal is there: put it back, or move the -wal away "
			"to "
			"start with nothing",
			store->path);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail(error, -errno, "%s: %m", store->path);
	n = pread(fd, head, sizeof(head), 0);
	e = errno;
	size = lseek(fd, 0, SEEK_END);
	fd_close(&fd);
	if (n < 0)
		return fail(error, -e, "%s: %s", store->path, strerror(e));
	if (n < (ssize_t)sizeof(head))
		return damaged(store, error, "its end is cut off");
	e = look_at(store, head, size, error);
	return e < 0 ? e : 1;
}

/* --- a new one: made beside, and whole when it gets its name */

static int sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), e;

	if (fd < 0)
		return -errno;
	e = fsync(fd) < 0 ? -errno : 0;
	fd_close(&fd);
	return e;
}

static int fill(const char *path)
{
	char sql[128];
	sqlite3 *db;
	int e = store_errno(NULL, sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL));

	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%d;PRAGMA user_version=%d;",
		SCHEMA_APPLICATION, SCHEMA_VERSION);
	if (e == 0)
		e = store_exec(db, "PRAGMA synchronous=FULL;PRAGMA page_size=4096;BEGIN");
	if (e == 0)
		e = store_exec(db, sql);
	if (e == 0)
		e = store_exec(db, tables);
	if (e == 0)
		e = store_exec(db, "COMMIT;PRAGMA journal_mode=WAL");
	if (sqlite3_close(db) != SQLITE_OK && e == 0)
		e = -EIO;
	return e;
}

static int make(struct store *store, char error[static STORE_ERROR_MAX])
{
	char path[sizeof(store->path) + 8];
	int fd, e;

	(void)snprintf(path, sizeof(path), "%s.new", store->path);
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(error, -errno, "%s: %m", path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(error, -errno, "%s: %m", path);
	fd_close(&fd);
	e = fill(path);
	if (e == 0 && rename(path, store->path) < 0)
		e = -errno;
	if (e == 0)
		e = sync_directory(store->options.directory);
	if (e < 0) {
		(void)unlink(path);
		return fail(error, e, "%s: can't be made: %s", store->path, strerror(-e));
	}
	store->page_bytes = 4096;
	return 0;
}

/* --- connections */

static int connect_one(struct store *store, sqlite3 **db, unsigned cache_kib)
{
	char sql[128];
	int rc =
		sqlite3_open_v2(store->path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK)
		return store_errno(*db, rc);
	(void)sqlite3_extended_result_codes(*db, 1);
	/* small: parsing four times a hub's life is no reason to keep 48 KiB each */
	(void)sqlite3_db_config(*db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 128, 32);
	(void)sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	(void)sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)snprintf(sql, sizeof(sql),
		"PRAGMA synchronous=NORMAL;PRAGMA wal_autocheckpoint=0;PRAGMA temp_store=MEMORY;"
		"PRAGMA cache_size=-%u;PRAGMA user_version",
		cache_kib);
	return store_exec(*db, sql);
}

/* What the header says as SQLite sees it, through the log. */
static int pragma_is(struct store *store, const char *name, const char *want)
{
	char sql[64];
	sqlite3_stmt *s = NULL;
	int e;

	(void)snprintf(sql, sizeof(sql), "PRAGMA %s", name);
	e = store_errno(store->write, sqlite3_prepare_v2(store->write, sql, -1, &s, NULL));
	if (e == 0 && sqlite3_step(s) == SQLITE_ROW)
		e = strcmp((const char *)sqlite3_column_text(s, 0), want) == 0 ? 1 : 0;
	else if (e == 0)
		e = store_errno(store->write, sqlite3_errcode(store->write));
	(void)sqlite3_finalize(s);
	return e;
}

/* Do its pages contradict each other? All are read: of a large file not those of the history, which is most of
 * it, and the only part that nothing depends on. 1: they don't, 0, -errno. */
static int check(struct store *store)
{
	static const char *const each[] = {"quick_check(now)", "quick_check(service)",
		"quick_check(state)", "quick_check(id)", "quick_check(outbox)",
		"quick_check(later)", "quick_check(tick)", "quick_check(meter)",
		"quick_check(retry)", "quick_check(dead)"};
	int e = 1;

	if (size_of(store, "") <= CHECK_ALL)
		e = pragma_is(store, "quick_check", "ok");
	else
		for (unsigned i = 0; i < sizeof(each) / sizeof(*each) && e == 1; i++)
			e = pragma_is(store, each[i], "ok");
	(void)sqlite3_db_release_memory(store->write);
	return e;
}

static int connect_all(struct store *store, char error[static STORE_ERROR_MAX])
{
	int e = connect_one(store, &store->write, 256);

	if (e == 0)
		e = connect_one(store, &store->read, 64);
	if (e == 0)
		e = connect_one(store, &store->keep, 16);
	if (e == -EUCLEAN)
		return damaged(store, error, sqlite3_errmsg(store->write));
	if (e < 0)
		return fail(error, e, "%s: can't be opened: %s", store->path, strerror(-e));
	e = pragma_is(store, "journal_mode", "wal");
	if (e == 0)
		return damaged(store, error, "it has no log");
	if (e == 1)
		e = check(store);
	if (e == 0 || e == -EUCLEAN)
		return damaged(store, error, "its pages contradict each other");
	if (e < 0)
		return fail(error, e, "%s: can't be read: %s", store->path, strerror(-e));
	log_open(store);
	return 0;
}

void schema_fail(const struct store *store, int value, char error[static STORE_ERROR_MAX])
{
	if (value == -EUCLEAN)
		(void)damaged(store, error, sqlite3_errmsg(store->read));
	else
		(void)fail(error, value, "%s: can't be read: %s", store->path, strerror(-value));
}

int schema_open(struct store *store, char error[static STORE_ERROR_MAX])
{
	int n = snprintf(
		store->path, sizeof(store->path), "%s/mayfly.db", store->options.directory);
	int e;

	if (n < 0 || (size_t)n >= sizeof(store->path))
		return fail(
			error, -ENAMETOOLONG, "%s: the path is too long", store->options.directory);
	e = look(store, error);
	if (e == 0)
		e = make(store, error);
	return e < 0 ? e : connect_all(store, error);
}

void schema_close(struct store *store)
{
	sqlite3 *const each[] = {store->keep, store->read, store->write};

	if (store->write && !atomic_load(&store->shared.damaged) && store->error == 0)
		(void)sqlite3_db_config(store->write, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	for (unsigned i = 0; i < 3; i++)
		(void)sqlite3_close(each[i]);
}
