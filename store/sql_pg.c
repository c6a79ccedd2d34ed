/*
 * store/sql_pg.c - PostgreSQL under sql.h, through libpq, which is loaded when it is needed. Values go and come in their binary
 * form (int8 and bytea, big-endian and as they are); rows come one by one, so that a million don't lie in memory.
 */
#include <errno.h>
#include <limits.h>
#include <postgresql/libpq-fe.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sql.h"
#include "sys/library.h"

/* pg_type.dat of PostgreSQL: the numbers of types never change. */
enum { OID_BYTEA = 17, OID_INT8 = 20, OID_INT4 = 23, OID_TEXT = 25 };

static struct pq {
	__typeof__(&PQconnectdb) connect;
	__typeof__(&PQfinish) finish;
	__typeof__(&PQstatus) status;
	__typeof__(&PQerrorMessage) error_message;
	__typeof__(&PQexec) exec;
	__typeof__(&PQprepare) prepare;
	__typeof__(&PQsendQueryPrepared) send;
	__typeof__(&PQsetSingleRowMode) one_by_one;
	__typeof__(&PQgetResult) next;
	__typeof__(&PQresultStatus) result_status;
	__typeof__(&PQresultErrorField) result_field;
	__typeof__(&PQclear) clear;
	__typeof__(&PQntuples) rows;
	__typeof__(&PQnfields) columns;
	__typeof__(&PQftype) type;
	__typeof__(&PQgetisnull) is_null;
	__typeof__(&PQgetvalue) value;
	__typeof__(&PQgetlength) length;
	__typeof__(&PQcmdTuples) changed;
} pq;
static void *loaded;

static int load(char error[static SQL_ERROR_MAX])
{
#define FUNCTION(name, member)                                                                     \
	{                                                                                          \
		name, offsetof(struct pq, member)                                                  \
	}
	static const struct library_function functions[] = {FUNCTION("PQconnectdb", connect),
		FUNCTION("PQfinish", finish), FUNCTION("PQstatus", status),
		FUNCTION("PQerrorMessage", error_message), FUNCTION("PQexec", exec),
		FUNCTION("PQprepare", prepare), FUNCTION("PQsendQueryPrepared", send),
		FUNCTION("PQsetSingleRowMode", one_by_one), FUNCTION("PQgetResult", next),
		FUNCTION("PQresultStatus", result_status),
		FUNCTION("PQresultErrorField", result_field), FUNCTION("PQclear", clear),
		FUNCTION("PQntuples", rows), FUNCTION("PQnfields", columns),
		FUNCTION("PQftype", type), FUNCTION("PQgetisnull", is_null),
		FUNCTION("PQgetvalue", value), FUNCTION("PQgetlength", length),
		FUNCTION("PQcmdTuples", changed), {NULL, 0}};
	static const struct library library = {"libpq", "libpq.so.5", "libpq5", functions};

	if (loaded || library_load(&library, &pq, &loaded, error, SQL_ERROR_MAX) == 0)
		return 0;
	return -ELIBACC;
}

struct pg {
	struct sql sql;
	PGconn *connection;
	bool prepared[];
};

static struct pg *pg_of(struct sql *sql)
{
	return (struct pg *)sql;
}

/* SQLSTATE, PostgreSQL's Appendix A. */
static int error_of(const PGresult *result)
{
	static const struct {
		const char *state; /* its first letters */
		int error;
	} states[] = {{"23505", -EEXIST}, {"53100", -ENOSPC}, {"53200", -ENOMEM}, {"40", -EBUSY},
		{"55P03", -EBUSY}, {"25006", -EROFS}, {"42501", -EACCES}, {"XX", -EUCLEAN}};
	const char *state = pq.result_field(result, PG_DIAG_SQLSTATE);

	for (size_t i = 0; state && i < sizeof(states) / sizeof(*states); i++)
		if (strncmp(state, states[i].state, strlen(states[i].state)) == 0)
			return states[i].error;
	return -EIO;
}

static bool went_well(const PGresult *result)
{
	ExecStatusType status = pq.result_status(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
		status == PGRES_SINGLE_TUPLE;
}

static int exec(struct pg *p, const char *text)
{
	PGresult *result = pq.exec(p->connection, text);
	int e = went_well(result) ? 0 : error_of(result);

	pq.clear(result);
	return e;
}

/* ------------------------------------------------------------------ statements */

/* As PQexecPrepared wants them. */
struct parameters {
	const char *value[SQL_IN_MOST];
	int length[SQL_IN_MOST], format[SQL_IN_MOST];
	Oid type[SQL_IN_MOST];
	uint8_t number[SQL_IN_MOST][8];
};

static void put_number(uint8_t to[static 8], int64_t n)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
}

static bool fill(struct parameters *to, const struct sql_value *in, unsigned count)
{
	static const Oid types[] = {0, OID_INT8, OID_TEXT, OID_BYTEA};

	if (count > SQL_IN_MOST)
		return false;
	for (unsigned i = 0; i < count; i++) {
		to->type[i] = types[in[i].kind];
		to->format[i] = 1;
		to->value[i] = in[i].s.n > 0 ? (const char *)in[i].s.p : "";
		if (in[i].s.n > INT_MAX)
			return false;
		to->length[i] = (int)in[i].s.n;
		if (in[i].kind == SQL_NULL)
			to->value[i] = NULL;
		if (in[i].kind != SQL_INT)
			continue;
		put_number(to->number[i], in[i].n);
		to->value[i] = (const char *)to->number[i];
		to->length[i] = 8;
	}
	return true;
}

/* Its parameters have the types that they have now; those that are NULL now get theirs from where they stand. */
static int prepare(struct pg *p, unsigned statement, const char *name,
	const struct parameters *parameters, unsigned count)
{
	PGresult *result;
	int e;

	if (p->prepared[statement])
		return 0;
	result = pq.prepare(p->connection, name, p->sql.schema->statements[statement], (int)count,
		parameters->type);
	e = went_well(result) ? 0 : error_of(result);
	pq.clear(result);
	p->prepared[statement] = e == 0;
	return e;
}

static struct sql_value column(const PGresult *result, int at)
{
	const uint8_t *p = (const uint8_t *)pq.value(result, 0, at);
	size_t n = (size_t)pq.length(result, 0, at);
	uint64_t number = 0;

	if (pq.is_null(result, 0, at))
		return (struct sql_value){.kind = SQL_NULL};
	switch (pq.type(result, at)) {
	case OID_BYTEA: return sql_bytes(p, n);
	case OID_INT4:
	case OID_INT8:
		for (size_t i = 0; i < n; i++)
			number = number << 8 | p[i];
		return sql_int(n == 4 ? (int32_t)number : (int64_t)number);
	default: return sql_text(mf_str_of(p, n));
	}
}

struct taking {
	bool (*row)(void *context, const struct sql_value *out);
	void *context;
	bool enough;
	int count, error;
};

/* One result: a row, or the end of them. */
static void take(struct taking *t, const PGresult *result)
{
	struct sql_value out[SQL_OUT_MOST] = {0};
	int columns = pq.columns(result);

	if (!went_well(result)) {
		t->error = error_of(result);
	} else if (pq.result_status(result) == PGRES_COMMAND_OK) {
		t->count = (int)strtol(pq.changed((PGresult *)result), NULL, 10);
	} else if (pq.rows(result) > 0 && !t->enough) {
		for (int i = 0; i < columns && i < (int)SQL_OUT_MOST; i++)
			out[i] = column(result, i);
		if (t->count < INT_MAX)
			t->count++;
		t->enough = !t->row(t->context, out);
	}
}

static int pg_run(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
	bool (*row)(void *context, const struct sql_value *out), void *context)
{
	struct pg *p = pg_of(sql);
	struct parameters parameters = {0};
	struct taking t = {.row = row, .context = context};
	char name[16];
	PGresult *result;
	int e;

	(void)snprintf(name, sizeof(name), "s%u", statement);
	if (!fill(&parameters, in, count))
		return -EINVAL;
	e = prepare(p, statement, name, &parameters, count);
	if (e < 0)
		return e;
	if (!pq.send(p->connection, name, (int)count, parameters.value, parameters.length,
		    parameters.format, 1))
		return -EIO;
	(void)pq.one_by_one(p->connection);
	while ((result = pq.next(p->connection)) != NULL) {
		take(&t, result);
		pq.clear(result);
	}
	return t.error < 0 ? t.error : t.count;
}

/* ---------------------------------------------------------------- transactions */

static int pg_begin(struct sql *sql, bool durable)
{
	return exec(pg_of(sql), durable ? "BEGIN" : "BEGIN;SET LOCAL synchronous_commit=off");
}

static int pg_look(struct sql *sql)
{
	return exec(pg_of(sql), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

static void pg_rollback(struct sql *sql)
{
	(void)exec(pg_of(sql), "ROLLBACK");
}

/* A COMMIT of a transaction that failed says ROLLBACK; sql.h's callers have seen its error then. */
static int pg_commit(struct sql *sql)
{
	return exec(pg_of(sql), "COMMIT");
}

static void pg_close(struct sql *sql)
{
	struct pg *p = pg_of(sql);

	pq.finish(p->connection);
	free(p);
}

static const struct sql_ops pg_ops = {
	.begin = pg_begin,
	.look = pg_look,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.run = pg_run,
	.close = pg_close,
};

/* ------------------------------------------------------------------------ open */

/* The first line of what libpq says, behind where: without what a URL may hold of passwords. */
static int fail(struct pg *p, int value, char error[static SQL_ERROR_MAX], const char *why)
{
	const char *says = why ? why : pq.error_message(p->connection);

	(void)snprintf(error, SQL_ERROR_MAX, "PostgreSQL: %.*s", (int)strcspn(says, "\n"), says);
	return value;
}

/* 1: the tables are there; 0: they aren't; -errno */
static int look(struct pg *p, char error[static SQL_ERROR_MAX])
{
	const struct sql_schema *schema = p->sql.schema;
	PGresult *result = pq.exec(p->connection, "SELECT application, version FROM mayfly_schema");
	const char *state = pq.result_field(result, PG_DIAG_SQLSTATE);
	unsigned long application = 0, version = 0;
	int e = 1;

	if (!went_well(result)) {
		e = state && strcmp(state, "42P01") == 0 ? 0 : error_of(result); /* no such table */
		if (e < 0)
			(void)fail(p, e, error, NULL);
	} else if (pq.rows(result) == 1) {
		application = strtoul(pq.value(result, 0, 0), NULL, 10);
		version = strtoul(pq.value(result, 0, 1), NULL, 10);
	}
	pq.clear(result);
	if (e == 1 && application != schema->application)
		return fail(p, -EUCLEAN, error, "what is there is another program's");
	if (e == 1 && version > schema->version)
		return fail(p, -EUCLEAN, error, "it was written by a newer release of mayfly");
	return e;
}

/* One at a time: who comes second finds them. */
static int make_tables(struct pg *p, char error[static SQL_ERROR_MAX])
{
	const struct sql_schema *schema = p->sql.schema;
	char text[160];
	int e = exec(p, "BEGIN"), there = 0;

	(void)snprintf(text, sizeof(text), "SELECT pg_advisory_xact_lock(%u)", schema->application);
	if (e == 0)
		e = exec(p, text);
	(void)snprintf(text, sizeof(text), "INSERT INTO mayfly_schema VALUES(%u, %u)",
		schema->application, schema->version);
	if (e == 0)
		e = exec(p, "SAVEPOINT looked");
	if (e == 0)
		there = look(p, error);
	if (e == 0 && there == 1)
		return exec(p, "COMMIT");
	if (e == 0)
		e = exec(p,
			"ROLLBACK TO looked;CREATE TABLE mayfly_schema(application BIGINT, version "
			"BIGINT)");
	if (e == 0)
		e = exec(p, text);
	if (e == 0)
		e = exec(p, schema->postgres);
	if (e < 0)
		(void)fail(p, e, error, NULL);
	return e < 0 ? (pg_rollback(&p->sql), e) : exec(p, "COMMIT");
}

static int start(struct pg *p, bool existing, char error[static SQL_ERROR_MAX])
{
	char text[96];
	int e;

	if (pq.status(p->connection) != CONNECTION_OK)
		return fail(p, -ECONNREFUSED, error, NULL);
	(void)snprintf(text, sizeof(text),
		"SET client_encoding=UTF8;SET client_min_messages=error;SET lock_timeout=%d",
		SQL_WAIT_MS);
	e = exec(p, text);
	if (e < 0)
		return fail(p, e, error, NULL);
	e = look(p, error);
	if (e == 0 && existing)
		return fail(p, -ENOENT, error, "there is no ledger in that database");
	return e == 0 ? make_tables(p, error) : e < 0 ? e : 0;
}

int sql_pg_open(struct sql **sql, const char *where, const struct sql_schema *schema, bool existing,
	char error[static SQL_ERROR_MAX])
{
	struct pg *p = calloc(1, sizeof(*p) + schema->count * sizeof(*p->prepared));
	int e = p ? load(error) : -ENOMEM;

	if (e < 0) {
		if (!p)
			(void)snprintf(error, SQL_ERROR_MAX, "PostgreSQL: no memory");
		free(p);
		return e;
	}
	p->sql = (struct sql){&pg_ops, schema};
	p->connection = pq.connect(where);
	e = start(p, existing, error);
	if (e < 0) {
		pg_close(&p->sql);
		return e;
	}
	*sql = &p->sql;
	return 0;
}
