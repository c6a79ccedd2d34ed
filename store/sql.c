/* store/sql.c - see sql.h: what all databases have in common. */
#include "store/sql.h"

#include <errno.h>
#include <string.h>

void sql_close(struct sql *sql)
{
	if (sql)
		sql->ops->close(sql);
}

int sql_begin(struct sql *sql, bool durable)
{
	return sql->ops->begin(sql, durable);
}

int sql_begin_now(struct sql *sql)
{
	return sql->ops->begin_now ? sql->ops->begin_now(sql) : -EOPNOTSUPP;
}

int sql_look(struct sql *sql)
{
	return sql->ops->look(sql);
}

int sql_commit(struct sql *sql)
{
	return sql->ops->commit(sql);
}

void sql_rollback(struct sql *sql)
{
	sql->ops->rollback(sql);
}

static bool pass_over(void *context, const struct sql_value *out)
{
	(void)context;
	(void)out;
	return true;
}

int sql_do(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count)
{
	return sql->ops->run(sql, statement, in, count, pass_over, NULL);
}

int sql_each(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
	bool (*row)(void *context, const struct sql_value *out), void *context)
{
	return sql->ops->run(sql, statement, in, count, row, context);
}

int sql_put(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count)
{
	return sql->ops->ask(sql, statement, in, count, pass_over, NULL);
}

int sql_ask(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
	bool (*row)(void *context, const struct sql_value *out), void *context)
{
	return sql->ops->ask(sql, statement, in, count, row, context);
}

int sql_settle(struct sql *sql)
{
	return sql->ops->settle(sql);
}

int sql_tell(struct sql *sql)
{
	return sql->ops->tell(sql);
}

bool sql_told(struct sql *sql)
{
	return sql->ops->told(sql);
}

int sql_fd(const struct sql *sql)
{
	return sql->ops->fd ? sql->ops->fd(sql) : -1;
}

int sql_heard(struct sql *sql)
{
	return sql->ops->heard ? sql->ops->heard(sql) : 0;
}

struct one {
	struct sql_value *out;
	unsigned columns;
	struct sql_room room;
	int error;
};

static bool keep(void *context, const struct sql_value *out)
{
	struct one *one = context;

	for (unsigned i = 0; i < one->columns; i++) {
		one->out[i] = out[i];
		if (!out[i].s.p)
			continue;
		if (out[i].s.n > one->room.size) {
			one->error = -EOVERFLOW;
			return false;
		}
		one->out[i].s.p = one->room.p;
		if (out[i].s.n > 0)
			memcpy(one->room.p, out[i].s.p, out[i].s.n);
		one->room.p += out[i].s.n;
		one->room.size -= out[i].s.n;
	}
	return false;
}

int sql_one(struct sql *sql, unsigned statement, const struct sql_value *in, unsigned count,
	struct sql_value *out, unsigned columns, struct sql_room room)
{
	struct one one = {out, columns, room, 0};
	int n = sql->ops->run(sql, statement, in, count, keep, &one);

	if (n < 0)
		return n;
	return one.error < 0 ? one.error : n > 0;
}
