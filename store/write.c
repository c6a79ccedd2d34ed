/*
 * store/write.c - a list of transactions becomes one commit: all of it, or nothing. Runs on the thread of
 * whoever commits (inner.h). What must go because there is no room for it, the oldest rows of history and of
 * ids, goes in the same commit, a bounded step at a time.
 */
#include <errno.h>

#include "store/inner.h"
#include "sys/clock.h"

/* Rows that go at once: as a stride, for then whole pages go and few are touched. */
#define STRIDE 64u

static const struct {
	const char *sql;
	unsigned ints, strs; /* parameters */
} ops[OP_KINDS] = {
	[OP_PUT] = {"REPLACE INTO state(service, version, key, value) VALUES(?1,?2,?3,?4)", 2, 2},
	[OP_DELETE] = {"DELETE FROM state WHERE service=?1 AND key=?2", 1, 1},
	[OP_ID] = {"REPLACE INTO id(number, service, at, id, answer) VALUES(?1,?2,?3,?4,?5)", 3, 2},
	[OP_LIFE] = {"REPLACE INTO history(number, service, wall, id, capsule)"
		     " VALUES(?1,?2,?3,?4,?5)",
		3, 2},
	[OP_OUT] = {"REPLACE INTO outbox(row, service, flags, at, wall, id, name, type, body)"
		    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
		5, 4},
	[OP_OUT_DONE] = {"DELETE FROM outbox WHERE row=?1", 1, 0},
	[OP_LATER] = {"REPLACE INTO later(service, due, name, id, type, body)"
		      " VALUES(?1,?2,?3,?4,?5,?6)",
		2, 4},
	[OP_LATER_DONE] = {"DELETE FROM later WHERE service=?1 AND name=?2"
			   " AND (id=?3 OR length(?3)=0)",
		1, 2},
	[OP_TICK] = {"REPLACE INTO tick(service, tick, timer) VALUES(?1,?2,?3)", 2, 1},
	/* a sum ends at the largest number there is */
	[OP_METER] = {"INSERT INTO meter(service, sum, unit) VALUES(?1,?2,?3) ON CONFLICT DO UPDATE"
		      " SET sum = CASE WHEN sum > 9223372036854775807 - excluded.sum"
		      " THEN 9223372036854775807 ELSE sum + excluded.sum END",
		2, 1},
#define FAILED                                                                                     \
	"(number, service, attempt, due, wall, id, why, capsule) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)"
	[OP_RETRY] = {"REPLACE INTO retry" FAILED, 5, 3},
	[OP_DEAD] = {"REPLACE INTO dead" FAILED, 5, 3},
	[OP_RETRY_DONE] = {"DELETE FROM retry WHERE number=?1", 1, 0},
	[OP_DEAD_DONE] = {"DELETE FROM dead WHERE number=?1", 1, 0},
};

static const struct {
	const char *sql;
} fixed[FIXED_KINDS] = {
	[FIXED_BEGIN] = {"BEGIN IMMEDIATE"},
	[FIXED_COMMIT] = {"COMMIT"},
	[FIXED_ROLLBACK] = {"ROLLBACK"},
	[FIXED_SERVICE] = {"REPLACE INTO service(number, name) VALUES(?1,?2)"},
	[FIXED_NOW] =
		{"REPLACE INTO now VALUES(1,?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,"
		 "?16,?17,?18)"},
	[FIXED_OLD_LIVES] =
		{"SELECT number, length(id) + length(capsule) FROM history ORDER BY number"},
	[FIXED_CUT_LIVES] = {"DELETE FROM history WHERE number<=?1"},
	[FIXED_OLD_IDS] = {"SELECT number, at FROM id ORDER BY number"},
	[FIXED_CUT_IDS] = {"DELETE FROM id WHERE number<=?1"},
};

/* NULL: *error */
static sqlite3_stmt *statement(struct store *store, sqlite3_stmt **at, const char *sql, int *error)
{
	*error = *at ? 0 : store_prepare(store->write, sql, at);
	return *at;
}

static sqlite3_stmt *fixed_statement(struct store *store, enum fixed_kind kind, int *error)
{
	return statement(store, &store->fixed[kind], fixed[kind].sql, error);
}

/* Runs one that gives no rows. */
static int run(struct store *store, sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);
	int e = rc == SQLITE_DONE ? 0
				  : store_errno(store->write, rc == SQLITE_ROW ? SQLITE_ERROR : rc);

	(void)sqlite3_reset(s);
	return e;
}

static int run_fixed(struct store *store, enum fixed_kind kind)
{
	int e;
	sqlite3_stmt *s = fixed_statement(store, kind, &e);

	return s ? run(store, s) : e;
}

/* --- one transaction */

static int run_op(struct store *store, const struct op *op);

/* What a later event of this name takes the place of, so that they can be counted. */
static int make_way(struct store *store, const struct op *later)
{
	const struct op done = {
		.kind = OP_LATER_DONE, .n = {later->n[0]}, .s = {later->s[0], mf_str_of("", 0)}};
	int e = run_op(store, &done);

	if (e == 0)
		store->kept.later++;
	return e;
}

static void count_deleted(struct store *store)
{
	uint64_t n = (uint64_t)sqlite3_changes(store->write);

	store->kept.later -= n < store->kept.later ? n : store->kept.later;
}

static int run_op(struct store *store, const struct op *op)
{
	unsigned ints = ops[op->kind].ints;
	int e;
	sqlite3_stmt *s = statement(store, &store->writes[op->kind], ops[op->kind].sql, &e);

	if (!s)
		return e;
	for (unsigned i = 0; i < ints; i++)
		(void)sqlite3_bind_int64(s, (int)(i + 1), op->n[i]);
	for (unsigned i = 0; i < ops[op->kind].strs; i++)
		if (bind_str(s, (int)(ints + i + 1), op->s[i]) != SQLITE_OK)
			return -ENOMEM;
	if (op->kind == OP_ID)
		store->kept.ids++;
	if (op->kind == OP_LIFE) {
		store->kept.history_bytes += STORE_ROW + op->s[0].n + op->s[1].n;
		store->lives_added++;
	}
	e = op->kind == OP_LATER ? make_way(store, op) : 0;
	if (e == 0)
		e = run(store, s);
	if (e == 0 && op->kind == OP_LATER_DONE)
		count_deleted(store);
	return e;
}

/* Those that were not there at the last commit; behind `last` the caller's thread may add more. */
static int run_services(
	struct store *store, const struct service_name *first, const struct service_name *last)
{
	int e;
	sqlite3_stmt *s = fixed_statement(store, FIXED_SERVICE, &e);

	for (; s && first && e == 0; first = first == last ? NULL : first->next) {
		(void)sqlite3_bind_int64(s, 1, first->number);
		(void)bind_str(s, 2, mf_str_of(first->name, first->n));
		e = run(store, s);
	}
	return e;
}

/* --- what goes to make room */

static int cut(struct store *store, enum fixed_kind kind, int64_t up_to)
{
	int e;
	sqlite3_stmt *s = fixed_statement(store, kind, &e);

	if (!s)
		return e;
	(void)sqlite3_bind_int64(s, 1, up_to);
	return run(store, s);
}

/* The oldest rows, up to a stride: how many, the last one's number, and of lives their bytes. Of ids only
 * those from before `before`. */
static int oldest(
	struct store *store, enum fixed_kind kind, int64_t before, int64_t *last, uint64_t *bytes)
{
	int e, count = 0;
	sqlite3_stmt *s = fixed_statement(store, kind, &e);

	for (*bytes = 0; s && count < (int)STRIDE; count++) {
		int rc = sqlite3_step(s);

		if (rc != SQLITE_ROW)
			e = store_errno(store->write, rc);
		if (rc != SQLITE_ROW ||
			(kind == FIXED_OLD_IDS && sqlite3_column_int64(s, 1) >= before))
			break;
		*last = sqlite3_column_int64(s, 0);
		*bytes += STORE_ROW + (uint64_t)sqlite3_column_int64(s, 1);
	}
	if (s)
		(void)sqlite3_reset(s);
	return e < 0 ? e : count;
}

static int trim_lives(struct store *store)
{
	struct kept *kept = &store->kept;
	unsigned strides = 1 + 2 * store->lives_added / STRIDE;
	int e = 0;

	while (e == 0 && strides-- > 0 && kept->history_bytes > store->options.history_bytes) {
		int64_t last = 0;
		uint64_t bytes;
		int n = oldest(store, FIXED_OLD_LIVES, 0, &last, &bytes);

		if (n <= 0) {
			kept->history_bytes = 0;
			return n;
		}
		e = cut(store, FIXED_CUT_LIVES, last);
		kept->history_bytes -= bytes < kept->history_bytes ? bytes : kept->history_bytes;
	}
	return e;
}

/* Those that are too many, and once a second those that are too old. */
static int trim_ids(struct store *store, int64_t elapsed_ns)
{
	struct kept *kept = &store->kept;
	int64_t before = elapsed_ns - (int64_t)store->options.ids_age_ns, last = 0;
	bool many = kept->ids >= store->options.ids_most + STRIDE;
	uint64_t bytes;
	int n;

	if (!many && elapsed_ns < store->ids_look_ns)
		return 0;
	n = oldest(store, FIXED_OLD_IDS, many ? INT64_MAX : before, &last, &bytes);
	store->ids_look_ns = n == (int)STRIDE ? elapsed_ns : elapsed_ns + (int64_t)CLOCK_S;
	if (n <= 0)
		return n;
	kept->ids -= (uint64_t)n < kept->ids ? (uint64_t)n : kept->ids;
	return cut(store, FIXED_CUT_IDS, last);
}

/* --- the row of what is now */

enum column {
	NOW_ELAPSED,
	NOW_WALL,
	NOW_VERSION,
	NOW_LAST, /* one a table */
	NOW_IDS = NOW_LAST + STORE_TABLES,
	NOW_HISTORY_BYTES,
	NOW_RETRIES,
	NOW_DEAD,
	NOW_OUT, /* count and bytes of each destination, from 1 */
	NOW_COLUMNS = NOW_OUT + 2 * (DESTINATIONS - 1)
};

static int write_now(struct store *store, const struct now *now)
{
	int64_t column[NOW_COLUMNS] = {
		[NOW_ELAPSED] = now->elapsed_ns,
		[NOW_WALL] = now->wall_ns,
		[NOW_VERSION] = (int64_t)now->version,
		[NOW_IDS] = (int64_t)store->kept.ids,
		[NOW_HISTORY_BYTES] = (int64_t)store->kept.history_bytes,
		[NOW_RETRIES] = (int64_t)now->totals.failed[STORE_RETRIES],
		[NOW_DEAD] = (int64_t)now->totals.failed[STORE_DEAD],
	};
	int e;
	sqlite3_stmt *s = fixed_statement(store, FIXED_NOW, &e);

	for (unsigned i = 0; i < STORE_TABLES; i++)
		column[NOW_LAST + i] = (int64_t)now->number[i];
	for (unsigned i = 1; i < DESTINATIONS; i++) {
		column[NOW_OUT + 2 * (i - 1)] = (int64_t)now->totals.out[i].count;
		column[NOW_OUT + 2 * (i - 1) + 1] = (int64_t)now->totals.out[i].bytes;
	}
	if (!s)
		return e;
	for (unsigned i = 0; i < NOW_COLUMNS; i++)
		(void)sqlite3_bind_int64(s, (int)(i + 1), column[i]);
	return run(store, s);
}

static void read_now(struct store *store, sqlite3_stmt *s)
{
	struct now *now = &store->now;
	int64_t column[NOW_COLUMNS];

	for (unsigned i = 0; i < NOW_COLUMNS; i++)
		column[i] = sqlite3_column_int64(s, (int)(i + 1));
	now->elapsed_ns = column[NOW_ELAPSED];
	now->wall_ns = column[NOW_WALL];
	now->version = (uint64_t)column[NOW_VERSION];
	store->kept.ids = (uint64_t)column[NOW_IDS];
	store->kept.history_bytes = (uint64_t)column[NOW_HISTORY_BYTES];
	now->totals.failed[STORE_RETRIES] = (uint64_t)column[NOW_RETRIES];
	now->totals.failed[STORE_DEAD] = (uint64_t)column[NOW_DEAD];
	for (unsigned i = 0; i < STORE_TABLES; i++)
		now->number[i] = (uint64_t)column[NOW_LAST + i];
	for (unsigned i = 1; i < DESTINATIONS; i++)
		now->totals.out[i] =
			(struct store_out_total){(uint64_t)column[NOW_OUT + 2 * (i - 1)],
				(uint64_t)column[NOW_OUT + 2 * (i - 1) + 1]};
}

/* The only rows whose number isn't kept with the rest. */
static int count_later(struct store *store)
{
	sqlite3_stmt *s = NULL;
	int rc, e = store_prepare(store->read, "SELECT count(*) FROM later", &s);

	if (e < 0)
		return e;
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		store->kept.later = (uint64_t)sqlite3_column_int64(s, 0);
	else
		e = store_errno(store->read, rc);
	(void)sqlite3_finalize(s);
	return e;
}

int write_load(struct store *store)
{
	sqlite3_stmt *s = NULL;
	int rc, e = store_prepare(store->read, "SELECT * FROM now", &s);

	if (e < 0)
		return e;
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		read_now(store, s);
	e = rc == SQLITE_ROW ? 0 : store_errno(store->read, rc);
	(void)sqlite3_finalize(s);
	if (rc == SQLITE_DONE)
		return -EUCLEAN;
	return e == 0 ? count_later(store) : e;
}

/* --- a commit */

/* With FULL a commit ends when it is on the disk, and if that fails it is taken back. */
static int set_durability(struct store *store, bool full)
{
	int e;

	if (store->full == full)
		return 0;
	e = store_exec(
		store->write, full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
	if (e == 0)
		store->full = full;
	return e;
}

static int fill(struct store *store, const struct store_tx *first, const struct now *now,
	const struct service_name *services, const struct service_name *last_service)
{
	int e = services ? run_services(store, services, last_service) : 0;

	for (const struct store_tx *tx = first; tx && e == 0; tx = tx->next)
		for (const struct op *op = tx->error ? NULL : tx->first; op && e == 0;
			op = op->next)
			e = run_op(store, op);
	if (e == 0)
		e = trim_lives(store);
	if (e == 0)
		e = trim_ids(store, now->elapsed_ns);
	if (e == 0)
		e = write_now(store, now);
	return e < 0 ? e : 0;
}

int write_commit(struct store *store, const struct store_tx *first, const struct now *now,
	const struct service_name *services, const struct service_name *last_service)
{
	struct kept before = store->kept;
	bool full = false;
	int e;

	for (const struct store_tx *tx = first; tx; tx = tx->next)
		full |= tx->durability == STORE_SYNC && tx->error == 0;
	store->lives_added = 0;
	e = set_durability(store, full);
	if (e == 0)
		e = run_fixed(store, FIXED_BEGIN);
	if (e == 0)
		e = fill(store, first, now, services, last_service);
	if (e == 0)
		e = run_fixed(store, FIXED_COMMIT);
	if (e == 0)
		return full ? 1 : 0;
	store->kept = before;
	store->ids_look_ns = 0;
	if (!sqlite3_get_autocommit(store->write))
		(void)run_fixed(store, FIXED_ROLLBACK);
	return e;
}

void write_close(struct store *store)
{
	for (unsigned i = 0; i < OP_KINDS; i++)
		(void)sqlite3_finalize(store->writes[i]);
	for (unsigned i = 0; i < FIXED_KINDS; i++)
		(void)sqlite3_finalize(store->fixed[i]);
	for (unsigned i = 0; i < READ_KINDS; i++)
		(void)sqlite3_finalize(store->reads[i]);
}
