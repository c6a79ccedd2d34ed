/*
 * store/blobs_inner.h - what the files of the disk cache share; nobody else includes it.
 *
 *	blobs.c        open, what lies there, close; ends of operations
 *	blobs_index.c  blobs by hash and by use; room, and who goes for it
 *	blobs_write.c  writers
 *	blobs_disk.c   the thread
 */
#ifndef STORE_BLOBS_INNER_H
#define STORE_BLOBS_INNER_H

#include <pthread.h>
#include <sys/types.h>
#include <time.h>

#include "store/blobs.h"
#include "store/digest.h"

#define BUCKETS     4096u
#define PART_SUFFIX ".part"
#define NEW_SUFFIX  ".new"
#define FILE_MOST   (BLOB_NAME + 8u) /* of a name, with the zero */
#define BLOCK       4096u            /* in which files take room on a disk */

enum blob_op_kind {
	OP_READ,
	OP_TOUCH, /* times go to the disk, its descriptor is closed */
	OP_DROP,  /* the same; the file goes if `n`; the blob is freed */
	OP_APPEND,
	OP_HASH,   /* a writer's bytes are all there: what is their hash? */
	OP_NAME,   /* they become a blob */
	OP_UNLINK, /* or don't; the writer is freed */
	OP_CLOSE,  /* a writer rests */
	OP_PUT,    /* as OP_APPEND, of all that there is: OP_HASH follows */
	OP_PLACE,  /* rows of a file that is written in any order */
	OP_WHOLE,  /* its first bytes are hashed */
};

/* The thread's: how the file was when it was hashed. */
struct disk {
	int fd; /* -1: not open */
	bool sound;
	ino_t inode;
	struct timespec changed;
	struct digest *check; /* NULL: it isn't being hashed */
	uint64_t checked;
};

struct blob {
	struct blobs *blobs;
	struct blob *chain;       /* of its bucket */
	struct blob *next, *prev; /* of all, the one used last first */
	uint8_t hash[BLOB_HASH];
	uint64_t size;
	int64_t used_ns, kept_ns; /* wall */
	uint64_t kept_until;      /* monotonic */
	unsigned pins;
	bool gone;            /* it isn't found any more */
	bool unlinked;        /* nor its file */
	bool touching, stale; /* `touch` is under way; and what it tells isn't all any more */
	struct blob_op touch, drop;
	struct disk disk;
};

/* In blobs->parts if it has a name. */
struct blob_writer {
	struct blobs *blobs;
	struct blob_writer *next;
	uint8_t hash[BLOB_HASH];
	bool named;  /* `hash` was announced */
	bool part;   /* its file is HEX.part: it can be gone on with */
	bool active; /* somebody has it */
	bool placed; /* it has its size from the beginning, and is written in any order */
	char file[FILE_MOST];
	uint64_t size;   /* UINT64_MAX: not known */
	uint64_t offset; /* bytes that were written; placed: that won't change */
	uint64_t charged;
	int64_t used_ns; /* wall */
	struct blob_op unlink, close;
	bool closing, again; /* `close` is under way; and must be once more */
	/* the thread's */
	int fd;
	bool digesting;
	uint64_t digested;
	struct digest digest;
};

struct shared {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct blob_op *queue, **queue_last;
	struct blob_op *ended, **ended_last;
	bool stop;
};

struct blobs {
	uint64_t most, partial_ns;
	int dir, fd;
	struct blob *buckets[BUCKETS];
	uint64_t seed;
	struct blob *first, *last;
	struct blob_writer *parts; /* the newest first */
	uint64_t numbers;          /* given to files without a name */
	unsigned waiting;
	struct blobs_counts counts;
	bool started, closing;
	pthread_t thread;
	uint8_t *buffer; /* the thread's */
	struct shared shared;
};

/* --- blobs_index.c */
struct blob *index_find(struct blobs *blobs, const uint8_t hash[static BLOB_HASH]);
struct blob *index_add(struct blobs *blobs, const uint8_t hash[static BLOB_HASH], uint64_t size);
/* It isn't found any more; it is freed when nobody uses it. `file`: its file is still to go. */
void index_lose(struct blob *blob, bool file);
void index_used(struct blob *blob);
/* What the disk knows of it, and its descriptor is closed. */
void index_touch(struct blob *blob);
/* The caller's DROP has ended. */
void index_free(struct blob *blob);
uint64_t in_blocks(uint64_t bytes);
/* Takes so many bytes. -ENOSPC, -EFBIG: then nobody had to go. */
/* The disk is full: so many bytes go, those that were used longest ago, if so many may. False: none may. */
bool room_make(struct blobs *blobs, uint64_t bytes);
int room_take(struct blobs *blobs, uint64_t bytes);
void room_give(struct blobs *blobs, uint64_t bytes);

/* --- blobs.c */
/* Do all rows lie in so many bytes, and can theirs be counted? */
bool rows_are_in(uint64_t size, uint64_t at, uint64_t stride, size_t row, size_t rows, size_t *n);

/* --- blobs_write.c */
void writer_free(struct blob_writer *writer);
/* It rests: its descriptor is closed. */
void writer_close(struct blob_writer *writer);
/* The file goes. */
void writer_remove(struct blob_writer *writer);
/* A file HEX.part that lay there. */
int writer_found(
	struct blobs *blobs, const uint8_t hash[static BLOB_HASH], uint64_t bytes, int64_t used);
/* Stages of blob_put and blob_commit whose turn on the thread is over. True: the operation has ended. */
bool writer_hashed(struct blobs *blobs, struct blob_op *op);
bool writer_named(struct blobs *blobs, struct blob_op *op);
bool memory_written(struct blobs *blobs, struct blob_op *op);

/* --- blobs_disk.c */
int disk_open(struct blobs *blobs);
/* The thread's, from now until it is in `ended`. */
void disk_submit(struct blobs *blobs, struct blob_op *op);
/* Ends without it. */
void disk_refuse(struct blobs *blobs, struct blob_op *op, int error);
void disk_stop(struct blobs *blobs);

#endif
