/* market/ledger.c - see ledger.h: open, transactions, and what all of them use. */
#include <stdio.h>
#include <stdlib.h>

#include "market/ledger_inner.h"
#include "store/digest.h"

_Static_assert(LEDGER_ERROR_MAX == SQL_ERROR_MAX, "lines of errors");

int ledger_note(struct ledger *l, int error)
{
	if (error < 0 && l->error == 0)
		l->error = error;
	return error;
}

int ledger_do(struct ledger *l, enum statement which, const struct sql_value *in, unsigned count)
{
	return l->error < 0 ? l->error : ledger_note(l, sql_do(l->sql, which, in, count));
}

int ledger_one(struct ledger *l, enum statement which, const struct sql_value *in, unsigned count,
	struct sql_value *out, unsigned columns)
{
	struct sql_room room = {l->room, sizeof(l->room)};

	if (l->error < 0)
		return l->error;
	return ledger_note(l, sql_one(l->sql, which, in, count, out, columns, room));
}

int ledger_put(struct ledger *l, enum statement which, const struct sql_value *in, unsigned count)
{
	return l->error < 0 ? l->error : ledger_note(l, sql_put(l->sql, which, in, count));
}

bool ledger_take_text(const struct sql_value *from, char *to, size_t most)
{
	if (from->kind != SQL_TEXT || from->s.n > most || memchr(from->s.p, '\0', from->s.n))
		return false;
	memcpy(to, from->s.p, from->s.n);
	to[from->s.n] = '\0';
	return true;
}

bool ledger_take_hash(const struct sql_value *from, uint8_t to[static 32])
{
	if (from->kind != SQL_BYTES || from->s.n != 32)
		return false;
	memcpy(to, from->s.p, 32);
	return true;
}

bool ledger_is_name(const char *name)
{
	size_t n =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@");

	return n > 0 && n <= LEDGER_NAME && name[n] == '\0';
}

/* ---------------------------------------------------------------- transactions */

/* Number, hash and currency of the last entry. */
static bool take_head(void *context, const struct sql_value *head)
{
	struct ledger *l = context;

	l->headed = head[0].kind == SQL_INT && ledger_take_hash(&head[1], l->hash) &&
		ledger_take_text(&head[2], l->currency, sizeof(l->currency) - 1);
	l->number = (uint64_t)head[0].n;
	return false;
}

static int look_at_head(struct ledger *l)
{
	int e = ledger_note(l, sql_each(l->sql, HEAD_LOOK, NULL, 0, take_head, l));

	if (e < 0)
		return e;
	return l->headed ? 0 : ledger_note(l, -EUCLEAN);
}

/* Whoever else wants the head's row waits from now on. We don't wait for what is in it: it comes with the next answer. */
static int begun(struct ledger *l)
{
	int e;

	l->open = true;
	l->added = false;
	l->headed = false;
	l->error = 0;
	e = sql_ask(l->sql, HEAD, NULL, 0, take_head, l);
	if (e < 0)
		ledger_rollback(l);
	return e;
}

int ledger_begin(struct ledger *l, bool durable)
{
	int e = sql_begin(l->sql, durable);

	return e < 0 ? e : begun(l);
}

int ledger_begin_now(struct ledger *l)
{
	int e = sql_begin_now(l->sql);

	return e < 0 ? e : begun(l);
}

int ledger_look(struct ledger *l)
{
	int e = sql_look(l->sql);

	if (e < 0)
		return e;
	l->open = true;
	l->headed = false;
	l->error = 0;
	e = look_at_head(l);
	if (e < 0)
		ledger_rollback(l);
	return e;
}

static int put_head(struct ledger *l)
{
	return ledger_put(l, HEAD_PUT,
		LEDGER_IN(sql_int((int64_t)l->number), sql_bytes(l->hash, CHAIN_HASH),
			ledger_text(l->currency)));
}

int ledger_commit(struct ledger *l)
{
	int e = l->error;

	if (e == 0 && l->added)
		e = put_head(l);
	if (e < 0) {
		ledger_rollback(l);
		return e;
	}
	l->open = false;
	return sql_commit(l->sql);
}

void ledger_rollback(struct ledger *l)
{
	l->open = false;
	sql_rollback(l->sql);
}

bool ledger_changed(struct ledger *l)
{
	return sql_told(l->sql);
}

/* ------------------------------------------------------------------------ open */

/* A currency is written into a ledger once, before anything else. */
static int set_currency(struct ledger *l, const char *currency)
{
	int e = ledger_begin(l, true);

	if (e == 0)
		e = sql_settle(l->sql);
	if (e < 0 || l->currency[0] != '\0') {
		ledger_rollback(l);
		return e;
	}
	(void)snprintf(l->currency, sizeof(l->currency), "%s", currency);
	l->added = true;
	return ledger_commit(l);
}

static bool is_currency(const char *text)
{
	return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3 && text[3] == '\0';
}

static bool is_postgres(const char *where)
{
	return strncmp(where, "postgresql://", 13) == 0;
}

static int open_at(struct ledger *l, const char *path, const char *currency, bool existing,
	char error[static LEDGER_ERROR_MAX])
{
	int e = is_postgres(path) ? sql_pg_open(&l->sql, path, &ledger_schema, existing, error)
				  : sql_lite_open(&l->sql, path, &ledger_schema, existing, error);

	if (e < 0)
		return e;
	e = look_at_head(l);
	if (e == 0 && l->currency[0] == '\0' && !existing)
		e = set_currency(l, currency);
	if (e < 0)
		(void)snprintf(error, LEDGER_ERROR_MAX, "%.400s: %s",
			is_postgres(path) ? "PostgreSQL" : path,
			e == -EUCLEAN ? "damaged: put a backup in its place" : strerror(-e));
	return e;
}

int ledger_open(struct ledger **ledger, const char *directory, const char *currency, bool existing,
	char error[static LEDGER_ERROR_MAX])
{
	struct ledger *l = calloc(1, sizeof(*l));
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s%s", directory,
		    is_postgres(directory) ? "" : "/" LEDGER_FILE),
	    e = 0;

	if (!currency)
		currency = "EUR";
	if (!l)
		e = -ENOMEM;
	else if (n < 0 || (size_t)n >= sizeof(path))
		e = -ENAMETOOLONG;
	else if (!is_currency(currency))
		e = -EINVAL;
	if (e < 0) {
		(void)snprintf(error, LEDGER_ERROR_MAX,
			e == -EINVAL ? "currency \"%.32s\": three capital letters (ISO 4217)"
				     : "%.400s: can't be opened",
			e == -EINVAL ? currency : directory);
		free(l);
		return e;
	}
	digest_load();
	e = open_at(l, path, currency, existing, error);
	if (e < 0)
		ledger_close(l);
	else
		*ledger = l;
	return e;
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	sql_close(l->sql);
	free(l);
}

const char *ledger_currency(const struct ledger *l)
{
	return l->currency;
}
