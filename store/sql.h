/*
 * store/sql.h - a database for what is accounted for: the same statements on SQLite (a file, one machine) and
 * on whatever else implements struct sql_ops. Not the hub's state, outbox and events: those are store/store.h's.
 *
 * Statements are a table of the caller's, named by their place in it, prepared when they are first used. They are
 * written in what SQLite and PostgreSQL have in common: parameters $1, $2 ... in the order of their first use, RETURNING, ON
 * CONFLICT. Values are integers of 64 bits, text and bytes.
 *
 * One connection is used by one thread at a time. Everything waits: none of it is for the hub's loop.
 *
 * A question to a server is a way there and back. So what nobody waits for (sql_put, sql_ask) is only sent, and done in its turn; its
 * error, and its rows, come within the next call that waits, and that gives the error back: any of sql_do, sql_one, sql_each,
 * sql_settle, sql_commit. On a file all of them do what they do at once.
 *
 * Errors: -ENOSPC the disk is full; -EBUSY somebody else held it for longer than SQL_WAIT_MS; -EEXIST a row
 * with that key is there; -EUCLEAN it is damaged, or is somebody else's; -EROFS; -ENOMEM; -EIO. Of a server also -ECONNRESET: the
 * connection is lost, and with it the transaction; of a commit that gives it nobody knows. The next transaction connects
 * again, or gives -ECONNREFUSED.
 * After an error in a transaction it must be rolled back.
 */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define SQL_ERROR_MAX 512
#define SQL_WAIT_MS   5000
#define SQL_IN_MOST   24u /* parameters of a statement */
#define SQL_OUT_MOST  32u /* columns of a row */

enum sql_kind { SQL_NULL, SQL_INT, SQL_TEXT, SQL_BYTES };

struct sql_value {
	enum sql_kind kind;
	int64_t n;       /* of SQL_INT */
	struct mf_str s; /* of the others; of a row's: until the next row, or the end of the call */
};

static inline struct sql_value sql_int(int64_t n)
{
	return (struct sql_value){.kind = SQL_INT, .n = n};
}

static inline struct sql_value sql_text(struct mf_str s)
{
	return (struct sql_value){.kind = SQL_TEXT, .s = s};
}

/* NULL where s.p is. */
static inline struct sql_value sql_bytes(const void *p, size_t n)
{
	return (struct sql_value){.kind = p ? SQL_BYTES : SQL_NULL, .s = {p, n}};
}

/* What a program keeps in it. */
struct sql_schema {
	uint32_t application; /* tells files of one kind from others: PRAGMA application_id */
	uint32_t version;     /* a file of a newer one is refused */
	const char *sqlite, *postgres; /* makes the tables where there are none */
	/* Of PostgreSQL: the schema that they lie in, NULL: the connection's own; and what is listened to (LISTEN), NULL: nothing. */
	const char *space, *hears;
	const char *const *statements;
	unsigned count;
};

struct sql;
struct sql_ops {
	int (*begin)(struct sql *sql, bool durable);
	int (*begin_now)(struct sql *sql); /* NULL: it can't */
	int (*look)(struct sql *sql);
	int (*commit)(struct sql *sql);
	void (*rollback)(struct sql *sql);
	/* Calls `row` for each row until it returns false. How many there were, or of a statement that gives none how many
	 * it changed; -errno. */
	int (*run)(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
		bool (*row)(void *context, const struct sql_value *out), void *context);
	int (*ask)(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
		bool (*row)(void *context, const struct sql_value *out), void *context);
	int (*settle)(struct sql *sql);
	int (*tell)(struct sql *sql);
	bool (*told)(struct sql *sql);
	/* NULL: there is nothing to hear of others */
	int (*fd)(const struct sql *sql);
	int (*heard)(struct sql *sql);
	void (*close)(struct sql *sql);
};
struct sql {
	const struct sql_ops *ops;
	const struct sql_schema *schema;
};

/* Opens, or makes, a file with one line in error when it can't be. `existing`: none is made, and -ENOENT where
 * there is none. */
int sql_lite_open(struct sql **sql, const char *path, const struct sql_schema *schema,
	bool existing, char error[static SQL_ERROR_MAX]);
/* The same of a database of PostgreSQL: `where` as libpq takes it, postgresql://... or host=... (34.1.1 of its manual).
 * -ECONNREFUSED: it isn't there, or doesn't let us in; -ELIBACC: there is no libpq. */
int sql_pg_open(struct sql **sql, const char *where, const struct sql_schema *schema, bool existing,
	char error[static SQL_ERROR_MAX]);
void sql_close(struct sql *sql); /* NULL is fine; what isn't committed is gone */

/* Nobody else changes a file from now on until the end of the transaction; on a server what two may change at once is kept apart by
 * rows that they change first. What is `durable` is on the disk when its
 * commit returns 0; else it survives this process, and may be lost with the power. */
int sql_begin(struct sql *sql, bool durable);
/* One that isn't durable, for a thread that mustn't wait: -EBUSY, somebody else is at work; -EOPNOTSUPP: a server, which always has to
 * be waited for. */
int sql_begin_now(struct sql *sql);
/* For reading only: all is seen as it is now, and nobody waits for it. Ends with sql_rollback. */
int sql_look(struct sql *sql);
/* After an error all of the transaction is gone. */
int sql_commit(struct sql *sql);
void sql_rollback(struct sql *sql);

/* Without rows: how many it changed, or -errno. */
int sql_do(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count);
/* The first row is copied to `out`, `columns` values of it, whose strings lie in `room`; what doesn't fit there is an
 * error (-EOVERFLOW). 1, 0: there is none, -errno. */
struct sql_room {
	uint8_t *p;
	size_t size;
};
int sql_one(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
	struct sql_value *out, unsigned columns, struct sql_room room);
int sql_each(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
	bool (*row)(void *context, const struct sql_value *out), void *context);

/* Nobody waits. 0, or -errno: of this one or of one before. */
int sql_put(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count);
/* The same for one whose rows are given to `row`; its context stays until then. */
int sql_ask(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
	bool (*row)(void *context, const struct sql_value *out), void *context);
/* Waits until all of that is done. 0, -errno */
int sql_settle(struct sql *sql);

/* Where others can say something (NOTIFY, a statement like any other, of what schema->hears names): readable when
 * there is something to hear, or the connection is gone. -1: they can't. */
int sql_fd(const struct sql *sql);
/* How many words have come since, without waiting for any; a new connection counts as one. -EIO: the connection is gone. */
int sql_heard(struct sql *sql);

/* In a transaction: with its commit whoever else has this database open is told that something changed of which he may keep a
 * copy: NOTIFY schema->hears. */
int sql_tell(struct sql *sql);
/* Was anybody told since this was asked last, or may have been? Outside of a transaction. Asks nobody but this machine's kernel, but connects
 * again where that is needed. A file tells of every change by others. */
bool sql_told(struct sql *sql);

#endif
