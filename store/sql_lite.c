/*
 * store/sql_lite.c - SQLite under sql.h: a file with a log (WAL). A commit that is durable flushes the log (synchronous
 * FULL), one that isn't doesn't.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sql.h"

/* Pages of the log from which on it is written back. */
#define WRITE_BACK 4096

struct lite {
	struct sql sql;
	sqlite3 *db;
	bool durable;    /* what synchronous says */
	int64_t version; /* of what is in it, as others changed it */
	sqlite3_stmt *begin, *look, *commit, *rollback, *versions;
	sqlite3_stmt *statement[];
};

static struct lite *lite_of(struct sql *sql)
{
	return (struct lite *)sql;
}

static int error_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return 0;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_CONSTRAINT: return -EEXIST;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH: return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA: return -EUCLEAN;
	default: return rc == SQLITE_IOERR_NOMEM ? -ENOMEM : -EIO;
	}
}

static int exec(struct lite *l, const char *text)
{
	return error_of(sqlite3_exec(l->db, text, NULL, NULL, NULL));
}

/* ------------------------------------------------------------------ statements */

static int prepare(struct lite *l, const char *text, sqlite3_stmt **statement)
{
	return *statement ? 0
			  : error_of(sqlite3_prepare_v3(
				    l->db, text, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL));
}

static int step_once(struct lite *l, const char *text, sqlite3_stmt **statement)
{
	int e = prepare(l, text, statement);

	if (e < 0)
		return e;
	e = error_of(sqlite3_step(*statement));
	(void)sqlite3_reset(*statement);
	return e;
}

static int bind(sqlite3_stmt *s, int at, const struct sql_value *v)
{
	const void *p = v->s.n > 0 ? v->s.p : (const void *)"";

	switch (v->kind) {
	case SQL_NULL: return sqlite3_bind_null(s, at);
	case SQL_INT: return sqlite3_bind_int64(s, at, v->n);
	case SQL_TEXT: return sqlite3_bind_text64(s, at, p, v->s.n, SQLITE_STATIC, SQLITE_UTF8);
	case SQL_BYTES: return sqlite3_bind_blob64(s, at, p, v->s.n, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

static struct sql_value column(sqlite3_stmt *s, int at)
{
	const void *p;

	switch (sqlite3_column_type(s, at)) {
	case SQLITE_INTEGER: return sql_int(sqlite3_column_int64(s, at));
	case SQLITE_TEXT:
		p = sqlite3_column_text(s, at);
		return sql_text(mf_str_of(p ? p : "", (size_t)sqlite3_column_bytes(s, at)));
	case SQLITE_BLOB:
		p = sqlite3_column_blob(s, at);
		return sql_bytes(p ? p : "", (size_t)sqlite3_column_bytes(s, at));
	case SQLITE_FLOAT: /* nobody puts one there: some other value, altered */
		return sql_text(mf_str_of("float", 5));
	default: return (struct sql_value){.kind = SQL_NULL};
	}
}

static int rows(sqlite3_stmt *s, bool (*row)(void *context, const struct sql_value *out),
	void *context, int *count)
{
	struct sql_value out[SQL_OUT_MOST] = {0};
	int columns = sqlite3_column_count(s), rc;

	for (*count = 0; (rc = sqlite3_step(s)) == SQLITE_ROW;) {
		for (int i = 0; i < columns && i < (int)SQL_OUT_MOST; i++)
			out[i] = column(s, i);
		if (*count < INT_MAX)
			++*count;
		if (!row(context, out))
			return 0;
	}
	return error_of(rc);
}

static int lite_run(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
	bool (*row)(void *context, const struct sql_value *out), void *context)
{
	struct lite *l = lite_of(sql);
	sqlite3_stmt **s = &l->statement[statement];
	int e = prepare(l, sql->schema->statements[statement], s), n = 0;

	for (unsigned i = 0; i < count && e == 0; i++)
		e = error_of(bind(*s, (int)i + 1, &in[i]));
	if (e == 0)
		e = rows(*s, row, context, &n);
	if (e == 0 && sqlite3_column_count(*s) == 0)
		n = sqlite3_changes(l->db);
	(void)sqlite3_reset(*s);
	(void)sqlite3_clear_bindings(*s);
	return e < 0 ? e : n;
}

static int lite_ask(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
	bool (*row)(void *context, const struct sql_value *out), void *context)
{
	int e = lite_run(sql, statement, in, count, row, context);

	return e < 0 ? e : 0;
}

static int lite_settle(struct sql *sql)
{
	(void)sql;
	return 0;
}

/* ---------------------------------------------------------------- transactions */

static int lite_begin(struct sql *sql, bool durable)
{
	struct lite *l = lite_of(sql);
	int e = 0;

	if (durable != l->durable)
		e = exec(l, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
	if (e < 0)
		return e;
	l->durable = durable;
	(void)sqlite3_wal_autocheckpoint(l->db, WRITE_BACK);
	return step_once(l, "BEGIN IMMEDIATE", &l->begin);
}

static int lite_begin_now(struct sql *sql)
{
	struct lite *l = lite_of(sql);
	int e;

	(void)sqlite3_busy_timeout(l->db, 0);
	e = lite_begin(sql, false);
	(void)sqlite3_busy_timeout(l->db, SQL_WAIT_MS);
	/* the log is written back, which waits for the disk, by who waits for it anyway */
	(void)sqlite3_wal_autocheckpoint(l->db, 0);
	return e;
}

static int lite_look(struct sql *sql)
{
	struct lite *l = lite_of(sql);

	return step_once(l, "BEGIN", &l->look);
}

static void lite_rollback(struct sql *sql)
{
	struct lite *l = lite_of(sql);

	if (l->db && !sqlite3_get_autocommit(l->db))
		(void)step_once(l, "ROLLBACK", &l->rollback);
}

static int lite_commit(struct sql *sql)
{
	struct lite *l = lite_of(sql);
	int e = step_once(l, "COMMIT", &l->commit);

	if (e < 0)
		lite_rollback(sql);
	return e;
}

/* Others find out by themselves: PRAGMA data_version changes with every commit of another connection. */
static int lite_tell(struct sql *sql)
{
	(void)sql;
	return 0;
}

static bool lite_told(struct sql *sql)
{
	struct lite *l = lite_of(sql);
	const int64_t before = l->version;
	int e = prepare(l, "PRAGMA data_version", &l->versions);

	if (e == 0 && sqlite3_step(l->versions) == SQLITE_ROW)
		l->version = sqlite3_column_int64(l->versions, 0);
	else
		l->version = 0;
	(void)sqlite3_reset(l->versions);
	return l->version != before || l->version == 0;
}

static void lite_close(struct sql *sql)
{
	struct lite *l = lite_of(sql);

	lite_rollback(sql);
	for (unsigned i = 0; i < sql->schema->count; i++)
		(void)sqlite3_finalize(l->statement[i]);
	(void)sqlite3_finalize(l->begin);
	(void)sqlite3_finalize(l->look);
	(void)sqlite3_finalize(l->commit);
	(void)sqlite3_finalize(l->rollback);
	(void)sqlite3_finalize(l->versions);
	(void)sqlite3_close(l->db);
	free(l);
}

static const struct sql_ops lite_ops = {
	.begin = lite_begin,
	.begin_now = lite_begin_now,
	.look = lite_look,
	.commit = lite_commit,
	.rollback = lite_rollback,
	.run = lite_run,
	.ask = lite_ask,
	.settle = lite_settle,
	.tell = lite_tell,
	.told = lite_told,
	.close = lite_close,
};

/* ------------------------------------------------------------------------ open */

__attribute__((format(printf, 3, 4))) static int fail(
	char error[static SQL_ERROR_MAX], int value, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, SQL_ERROR_MAX, format, args);
	va_end(args);
	return value;
}

static bool number(void *context, const struct sql_value *out)
{
	*(int64_t *)context = out->kind == SQL_INT ? out->n : -1;
	return false;
}

static int pragma(struct lite *l, const char *text, int64_t *value)
{
	sqlite3_stmt *s = NULL;
	int e = prepare(l, text, &s), n;

	if (e == 0)
		e = rows(s, number, value, &n);
	(void)sqlite3_finalize(s);
	return e;
}

/* Tables and marks in one transaction: whole, or not there. */
static int make_tables(struct lite *l)
{
	const struct sql_schema *schema = l->sql.schema;
	char marks[128];
	int e = lite_begin(&l->sql, true);

	(void)snprintf(marks, sizeof(marks), "PRAGMA application_id=%u;PRAGMA user_version=%u",
		schema->application, schema->version);
	if (e == 0)
		e = exec(l, schema->sqlite);
	if (e == 0)
		e = exec(l, marks);
	if (e == 0)
		return lite_commit(&l->sql);
	lite_rollback(&l->sql);
	return e;
}

/* Is it ours? Makes its tables where there is nothing in it. */
static int look(struct lite *l, const char *path, bool existing, char error[static SQL_ERROR_MAX])
{
	const struct sql_schema *schema = l->sql.schema;
	int64_t application = 0, version = 0, pages = 0;
	int e = pragma(l, "PRAGMA application_id", &application);

	if (e == 0)
		e = pragma(l, "PRAGMA user_version", &version);
	if (e == 0)
		e = pragma(l, "PRAGMA page_count", &pages);
	if (e == 0 && pages <= 1 && application == 0 && !existing)
		e = make_tables(l);
	else if (e == 0 && application != (int64_t)schema->application)
		return fail(error, -EUCLEAN,
			"%s: is another program's database: nothing was changed; move it away",
			path);
	else if (e == 0 && version > (int64_t)schema->version)
		return fail(error, -EUCLEAN,
			"%s: was written by a newer release of mayfly (schema %lld, this one knows "
			"%u): nothing was changed; run that release",
			path, (long long)version, schema->version);
	if (e == -EUCLEAN)
		return fail(error, e,
			"%s: damaged (%s): nothing was changed; put a backup in its place", path,
			sqlite3_errmsg(l->db));
	return e < 0 ? fail(error, e, "%s: %s", path, strerror(-e)) : 0;
}

static int open_file(struct lite *l, const char *path, bool existing)
{
	struct stat there;
	int fd, e;

	if (!existing) { /* for its owner's eyes alone */
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return -errno;
		close(fd);
	} else if (stat(path, &there) < 0) {
		return -errno;
	}
	/* a reader of a log writes to its index */
	e = error_of(
		sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
	if (e < 0 && sqlite3_system_errno(l->db) > 0) /* no rights, say */
		return -sqlite3_system_errno(l->db);
	if (e < 0)
		return e;
	(void)sqlite3_extended_result_codes(l->db, 1);
	(void)sqlite3_busy_timeout(l->db, SQL_WAIT_MS);
	(void)sqlite3_db_config(l->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	l->durable = true;
	e = exec(l, "PRAGMA synchronous=FULL;PRAGMA temp_store=MEMORY;PRAGMA cache_size=-4096");
	if (e == 0 && !existing)
		e = exec(l, "PRAGMA journal_mode=WAL");
	if (e == 0)
		(void)sqlite3_wal_autocheckpoint(l->db, WRITE_BACK);
	return e;
}

int sql_lite_open(struct sql **sql, const char *path, const struct sql_schema *schema,
	bool existing, char error[static SQL_ERROR_MAX])
{
	struct lite *l = calloc(1, sizeof(*l) + schema->count * sizeof(*l->statement));
	int e;

	if (!l)
		return fail(error, -ENOMEM, "%s: no memory", path);
	l->sql = (struct sql){&lite_ops, schema};
	e = open_file(l, path, existing);
	if (e == -EUCLEAN)
		e = fail(error, e, "%s: is no database: nothing was changed; move it away", path);
	else if (e < 0)
		e = fail(error, e, "%s: %s", path, strerror(-e));
	else
		e = look(l, path, existing, error);
	if (e < 0) {
		lite_close(&l->sql);
		return e;
	}
	*sql = &l->sql;
	return 0;
}
