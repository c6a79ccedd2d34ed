/*
 * store/blobs.h - the disk cache: blobs, which are bytes that go by their SHA-256, as files in the directory
 * `blobs` of the hub's state. Bounded: who is least recently used goes first, never one that is in use (pinned) or
 * kept until a time that hasn't come.
 *
 * Files (mode 0600, the directory 0700): HEX is a whole blob, its mtime until when it is kept, its atime when it
 * was used last; HEX.part a named upload, resumable for `partial_ns`; N.new what has no name yet. The last are
 * removed at the start, and whatever else lies there.
 *
 * What can be relied on. A blob that is found was hashed as a whole, by this process: when it was written, else before
 * its first byte is read. One whose file has changed since (inode, size or ctime) is hashed anew when it is opened; a wrong
 * one is removed, and its readers get -EUCLEAN. All of it survives the process. Nothing is synced: after a loss of
 * power what was written in the last half minute may be gone or torn, and what is torn is found by its hash.
 *
 * Threads: all functions are called on one thread, the hub's, and wait for nothing but blobs_open and
 * blobs_close; files are read, written and hashed on a thread of the cache's own, in steps of at most BLOB_STEP,
 * by turns, which starts with the first operation. An operation (struct blob_op) is the caller's, is zeroed
 * before its first use, and must stay, as must the memory that it names, until its `done` is called: exactly
 * once, in blobs_reap or blobs_close.
 *
 * Errors: -ENOSPC all that is there is in use or kept: of the bound, or, when the disk is full, at all; -EFBIG larger than the whole
 * cache; -EUCLEAN altered on the disk, and gone; -ENOENT the file was taken away, and the blob is gone; -EBADMSG
 * it hasn't the hash that it was announced with; -EIO.
 */
#ifndef STORE_BLOBS_H
#define STORE_BLOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOB_HASH      32u        /* bytes of a SHA-256 */
#define BLOB_NAME      64u        /* digits of its name, lower case */
#define BLOB_STEP      (1u << 20) /* bytes the thread works at before others have their turn */
#define BLOB_ERROR_MAX 512
#define BLOBS_COUNT    16384u /* blobs at most, whatever their size */
#define BLOBS_PARTS    256u   /* uploads at most that were broken off */

struct blobs;
struct blob;
struct blob_writer;

struct blobs_options {
	const char *directory; /* of the state; `blobs` is made in it */
	uint64_t
		most; /* bytes on the disk: blobs in blocks of 4096, uploads and what has no name yet */
	uint64_t
		partial_ns; /* how long an upload that was broken off may be gone on with; 0: an hour */
};

int blobs_open(struct blobs **blobs, const struct blobs_options *options,
	char error[static BLOB_ERROR_MAX]);
/* Ends what is under way first, and calls its `done`s. Nothing may be pinned then, nor any writer be open. NULL is fine. */
void blobs_close(struct blobs *blobs);
/* Another bound, from the next byte written on; at once what is too much goes. */
void blobs_limit(struct blobs *blobs, uint64_t most);
/* Readable when blobs_reap has something to report. */
int blobs_fd(const struct blobs *blobs);
void blobs_reap(struct blobs *blobs);
/* Drops uploads that nobody went on with for too long; to be called once a minute or so. */
void blobs_tidy(struct blobs *blobs);
/* Operations that have not ended. */
unsigned blobs_waiting(const struct blobs *blobs);

/* --- names */
bool blob_name_read(const void *name, uint8_t hash[static BLOB_HASH]); /* of BLOB_NAME bytes */
void blob_name(const uint8_t hash[static BLOB_HASH], char name[static BLOB_NAME + 1]);

/* --- what is there. A blob may be gone after any call but those on it while it is pinned. */
struct blob *blobs_find(
	struct blobs *blobs, const uint8_t hash[static BLOB_HASH]); /* a use; NULL: none */
/* Bytes of an upload that is under way or was broken off; *active: under way. False: there is none. */
bool blobs_part(const struct blobs *blobs, const uint8_t hash[static BLOB_HASH], uint64_t *bytes,
	bool *active);
uint64_t blob_size(const struct blob *blob);
const uint8_t *blob_hash(const struct blob *blob);
/* Until when it is kept at least (wall, ns); 0: it isn't. */
int64_t blob_kept_until(const struct blob *blob);
/* Wall, ns. */
int64_t blob_used(const struct blob *blob);
/* It is in use, and isn't evicted, until unpinned as often. */
void blob_pin(struct blob *blob);
void blob_unpin(struct blob *blob);
bool blob_pinned(const struct blob *blob);
/* Isn't evicted for so long from now; never for less than before. Survives the process, in wall time, but never
 * for more than BLOB_KEEP_MOST_NS from a start. */
#define BLOB_KEEP_MOST_NS (7ull * 86400 * 1000000000)
void blob_keep(struct blob *blob, uint64_t ns);
/* Whatever it is kept for. -EBUSY: it is in use. */
int blob_remove(struct blob *blob);
/* All, the one used last first. */
void blobs_each(struct blobs *blobs, void (*each)(struct blob *blob, void *context), void *context);

/* --- operations */
struct blob_op {
	void (*done)(struct blob_op *op, int error);
	struct blob *
		blob; /* of blob_put and blob_commit, when it went well: pinned, the caller unpins */
	/* the cache's own */
	struct blob_op *next;
	struct blob_writer *writer;
	uint64_t at;
	uint8_t *to;
	const uint8_t *from;
	size_t n, moved;
	uint64_t stride, to_stride; /* from one row to the next, in the file and in memory */
	size_t row;                 /* bytes of one */
	uint8_t hash[BLOB_HASH];
	int error;
	uint8_t kind;
	bool full; /* the disk is, not the cache */
};

/* Reads n bytes from `at` on, which must be there, into `to`. Pins it meanwhile. */
void blob_read(struct blobs *blobs, struct blob *blob, struct blob_op *op, uint64_t at, void *to,
	size_t n);
/* The same of `rows` times `row` bytes, from `at` + i * `stride` to `to` + i * `to_stride`. */
void blob_read_rows(struct blobs *blobs, struct blob *blob, struct blob_op *op, uint64_t at,
	uint64_t stride, void *to, uint64_t to_stride, size_t row, size_t rows);
/* Makes n bytes a blob, which may be there already. The bytes may change meanwhile: what lies on the disk has the hash that
 * it goes by in any case. */
void blob_put(struct blobs *blobs, struct blob_op *op, const void *from, size_t n);

/* --- writing piece by piece. A writer has one operation under way at most. */
/* `hash` NULL: what it will be isn't known. `size` is what it will have; UINT64_MAX: isn't known. `resume`: go on
 * with what was broken off. -EEXIST: it is there; -EBUSY: somebody is writing it; -ENOENT (resume): there is no such
 * upload. Two that write the same from the beginning on don't know of each other. */
int blob_begin(struct blobs *blobs, const uint8_t *hash, uint64_t size, bool resume,
	struct blob_writer **writer);
/* How many bytes there are. */
uint64_t blob_written(const struct blob_writer *writer);
/* After an error what was there before is there still. */
void blob_append(struct blob_writer *writer, struct blob_op *op, const void *from, size_t n);
/* It is whole. The writer is gone, at once. */
void blob_commit(struct blob_writer *writer, struct blob_op *op);
/* The writer is gone; with `hash` what was written can be gone on with. None of its operations may be under way. */
void blob_break(struct blob_writer *writer);
/* The same, and what was written goes. */
void blob_drop(struct blob_writer *writer);

/* --- writing in any order: bytes of a size that is known, which lie where they belong as soon as they come. Any number of
 * blob_place and one blob_place_hash may be under way. `key` is what it is found by if this process is killed: random,
 * for it is the name of an upload. What was placed is there after that, but perhaps not after a loss of power, and no hash
 * tells: whoever goes on with it must know that the machine has run on since. What nobody places is zero.
 * blob_commit, blob_break and blob_drop end it, with nothing under way. */
/* It takes its room at once. -ENOENT (resume): there is none of this size; others as blob_begin. */
int blob_place_begin(struct blobs *blobs, const uint8_t key[static BLOB_HASH], uint64_t size,
	bool resume, struct blob_writer **writer);
/* `rows` times `row` bytes, from `from` + i * `from_stride` to `at` + i * `stride`. The bytes may change meanwhile. */
void blob_place(struct blob_writer *writer, struct blob_op *op, const void *from,
	uint64_t from_stride, uint64_t at, uint64_t stride, size_t row, size_t rows);
/* The first `whole` bytes won't change any more: they are hashed, so that there is less to do in the end. */
void blob_place_hash(struct blob_writer *writer, struct blob_op *op, uint64_t whole);

/* --- figures */
struct blobs_counts {
	uint64_t most, bytes;       /* on the disk, of all */
	uint64_t blobs, blob_bytes; /* whole ones */
	uint64_t pinned, kept;      /* of these, and */
	uint64_t held_bytes;        /* what can't be evicted of them */
	uint64_t parts, part_bytes; /* not whole ones */
	uint64_t hits, misses;      /* of blobs_find */
	uint64_t doubles;           /* that were written, and there already */
	uint64_t written, read;     /* bytes, by operations */
	uint64_t evictions, evicted_bytes;
	uint64_t damaged; /* altered or taken away by somebody else */
	uint64_t wrong;   /* had another hash than announced */
	uint64_t full;    /* refused for want of room, by the bound or by the disk */
	uint64_t expired; /* uploads that nobody went on with */
};
void blobs_count(struct blobs *blobs, struct blobs_counts *counts);

#endif
