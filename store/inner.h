/*
 * store/inner.h - what the files of store/ share; nobody else includes it.
 *
 * Three connections to one file. `write` belongs to whoever commits: the thread while transactions are
 * queued or at work, else the caller's thread (store_submit_now). `read` belongs to the caller's
 * thread, `keep` to the writing thread, which syncs and checkpoints through it, beside commits of the
 * caller's.
 */
#ifndef STORE_INNER_H
#define STORE_INNER_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "store/store.h"

/* "mfly": PRAGMA application_id (sqlite.org/fileformat2.html 1.3); user_version is the schema's. */
#define SCHEMA_APPLICATION 0x6d666c79
#define SCHEMA_VERSION     1

/* Bytes of the log (the -wal file) from which on it is written back while nothing else is to do, and from
 * which on nothing else is done before. */
#define LOG_SOFT (4u << 20)
#define LOG_HARD (16u << 20)

/* --- what a transaction does: one statement each (write.c has their SQL, in this order) */
enum op_kind {
	OP_PUT,
	OP_DELETE,
	OP_ID,
	OP_LIFE,
	OP_OUT,
	OP_OUT_DONE,
	OP_LATER,
	OP_LATER_DONE,
	OP_TICK,
	OP_METER,
	OP_RETRY,
	OP_DEAD,
	OP_RETRY_DONE,
	OP_DEAD_DONE,
	OP_KINDS
};
#define OP_INTS 5
#define OP_STRS 4

struct op {
	struct op *next;
	enum op_kind kind;
	int64_t n[OP_INTS]; /* the statement's first parameters; behind them what totals need */
	struct mf_str s[OP_STRS]; /* the next ones */
};

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(max_align_t) uint8_t bytes[];
};

struct store_tx { /* lies in its own first chunk */
	struct store *store;
	struct store_tx *next;
	enum store_durability durability;
	store_done *done;
	void *context;
	struct op *first, **last;
	struct chunk *chunks;
	size_t bytes;        /* of all chunks */
	uint64_t generation; /* when it was begun */
	int error;
	bool unsound;
};

/* A copy of what is added, in the transaction's own memory. NULL: it is unsound now. */
struct op *tx_op(struct store_tx *tx, enum op_kind kind);
void tx_str(struct store_tx *tx, struct op *op, unsigned i, struct mf_str s);
void tx_free(struct store_tx *tx);

/* --- one row that every commit writes: clocks, the last numbers given out, totals */
#define DESTINATIONS 4u /* 0 is none */

struct totals {
	struct store_out_total out[DESTINATIONS];
	uint64_t failed[STORE_TABLES]; /* of retries and dead letters */
};
struct now {
	int64_t elapsed_ns, wall_ns;
	uint64_t version;
	uint64_t number[STORE_TABLES];
	struct totals totals;
};
/* What the writer counts for trimming. */
struct kept {
	uint64_t history_bytes, ids, later;
};

/* Rows of the outbox are named so that they lie in the order in which they go: destination, priority
 * (highest first), number. */
int64_t out_row(uint32_t destination, uint32_t priority, uint64_t number);
/* The totals as they are when `tx` is committed. */
void totals_add(struct totals *totals, const struct store_tx *tx);

/* --- services by number: the writer adds those that aren't written yet to its commit */
struct service_name {
	struct service_name *next;
	uint32_t number;
	size_t n;
	uint8_t name[];
};

/* --- reads: one statement each (read.c has their SQL, in this order) */
enum read_kind {
	READ_STATE,
	READ_STATE_FROM,
	READ_STATE_BEHIND,
	READ_IDS,
	READ_ID,
	READ_LIFE_BEFORE,
	READ_OUT,
	READ_OUT_LAST,
	READ_LATER,
	READ_LATER_DUE,
	READ_LATER_NEXT,
	READ_TICK,
	READ_METERS,
	READ_RETRIES,
	READ_DEAD,
	READ_RETRY,
	READ_DEAD_ONE,
	READ_PAGES,
	READ_KINDS
};

/* --- the writer's other statements */
enum fixed_kind {
	FIXED_BEGIN,
	FIXED_COMMIT,
	FIXED_ROLLBACK,
	FIXED_SERVICE,
	FIXED_NOW,
	FIXED_OLD_LIVES,
	FIXED_CUT_LIVES,
	FIXED_OLD_IDS,
	FIXED_CUT_IDS,
	FIXED_KINDS
};

/* What the writing thread and the caller's share; under `lock` but for the atomics. */
struct shared {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct store_tx *queue, **queue_last;
	struct now now; /* as of the last transaction in the queue */
	struct store_tx *ended, **ended_last;
	uint64_t failed;      /* generations up to this one can't be committed any more */
	int failure;          /* why */
	struct now committed; /* as of the last commit */
	uint64_t
		unsynced_ns; /* when the oldest commit was made that isn't being flushed; 0: none */
	uint64_t syncing_ns; /* and the oldest one that is */
	bool repair; /* a flush failed: nothing is committed before all of the log is written back */
	struct service_name *services, *services_last, *services_written;
	int sync_error;             /* of the last attempt to put the log on the disk */
	struct store_counts counts; /* of what is counted as it happens */
	struct kept kept;           /* as of the last commit */
	bool stop;
	atomic_bool damaged;    /* for ever */
	atomic_bool divert;     /* the log is full, or will begin anew: commits are the thread's */
	atomic_uint log_frames; /* in the log */
};

struct store {
	struct store_options options;
	char path[4096];
	sqlite3 *write, *read, *keep;
	sqlite3_stmt *writes[OP_KINDS];
	sqlite3_stmt *reads[READ_KINDS];
	sqlite3_stmt *fixed[FIXED_KINDS];
	/* the committer's */
	struct kept kept;
	unsigned lives_added; /* in this commit */
	int64_t ids_look_ns;  /* when those that are too old are looked for again */
	bool full;            /* synchronous=FULL at the moment */
	unsigned page_bytes;
	uint64_t write_back_ns; /* the writing thread's: not before */
	/* the caller's thread's */
	struct now now; /* as of what was submitted */
	uint64_t generation;
	unsigned unreported, in_done;
	size_t waiting;
	int error, sync_error;
	uint32_t last_service;
	uint8_t *room; /* what the last read found */
	size_t room_size;
	int fd;
	bool started; /* the thread */
	pthread_t thread;
	struct shared shared;
};

/* --- schema.c: the file. 0 or -errno, one line in error. */
int schema_open(struct store *store, char error[static STORE_ERROR_MAX]);
void schema_close(struct store *store);
/* The line for what went wrong while its content was read. */
void schema_fail(const struct store *store, int value, char error[static STORE_ERROR_MAX]);
int store_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement);
int store_exec(sqlite3 *db, const char *sql);
/* What SQLite said last, as -errno. */
int store_errno(sqlite3 *db, int rc);

/* --- write.c: on the committer's thread. All of the list and of the services, or nothing: 1: it is on the
 * disk, 0: it survives the process, -errno. */
int write_commit(struct store *store, const struct store_tx *first, const struct now *now,
	const struct service_name *services, const struct service_name *last_service);
int write_load(struct store *store);
void write_close(struct store *store);

/* --- log.c: the -wal file, on the writing thread (log_sync, log_write_back) */
void log_open(struct store *store);
int log_sync(struct store *store);
int log_write_back(struct store *store);
/* Must it be written back before the next commit? Else: may it be, if nothing else is to do? */
bool log_is_full(const struct store *store);
bool log_is_long(const struct store *store);

/* --- thread.c */
int thread_init(struct store *store);
/* Ends it when all that was submitted is committed and synced. */
void thread_stop(struct store *store);

/* --- read.c: a statement, bound by the caller; NULL: *error. read_end gives it back. */
sqlite3_stmt *read_begin(struct store *store, enum read_kind kind, int *error);
/* 1: a row, 0: no more, -errno */
int read_step(struct store *store, sqlite3_stmt *statement);
void read_end(sqlite3_stmt *statement);
struct mf_str read_blob(sqlite3_stmt *statement, int column);
/* Copies of `count` strings in store->room. */
int read_keep(struct store *store, struct mf_str *const strings[], unsigned count);
int bind_str(sqlite3_stmt *statement, int at, struct mf_str s);

#endif
