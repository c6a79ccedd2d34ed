/* store/read.c - statements of the connection that reads, prepared when they are first needed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/inner.h"

static const char *const sql[READ_KINDS] = {
	[READ_STATE] = "SELECT key, value, version FROM state WHERE service=?1 AND key=?2",
	[READ_STATE_FROM] = "SELECT key, value, version FROM state WHERE service=?1 AND key>=?2"
			    " ORDER BY key LIMIT 1",
	[READ_STATE_BEHIND] = "SELECT key, value, version FROM state WHERE service=?1 AND key>?2"
			      " ORDER BY key LIMIT 1",
	[READ_IDS] = "SELECT number, service, at, id FROM id ORDER BY number",
	[READ_ID] = "SELECT number, service, at, id, answer FROM id WHERE number=?1",
	[READ_LIFE_BEFORE] =
		"SELECT number, service, wall, id, capsule FROM history WHERE number<?1"
		" ORDER BY number DESC",
	[READ_OUT] = "SELECT row, service, flags, at, wall, id, name, type, body FROM outbox"
		     " WHERE row>?1 AND row<?2 ORDER BY row LIMIT ?3",
	[READ_OUT_LAST] =
		"SELECT row FROM outbox WHERE row>?1 AND row<?2 ORDER BY row DESC LIMIT 1",
#define LATER "SELECT service, due, name, id, type, body FROM later"
	[READ_LATER] = LATER,
	[READ_LATER_DUE] = LATER " WHERE due<=?1 ORDER BY due",
	[READ_LATER_NEXT] = "SELECT min(due) FROM later WHERE due>?1",
	[READ_TICK] = "SELECT tick FROM tick WHERE service=?1 AND timer=?2",
	[READ_METERS] = "SELECT service, sum, unit FROM meter",
#define FAILED "SELECT number, service, attempt, due, wall, id, why, capsule FROM "
	[READ_RETRIES] = FAILED "retry WHERE number>?1 ORDER BY number LIMIT ?2",
	[READ_DEAD] = FAILED "dead WHERE number>?1 ORDER BY number LIMIT ?2",
	[READ_RETRY] = FAILED "retry WHERE number=?1",
	[READ_DEAD_ONE] = FAILED "dead WHERE number=?1",
	[READ_PAGES] = "PRAGMA page_count",
};

/* What a read that failed says about the file. */
static int failed(struct store *store, int rc)
{
	int e = store_errno(store->read, rc);

	if (e == -EUCLEAN)
		atomic_store(&store->shared.damaged, true);
	return e;
}

sqlite3_stmt *read_begin(struct store *store, enum read_kind kind, int *error)
{
	sqlite3_stmt **statement = &store->reads[kind];

	*error = *statement ? 0 : store_prepare(store->read, sql[kind], statement);
	if (*error < 0)
		*error = failed(store, sqlite3_extended_errcode(store->read));
	return *statement;
}

int read_step(struct store *store, sqlite3_stmt *statement)
{
	int rc = sqlite3_step(statement);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : failed(store, rc);
}

void read_end(sqlite3_stmt *statement)
{
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
}

struct mf_str read_blob(sqlite3_stmt *statement, int column)
{
	const void *p = sqlite3_column_blob(statement, column);

	return mf_str_of(p ? p : "", (size_t)sqlite3_column_bytes(statement, column));
}

int read_keep(struct store *store, struct mf_str *const strings[], unsigned count)
{
	size_t n = 0, at = 0;

	for (unsigned i = 0; i < count; i++)
		n += strings[i]->n;
	if (n > store->room_size || store->room_size > 65536) {
		uint8_t *room = malloc(n + 1);

		if (!room)
			return -ENOMEM;
		free(store->room);
		store->room = room;
		store->room_size = n;
	}
	for (unsigned i = 0; i < count; i++) {
		if (strings[i]->n > 0)
			memcpy(store->room + at, strings[i]->p, strings[i]->n);
		strings[i]->p = store->room + at;
		at += strings[i]->n;
	}
	return 0;
}

int bind_str(sqlite3_stmt *statement, int at, struct mf_str s)
{
	return sqlite3_bind_blob64(
		statement, at, s.p ? s.p : (const uint8_t *)"", s.n, SQLITE_STATIC);
}
