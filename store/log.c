/*
 * store/log.c - the -wal file: put on the disk (log_sync), written back into the database (log_write_back).
 * On the writing thread, through a connection of its own, so that the caller's thread can commit meanwhile.
 *
 * After a flush that failed nobody knows what of the log is on the disk: the kernel takes the pages for
 * written. So nothing is committed before all of the log was written back, which flushes the database.
 */
#include <errno.h>

#include "store/inner.h"

/* How long it is after a commit. */
static int note_frames(void *context, sqlite3 *db, const char *name, int frames)
{
	struct store *store = context;

	(void)db;
	(void)name;
	atomic_store(&store->shared.log_frames, (unsigned)frames);
	if (log_is_full(store))
		atomic_store(&store->shared.divert, true);
	return SQLITE_OK;
}

void log_open(struct store *store)
{
	(void)sqlite3_wal_hook(store->write, note_frames, store);
	atomic_store(&store->shared.divert, true); /* the first commit makes the file */
}

static uint64_t log_bytes(const struct store *store)
{
	return (uint64_t)atomic_load(&store->shared.log_frames) * store->page_bytes;
}

bool log_is_full(const struct store *store)
{
	return log_bytes(store) >= LOG_HARD;
}

bool log_is_long(const struct store *store)
{
	return log_bytes(store) >= LOG_SOFT;
}

/* As a commit with synchronous=FULL does, in SQLite's own words, so that a VFS of tests sees it. */
int log_sync(struct store *store)
{
	sqlite3_file *file = NULL;
	int rc = sqlite3_file_control(store->keep, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);

	if (rc == SQLITE_OK && file && file->pMethods)
		rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
	return store_errno(store->keep, rc);
}

/* What nobody reads in an older version; all of it: 1. The next commit after that begins the log
 * anew and flushes its header, which is nothing for the caller's thread. */
int log_write_back(struct store *store)
{
	int frames = 0, done = 0;
	int rc = sqlite3_wal_checkpoint_v2(
		store->keep, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &done);

	if (rc != SQLITE_OK)
		return store_errno(store->keep, rc);
	if (frames != done)
		return 0;
	atomic_store(&store->shared.divert, true);
	atomic_store(&store->shared.log_frames, 0);
	return 1;
}
