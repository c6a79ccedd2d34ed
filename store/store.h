/*
 * store/store.h - the hub's database: state, ids of events, history, outbox, schedule, retries
 * and dead letters. One SQLite file in WAL mode (sqlite.org/wal.html), `mayfly.db` in the hub's state
 * directory, which the hub has locked: nobody else writes it.
 *
 * Who does what. The caller's thread (the hub's loop) decides everything: versions, numbers, what is a
 * duplicate, who lost a race. The store only writes what it is told, in the order in which it is told,
 * on a thread of its own, and takes all that waits into one commit when the last one ends (group commit).
 * So on the disk there is always a prefix of what was submitted; a commit that fails takes all that was
 * submitted until then with it, and what its transactions were based on is void: the caller forgets what
 * it assumed (store_generation changes).
 *
 * Durability: STORE_BATCH is reported as done when the commit survives the process; it is on the disk at
 * most `sync_ns` later. STORE_SYNC is reported when it is on the disk. Done is reported in the order of
 * submission.
 *
 * Threads: all functions are called on the caller's thread. The writing one starts with the first transaction
 * (so it has the walls that stand then) and gets no signals. The caller's reads through a connection of its own, which
 * sees what has been reported as done, perhaps more.
 *
 * Errors: -ENOSPC the disk is full (submit again later; store_open_again isn't needed), -EIO it fails, -EUCLEAN the
 * file is damaged or not ours: nothing is written to it any more. -EAGAIN: too much waits (most_bytes).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/str.h"

#define STORE_ERROR_MAX 512
#define STORE_ID_MAX    95u /* bytes of an event's id */

struct store;
struct store_tx;

enum store_durability { STORE_BATCH, STORE_SYNC };

struct store_options {
	const char *directory;  /* the file is mayfly.db there */
	uint64_t sync_ns;       /* STORE_BATCH is on the disk within this; 0: 50 ms */
	size_t most_bytes;      /* of transactions that wait; 0: 16 MiB */
	uint64_t history_bytes; /* of events and effects kept, the oldest go first; 0: 64 MiB */
	unsigned ids_most;      /* ids kept, the oldest go first; 0: 131072 */
	uint64_t ids_age_ns;    /* and no older than this; 0: 24 h */
};

/* Makes the file where there is none. Damaged, or of a newer release: -EUCLEAN, nothing is changed, one
 * line in error says what to do. */
int store_open(struct store **store, const struct store_options *options,
	char error[static STORE_ERROR_MAX]);
/* Commits what waits and syncs; what was not reported is reported first. */
void store_close(struct store *store);

/* Readable when store_reap has something to report. */
int store_fd(const struct store *store);
/* Calls done of each transaction that has ended, in the order of submission. */
void store_reap(struct store *store);
/* Bytes of transactions that were submitted and not reported. */
size_t store_waiting(const struct store *store);
/* 0, or why nothing can be written at the moment: the last commit's error. */
int store_error(const struct store *store);
/* Goes up right before done is called of the first transaction that failed. Those that were begun before
 * that, submitted or not, fail too. */
uint64_t store_generation(const struct store *store);

/* --- a transaction: written by the caller, then the store's until done is called, which may read it with
 * the functions below and must not keep it. */
typedef void store_done(struct store_tx *tx, int error);
/* NULL: no memory, or too much waits. `context` is the caller's. */
struct store_tx *store_begin(
	struct store *store, enum store_durability durability, store_done *done, void *context);
void *store_context(const struct store_tx *tx);
/* Instead of submitting it. */
void store_drop(struct store_tx *tx);
void store_submit(struct store_tx *tx);
/* Where nothing else waits, STORE_BATCH only: commits here and now, on the caller's thread, and calls
 * done before it returns; else as store_submit. Saves two hand-overs between threads. */
void store_submit_now(struct store_tx *tx);
/* Room of the transaction's own, zeroed, for as long as it lives: the caller's copies. NULL: no memory; then
 * the transaction can only be dropped. */
void *store_room(struct store_tx *tx, size_t n);

/* Everything that is added is copied, but for what lies in store_room. An adder that finds no memory makes
 * the transaction unsound: store_sound is false, and it can only be dropped. */
bool store_sound(const struct store_tx *tx);

/* --- numbers */
/* The number by which rows name a service; the same for ever. 0: no memory. */
uint32_t store_service(struct store *store, struct mf_str name);
/* The name to a number; empty: there is none. */
struct mf_str store_service_name(struct store *store, uint32_t service);
/* The next version of state: higher than any that there ever was. */
uint64_t store_version(struct store *store);
enum store_table {
	STORE_IDS,
	STORE_HISTORY,
	STORE_OUTBOX,
	STORE_RETRIES,
	STORE_DEAD,
	STORE_TABLES
};
/* The next row's number, from 1, never used again. */
uint64_t store_number(struct store *store, enum store_table table);

/* --- state: values by service and key */
void store_put(struct store_tx *tx, uint32_t service, struct mf_str key, struct mf_str value,
	uint64_t version);
void store_delete(struct store_tx *tx, uint32_t service, struct mf_str key);
struct store_value {
	struct mf_str key, value; /* until the next read */
	uint64_t version;         /* 0: there is none */
};
int store_state(
	struct store *store, uint32_t service, struct mf_str key, struct store_value *value);
/* The first key that begins with `prefix` and comes behind `after` (which may be empty): 1, 0: none, -errno. */
int store_state_next(struct store *store, uint32_t service, struct mf_str prefix,
	struct mf_str after, struct store_value *value);

/* --- ids: events that must not happen twice, and what was answered */
struct store_id {
	uint64_t number;
	struct mf_str id;
	uint32_t service;
	int64_t at_ns; /* as of the caller's clock that never goes back (mf_event.elapsed_ns) */
	struct mf_str answer; /* the caller's bytes; empty: none is kept */
};
void store_id(struct store_tx *tx, const struct store_id *id);
/* All that are kept, in the order of their numbers, answers left out: for the caller's index. */
int store_ids_each(
	struct store *store, void (*each)(const struct store_id *id, void *context), void *context);
int store_id_read(struct store *store, uint64_t number, struct store_id *id); /* 1, 0, -errno */

/* --- history: lives that had effects, so that they can be looked at and run again */
struct store_life {
	uint64_t number;
	uint32_t service;
	int64_t wall_ns;
	struct mf_str id;
	struct mf_str capsule; /* image/capsule.h */
};
void store_life(struct store_tx *tx, const struct store_life *life);
/* Which ones: all members that are given. */
struct store_which {
	uint32_t service; /* 0: any */
	struct mf_str id; /* empty: any */
};
/* The newest with a number below `before`; looks at no more than `most` rows, of which only the one that it finds is read
 * whole, and *seen is the number of the last one that it looked at (0: there are no more). 1, 0, -errno. */
int store_life_before(struct store *store, uint64_t before, const struct store_which *which,
	unsigned most, uint64_t *seen, struct store_life *life);

/* --- outbox: what must reach somebody else. A destination's rows are read in order of priority (highest
 * first), then number. */
#define STORE_PRIORITY_MAX 255u /* a higher one counts as this */
#define STORE_ROW          64u  /* about what a row costs beside its strings */
struct store_out {
	uint64_t number;
	uint32_t
		destination; /* the caller's; 1 is the local broker, 2 the upstream, 3 other addresses */
	uint32_t priority;
	uint32_t service;
	uint32_t flags; /* the caller's */
	int64_t at_ns;  /* elapsed */
	int64_t wall_ns;
	struct mf_str id, name, type, body;
};
void store_out(struct store_tx *tx, const struct store_out *out);
/* It arrived, or is given up: one as it was added or read (its strings' lengths count, not their bytes). */
void store_out_done(struct store_tx *tx, const struct store_out *out);
/* Behind (priority, number), NULL: the first; up to `most` rows, each told to `each` until that returns
 * false. How many, or -errno. */
int store_out_read(struct store *store, uint32_t destination, const struct store_out *behind,
	unsigned most, bool (*each)(const struct store_out *out, void *context), void *context);
/* Those that the transaction adds, as they were added. */
void store_outs_each(const struct store_tx *tx,
	void (*each)(const struct store_out *out, void *context), void *context);
/* The oldest of the lowest priority that there is from `least_priority` on: what goes where there is no room.
 * As store_out_read. */
int store_out_oldest(struct store *store, uint32_t destination, uint32_t least_priority,
	unsigned most, bool (*each)(const struct store_out *out, void *context), void *context);
struct store_out_total {
	uint64_t count, bytes; /* bytes: of the strings, and STORE_ROW each */
};
/* As of what was submitted. */
struct store_out_total store_out_total(const struct store *store, uint32_t destination);

/* --- schedule: later events to a service itself. One of a name; a new one takes its place. */
struct store_later {
	uint32_t service;
	struct mf_str name, id, type, body; /* id: of the event that it will be */
	int64_t due_ns;                     /* elapsed */
};
void store_later(struct store_tx *tx, const struct store_later *later);
/* If it has this id; empty: whatever it has. */
void store_later_done(struct store_tx *tx, uint32_t service, struct mf_str name, struct mf_str id);
int store_later_each(struct store *store,
	void (*each)(const struct store_later *later, void *context), void *context);

/* Those that are due at `now_ns`, the earliest first, until `each` returns false. 0 or -errno. */
int store_later_due(struct store *store, int64_t now_ns,
	bool (*each)(const struct store_later *later, void *context), void *context);
/* When the first after that is due: 1, 0: there is none, -errno. */
int store_later_next(struct store *store, int64_t now_ns, int64_t *due_ns);

/* --- ticks: the last one of a timer that was dealt with */
void store_tick(struct store_tx *tx, uint32_t service, struct mf_str timer, int64_t tick_ns);
int store_tick_read(
	struct store *store, uint32_t service, struct mf_str timer, int64_t *tick_ns); /* 1, 0 */

/* --- units that services metered, summed up */
void store_meter(struct store_tx *tx, uint32_t service, struct mf_str unit, uint64_t quantity);
int store_meters_each(struct store *store,
	void (*each)(uint32_t service, struct mf_str unit, uint64_t sum, void *context),
	void *context);

/* --- retries and dead letters: events whose lives failed, as capsules */
struct store_failed {
	uint64_t number;
	uint32_t service;
	uint32_t attempt;
	int64_t due_ns; /* elapsed; of retries */
	int64_t wall_ns;
	struct mf_str id, why, capsule;
};
void store_failed(struct store_tx *tx, enum store_table table, const struct store_failed *failed);
void store_failed_done(struct store_tx *tx, enum store_table table, uint64_t number);
int store_failed_each(struct store *store, enum store_table table, uint64_t behind, unsigned most,
	bool (*each)(const struct store_failed *failed, void *context), void *context);
int store_failed_read(struct store *store, enum store_table table, uint64_t number,
	struct store_failed *failed); /* 1, 0, -errno */
/* How many, as of what was submitted. */
uint64_t store_failed_count(const struct store *store, enum store_table table);

/* --- figures: since it was opened, and what there is now */
struct store_counts {
	uint64_t transactions,
		lives; /* that were committed; lives: those of them that were kept as capsules */
	uint64_t commits, failed;         /* commits, and those that failed */
	uint64_t flushes, flushes_failed; /* of the log, beside commits that flush it themselves */
	struct histogram commit, flush;   /* how long they took */
	uint64_t history_bytes, ids, retries, dead,
		later; /* what is kept: bytes of capsules, rows */
	uint64_t file_bytes, log_bytes;
	uint64_t waiting_bytes; /* of transactions that were submitted and not reported */
};
void store_look(struct store *store, struct store_counts *counts);

/* --- time: what the last commit knew. Every commit writes the clocks that store_clock gave it. */
void store_clock(struct store *store, int64_t elapsed_ns, int64_t wall_ns);
/* 0 where the file is new. */
void store_clock_read(const struct store *store, int64_t *elapsed_ns, int64_t *wall_ns);

#endif
