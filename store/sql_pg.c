/*
 * store/sql_pg.c - PostgreSQL under sql.h. Values go and come in their binary form (int8 and bytea, big-endian and as they are);
 * rows come one by one, so that a million don't lie in memory.
 *
 * Statements are sent one behind the other (libpq's pipeline mode, 34.5 of PostgreSQL's manual), and their results are
 * read when somebody waits for one: each wait is a way to the server and back, and wakes two processes. Behind each wait
 * stands a Sync, so whatever fails, the next one begins anew. After an error the server passes over what was sent behind it.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/pq.h"

/* pg_type.dat of PostgreSQL: the numbers of types never change. */
enum { OID_BYTEA = 17, OID_INT8 = 20, OID_INT4 = 23, OID_TEXT = 25 };

/* Statements of our own, numbered behind the caller's. */
enum own { BEGIN, SOFT, LOOK, COMMIT, ROLLBACK, TELL, OWN };
static const char *const own_text[OWN] = {
	[BEGIN] = "BEGIN",
	[SOFT] = "SET LOCAL synchronous_commit = off",
	[LOOK] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[TELL] = NULL, /* of what the schema names */
};

/* Statements under way, at most: what comes of them lies in libpq's memory. */
#define UNDER_WAY 64u

#define CONNECT_S "10"
#define SILENT_MS "20000" /* of a server's machine that says nothing any more */

typedef bool (*row_function)(void *context, const struct sql_value *out);

struct asked {
	unsigned statement;
	bool preparing;
	row_function row; /* NULL: nobody wants them */
	void *context;
};

struct pg {
	struct sql sql;
	PGconn *connection;
	bool open;  /* a transaction is, until its end: also one whose connection is lost */
	int heard;  /* words of others */
	int error;  /* the first one of what was read and nobody was told of */
	int count;  /* of the last statement that was read: its rows, or how many it changed */
	unsigned n; /* under way */
	struct asked asked[UNDER_WAY];
	bool prepared[]; /* the caller's, then our own */
};

static struct pg *pg_of(struct sql *sql)
{
	return (struct pg *)sql;
}

/* ------------------------------------------------------------------ connection */

static int exec(struct pg *p, const char *text)
{
	PGresult *result = pq.exec(p->connection, text);
	int e = pq_well(result) ? 0 : pq_error(result);

	pq.clear(result);
	return e;
}

/* What a connection is told before anything else. A server that flushes nothing by itself does so for us; what is
 * told by NOTIFY comes between transactions. */
static int greet(struct pg *p)
{
	const char *space = p->sql.schema->space, *hears = p->sql.schema->hears;
	char text[400];

	(void)snprintf(text, sizeof(text),
		"SET client_encoding=UTF8;SET client_min_messages=error;SET lock_timeout=%d;"
		"SELECT set_config('synchronous_commit', 'on', false)"
		" WHERE current_setting('synchronous_commit') = 'off'%s%s%s%s",
		SQL_WAIT_MS, space ? ";SET search_path=" : "", space ? space : "",
		hears ? ";LISTEN " : "", hears ? hears : "");
	p->heard++; /* who knows what was missed */
	return exec(p, text);
}

static int pipeline(struct pg *p)
{
	return pq.pipeline(p->connection) ? 0 : -EIO;
}

static bool is_lost(const struct pg *p)
{
	return pq.status(p->connection) != CONNECTION_OK;
}

/* Reads what has come by itself: that something changed, or that the server went away. */
static void read_up(struct pg *p)
{
	struct pollfd fd = {.fd = pq.socket(p->connection), .events = POLLIN};
	PGnotify *notify;

	/* twice: the second time it finds the end behind the last words */
	if (fd.fd >= 0 && poll(&fd, 1, 0) > 0 && pq.consume(p->connection))
		(void)pq.consume(p->connection);
	while ((notify = pq.notifies(p->connection)) != NULL) {
		p->heard++;
		pq.free(notify);
	}
}

static void forget(struct pg *p)
{
	memset(p->prepared, 0, (p->sql.schema->count + OWN) * sizeof(*p->prepared));
	p->n = 0;
	p->error = 0;
	p->open = false;
}

/* Before anything is begun: connects again where the connection was lost. */
static int connected(struct pg *p)
{
	int e;

	read_up(p);
	if (!is_lost(p))
		return 0;
	forget(p);
	pq.reset(p->connection);
	e = is_lost(p) ? -ECONNREFUSED : greet(p);
	return e < 0 ? e : pipeline(p);
}

/* --------------------------------------------------------------------- results */

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

static void give_row(struct pg *p, struct asked *asked, const PGresult *result)
{
	struct sql_value out[SQL_OUT_MOST] = {0};
	int columns = pq.columns(result);

	for (int i = 0; i < columns && i < (int)SQL_OUT_MOST; i++)
		out[i] = column(result, i);
	if (p->count < INT_MAX)
		p->count++;
	if (!asked->row(asked->context, out))
		asked->row = NULL;
}

static void note(struct pg *p, int error)
{
	if (p->error == 0)
		p->error = error;
}

/* One result: a row, the end of them, or why there is none. */
static void take(struct pg *p, struct asked *asked, PGresult *result)
{
	const bool commit = asked->statement == p->sql.schema->count + COMMIT;

	if (!pq_well(result)) {
		note(p, is_lost(p) ? -ECONNRESET : pq_error(result));
		if (asked->preparing)
			p->prepared[asked->statement] = false;
	} else if (pq.result_status(result) == PGRES_COMMAND_OK) {
		p->count = (int)strtol(pq.changed(result), NULL, 10);
		/* a COMMIT of what has failed says so */
		if (commit && !asked->preparing && strcmp(pq.command(result), "COMMIT") != 0)
			note(p, -EIO);
	} else if (pq.rows(result) > 0 && asked->row) {
		give_row(p, asked, result);
	}
}

static void take_all(struct pg *p, struct asked *asked)
{
	PGresult *result;

	p->count = 0;
	if (asked->row)
		(void)pq.one_by_one(p->connection);
	while ((result = pq.next(p->connection)) != NULL) {
		take(p, asked, result);
		pq.clear(result);
	}
}

/* Waits for all that is under way. What the last one counted, or the first error. */
static int settle(struct pg *p)
{
	PGresult *result;
	int e;

	if (p->n > 0 && !pq.sync(p->connection))
		note(p, -ECONNRESET);
	for (unsigned i = 0; i < p->n; i++)
		take_all(p, &p->asked[i]);
	if (p->n > 0) { /* Sync's own */
		result = pq.next(p->connection);
		if (!result || pq.result_status(result) != PGRES_PIPELINE_SYNC)
			note(p, -ECONNRESET);
		pq.clear(result);
	}
	p->n = 0;
	e = p->error;
	p->error = 0;
	return e < 0 ? e : p->count;
}

/* ------------------------------------------------------------------ statements */

/* As PQsendQueryPrepared wants them. */
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

static void under_way(
	struct pg *p, unsigned statement, bool preparing, row_function row, void *context)
{
	p->asked[p->n++] = (struct asked){statement, preparing, row, context};
}

static const char *text_of(const struct pg *p, unsigned statement, char notify[static 80])
{
	const struct sql_schema *schema = p->sql.schema;

	if (statement < schema->count)
		return schema->statements[statement];
	if (statement != schema->count + TELL)
		return own_text[statement - schema->count];
	(void)snprintf(notify, 80, "NOTIFY %s", schema->hears);
	return notify;
}

/* Its parameters have the types that they have now; those that are NULL now get theirs from where they stand. */
static bool prepare(struct pg *p, unsigned statement, const char *name,
	const struct parameters *parameters, unsigned count)
{
	char notify[80];
	const char *text = text_of(p, statement, notify);

	if (p->prepared[statement])
		return true;
	p->prepared[statement] = pq.prepare(
		p->connection, name, text, (int)count, count > 0 ? parameters->type : NULL);
	if (p->prepared[statement])
		under_way(p, statement, true, NULL, NULL);
	return p->prepared[statement];
}

static int send(struct pg *p, unsigned statement, const struct sql_value *in, unsigned count,
	row_function row, void *context)
{
	struct parameters parameters;
	char name[16];

	if (!fill(&parameters, in, count))
		return -EINVAL;
	if (p->n + 2 > UNDER_WAY) {
		int e = settle(p);

		if (e < 0)
			note(p, e);
	}
	(void)snprintf(name, sizeof(name), "s%u", statement);
	if (!prepare(p, statement, name, &parameters, count) ||
		!pq.send(p->connection, name, (int)count, parameters.value, parameters.length,
			parameters.format, 1)) {
		note(p, -ECONNRESET);
		return settle(p);
	}
	under_way(p, statement, false, row, context);
	return 0;
}

static int send_own(struct pg *p, enum own own)
{
	return send(p, p->sql.schema->count + own, NULL, 0, NULL, NULL);
}

static int pg_ask(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
	row_function row, void *context)
{
	struct pg *p = pg_of(sql);
	int e = p->open || p->n > 0 ? 0 : connected(p);

	return e < 0 ? e : send(p, statement, in, count, row, context);
}

static int pg_settle(struct sql *sql)
{
	int e = settle(pg_of(sql));

	return e < 0 ? e : 0;
}

static int pg_run(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
	row_function row, void *context)
{
	int e = pg_ask(sql, statement, in, count, row, context);

	return e < 0 ? e : settle(pg_of(sql));
}

/* ---------------------------------------------------------------- transactions */

static int pg_begin(struct sql *sql, bool durable)
{
	struct pg *p = pg_of(sql);
	int e = connected(p);

	if (e == 0)
		e = send_own(p, BEGIN);
	if (e == 0 && !durable)
		e = send_own(p, SOFT);
	p->open = e == 0;
	return e;
}

static int pg_look(struct sql *sql)
{
	struct pg *p = pg_of(sql);
	int e = connected(p);

	if (e == 0)
		e = send_own(p, LOOK);
	p->open = e == 0;
	return e;
}

static void pg_rollback(struct sql *sql)
{
	struct pg *p = pg_of(sql);

	if (!p->open)
		return;
	(void)settle(p); /* behind an error it would be passed over */
	if (!is_lost(p) && send_own(p, ROLLBACK) == 0)
		(void)settle(p);
	p->open = false;
}

static int pg_commit(struct sql *sql)
{
	struct pg *p = pg_of(sql);
	int e = send_own(p, COMMIT);

	if (e == 0)
		e = settle(p);
	if (e < 0)
		pg_rollback(sql);
	p->open = false;
	return e < 0 ? e : 0;
}

/* ---------------------------------------------------------------- words of others */

static int pg_tell(struct sql *sql)
{
	return sql->schema->hears ? send_own(pg_of(sql), TELL) : 0;
}

static int pg_fd(const struct sql *sql)
{
	return pq.socket(((const struct pg *)sql)->connection);
}

static int pg_heard(struct sql *sql)
{
	struct pg *p = pg_of(sql);
	int heard;

	read_up(p);
	heard = p->heard;
	p->heard = 0;
	return is_lost(p) ? -EIO : heard;
}

static bool pg_told(struct sql *sql)
{
	struct pg *p = pg_of(sql);

	return (!p->open && connected(p) < 0) || pg_heard(sql) != 0;
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
	.ask = pg_ask,
	.settle = pg_settle,
	.tell = pg_tell,
	.told = pg_told,
	.fd = pg_fd,
	.heard = pg_heard,
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

	if (!pq_well(result)) {
		e = state && strcmp(state, "42P01") == 0 ? 0 : pq_error(result); /* no such table */
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

/* Its name is a constant of ours. */
static int make_space(struct pg *p)
{
	const char *space = p->sql.schema->space;
	char text[128];

	(void)snprintf(text, sizeof(text), "CREATE SCHEMA IF NOT EXISTS %s", space ? space : "");
	return space ? exec(p, text) : 0;
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
		e = make_space(p);
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
	return e < 0 ? ((void)exec(p, "ROLLBACK"), e) : exec(p, "COMMIT");
}

static int start(struct pg *p, bool existing, char error[static SQL_ERROR_MAX])
{
	int e;

	if (is_lost(p))
		return fail(p, -ECONNREFUSED, error, NULL);
	e = greet(p);
	if (e < 0)
		return fail(p, e, error, NULL);
	e = look(p, error);
	if (e == 0 && existing)
		return fail(p, -ENOENT, error, "there is no ledger in that database");
	if (e == 0)
		e = make_tables(p, error);
	return e < 0 ? e : pipeline(p);
}

int sql_pg_open(struct sql **sql, const char *where, const struct sql_schema *schema, bool existing,
	char error[static SQL_ERROR_MAX])
{
	/* `where` comes last, so that it may say otherwise */
	const char *const keys[] = {"connect_timeout", "tcp_user_timeout", "dbname", NULL};
	const char *const values[] = {CONNECT_S, SILENT_MS, where, NULL};
	struct pg *p = calloc(1, sizeof(*p) + (schema->count + OWN) * sizeof(*p->prepared));
	int e = p ? pq_load(error) : -ENOMEM;

	if (e < 0) {
		if (!p)
			(void)snprintf(error, SQL_ERROR_MAX, "PostgreSQL: no memory");
		free(p);
		return e;
	}
	p->sql = (struct sql){&pg_ops, schema};
	p->connection = pq.connect(keys, values, 1);
	e = start(p, existing, error);
	if (e < 0) {
		pg_close(&p->sql);
		return e;
	}
	*sql = &p->sql;
	return 0;
}
