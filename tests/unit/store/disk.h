/*
 * tests/unit/store/disk.h - a disk that fails: an SQLite VFS above the real one, for the files below one
 * directory. It fails the n-th call, or when it is full; and it knows what would be left if the
 * power went now: what was synced, and by chance some of the sectors that were not, in any order.
 */
#ifndef TESTS_STORE_DISK_H
#define TESTS_STORE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on, for files opened below `directory`; what they hold then is on the disk. */
void disk_begin(const char *directory);
/* The real one again; all files must be closed. */
void disk_end(void);

/* The n-th call from now on fails, or from the n-th on all; 0: none. */
void disk_fail(uint64_t nth, bool all);
/* Has it? */
bool disk_failed(void);
/* Flushes fail. */
void disk_fail_syncs(bool fail);
/* Files can't grow beyond so many bytes, all together; 0: no bound. */
void disk_full_at(uint64_t bytes);
/* Calls since disk_begin. */
uint64_t disk_calls(void);
/* Writes that aren't flushed. */
uint64_t disk_unsynced(void);

/* What is left if the power goes now. */
struct disk_image {
	uint8_t *bytes[2]; /* mayfly.db, mayfly.db-wal; NULL: isn't there */
	size_t size[2];
	unsigned promised; /* the caller's */
};
void disk_power_off(struct disk_image *image, unsigned seed);
/* Calls `now` at each call, before it is done. */
void disk_watch(void (*now)(void *context), void *context);
void disk_write_image(const struct disk_image *image, const char *directory);
void disk_free_image(struct disk_image *image);

#endif
